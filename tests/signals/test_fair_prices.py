"""Fair prices: closed forms, an independent reading of the definitions, no look-ahead, and the same bits any way."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.signals.fair_prices import (
    DEPTH_EVENT,
    LEVELS,
    PRICES,
    SOURCES,
    fair_model,
    fair_prices,
    fair_state,
    measurements,
)
from quotewright.signals.kalman import filtered, kalman_state
from quotewright.signals.microprice import Microprice, microprice

TABLE = np.array([[-0.6, -0.2, 0.0, 0.2, 0.6], [-1.1, -0.5, 0.0, 0.5, 1.1]])
MODEL = fair_model(
    dust=7,
    depth=45,
    last_side=0.4,
    time_memory=2 * 10**8,
    volume_memory=12,
    microprice=TABLE,
    variance=30.0,
    noise=np.array([3.0, 2.0, 9.0]),
)


def random_events(seed: int, n: int) -> np.ndarray:
    """Books of up to ten levels, some of them one-sided, crossed or empty, and prints among them."""
    rng = np.random.default_rng(seed)
    events = np.zeros(n, DEPTH_EVENT)
    events["time"] = np.cumsum(rng.integers(0, 10**8, n))
    middle = 10_000 + np.cumsum(rng.integers(-2, 3, n))
    events["bids"] = middle[:, None] - np.cumsum(rng.integers(1, 3, (n, LEVELS)), axis=1)
    events["asks"] = middle[:, None] + np.cumsum(rng.integers(0, 3, (n, LEVELS)), axis=1)
    for price, qty in (("bids", "bid_qtys"), ("asks", "ask_qtys")):
        there = np.arange(LEVELS) < rng.integers(0, LEVELS + 3, n)[:, None]
        events[qty] = np.where(there, rng.integers(1, 30, (n, LEVELS)), 0)
        events[price] = np.where(there, events[price], 0)
    printed = rng.random(n) < 0.3
    for name in ("bids", "bid_qtys", "asks", "ask_qtys"):
        events[name][printed] = 0
    events["qty"] = np.where(printed, rng.integers(1, 20, n), 0)
    events["price"] = np.where(printed, middle + rng.integers(-2, 3, n), 0)
    events["side"] = np.where(printed, rng.integers(-1, 2, n), 0)
    return events


def by_definition(events: np.ndarray) -> np.ndarray:
    """All prices but the filter's, each event read afresh from all that came before it."""
    rows = []
    for i in range(len(events)):
        seen = events[: i + 1]
        books, prints = seen[seen["qty"] == 0], seen[seen["qty"] > 0]
        row = np.full(len(PRICES) - 1, math.nan)
        if len(prints):
            lots, age = prints["qty"], (prints["time"][-1] - prints["time"]) / 2e8
            row[5] = np.average(2 * prints["price"], weights=lots * 0.5**age)
            behind = lots.sum() - np.cumsum(lots)
            row[6] = np.average(2 * prints["price"], weights=0.5 ** (behind / 12) * (1 - 0.5 ** (lots / 12)))
        if len(books) and 0 < books["bids"][-1, 0] < books["asks"][-1, 0]:
            book = books[-1]
            bid, ask, qb, qa = (int(book[k][0]) for k in ("bids", "asks", "bid_qtys", "ask_qtys"))
            row[0] = bid + ask
            row[1] = 2 * (bid * qa + ask * qb) / (qa + qb)
            model = Microprice(TABLE, TABLE, np.ones((2, 5), np.int64), 1)
            row[2] = microprice(model, *(np.array([v]) for v in (bid, ask, qb, qa)))[0]
            sides = [side for side in prints["side"].tolist() if side]
            row[4] = bid + ask + 0.4 * (ask - bid) * (sides[-1] if sides else 0)
            ends, costs = [], []
            for price, qty in (("bids", "bid_qtys"), ("asks", "ask_qtys")):
                big = book[price][(book[qty] >= 7)]
                ends.append(int(big[0]) if len(big) else int(book[price][0]))
                units = np.repeat(book[price], book[qty])[:45]
                costs.append(units.mean())
            row[3], row[7] = sum(ends), sum(costs)
        rows.append(row)
    return np.array(rows)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6))
def test_prices_are_those_of_their_definitions(seed: int) -> None:
    events = random_events(seed, 120)
    out = fair_prices(fair_state(), MODEL, events)
    assert out[:, :-1] == pytest.approx(by_definition(events), rel=1e-12, nan_ok=True)


def test_the_filter_hears_what_is_new() -> None:
    events = random_events(5, 400)
    out = fair_prices(fair_state(), MODEL, events)
    times, sources, values = measurements(MODEL, events)
    state = kalman_state()
    estimates = filtered(state, MODEL.kalman, times, sources, values)[:, 0]
    last = np.searchsorted(times, events["time"], "right") - 1
    clear = np.diff(events["time"], append=events["time"][-1] + 1) > 0  # the last event at its time
    assert out[clear & (last >= 0), -1] == pytest.approx(estimates[last[clear & (last >= 0)]], rel=1e-15)
    assert sorted(set(sources.tolist())) == list(range(len(SOURCES)))
    assert (sources == 2).sum() == (events["qty"] > 0).sum()
    assert (values[sources == 2] == 2 * events["price"][events["qty"] > 0]).all()
    column = out[:, PRICES.index("depth")]
    assert set(values[sources == 1].tolist()) == set(column[(events["qty"] == 0) & np.isfinite(column)].tolist())


