"""Statistics of a leg against plain second computations."""

from __future__ import annotations

import json
import math
import statistics as plain
from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_builder import INVERSE, LINEAR, SECOND, SPOT, T0, RunBuilder, agent, random_run

from quotewright.accounting.attribution import profit_path
from quotewright.accounting.equity import drawdown, sharpe
from quotewright.accounting.holdings import QUANTILES, holdings
from quotewright.accounting.runs import Leg, load_run
from quotewright.accounting.statistics import Statistics, statistics
from quotewright.domain.errors import DataError
from quotewright.domain.journal import MARKOUT_HORIZONS, Record, Refusal, Reject

MIDS = st.lists(st.integers(1_190_000, 1_210_000), min_size=1, max_size=40)


def held(mids: list[int], lots: int, folder: Path) -> Leg:
    """A position bought at once and marked at these mids, one a second."""
    run = RunBuilder([LINEAR], [agent("one", [0])])
    run.state(Record.RUN_START, T0, 0, 0, 0)
    run.fill(T0, 0, 0, 1 if lots > 0 else -1, abs(lots), 600_000, 1_200_000)
    for n, mid2 in enumerate(mids):
        run.state(Record.MARK, T0 + (n + 1) * SECOND, 0, 0, mid2)
    run.state(Record.RUN_END, T0 + (len(mids) + 1) * SECOND, 0, 0, mids[-1])
    return load_run(run.write(folder)).leg(0, 0)


@settings(max_examples=40, deadline=None)
@given(mids=MIDS, lots=st.sampled_from((-3, 1, 7)))
def test_drawdown_and_sharpe_against_every_pair_and_plain_formulas(
    tmp_path_factory: pytest.TempPathFactory, mids: list[int], lots: int
) -> None:
    leg = held(mids, lots, tmp_path_factory.mktemp("run"))
    path = profit_path(leg)
    equity = [int(x) for x in path.total]
    worst = max(equity[i] - equity[j] for i in range(len(equity)) for j in range(i, len(equity)))
    fall = drawdown(path)
    assert fall.units == worst
    at = dict(zip(path.time.tolist(), equity, strict=True))
    if worst:
        assert fall.peak_ts < fall.trough_ts
        assert max(e for t, e in at.items() if t <= fall.trough_ts) - at[fall.trough_ts] == worst

    marked = [m * lots * LINEAR.linear_value for m in mids]
    changes = [b - a for a, b in pairwise(marked)]
    ratio = sharpe(path, SECOND)
    assert (ratio.samples, ratio.meaningful) == (len(changes), False)
    if len(set(changes)) < 2:
        assert ratio.per_interval is None
        assert ratio.annualised is None
    else:
        expected = plain.mean(changes) / plain.stdev(changes)
        assert ratio.per_interval == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert ratio.annualised == pytest.approx(expected * math.sqrt(365 * 86_400), rel=1e-9, abs=1e-9)


def test_sharpe_of_a_day_is_meaningful(tmp_path: Path) -> None:
    path = profit_path(held([1_200_000, 1_200_500, 1_200_100], 1, tmp_path))
    assert sharpe(path, 43_200 * SECOND).meaningful
    assert not sharpe(path, 43_200 * SECOND - 1).meaningful


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 5), st.sampled_from((-1, 1)), st.integers(1, 9)), max_size=20))
def test_inventory_is_weighted_by_time(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, int]]
) -> None:
    run = RunBuilder([INVERSE], [agent("one", [0])])
    run.state(Record.RUN_START, T0, 0, 0, 0)
    ts, seconds, position = T0, [], 0
    for wait, side, lots in steps:
        ts += wait * SECOND
        seconds += [position] * wait
        position += side * lots
        run.fill(ts, 0, 0, side, lots, 600_000, 1_200_001)
    seconds += [position] * 3
    run.state(Record.RUN_END, ts + 3 * SECOND, 0, 0, 1_200_001)
    folder = run.write(tmp_path_factory.mktemp("run"))
    found = holdings(profit_path(load_run(folder).leg(0, 0)))
    ordered = sorted(seconds)
    assert found.quantiles == tuple(ordered[max(0, math.ceil(q * len(ordered) - 1e-9) - 1)] for q in QUANTILES)
    assert found.mean_abs == pytest.approx(plain.mean(map(abs, seconds)))
    assert found.largest == max(abs(found.lowest), abs(found.highest))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    agents = [agent("a", [0, 1, 2]), agent("b", [2], "glft", gamma=0.1)]
    return random_run(11, [SPOT, LINEAR, INVERSE], agents, 40).write(tmp_path_factory.mktemp("stats") / "run")


