"""The strategies' own decide(), against the papers' formulas, in both modes, and under hostile views and parameters."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from decisions import decide_all

from quotewright.domain.quotes import MOST_QUOTES, TARGET, VIEW
from quotewright.domain.strategy import Strategy
from quotewright.research.optimal_quotes import asymptotic_depths, optimal_spread, reservation_price
from quotewright.strategies.catalogue import CATALOGUE

SECOND = 1_000_000_000
NAMES = sorted(CATALOGUE)


def view_of(
    bid: int = 599_999,
    ask: int = 600_001,
    tick: float = 0.1,
    lot_value: float | None = None,
    inventory: float = 0.0,
    elapsed: float = 0.0,
) -> Any:
    """One VIEW of a market of 0.001-unit lots, or of lots of a given value."""
    views = np.zeros(1, dtype=VIEW)
    mid = 0.5 * (bid + ask) * tick
    fields = {
        "start": 1_723_075_200 * SECOND,
        "time": 1_723_075_200 * SECOND + round(elapsed * SECOND),
        "bid": bid,
        "ask": ask,
        "bid_qty": 5,
        "ask_qty": 7,
        "mid": mid,
        "inventory": inventory,
        "tick": tick,
        "lot": 0.001,
        "lot_value": 0.001 * mid if lot_value is None else lot_value,
    }
    for field, value in fields.items():
        views[0][field] = value
    return views


def decide(name: str, view: Any, **given: float) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Bids and asks as (ticks, lots), in the order written."""
    strategy = CATALOGUE[name]
    target = decide_all(strategy, view, strategy.bind(given)[None, :])[0]
    return (
        [(int(target["bid_price"][i]), int(target["bid_qty"][i])) for i in range(target["bids"])],
        [(int(target["ask_price"][i]), int(target["ask_qty"][i])) for i in range(target["asks"])],
    )


# Hostile views: any price scale, spread, lot value and inventory, parameters from the ends of their ranges.


def hostile(strategy: Strategy, count: int, seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    views = np.zeros(count, dtype=VIEW)
    views["start"] = 1_700_000_000 * SECOND
    views["time"] = views["start"] + rng.integers(0, 30 * 86_400 * SECOND, count)
    views["bid"] = np.exp(rng.uniform(0, math.log(1e10), count)).astype(np.int64)
    views["ask"] = views["bid"] + rng.choice([1, 2, 10, 10_000], count)
    views["tick"] = 10.0 ** rng.integers(-8, 2, count)
    views["mid"] = 0.5 * (views["bid"] + views["ask"]) * views["tick"]
    views["lot"] = 10.0 ** rng.integers(-8, 3, count)
    views["lot_value"] = np.maximum(views["lot"] * views["mid"], 1e-10)
    views["inventory"] = rng.choice([0.0, 1.0, -1.5, 7.25, -1e3, 1e6, -1e12, 1e15], count) * rng.uniform(0.5, 1, count)
    params = np.empty((count, len(strategy.params)))
    for j, p in enumerate(strategy.params):
        inner = np.exp(rng.uniform(math.log(max(p.low, 1e-9)), math.log(p.high), count))
        choice = rng.random(count)
        drawn = np.where(choice < 0.15, p.low, np.where(choice < 0.3, p.high, np.where(choice < 0.6, p.default, inner)))
        drawn = np.clip(drawn, p.low, p.high)
        params[:, j] = np.round(drawn) if p.whole else drawn
    return views, params


@pytest.mark.parametrize("name", NAMES)
def test_quotes_are_sane_whatever_the_view_and_the_parameters(name: str) -> None:
    strategy = CATALOGUE[name]
    views, params = hostile(strategy, 1500, seed=5)
    targets = decide_all(strategy, views, params)
    quoted = 0
    for view, given, target in zip(views, params, targets, strict=True):
        bids, asks = int(target["bids"]), int(target["asks"])
        assert 0 <= bids <= MOST_QUOTES
        assert 0 <= asks <= MOST_QUOTES
        bid_price, ask_price = target["bid_price"][:bids], target["ask_price"][:asks]
        bid_qty, ask_qty = target["bid_qty"][:bids], target["ask_qty"][:asks]
        assert (bid_price >= 1).all()
        assert (bid_price < view["ask"]).all()
        assert (ask_price > view["bid"]).all()
        assert (ask_price <= 2**53).all()
        assert (np.diff(bid_price) < 0).all()  # one quote a price, best first
        assert (np.diff(ask_price) > 0).all()
        assert (bid_qty >= 1).all()
        assert (ask_qty >= 1).all()
        assert not target["bid_price"][bids:].any()
        assert not target["ask_qty"][asks:].any()
        lots = max(1, math.floor(min(given[0] / view["lot_value"] + 0.5, 1e15)))
        most = given[1] * lots
        if bids:
            assert view["inventory"] + int(bid_qty.sum()) <= most * (1 + 1e-12)
        if asks:
            assert view["inventory"] - int(ask_qty.sum()) >= -most * (1 + 1e-12)
        quoted += bids + asks
    # parameters from the ends of their ranges switch a side of `composed` off more often than not
    assert quoted > (300 if name == "composed" else 1000)


def test_compiled_and_interpreted_decisions_are_the_same(tmp_path: Path) -> None:
    compiled = {}
    for name, strategy in CATALOGUE.items():
        views, params = hostile(strategy, 400, seed=11)
        tame, tame_params = hostile(strategy, 400, seed=12)
        tame["bid"], tame["ask"], tame["tick"] = 617_000, 617_003, 0.1
        tame["mid"], tame["lot"], tame["lot_value"] = 61_700.15, 0.001, 61.70015
        tame["inventory"] = np.linspace(-300, 300, 400)
        views, params = np.concatenate([views, tame]), np.concatenate([params, tame_params])
        compiled[name] = decide_all(strategy, views.view(VIEW), params)
        np.save(tmp_path / f"{name}.views.npy", views)
        np.save(tmp_path / f"{name}.params.npy", params)
    script = Path(__file__).with_name("decisions.py")
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, env=environment, timeout=300)
    for name, targets in compiled.items():
        interpreted = np.load(tmp_path / f"{name}.targets.npy").view(TARGET)
        for field in TARGET.names or ():
            assert np.array_equal(targets[field], interpreted[field]), (name, field)


