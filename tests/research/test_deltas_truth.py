"""The labeller against what is known: order-by-order recordings, real and synthetic, and the real feeds of levels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import InputError
from quotewright.domain.events import ADD, CHANGE, CLEAR, DELETE, LAST, LEVEL, TRADE, EventArray, empty_events
from quotewright.importers.binance_ws import BinanceWs
from quotewright.importers.bitstamp_l3 import BitstampL3
from quotewright.research.delta_report import delta_report
from quotewright.research.deltas_truth import (
    MILLISECOND,
    naive_lots,
    truth_study,
    wilson,
    with_clock,
    with_merged_sweeps,
)
from quotewright.research.order_levels import order_levels
from quotewright.signals.delta_labels import label
from quotewright.signals.deltas import DEAL, THROUGH
from quotewright.simulation.presets import load_preset
from quotewright.simulation.synthetic import generate_all

SECOND = 10**9


@pytest.fixture(scope="module")
def turbulent() -> EventArray:
    return generate_all(load_preset("turbulent"), 21, 60 * SECOND)


@pytest.fixture(scope="module")
def bitstamp(shared_data: Path) -> EventArray:
    importer = BitstampL3([shared_data / "tick/bitstamp_l3_20260502"], find_instrument("bitstamp", "BTCUSD"))
    return np.concatenate(list(importer.chunks()))


def by_hand(events: EventArray) -> list[tuple[int, int, int, int]]:
    """(side, price, change, traded) of each update's levels, with dicts."""
    orders: dict[int, list[int]] = {}
    fills: dict[int, int] = {}
    found, update, first = [], {}, True
    names = ("kind", "side", "price", "qty", "order_id", "flags")
    for kind, side, price, qty, order, flags in zip(*(events[n].tolist() for n in names), strict=True):
        if kind == TRADE:
            fills[order] = fills.get(order, 0) + qty
        elif kind == ADD:
            orders[order] = [side, price, qty]
            level = update.setdefault((side, price), [0, 0])
            level[0] += qty
        elif kind in (CHANGE, DELETE):
            side, price, before = orders[order]
            after = qty if kind == CHANGE else 0
            level = update.setdefault((side, price), [0, 0])
            level[0] += after - before
            filled = min(max(before - after, 0), fills.get(order, 0))
            fills[order] = fills.get(order, 0) - filled
            level[1] += filled
            orders[order][2] = after
        if flags & LAST:
            if not first:
                found += [(*key, d, max(0, min(t, -d))) for key, (d, t) in update.items() if d]
            first, update = first and kind == TRADE, {}
    return found


def test_levels_and_truth_are_those_of_the_orders(turbulent: EventArray) -> None:
    levels = order_levels(turbulent)
    rows = levels.events[levels.events["kind"] == LEVEL][-len(levels.lots) :]
    found = list(zip(*(a.tolist() for a in (rows["side"], rows["price"], levels.lots, levels.traded)), strict=True))
    assert found == by_hand(turbulent)
    traded = turbulent["qty"][turbulent["kind"] == TRADE].sum()
    assert levels.traded.sum() == traded == levels.events["qty"][levels.events["kind"] == TRADE].sum()


def test_levels_at_intervals_add_up_to_the_same_book(turbulent: EventArray) -> None:
    every, rare = order_levels(turbulent), order_levels(turbulent, 100 * MILLISECOND)
    assert len(rare.lots) < len(every.lots) / 2
    last = rare.events["exch_ts"][rare.events["kind"] == LEVEL][-1]
    books = []
    for levels in (every, rare):
        book: dict[tuple[int, int], int] = {}
        rows = levels.events[(levels.events["kind"] == LEVEL) & (levels.events["exch_ts"] <= last)]
        for row in rows:
            book[int(row["side"]), int(row["price"])] = int(row["qty"])
        books.append({key: qty for key, qty in book.items() if qty})
    assert books[0] == books[1]
    assert ((rare.traded >= 0) & (rare.traded <= np.maximum(-rare.lots, 0))).all()


def test_with_one_clock_and_every_update_the_labels_are_the_truth(turbulent: EventArray) -> None:
    study = truth_study([turbulent], spread_ns=0, block_ns=5 * SECOND)
    assert study.trades.precision.value == study.trades.recall.value == study.cancels.recall.value == 1.0
    assert study.better_f1.low > 0.25


