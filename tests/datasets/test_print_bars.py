"""Bars of prints against a print-by-print oracle, and on real recordings."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.datasets.print_bars import (
    Bars,
    ImbalanceRule,
    dollar_bars,
    imbalance_bars,
    tick_bars,
    time_bars,
    volume_bars,
)
from quotewright.datasets.prints import Prints, from_floats, tick_rule
from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import DataError, InputError

MINUTE = 60 * 10**9
tapes = st.lists(
    st.tuples(st.integers(0, 5), st.integers(1, 6), st.integers(1, 9), st.sampled_from([-1, 0, 1])), max_size=60
)


def prints_of(rows: list[tuple[int, int, int, int]]) -> Prints:
    time = np.cumsum([step for step, *_ in rows], dtype=np.int64) if rows else np.empty(0, np.int64)
    return Prints(
        time,
        np.array([price for _, price, _, _ in rows], np.int64),
        np.array([size for _, _, size, _ in rows], np.int64),
        np.array([side for *_, side in rows], np.int8),
    )


def groups_by_amount(amounts: list[int], size: int) -> list[list[int]]:
    """The prints of each bar, one after another, as the rule is told in words."""
    groups: list[list[int]] = [[]]
    for place, _ in enumerate(amounts):
        groups[-1].append(place)
        if sum(amounts[i] for i in groups[-1]) >= size:
            groups.append([])
    return groups


def sides_of(prints: Prints) -> list[int]:
    """The tick rule, print by print."""
    sides: list[int] = []
    for place, side in enumerate(prints.side.tolist()):
        before = prints.price[place - 1] if place else prints.price[0]
        moved = int(np.sign(prints.price[place] - before))
        sides.append(side or moved or (sides[-1] if sides else 0))
    return sides


def check(bars: Bars, prints: Prints, groups: list[list[int]], last_is_whole: bool) -> None:
    """Every figure of every bar from the prints that the oracle puts into it."""
    kept = [group for group in groups if group]
    assert len(bars) == len(kept)
    sides = sides_of(prints)
    for bar, group in enumerate(kept):
        price, size = prints.price[group], prints.size[group]
        assert (bars.first[bar], bars.end[bar], bars.trades[bar]) == (group[0], group[-1] + 1, len(group))
        assert (bars.open[bar], bars.close[bar]) == (price[0], price[-1])
        assert (bars.high[bar], bars.low[bar]) == (price.max(), price.min())
        assert bars.volume[bar] == size.sum()
        assert bars.notional[bar] == (price * size).sum()
        assert bars.bought[bar] == sum(int(prints.size[i]) for i in group if sides[i] > 0)
        assert bars.complete[bar] == (bar < len(kept) - 1 or last_is_whole)


@settings(deadline=None, max_examples=60)
@given(tapes, st.integers(1, 40), st.sampled_from(["count", "lots", "notional"]))
def test_bars_of_an_amount(rows: Any, size: int, by: str) -> None:
    prints = prints_of(rows)
    make: Callable[[Prints, int], Bars] = {"count": tick_bars, "lots": volume_bars, "notional": dollar_bars}[by]
    amounts = {
        "count": [1] * len(rows),
        "lots": prints.size.tolist(),
        "notional": (prints.price * prints.size).tolist(),
    }[by]
    groups = groups_by_amount(amounts, size)
    bars = make(prints, size)
    check(bars, prints, groups, last_is_whole=not groups[-1])
    np.testing.assert_array_equal(bars.time, prints.time[bars.end - 1])
    np.testing.assert_array_equal(bars.start, prints.time[bars.first])


@settings(deadline=None, max_examples=60)
@given(tapes, st.integers(1, 12))
def test_bars_of_time(rows: Any, interval: int) -> None:
    prints = prints_of(rows)
    places: dict[int, list[int]] = {}
    for place, at in enumerate(prints.time.tolist()):
        places.setdefault(at // interval, []).append(place)
    bars = time_bars(prints, interval)
    check(bars, prints, list(places.values()), last_is_whole=False)
    assert bars.start.tolist() == [at * interval for at in places]
    assert bars.time.tolist() == [(at + 1) * interval for at in places]
    assert (prints.time[bars.end - 1] < bars.time).all()  # nothing in a bar is later than it was known


def groups_by_imbalance(signed: list[float], rule: ImbalanceRule) -> list[list[int]]:
    """Section 2.3.2 in words: expectations from scratch at each close, weights written out."""
    groups: list[list[int]] = [[]]
    expected, threshold = float(rule.initial), math.inf
    fade, bar_weight = 1 - 2 / (rule.span_prints + 1), 2 / (rule.span_bars + 1)

    def mean(upto: int) -> float:
        weights = [fade ** (upto - 1 - i) for i in range(upto)]
        return sum(w * v for w, v in zip(weights, signed[:upto], strict=True)) / sum(weights)

    for place in range(len(signed)):
        groups[-1].append(place)
        if place + 1 < rule.initial:
            continue
        if place + 1 == rule.initial:
            threshold = expected * abs(mean(place + 1))
        theta, length = abs(sum(signed[i] for i in groups[-1])), len(groups[-1])
        if (theta >= threshold - 1e-9 and length >= rule.fewest) or length >= rule.most:
            groups.append([])
            expected = min(max((1 - bar_weight) * expected + bar_weight * length, rule.fewest), rule.most)
            threshold = expected * abs(mean(place + 1))
    return groups


@pytest.mark.parametrize("measure", ["ticks", "volume", "notional"])
@pytest.mark.parametrize("seed", range(4))
def test_bars_of_imbalance(measure: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = 400
    # Sizes that are no round numbers, so that no threshold is met exactly and rounding decides nothing.
    price = 10_000 + np.cumsum(rng.integers(-3, 4, count)).astype(np.int64)
    size = rng.integers(1, 10**6, count).astype(np.int64)
    side = rng.choice(np.array([-1, 0, 1], np.int8), count, p=[0.3, 0.1, 0.6])
    prints = Prints(np.arange(count, dtype=np.int64), price, size, side)
    rule = ImbalanceRule(initial=15, fewest=3, most=60, span_bars=5, span_prints=40)
    amount = {"ticks": np.ones(count), "volume": size, "notional": price * size}[measure]
    signed = (np.array(sides_of(prints)) * amount).astype(float).tolist()
    groups = groups_by_imbalance(signed, rule)
    if measure == "ticks":  # whole numbers do meet thresholds: only the tape's accounting is compared
        bars = imbalance_bars(prints, measure, rule)
        assert bars.end.tolist()[-1] == count
        assert set(bars.trades[:-1].tolist()) <= set(range(rule.fewest, rule.most + 1))
        return
    assert len(groups) > 8
    check(imbalance_bars(prints, measure, rule), prints, groups, last_is_whole=not groups[-1])


def test_one_sided_flow_is_sampled_sooner_than_two_sided() -> None:
    """Planted: a burst of buying in the middle of balanced flow; the point of imbalance bars (section 2.3.2)."""
    rng = np.random.default_rng(7)
    side = rng.choice(np.array([-1, 1], np.int8), 6_000, p=[0.45, 0.55])
    side[3_000:4_000] = 1
    prints = Prints(np.arange(6_000, dtype=np.int64), np.full(6_000, 100, np.int64), np.ones(6_000, np.int64), side)
    bars = imbalance_bars(prints, "ticks", ImbalanceRule(200, 10, 1_000, span_bars=5, span_prints=2_000))
    during = bars.trades[(bars.first >= 3_000) & (bars.end <= 4_000)]
    before = bars.trades[(bars.first >= 500) & (bars.end <= 3_000)]
    assert len(during) > 5
    assert during.mean() < before.mean() / 2


def real_prints(shared_data: Path, venue: str, symbol: str, name: str) -> Prints:
    tape = pl.read_parquet(shared_data / "tick" / "binance_bbo_trades_20240808.parquet").filter(
        pl.col("kind") == "trade", pl.col("venue") == venue, pl.col("symbol") == symbol
    )
    instrument = find_instrument(name, symbol)
    side = np.where(tape["buyer_is_maker"].to_numpy(), -1, 1).astype(np.int8)
    return from_floats(
        tape["local_ts_ns"].to_numpy(),
        tape["trade_px"].to_numpy(),
        tape["trade_qty"].to_numpy(),
        side,
        tick=instrument.tick,
        lot=instrument.lot,
    )


@pytest.mark.parametrize(
    ("venue", "symbol", "name", "count"),
    [
        ("binance_spot", "BTCUSDT", "binance-spot", 9_757),
        ("binance_usdm", "ETHUSDT", "binance-usdm", 14_076),
        ("binance_cm", "BTCUSD_PERP", "binance-coinm", 2_286),
    ],
)
def test_no_print_of_a_recording_is_lost(shared_data: Path, venue: str, symbol: str, name: str, count: int) -> None:
    prints = real_prints(shared_data, venue, symbol, name)
    assert len(prints) == count
    lots, notional = int(prints.size.sum()), int((prints.price * prints.size).sum())
    made = [
        time_bars(prints, MINUTE),
        tick_bars(prints, 100),
        volume_bars(prints, lots // 50),
        dollar_bars(prints, notional // 50),
        imbalance_bars(prints, "volume", ImbalanceRule(200, 20, 2_000)),
    ]
    for bars in made:
        assert len(bars) > 4
        assert int(bars.volume.sum()) == lots
        assert int(bars.notional.sum()) == notional
        assert int(bars.trades.sum()) == count
        assert (bars.first[1:] == bars.end[:-1]).all()
        assert ((bars.low <= bars.open) & (bars.open <= bars.high)).all()
        assert ((bars.low <= bars.close) & (bars.close <= bars.high)).all()
        assert (bars.bought <= bars.volume).all()


def test_minute_bars_are_those_that_polars_makes(shared_data: Path) -> None:
    prints = real_prints(shared_data, "binance_usdm", "BTCUSDT", "binance-usdm")
    frame = pl.DataFrame({"t": prints.time, "p": prints.price, "s": prints.size})
    want = frame.group_by((pl.col("t") // MINUTE * MINUTE).alias("start"), maintain_order=True).agg(
        open=pl.col("p").first(), high=pl.col("p").max(), low=pl.col("p").min(), close=pl.col("p").last(), v=pl.sum("s")
    )
    bars = time_bars(prints, MINUTE)
    for name, values in {"start": bars.start, "open": bars.open, "high": bars.high, "v": bars.volume}.items():
        assert want[name].to_list() == values.tolist()
    assert (want["low"].to_list(), want["close"].to_list()) == (bars.low.tolist(), bars.close.tolist())


def test_floats_become_steps_exactly_or_not_at_all() -> None:
    time, side = np.zeros(3, np.int64), np.zeros(3, np.int8)
    exact = from_floats(
        time, np.array([0.1, 0.3, 61_834.7]), np.array([0.00003, 1.1, 2.0]), side, tick="0.1", lot="0.00001"
    )
    assert (exact.price.tolist(), exact.size.tolist()) == ([1, 3, 618_347], [3, 110_000, 200_000])
    half = from_floats(time, np.array([0.5, 1.5, 2.0]), np.ones(3), side, tick="0.5", lot="1")
    assert half.price.tolist() == [1, 3, 4]
    for price in (0.15, 0.1 + 0.2, math.nan, math.inf):
        with pytest.raises(DataError, match="price"):
            from_floats(time[:1], np.array([price]), np.ones(1), side[:1], tick="0.1", lot="1")


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 10**9), st.integers(0, 8))
def test_every_decimal_of_a_step_is_counted(count: int, scale: int) -> None:
    value = float(f"{count}e-{scale}")
    tick = f"{10.0**-scale:.{scale}f}"
    one = np.zeros(1, np.int64)
    assert from_floats(one, np.array([value]), np.ones(1), one.astype(np.int8), tick=tick, lot="1").price[0] == count


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([-1, 0, 1])), max_size=30))
def test_the_tick_rule(rows: Any) -> None:
    prints = prints_of([(1, price, 1, side) for price, side in rows])
    assert tick_rule(prints.price, prints.side).tolist() == sides_of(prints)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("time", [2, 1]),
        ("price", [0, 1]),
        ("size", [1, -1]),
        ("side", [2, 0]),
        ("price", [1]),
        ("size", [2**60, 2**61]),
    ],
)
def test_prints_that_cannot_be_are_refused(field: str, values: list[int]) -> None:
    arrays: dict[str, Any] = {"time": [1, 2], "price": [5, 5], "size": [1, 1], "side": [0, 0], field: values}
    with pytest.raises(InputError):
        Prints(**{name: np.array(v, np.int8 if name == "side" else np.int64) for name, v in arrays.items()})


def test_sizes_and_rules_that_make_no_bars_are_refused() -> None:
    prints = prints_of([(1, 5, 2, 1)])
    for make in (time_bars, tick_bars, volume_bars, dollar_bars):
        with pytest.raises(InputError, match="must be 1 or more"):
            make(prints, 0)
        assert len(make(prints_of([]), 3)) == 0
    assert len(imbalance_bars(prints_of([]), "ticks", ImbalanceRule(5, 1, 9))) == 0
    for rule in (ImbalanceRule(5, 6, 9), ImbalanceRule(5, 1, 4), ImbalanceRule(5, 0, 9), ImbalanceRule(5, 1, 9, 0)):
        with pytest.raises(InputError, match="rule"):
            imbalance_bars(prints, "ticks", rule)
    with pytest.raises(InputError, match="measure"):
        imbalance_bars(prints, "dollars", ImbalanceRule(5, 1, 9))  # type: ignore[arg-type]