# The papers. With a mid of 10,000 a basis point is one unit of price, so depths are theirs.


def unit_view(q: float, elapsed: float = 0.0) -> Any:
    return view_of(99_999_999, 100_000_001, 0.0001, lot_value=1.0, inventory=q * 1_000, elapsed=elapsed)


@pytest.mark.parametrize(
    ("sigma", "expected"), [(0.3, (3.3129, 3.6522, 2.9736)), (0.4, (3.3242, 3.7767, 2.8718))], ids=["σ=0.3", "σ=0.4"]
)
def test_glft_quotes_the_papers_asymptotic_depths(sigma: float, expected: tuple[float, float, float]) -> None:
    given = {"sigma": sigma, "A": 0.9, "k": 0.3, "gamma": 0.01, "max_inventory": 30}
    flat, _ = decide("glft", unit_view(0), **given)
    bids, asks = decide("glft", unit_view(5), **given)
    found = (1e8 - flat[0][0]) * 1e-4, (1e8 - bids[0][0]) * 1e-4, (asks[0][0] - 1e8) * 1e-4
    assert found == pytest.approx(expected, abs=1.5e-4)  # printed to 1e-4, and quotes round outwards by up to a tick
    assert flat[0][1] == 1_000


@pytest.mark.parametrize("q", [-7.5, -1.0, 0.0, 0.4, 6.0])
@pytest.mark.parametrize("given", [{}, {"sigma": 1.2, "k": 1.5, "A": 0.55, "gamma": 0.2}])
def test_glft_quotes_its_formula_rounded_outwards(q: float, given: dict[str, float]) -> None:
    p = dict(zip((p.name for p in CATALOGUE["glft"].params), CATALOGUE["glft"].bind(given), strict=True))
    bid_depth, ask_depth = asymptotic_depths(q, sigma=p["sigma"], A=p["A"], k=p["k"], gamma=p["gamma"])
    bids, asks = decide("glft", unit_view(q), **given)
    assert bids[0][0] == pytest.approx(min(1e8 - bid_depth * 1e4, 1e8) - 0.5, abs=0.5 + 1e-6)
    assert asks[0][0] == pytest.approx(max(1e8 + ask_depth * 1e4, 1e8) + 0.5, abs=0.5 + 1e-6)


@pytest.mark.parametrize("elapsed", [0.0, 1.0, 29.5, 30.0, 44.0, 86_412.25])
@pytest.mark.parametrize("q", [-3.0, 0.0, 0.25, 9.0])
def test_avellaneda_stoikov_quotes_its_formula_rounded_outwards(q: float, elapsed: float) -> None:
    gamma, sigma, k, horizon = 0.1, 0.8, 1.5, 30.0
    bids, asks = decide(
        "avellaneda_stoikov", unit_view(q, elapsed), gamma=gamma, sigma=sigma, k=k, horizon=horizon, max_inventory=10
    )
    left = horizon - elapsed % horizon
    centre = reservation_price(10_000.0, q, gamma, sigma, left) * 1e4
    half = optimal_spread(gamma, sigma, k, left) / 2 * 1e4
    assert bids[0][0] == pytest.approx(min(centre - half, 1e8) - 0.5, abs=0.5 + 1e-6)
    assert asks[0][0] == pytest.approx(max(centre + half, 1e8) + 0.5, abs=0.5 + 1e-6)