@pytest.mark.parametrize(("every", "least"), [(0, 0.97), (100, 0.98)])
def test_with_another_clock_it_stays_close_and_beats_the_naive_matcher(
    turbulent: EventArray, every: int, least: float
) -> None:
    study = truth_study([turbulent], every_ns=every * MILLISECOND, block_ns=5 * SECOND)
    assert study.traded > 500
    assert study.trades.f1.value > least
    assert study.trades.f1.low <= study.trades.f1.value <= study.trades.f1.high
    assert study.cancels.f1.value > 0.99
    assert study.better_f1.low > 0.25
    assert study.better_recall.low > 0.4
    assert study.better_precision.value > 0
    assert all(0 <= share <= 1 for _, _, share in study.by_evidence)
    assert len(study.confidence()) == 10


def test_one_print_for_a_sweep(turbulent: EventArray) -> None:
    levels = order_levels(turbulent)
    merged = with_merged_sweeps(levels.events)
    assert merged["qty"][merged["kind"] == TRADE].sum() == levels.events["qty"][levels.events["kind"] == TRADE].sum()
    study = truth_study([turbulent], spread_ns=0, merged_sweeps=True, block_ns=5 * SECOND)
    assert study.trades.precision.value > 0.98
    assert study.trades.recall.value > 0.98
    assert {kind: share for kind, _, share in study.by_evidence}[THROUGH] > 0.98


def test_another_clock_keeps_the_tape_and_its_order(turbulent: EventArray) -> None:
    events = order_levels(turbulent).events
    other = with_clock(events, 5 * MILLISECOND, 50 * MILLISECOND, np.random.default_rng(1))
    assert (np.diff(other["local_ts"]) >= 0).all()
    for of in (other["kind"] == TRADE, other["kind"] != TRADE):
        assert (np.diff(other["exch_ts"][of]) >= 0).all()
    for name in ("price", "qty", "seq"):
        for kind in (TRADE, LEVEL):
            assert (other[name][other["kind"] == kind] == events[name][events["kind"] == kind]).all()


def test_the_naive_matcher_is_its_definition() -> None:
    events = empty_events(5)
    events["kind"] = [CLEAR, TRADE, LEVEL, LEVEL, LEVEL]
    events["side"] = [0, 1, -1, -1, -1]
    events["price"], events["qty"] = [0, 101, 101, 101, 101], [0, 4, 6, 2, 1]
    events["exch_ts"] = [0, 10, 12, 14, 16]
    events["flags"] = LAST
    lots = np.array([-4, -4, -1])
    assert naive_lots(events, lots, 3).tolist() == [4, 0, 0]
    assert naive_lots(events, lots, 1).tolist() == [0, 0, 0]


def test_wilson_s_interval() -> None:
    """Agresti & Coull (1998): 0 of 10 gives [0, 0.2775]."""
    assert wilson(0, 10) == pytest.approx((0.0, 0.0, 0.2775), abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.5, 0.2366, 0.7634), abs=1e-4)


def test_refusals(turbulent: EventArray) -> None:
    with pytest.raises(InputError, match="orders"):
        order_levels(turbulent[turbulent["kind"] == TRADE])
    with pytest.raises(InputError):
        order_levels(turbulent, -1)
    with pytest.raises(InputError, match="blocks"):
        truth_study([turbulent], block_ns=30 * SECOND)


def test_bitstamp_s_truth(bitstamp: EventArray) -> None:
    """284 prints; also shown every 100 ms, and with a clock that is off by 10 ms."""
    for every, spread, least in ((0, 2, 0.999), (0, 10, 0.99), (100, 2, 0.99), (100, 10, 0.98)):
        study = truth_study([bitstamp], every_ns=every * MILLISECOND, spread_ns=spread * MILLISECOND)
        assert study.trades.precision.value > least
        assert study.trades.recall.value > least
        assert study.trades.recall_by_change.low > 0.95
        assert study.better_recall.low > 0.3
        assert study.better_f1.low > 0.2


@pytest.mark.parametrize(
    ("name", "venue", "symbol", "explained"),
    [
        ("spot_ethusdt_20240808", "binance-spot", "ETHUSDT", 0.8),
        ("usdm_ethusdt_20240718", "binance-usdm", "ETHUSDT", 0.8),
        ("cm_ethusd_perp_20240808", "binance-coinm", "ETHUSD_PERP", 0.9),
    ],
)
def test_real_feeds_of_levels(shared_data: Path, name: str, venue: str, symbol: str, explained: float) -> None:
    importer = BinanceWs([shared_data / f"tick/binance_ws/{name}.gz"], find_instrument(venue, symbol))
    events = np.concatenate(list(importer.chunks()))
    deltas = label(events)
    report = delta_report(deltas)
    assert report.explained_lots > explained
    assert report.printed_lots == report.unseen_lots + deltas["lots"][deltas["kind"] == DEAL].sum()
    assert 0 < report.traded_lots < 0.1
    assert report.trade_delay[0] < 1.0
    assert report.cancel_delay[1] < 1_000.0
    assert 0.95 < report.confidence <= 1