def test_one_book_in_closed_form() -> None:
    events = np.zeros(2, DEPTH_EVENT)
    events["time"] = [1, 2]
    book = events[:1]
    book["bids"][0, :3], book["bid_qtys"][0, :3] = [99, 98, 95], [2, 10, 100]
    book["asks"][0, :3], book["ask_qtys"][0, :3] = [101, 102, 110], [6, 3, 50]
    events["qty"][1], events["price"][1], events["side"][1] = 4, 101, 1
    out = dict(zip(PRICES, fair_prices(fair_state(), MODEL, events)[-1].tolist(), strict=True))
    assert out["mid"] == 200
    assert out["weighted_mid"] == pytest.approx(2 * (99 * 6 + 101 * 2) / 8)
    assert (
        out["microprice"] == 200 - 0.5
    )  # imbalance −1/2: the second of five buckets; the last spread stands for wider
    assert out["dust_robust"] == 98 + 110
    assert out["last_side"] == pytest.approx(200 + 0.4 * 2)
    assert out["prints_by_time"] == out["prints_by_volume"] == 202
    assert out["depth"] == pytest.approx((99 * 2 + 98 * 10 + 95 * 33) / 45 + (101 * 6 + 102 * 3 + 110 * 36) / 45)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 200))
def test_nothing_looks_ahead(seed: int, cut: int) -> None:
    events, other = random_events(seed, 200), random_events(seed + 1, 200)
    other["time"] += events["time"][max(cut - 1, 0)]
    whole = fair_prices(fair_state(), MODEL, events)[:cut]
    assert whole.tobytes() == fair_prices(fair_state(), MODEL, events[:cut]).tobytes()
    another = fair_prices(fair_state(), MODEL, np.concatenate([events[:cut], other]))
    assert whole.tobytes() == another[:cut].tobytes()


def test_all_at_once_is_one_by_one_to_the_last_bit() -> None:
    events = random_events(8, 500)
    whole = fair_prices(fair_state(), MODEL, events).tobytes()
    state = fair_state()
    assert whole == b"".join(fair_prices(state, MODEL, events[i : i + 1]).tobytes() for i in range(len(events)))
    state = fair_state()
    assert whole == b"".join(fair_prices(state, MODEL, part).tobytes() for part in np.array_split(events, 7))


def test_mirrored_markets_have_mirrored_prices() -> None:
    events = random_events(9, 300)
    mirror = events.copy()
    top = 40_000
    for one, other in (("bids", "asks"), ("asks", "bids")):
        mirror[one] = np.where(events[other] > 0, top - events[other], 0)
        mirror[one[:-1] + "_qtys"] = events[other[:-1] + "_qtys"]
    mirror["price"], mirror["side"] = np.where(events["qty"] > 0, top - events["price"], 0), -events["side"]
    straight, turned = (fair_prices(fair_state(), MODEL, e) for e in (events, mirror))
    assert turned == pytest.approx(2 * top - straight, rel=1e-13, nan_ok=True)


PROGRAM = """
import sys
sys.path.insert(0, {folder!r})
from test_fair_prices import MODEL, random_events
from quotewright.signals.dust import fit_dust
from quotewright.signals.fair_prices import fair_prices, fair_state, measurements
from quotewright.signals.kalman import fit
events = random_events(3, 120)
text = fair_prices(fair_state(), MODEL, events).tobytes().hex()
found = fit(*measurements(MODEL, events), 3)
text += " ".join(v.hex() for v in (found.variance, found.log_likelihood, *found.noise.tolist()))
books = events[events["qty"] == 0]
touch = [books[k][:, 0].copy() for k in ("bids", "bid_qtys", "asks", "ask_qtys")]
text += repr(fit_dust(books["time"].copy(), *touch, short_ns=10**8))
"""


def test_compiled_and_interpreted_agree_to_the_last_bit() -> None:
    program = PROGRAM.format(folder=str(Path(__file__).parent))
    names: dict[str, str] = {}
    exec(program, names)
    done = subprocess.run(
        [sys.executable, "-c", program + "\nprint(text)"],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == names["text"]


def test_what_is_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="dust"):
        fair_model(depth=0)
    with pytest.raises(InputError, match="odd"):
        fair_model(microprice=np.zeros((1, 4)))
    with pytest.raises(InputError, match="DEPTH_EVENT"):
        fair_prices(fair_state(), MODEL, np.zeros(3))
    with pytest.raises(InputError, match="order of time"):
        fair_prices(fair_state(), MODEL, random_events(1, 5)[::-1])