@pytest.mark.parametrize("leg", [(0, 0), (0, 1), (0, 2), (1, 2)])
def test_markouts_against_a_plain_loop(folder: Path, leg: tuple[int, int]) -> None:
    run = load_run(folder)
    rows, facts = run.leg(*leg).rows, run.instruments[leg[1]]
    fills = {int(r["ref"]): r for r in rows if r["kind"] == Record.FILL}
    edges: dict[int, list[tuple[float, int, Fraction]]] = defaultdict(list)
    for row in rows:
        if row["kind"] not in (Record.MARKOUT, Record.FILL):
            continue
        fill = fills[int(row["ref"])]
        side, price, mid = int(fill["side"]), int(fill["price"]), Fraction(int(row["mid2"]), 2)
        size, step = Fraction(facts.contract_size), Fraction(facts.tick)
        if facts.kind == "inverse":
            unit = side * size * (1 / (price * step) - 1 / (mid * step))
        else:
            unit = side * size * (mid - price) * step
        horizon = int(row["qty"]) if row["kind"] == Record.MARKOUT else 0
        edges[horizon].append((float(side * (mid / price - 1) * 10_000), int(fill["qty"]), unit))
    told = {m.horizon_ns: m for m in statistics(run, *leg).markouts}
    assert list(told) == [0, *MARKOUT_HORIZONS]
    for horizon, seen in edges.items():
        weights = sum(q for _, q, _ in seen)
        mean = sum(x * q for x, q, _ in seen) / weights
        n = len(seen)
        error = math.sqrt(n / (n - 1) * sum((q * (x - mean)) ** 2 for x, q, _ in seen)) / weights
        assert told[horizon].fills == n > 1
        assert told[horizon].bp == pytest.approx(mean, rel=1e-9, abs=1e-9)
        assert told[horizon].stderr_bp == pytest.approx(error, rel=1e-9)
        unit = float(sum(u * q for _, q, u in seen) / weights)
        rounding = n * 1e-8 / float(weights * Fraction(facts.lot)) if facts.kind == "inverse" else 0.0
        assert told[horizon].per_unit == pytest.approx(unit, rel=1e-9, abs=rounding + 1e-15)


def test_a_standard_error_of_equal_weights_is_the_usual_one(tmp_path: Path) -> None:
    run = RunBuilder([LINEAR], [agent("one", [0])])
    run.state(Record.RUN_START, T0, 0, 0, 0)
    for n, mid2 in enumerate((1_200_100, 1_200_020, 1_199_900, 1_200_400)):
        run.fill(T0 + n, 0, 0, 1, 5, 600_000, mid2)
    run.state(Record.RUN_END, T0 + 9, 0, 0, 1_200_400)
    moves = [(m / 1_200_000 - 1) * 1e4 for m in (1_200_100, 1_200_020, 1_199_900, 1_200_400)]
    at_fill = statistics(load_run(run.write(tmp_path)), 0, 0).markouts[0]
    assert at_fill.stderr_bp == pytest.approx(plain.stdev(moves) / 2)


def test_a_markout_of_no_fill_is_refused(tmp_path: Path) -> None:
    run = RunBuilder([LINEAR], [agent("one", [0])])
    run.state(Record.RUN_START, T0, 0, 0, 0)
    run.add(Record.MARKOUT, T0 + 1, 0, 0, ref=1, qty=MARKOUT_HORIZONS[0], mid2=1_200_001, side=1, price=600_000)
    run.state(Record.RUN_END, T0 + 2, 0, 0, 1_200_001)
    with pytest.raises(DataError, match="names a fill"):
        statistics(load_run(run.write(tmp_path)), 0, 0)


