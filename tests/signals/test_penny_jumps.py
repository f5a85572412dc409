"""Penny-jumps in streams made by hand, by chance, by makers known to jump, and by venues."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from labelled_market import as_levels, as_touch, duel, labelled, true_jumps

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import InputError
from quotewright.domain.events import ADD, ASK, BEST, BID, CLEAR, DELETE, EVENT, LAST, EventArray
from quotewright.importers.binance_ws import BinanceWs
from quotewright.importers.bitstamp_l3 import BitstampL3
from quotewright.signals.penny_jumps_recorded import Found, View, chance_test, find_jumps

MS = 10**6
HALF_SECOND = 500 * MS
Move = tuple[int, int, int, int, int]  # ms, ADD or DELETE, order, price, lots


def stream(moves: list[Move], side: int = BID, rest: int = 1_000) -> EventArray:
    """Moves of one side around 100 as updates of their own; asks are mirrored at 200 and the other side is far away."""

    def at(price: int) -> int:
        return price if side == BID else rest - price

    made = [(0, 0, 0, 0, 0, 0, CLEAR, 0, 0, 0), (0, 0, 0, 9_000, rest - at(90), 5, ADD, -side, LAST, 0)]
    for ms, kind, order, price, lots in moves:
        made.append((ms * MS, ms * MS, 0, order, at(price), lots, kind, side, LAST, 0))
    return np.array(made, dtype=EVENT)


DUEL: list[Move] = [
    (1, ADD, 1, 100, 40),  # A
    (2, ADD, 2, 99, 70),  # B
    (100, DELETE, 2, 99, 70),
    (100, ADD, 3, 101, 70),  # B jumps A
    (160, DELETE, 1, 100, 40),
    (161, ADD, 4, 102, 40),  # A returns ... but nothing stands at 100 any more
    (230, DELETE, 3, 101, 70),
    (230, ADD, 5, 103, 70),  # B returns
    (300, DELETE, 4, 102, 40),
    (302, ADD, 6, 98, 40),  # A gives up and falls back
    (2_000, ADD, 7, 97, 9),
]


@pytest.mark.parametrize("side", [BID, ASK])
@pytest.mark.parametrize("view", ["orders", "levels"])
def test_a_duel_is_told_as_it_went(side: int, view: View) -> None:
    rows = stream(DUEL, side)
    found = find_jumps([rows if view == "orders" else as_levels(rows)], view)
    sign = 1 if side == BID else -1
    prices = found.jumps["price"] if side == BID else 1_000 - found.jumps["price"]
    assert prices.tolist() == [101, 102, 103]
    assert found.jumps["returned"].tolist() == [0, 1, 1]
    assert found.jumps["qty"].tolist() == [70, 40, 70]
    assert found.jumps["gap"].tolist() == [0, 61 * MS, 69 * MS]
    (episode,) = found.episodes
    told = {name: int(episode[name]) for name in ("side", "jumps", "returns", "winner_qty", "runner_qty", "fell_back")}
    assert told == {"side": side, "jumps": 3, "returns": 2, "winner_qty": 70, "runner_qty": 40, "fell_back": 4}
    assert sign * int(episode["capitulation"] - episode["from_price"]) == 3
    assert (int(episode["began"]), int(episode["ended"])) == (100 * MS, 230 * MS)
    if view == "orders":
        assert found.jumps["order"].tolist() == [3, 4, 5]
        assert found.jumps["over_order"].tolist() == [1, 3, 4]
        assert (int(episode["winner_order"]), int(episode["runner_order"])) == (5, 6)


def test_best_prices_alone_tell_players_by_their_size() -> None:
    found = find_jumps([as_touch(stream(DUEL))], "touch")
    assert found.jumps["price"].tolist() == [101, 102, 103]
    assert found.jumps["returned"].tolist() == [0, 1, 1]
    assert found.episodes["capitulation"].tolist() == [103]


def test_who_posts_before_it_cancels_is_recognised_by_the_cancel() -> None:
    moves = [*DUEL[:4], (160, ADD, 4, 102, 40), (163, DELETE, 1, 100, 40), (230, ADD, 5, 103, 70)]
    found = find_jumps([stream([*moves, (231, DELETE, 3, 101, 70)])], "orders")
    assert found.jumps["returned"].tolist() == [0, 1, 1]
    assert found.episodes["returns"].tolist() == [2]


def test_a_third_player_is_no_return_and_one_that_climbs_alone_no_jump() -> None:
    third = find_jumps([stream([*DUEL[:4], (150, ADD, 8, 102, 40)])], "orders")
    assert third.jumps["returned"].tolist() == [0, 0]
    alone: list[Move] = [(1, ADD, 1, 100, 40)]
    for step in range(1, 6):
        alone += [(step * 50, DELETE, step, 99 + step, 40), (step * 50, ADD, step + 1, 100 + step, 40)]
    assert len(find_jumps([stream(alone)], "orders").jumps) == 0
    assert len(find_jumps([as_levels(stream(alone))], "levels").jumps) == 0


def test_slow_answers_leaps_and_a_leader_that_leaves_end_an_episode() -> None:
    slow = [*DUEL[:4], (1_000, DELETE, 1, 100, 40), (1_000, ADD, 4, 102, 40)]
    assert find_jumps([stream(slow)], "orders").jumps["episode"].tolist() == [1, 2]
    assert find_jumps([stream(slow)], "orders", reaction_ns=1_000 * MS).jumps["episode"].tolist() == [1, 1]
    leap = [*DUEL[:4], (150, ADD, 8, 109, 3), (160, ADD, 9, 110, 3)]
    assert find_jumps([stream(leap)], "orders").jumps["price"].tolist() == [101, 110]
    assert find_jumps([stream(leap)], "orders", most_ticks=10).jumps["price"].tolist() == [101, 109, 110]
    left = [*DUEL[:4], (150, DELETE, 3, 101, 70), (160, ADD, 4, 101, 70)]
    assert find_jumps([stream(left)], "orders").jumps["episode"].tolist() == [1, 2]


def test_sizes_may_differ_by_the_tolerance() -> None:
    moves = [*DUEL[:4], (160, DELETE, 1, 100, 40), (161, ADD, 4, 102, 41)]
    for tolerance, returned in ((0.0, 0), (0.02, 0), (0.03, 1)):
        found = find_jumps([stream(moves)], "orders", tolerance=tolerance)
        assert found.jumps["returned"].tolist() == [0, returned]


@pytest.mark.parametrize(
    "given", [{"reaction_ns": 0}, {"link_ns": -1}, {"most_ticks": 0}, {"least_jumps": 0}, {"tolerance": 1.0}]
)
def test_values_out_of_range_are_refused(given: dict[str, float]) -> None:
    with pytest.raises(InputError):
        find_jumps([], "orders", **given)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="view"):
        find_jumps([], "depth")  # type: ignore[arg-type]
    assert len(find_jumps([], "orders").jumps) == 0


@pytest.fixture(scope="module")
def market() -> tuple[EventArray, dict[int, int]]:
    return labelled(duel(), 1, 90)


def compared(found: Found, truth: dict[tuple[int, int, int], bool]) -> tuple[float, float]:
    """Precision and recall of returns, after all jumps were found and no other."""
    told = {(int(j["time"]), int(j["side"]), int(j["price"])): bool(j["returned"]) for j in found.jumps}
    assert told.keys() == truth.keys()
    right = sum(returned and truth[key] for key, returned in told.items())
    return right / sum(told.values()), right / sum(truth.values())


def test_makers_known_to_jump_are_found(market: tuple[EventArray, dict[int, int]]) -> None:
    """All their orders are of one size, the worst case for levels, where two at one price cannot be told apart."""
    rows, owners = market
    truth = true_jumps(rows, owners, HALF_SECOND)
    assert sum(truth.values()) > 50
    precision, recall = compared(find_jumps([rows], "orders"), truth)
    assert precision > 0.95
    assert recall > 0.8
    precision, recall = compared(find_jumps([as_levels(rows)], "levels"), truth)
    assert precision > 0.9
    assert recall > 0.5


def test_chunks_and_event_by_event_give_what_the_whole_gives(market: tuple[EventArray, dict[int, int]]) -> None:
    rows = market[0][:4_000]
    ends = np.flatnonzero(rows["flags"] & LAST) + 1
    whole = find_jumps([rows[: ends[-1]]], "orders")
    parts = find_jumps(np.split(rows[: ends[-1]], ends[:-1]), "orders")
    assert len(whole.jumps) > 50
    assert (whole.jumps == parts.jumps).all()
    assert (whole.episodes == parts.episodes).all()


def test_episodes_are_longer_and_returns_far_beyond_chance_where_makers_jump() -> None:
    jumping = find_jumps([labelled(duel(), 2, 60)[0]], "orders")
    showing = find_jumps([labelled(duel(jumpers=0), 2, 60)[0]], "orders")
    test, other = chance_test(jumping), chance_test(showing)
    assert test.returns > 10 * test.returns_expected
    assert test.returns > 2 * other.returns
    assert jumping.episodes["returns"].max() > 5 > showing.episodes["returns"].max()


def test_independent_jumps_are_within_chance() -> None:
    """Poisson jumps of random sizes, each back to where it was before the next."""
    within = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows = [(0, 0, 0, 0, 0, 0, CLEAR, 0, LAST, 0)]
        for time in np.cumsum(rng.exponential(700 * MS, 800)).astype(int).tolist():
            for at, bid, lots in ((time, 101, int(rng.choice([3, 5, 8, 13]))), (time + 1, 100, 5)):
                rows += [(at, at, 0, 0, bid, lots, BEST, BID, 0, 0), (at, at, 0, 0, 200, 5, BEST, ASK, LAST, 0)]
        found = find_jumps([np.array(rows, dtype=EVENT)], "touch")
        assert len(found.jumps) == 799  # before the first the best is not known
        within.append(chance_test(found).quick_z)
    assert abs(np.mean(within)) < 4 / np.sqrt(20)
    assert np.abs(within).max() < 4


def test_on_order_level_data_a_maker_of_one_notional_comes_back(shared_data: Path) -> None:
    instrument = find_instrument("bitstamp", "BTCUSD")
    chunks = list(BitstampL3([shared_data / "tick" / "bitstamp_l3_20260502"], instrument).chunks())
    found = find_jumps(chunks, "orders", most_ticks=5)
    test = chance_test(found)
    assert 400 < test.jumps < 520
    assert test.quick > 5 * test.quick_expected
    assert test.returns > 8
    assert test.returns_z > 8
    assert chance_test(find_jumps(chunks, "orders", most_ticks=5, tolerance=0.0)).returns < test.returns


def test_on_a_spot_market_jumps_come_in_bursts(shared_data: Path) -> None:
    instrument = find_instrument("binance-spot", "ETHUSDT")
    path = shared_data / "tick" / "binance_ws" / "spot_ethusdt_20240808.gz"
    chunks = list(BinanceWs([path], instrument).chunks())
    touch = chance_test(find_jumps(chunks, "touch", venue_time=False))
    assert touch.quick_z > 5
    assert touch.jumps > 100


PROGRAM = """
from test_penny_jumps import DUEL, stream
from labelled_market import as_levels, as_touch
from quotewright.signals.penny_jumps_recorded import find_jumps
rows = stream(DUEL)
found = [find_jumps([r], v) for r, v in ((rows, "orders"), (as_levels(rows), "levels"), (as_touch(rows), "touch"))]
text = repr([(f.jumps.tolist(), f.episodes.tolist()) for f in found])
"""


def test_compiled_and_interpreted_agree_to_the_last_bit() -> None:
    names: dict[str, str] = {}
    exec(PROGRAM, names)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + "\nprint(text)"],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == names["text"]
