"""The micro-price against the definition as a limit, planted chains, and real quotes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import DataError, InputError
from quotewright.signals.microprice import Microprice, fit, microprice

BUCKETS, SPREADS = 5, 2
SIZE = BUCKETS * SPREADS


def planted() -> tuple[np.ndarray, np.ndarray]:
    """A chain over (spread, imbalance): transition probabilities by (from, to, move 0 or ±1 or ±2 half ticks).

    Moves lean towards the heavier queue; the mid moves by whole ticks at the same spread, by half ticks otherwise.
    """
    rng = np.random.default_rng(11)
    moves = np.array([-2, -1, 0, 1, 2])
    weights = np.zeros((SIZE, SIZE, 5))
    for x in range(SIZE):
        for y in range(SIZE):
            lean = x % BUCKETS - 2
            drift = np.exp(0.5 * lean * moves / 2)
            allowed = [1, 0, 12, 0, 1] if x // BUCKETS == y // BUCKETS else [0, 1, 0, 1, 0]
            weights[x, y] = np.array(allowed) * drift * (0.3 + rng.random()) * np.exp(-abs(x - y) / 2)
    mirror = np.arange(SIZE) + BUCKETS - 1 - 2 * (np.arange(SIZE) % BUCKETS)
    weights = weights + weights[mirror][:, mirror][:, :, ::-1]
    return weights / weights.sum(axis=(1, 2), keepdims=True), moves


CHAIN, MOVES = planted()


def by_the_limit() -> np.ndarray:
    """lim E[M_{t+h} − M_t | state]: expected moves added up step by step."""
    P, mean = CHAIN.sum(axis=2), CHAIN.sum(axis=1) @ MOVES
    total, ahead = np.zeros(SIZE), mean
    for _ in range(5_000):
        total, ahead = total + ahead, P @ ahead
    return total


TRUTH = by_the_limit()


def walks(paths: int, steps: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """States and mids (half ticks), steps × paths."""
    cumulative = CHAIN.reshape(SIZE, -1).cumsum(axis=1)
    states, mids = np.zeros((2, steps, paths), np.int64)
    states[0], mids[0] = rng.integers(0, SIZE, paths), 20_001
    for t in range(1, steps):
        chosen = (rng.random((paths, 1)) > cumulative[states[t - 1]]).sum(axis=1).clip(max=SIZE * 5 - 1)
        states[t], mids[t] = chosen // 5, mids[t - 1] + MOVES[chosen % 5]
    return states, mids


def quotes(states: np.ndarray, mids: np.ndarray) -> tuple[np.ndarray, ...]:
    """A touch with this state and mid, whose parity is that of the spread."""
    spread = states // BUCKETS + 1
    bucket = states % BUCKETS
    bids = (mids - spread) // 2
    return bids, bids + spread, 1 + 2 * bucket, 9 - 2 * bucket


def planted_walks(paths: int, steps: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    states, mids = walks(paths, steps, np.random.default_rng(seed))
    return states, mids + (states[0] // BUCKETS)  # parity of the spread it starts with


def test_the_planted_chain_is_recovered_within_its_errors() -> None:
    states, mids = planted_walks(200, 4_000, 0)
    z = []
    for path in range(200):
        model = fit(*quotes(states[:, path], mids[:, path]), buckets=BUCKETS, spreads=SPREADS)
        error = model.error.reshape(-1)
        off = error > 1e-9
        z.append((model.adjustment.reshape(-1) - TRUTH)[off] / error[off])
        assert model.adjustment == pytest.approx(-model.adjustment[:, ::-1], abs=1e-9)
        assert model.inside_the_spread
    assert np.std(z, axis=0) == pytest.approx(np.ones(len(z[0])), abs=0.2)
    assert np.abs(np.mean(z, axis=0)).max() < 0.3


def test_the_fair_price_is_a_martingale_on_the_simulated_chain() -> None:
    states, mids = planted_walks(1, 40_000, 1)
    model = fit(*quotes(states[:, 0], mids[:, 0]), buckets=BUCKETS, spreads=SPREADS)
    others, theirs = planted_walks(40, 5_000, 2)
    fair = np.column_stack([microprice(model, *quotes(others[:, p], theirs[:, p])) for p in range(40)])
    change, start = np.diff(fair, axis=0), others[:-1]
    middle = np.diff(theirs, axis=0)
    for x in range(SIZE):
        here = change[start == x]
        assert abs(here.mean()) < 4 * here.std() / np.sqrt(len(here)) + 0.02
    lean = start % BUCKETS != BUCKETS // 2
    leans = [abs(middle[(start == x) & lean].mean()) for x in range(SIZE) if x % BUCKETS != BUCKETS // 2]
    assert min(leans) > 0.02  # while the mid itself has a drift in every state off the centre


def test_the_truth_is_where_the_mid_ends_up() -> None:
    states, mids = planted_walks(20_000, 60, 3)
    for x in range(SIZE):
        moved = (mids[-1] - mids[0])[states[0] == x]
        assert moved.mean() == pytest.approx(TRUTH[x], abs=4 * moved.std() / np.sqrt(len(moved)))


@given(st.integers(1, 500), st.integers(0, 50), st.integers(0, 50), st.integers(1, 6))
@settings(max_examples=100, deadline=None)
def test_swapped_queues_mirror_the_price(bid: int, bid_qty: int, ask_qty: int, spread: int) -> None:
    rng = np.random.default_rng(0)
    half = rng.random((3, 4))
    G = np.column_stack([-half, np.zeros(3), half[:, ::-1]])
    model = Microprice(G, G, np.ones((3, 9), np.int64), 1)
    touch = [np.array([v]) for v in (bid, bid + spread, bid_qty, ask_qty)]
    there = microprice(model, *touch)[0] - (2 * bid + spread)
    back = microprice(model, touch[0], touch[1], touch[3], touch[2])[0] - (2 * bid + spread)
    assert there == pytest.approx(-back, abs=1e-9)


def test_holes_in_the_book_cut_the_chain() -> None:
    states, mids = planted_walks(1, 6_000, 4)
    touch = quotes(states[:, 0], mids[:, 0])
    whole = fit(*touch, buckets=BUCKETS, spreads=SPREADS)
    jumped = [np.concatenate([c, [0], c + (1_000 if k < 2 else 0)]) for k, c in enumerate(touch)]
    twice = fit(*jumped, buckets=BUCKETS, spreads=SPREADS)
    assert twice.observations == 2 * whole.observations
    assert twice.adjustment == pytest.approx(whole.adjustment)
    assert microprice(whole, *(np.array([v]) for v in (0, 5, 1, 1)))[0] == 0


def test_what_cannot_be_fitted_is_refused() -> None:
    flat = [np.full(50, v) for v in (10, 11, 3, 3)]
    with pytest.raises(InputError, match="never moves"):
        fit(*flat)
    with pytest.raises(InputError, match="odd"):
        fit(*flat, buckets=4)
    with pytest.raises(InputError, match="touch"):
        fit(flat[0], flat[1], flat[2], flat[3][:-1])
    bids = np.arange(10, 60)
    with pytest.raises(DataError, match="settle"):
        fit(bids, bids + 1, flat[2], 3 * flat[3])


def test_a_mid_that_only_bounces_has_one_fair_price() -> None:
    at = np.arange(50) % 2
    touch = 10 + at, 11 + at, 9 - 8 * at, 1 + 8 * at
    assert microprice(fit(*touch), *touch) == pytest.approx(22.0)


@pytest.mark.parametrize(
    ("name", "tick", "lot"), [("spot_ethusdt_20240808", 100, 10**4), ("cm_btcusd_perp_20240808", 10, 1)]
)
def test_on_real_quotes_it_leans_to_the_heavier_queue(shared_data: Path, name: str, tick: int, lot: int) -> None:
    rows = []
    with gzip.open(shared_data / f"tick/binance_ws/{name}.gz", "rt") as lines:
        for line in lines:
            if "bookTicker" in line:
                told = json.loads(line.split(" ", 1)[1])["data"]
                rows.append([float(told[k]) for k in "baBA"])
    told = np.array(rows)
    bids, asks, bid_qtys, ask_qtys = np.rint(told * [tick, tick, lot, lot]).astype(np.int64).T
    model = fit(bids, asks, bid_qtys, ask_qtys, buckets=5, spreads=1)
    G, error = model.adjustment[0], model.error[0]
    assert not model.inside_the_spread  # such a mid leaps by many of its small ticks
    assert (np.diff(G) > 0).all()
    assert G[4] > 3 * error[4]