@pytest.fixture
def eventful(tmp_path: Path) -> Statistics:
    """Three orders by hand: one filled in two parts, one rejected, one cancelled after an amend."""
    run = RunBuilder([SPOT], [agent("one", [0])])
    ms = 1_000_000
    run.add(Record.BOOK_VALID, T0 + 100 * ms, -1, 0)
    run.add(Record.BOOK_INVALID, T0 + 500 * ms, -1, 0)
    run.add(Record.BOOK_VALID, T0 + 700 * ms, -1, 0)
    run.add(Record.BOOK_INVALID, T0 + 900 * ms, -1, 0)
    run.state(Record.RUN_START, T0, 0, 0, 0)
    for order, side in ((1, 1), (2, -1), (3, 1)):
        run.add(Record.PLACE, T0 + 110 * ms, 0, 0, order=order, side=side, price=6_000_000, qty=10)
    run.add(Record.ACCEPTED, T0 + 120 * ms, 0, 0, order=1, price=6_000_000, qty=10, ahead=40, exch_ts=T0 + 113 * ms)
    run.add(Record.ACCEPTED, T0 + 130 * ms, 0, 0, order=3, price=6_000_000, qty=10, ahead=7, exch_ts=T0 + 115 * ms)
    run.add(Record.REJECTED, T0 + 121 * ms, 0, 0, order=2, reason=Reject.POST_ONLY)
    run.fill(T0 + 200 * ms, 0, 0, 1, 4, 6_000_000, 12_000_001, order=1, ahead=40, leaves=6)
    run.fill(T0 + 210 * ms, 0, 0, 1, 6, 6_000_000, 12_000_001, order=1, ahead=40)
    run.add(Record.AMEND, T0 + 220 * ms, 0, 0, order=3, side=1, qty=5, leaves=10)
    run.add(Record.AMENDED, T0 + 230 * ms, 0, 0, order=3, qty=5)
    run.add(Record.CANCEL, T0 + 240 * ms, 0, 0, order=3, side=1, leaves=5)
    run.add(Record.CANCELED, T0 + 252 * ms, 0, 0, order=3, leaves=5)
    for ref in (0, 5, 0, 2):
        reason = Refusal.POSITION if ref != 2 else Refusal.PRICE_BAND
        run.add(Record.REFUSED, T0 + 300 * ms, 0, 0, side=1, reason=reason, ref=ref)
    run.add(Record.HALT, T0 + 400 * ms, 0, 0, reason=Refusal.LOSS)
    for n, flags in enumerate((0, 1, 2, 3)):
        run.state(Record.MARK, T0 + (n + 1) * 450 * ms // 2, 0, 0, 12_000_001, flags=flags)
    run.state(Record.RUN_END, T0 + 1000 * ms, 0, 0, 12_000_001)
    return statistics(load_run(run.write(tmp_path)), 0, 0)


def test_orders_and_messages_of_a_small_run(eventful: Statistics) -> None:
    orders = eventful.orders
    assert (orders.placed_orders, orders.filled_orders, orders.fills) == (3, 1, 2)
    assert (orders.placed_lots, orders.filled_lots, orders.fill_ratio) == (30, 10, pytest.approx(1 / 3))
    assert (orders.orders_fill_ratio, orders.maker_share) == (pytest.approx(1 / 3), 1.0)
    assert (orders.places, orders.cancels, orders.amends, orders.messages_per_fill) == (3, 1, 1, 2.5)
    assert (orders.queue_ahead.count, orders.queue_ahead.mean) == (1, 40.0)
    assert (orders.round_trip_ms.count, orders.round_trip_ms.p50, orders.round_trip_ms.p99) == (2, 10.0, 20.0)
    assert orders.to_venue_ms.mean == pytest.approx(4.0)
    assert orders.cancel_round_trip_ms.p50 == pytest.approx(12.0)
    assert orders.refusals == {"POSITION": 7, "PRICE_BAND": 2}
    assert orders.rejects == {"POST_ONLY": 1}
    assert orders.halts == {"LOSS": 1}


def test_time_at_touch_and_with_an_invalid_book(eventful: Statistics) -> None:
    touch = eventful.at_touch
    assert (touch.marks, touch.bid, touch.ask, touch.both) == (4, 0.5, 0.5, 0.25)
    assert (eventful.span_ns, eventful.book_invalid_ns) == (SECOND, (100 + 200 + 100) * 1_000_000)
    assert eventful.turnover * SPOT.money_unit == Fraction("0.0001") * 60_000


def test_statistics_become_json(eventful: Statistics) -> None:
    told = eventful.to_dict()
    assert json.loads(json.dumps(told))["orders"]["refusals"] == {"POSITION": 7, "PRICE_BAND": 2}
    assert list(told["markouts"]) == ["0s", "0.1s", "1s", "5s", "30s"]
