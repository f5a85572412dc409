"""Ladders: made by hand, by makers who quote several layers, by chance, and on venues."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_market import as_levels, changed, labelled

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import InputError
from quotewright.domain.events import ADD, DELETE, TRADE
from quotewright.importers.binance_ws import BinanceWs
from quotewright.signals.book_changes import Changes, book_changes
from quotewright.signals.laddering_found import ladder_moves, ladder_players, ladders_state

MS = 10**6


def changes(*rows: tuple[int, int, int, int]) -> Changes:
    """(ms, side, price, lots posted or gone)."""
    time, side, price, lots = (np.array(c, np.int64) for c in zip(*rows, strict=True))
    return Changes(time * MS, side, price, lots, np.zeros(len(rows), np.int64))


def ladder(ms: int, side: int, best: int, spacing: int, sizes: list[int], sign: int) -> list[tuple[int, int, int, int]]:
    return [(ms, side, best - side * spacing * i, sign * qty) for i, qty in enumerate(sizes)]


NOISE = [(i, 1, 900 + 7 * i, 11 + i) for i in range(5)]


@given(
    side=st.sampled_from([1, -1]),
    spacing=st.integers(1, 9),
    shift=st.integers(-20, 20).filter(bool),
    form=st.sampled_from([[50, 50, 50], [10, 20, 40, 80], [81, 27, 9], [64] * 6]),
)
@settings(max_examples=60, deadline=None)
def test_a_ladder_that_moves_is_found_with_its_form_and_its_shift(
    side: int, spacing: int, shift: int, form: list[int]
) -> None:
    rows = [*NOISE, *ladder(100, side, 1_000, spacing, form, -1)]
    rows += ladder(100, side, 1_000 + side * shift, spacing, form, 1)
    (move,) = ladder_moves(ladders_state(), changes(*rows))
    names = ("time", "side", "levels", "price", "spacing", "qty", "shift")
    told = (100 * MS, side, len(form), 1_000 + side * shift, spacing, form[0], shift)
    assert tuple(int(move[n]) for n in names) == told
    assert move["ratio"] == pytest.approx(form[1] / form[0])
    assert move["surprise"] > (5 if spacing > 4 and len(form) > 3 else -5)  # tight ladders are likely by chance


def test_posts_without_removals_other_shapes_and_scattered_moves_are_none() -> None:
    form = [50, 50, 50]
    post, gone = ladder(100, 1, 1_003, 5, form, 1), ladder(100, 1, 1_000, 5, form, -1)
    assert len(ladder_moves(ladders_state(), changes(*post, *gone))) == 1
    crooked = [(100, 1, 1_003, 50), (100, 1, 998, 50), (100, 1, 992, 50)]
    for rows in (post, gone, post[:2] + gone[:2], crooked + gone, post + ladder(100, -1, 1_000, 5, form, -1)):
        assert len(ladder_moves(ladders_state(), changes(*rows))) == 0
    later = [(t + 50, *rest) for t, *rest in post]
    assert len(ladder_moves(ladders_state(), changes(*gone, *later))) == 0  # type: ignore[arg-type]
    assert len(ladder_moves(ladders_state(), changes(*gone, *later), together_ns=50 * MS)) == 1  # type: ignore[arg-type]
    assert len(ladder_moves(ladders_state(), changes(*post, *gone), least_levels=4)) == 0


def test_sizes_of_one_notional_are_one_ladder_within_the_tolerance() -> None:
    rows = ladder(1, 1, 1_000, 5, [5_000, 5_003, 5_006], -1) + ladder(1, 1, 1_002, 5, [5_001, 5_004, 5_007], 1)
    assert len(ladder_moves(ladders_state(), changes(*rows), tolerance=0.002)) == 1
    assert len(ladder_moves(ladders_state(), changes(*rows), tolerance=0.0)) == 0


@pytest.mark.parametrize("given_", [{"together_ns": -1}, {"least_levels": 2}, {"tolerance": 1.0}])
def test_values_out_of_range_are_refused(given_: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        ladder_moves(ladders_state(), changes((0, 1, 5, 1)), **given_)


def shifts(gone: list[int], posted: list[int]) -> set[int]:
    return {p - g for p in posted for g in gone} - {0}


def test_makers_who_quote_layers_are_found_and_nobody_else() -> None:
    """Truth by owner: in one action a maker takes three or more orders off a side and posts them at one shift."""
    rows, owners = labelled(changed("calm", maker_layers=4, maker_gap=3, jumpers=0), 1, 10)
    prices: dict[int, int] = {}
    moved: dict[tuple[int, int], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for row in rows[rows["kind"] != TRADE]:
        order = int(row["order_id"])
        if 1 <= owners.get(order, 0) < 100 and row["kind"] in (ADD, DELETE):
            price = prices.setdefault(order, int(row["price"]))
            moved[int(row["exch_ts"]), int(row["side"])][int(row["kind"] == ADD)].append(price)
    truth = {
        key
        for key, (gone, posted) in moved.items()
        if len(gone) >= 3 and any(len({g + s for g in gone} & set(posted)) >= 3 for s in shifts(gone, posted))
    }
    assert len(truth) > 200
    found = ladder_moves(ladders_state(), book_changes([rows], orders=True), together_ns=0)
    told = {(int(m["time"]), int(m["side"])) for m in found}
    assert len(told & truth) / len(told) > 0.95
    assert len(told & truth) / len(truth) > 0.95
    assert ladder_players(found)[0][:3] == (4, 3, 100)
    by_level = ladder_moves(ladders_state(), book_changes([as_levels(rows)], orders=False), together_ns=0)
    assert len({(int(m["time"]), int(m["side"])) for m in by_level} & truth) / len(truth) > 0.6


def test_orders_that_move_one_by_one_make_hardly_any_ladder() -> None:
    """Sizes and prices at random, in batches of six posts and six removals."""
    rng = np.random.default_rng(3)
    rows = [
        (batch, 1, int(rng.integers(900, 1_000)), int(rng.choice([7, 12, 30, 100]) * (1 if i % 2 else -1)))
        for batch in range(0, 40_000, 20)
        for i in range(12)
    ]
    found = ladder_moves(ladders_state(), changes(*rows))
    assert len(found) <= 3  # of 2,000 batches
    assert (found["surprise"] > 1).all()


def test_parts_carry_on_the_state() -> None:
    rows = [r for ms in range(0, 600, 20) for r in ladder(ms, 1, 1_000 + ms, 4, [9, 9, 9], -1 if ms % 40 else 1)]
    whole = changes(*rows, *ladder(700, 1, 1_000, 4, [9, 9, 9], 1), *ladder(700, 1, 990, 4, [9] * 3, -1))
    at_once = ladder_moves(ladders_state(), whole, together_ns=30 * MS)
    state, parts = ladders_state(), []
    for i in range(len(whole.time_ns)):
        one = Changes(*(c[i : i + 1] for c in whole))
        parts.append(ladder_moves(state, one, together_ns=30 * MS, last=i == len(whole.time_ns) - 1))
    assert len(at_once) > 3
    assert (np.concatenate(parts) == at_once).all()


def test_on_a_perpetual_two_players_hold_ladders_a_tenth_of_a_percent_apart(shared_data: Path) -> None:
    path = shared_data / "tick" / "binance_ws" / "usdm_ethusdt_20240808.gz"
    chunks = BinanceWs([path], find_instrument("binance-usdm", "ETHUSDT")).chunks()
    found = ladder_moves(ladders_state(), book_changes(chunks, orders=False), together_ns=0)
    players = ladder_players(found)
    assert (players[0].levels, players[0].spacing, players[0].qty, players[0].ratio) == (3, 537, 2_000, 1.0)
    assert players[0].moves > 50
    assert players[0].surprise > 20


PROGRAM = """
from test_laddering import NOISE, changes, ladder
from quotewright.signals.laddering_found import ladder_moves, ladders_state
rows = NOISE + ladder(9, 1, 1_000, 5, [10, 20, 40], -1) + ladder(9, 1, 1_002, 5, [10, 20, 40], 1)
text = repr(ladder_moves(ladders_state(), changes(*rows)).tolist())
"""


def test_compiled_and_interpreted_agree_to_the_last_bit() -> None:
    names: dict[str, Any] = {}
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