def test_avellaneda_stoikov_spread_narrows_to_the_horizon_and_starts_again() -> None:
    def spread(elapsed: float) -> int:
        bids, asks = decide("avellaneda_stoikov", unit_view(0, elapsed), horizon=30)
        return asks[0][0] - bids[0][0]

    assert spread(0) > spread(10) > spread(29.9)
    assert spread(30) == spread(0) == spread(3_000)


@pytest.mark.parametrize(
    "name", ["avellaneda_stoikov", "glft", "ladder"]
)  # a penny-jumper goes by the others as long as the floor allows
def test_inventory_moves_both_quotes_against_itself(name: str) -> None:
    short, flat, long = (decide(name, unit_view(q)) for q in (-4, 0, 4))
    assert long[0][0][0] < flat[0][0][0] < short[0][0][0]
    assert long[1][0][0] < flat[1][0][0] < short[1][0][0]


def test_symmetric_quotes_one_distance_whatever_is_held() -> None:
    for q in (-4, 0, 4):
        bids, asks = decide("symmetric", unit_view(q), half_spread=2.5)
        assert bids == [(100_000_000 - 25_000, 1_000)]
        assert asks == [(100_000_000 + 25_000, 1_000)]


def test_ladder_levels_sizes_and_distances() -> None:
    given = {"levels": 4, "half_spread": 1.0, "step": 0.5, "growth": 2.0, "max_inventory": 20, "skew": 4.0}
    bids, asks = decide("ladder", unit_view(0), **given)
    assert bids == [(100_000_000 - d, s * 1_000) for d, s in ((10_000, 1), (15_000, 2), (20_000, 4), (25_000, 8))]
    assert asks == [(200_000_000 - price, lots) for price, lots in bids]
    leaning, _ = decide("ladder", unit_view(10), **given)  # half of the bound: half of the skew
    assert leaning == [(price - 20_000, lots) for price, lots in bids[:3]] + [(bids[3][0] - 20_000, 3_000)]


def test_ladder_of_levels_closer_than_a_tick_is_one_quote_of_all_their_lots() -> None:
    bids, asks = decide("ladder", view_of(lot_value=1.0), levels=5, half_spread=0.001, step=0.001, max_inventory=100)
    assert bids == [(599_999, 5_000)]
    assert asks == [(600_001, 5_000)]


# What every strategy promises.


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("bid", "ask", "tick", "lot_value"),
    [(599_999, 600_001, 0.1, None), (260_000, 260_001, 0.01, None), (617_002, 617_003, 0.1, 100.0)],
    ids=["BTC", "ETH", "inverse"],
)
def test_defaults_quote_both_sides_near_the_market(
    name: str, bid: int, ask: int, tick: float, lot_value: float | None
) -> None:
    view = view_of(bid, ask, tick, lot_value)
    bids, asks = decide(name, view)
    mid = (bid + ask) / 2
    assert bids[0][0] > mid * (1 - 10e-4)
    assert asks[0][0] < mid * (1 + 10e-4)
    assert bids[0][1] * float(view["lot_value"][0]) == pytest.approx(1_000, rel=0.05)
    assert bids[0][1] == asks[0][1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
def test_the_side_that_would_pass_the_bound_is_cut_and_then_not_quoted(name: str, side: int) -> None:
    for held, room in ((9_400.0, 600), (9_999.5, 0), (10_000.0, 0), (12_345.0, 0)):
        view = view_of(lot_value=1.0, inventory=side * held)
        bids, asks = decide(name, view, max_inventory=10)
        growing, shrinking = (bids, asks) if side == 1 else (asks, bids)
        assert sum(lots for _, lots in growing) == room
        assert shrinking


@pytest.mark.parametrize("name", NAMES)
def test_a_bid_stays_below_the_best_ask_and_an_ask_above_the_best_bid(name: str) -> None:
    zero_width = {
        "symmetric": {"half_spread": 0.0},
        "ladder": {"half_spread": 0.0, "skew": 1e4},
        "penny_jump": {"skew": 1e4},
    }
    given = zero_width.get(name, {"k": 1e4, "gamma": 100.0, "sigma": 50.0})
    for inventory in (-9_000.0, 0.0, 9_000.0):
        bids, asks = decide(name, view_of(lot_value=1.0, inventory=inventory), **given)
        assert all(price < 600_001 for price, _ in bids)
        assert all(price > 599_999 for price, _ in asks)
    bids, _ = decide(name, view_of(lot_value=1.0, inventory=-9_000.0), **given)
    if name != "symmetric":
        assert bids[0][0] == 600_000  # leaning through the market, stopped one tick before the ask
