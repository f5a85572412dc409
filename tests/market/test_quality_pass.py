"""The data-quality pass against plain Python over random recordings, against cases by hand, and on real ones."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.events import (
    ADD,
    ASK,
    BEST,
    BID,
    CHANGE,
    CLEAR,
    DELETE,
    ESTIMATED_TIME,
    EVENT,
    FUNDING,
    LAST,
    LEVEL,
    STATUS,
    TRADE,
    EventArray,
    Status,
)
from quotewright.importers.formats import open_importer
from quotewright.market.latency_counts import BUCKETS, quantiles
from quotewright.market.quality import Quality

SECOND = 10**9
START = 1_700_000_000 * SECOND


def events_of(updates: list[list[tuple[int, ...]]]) -> EventArray:
    """Updates of rows (kind, side, price, qty, seq, exch_ts, local_ts[, order id[, flags]])."""
    rows: list[tuple[int, ...]] = []
    for update in updates:
        for i, (kind, side, price, qty, seq, exch, local, *more) in enumerate(update):
            order_id, flags = (*more, 0, 0)[:2] if len(more) < 2 else more
            rows.append(
                (exch, local, seq, order_id, price, qty, kind, side, flags | (LAST * (i == len(update) - 1)), 0)
            )
    return np.array(rows, dtype=EVENT)


def report_of(events: EventArray, cuts: list[int] | None = None, l3: bool = False) -> dict[str, Any]:
    quality = Quality(l3)
    for part in np.split(events, cuts or []):
        quality.update(part)
    return quality.report()


def naive(updates: list[list[tuple[int, ...]]]) -> dict[str, int]:
    """What the pass should count in an L2 recording, with dicts and sets."""
    names = "gaps crossed locked one_sided invalid best_crossed best_locked best_one_sided duplicate_trades"
    names += " trade_ids_back duplicate_updates update_ids_back local_time_back venue_time_back prints prints_outside"
    names += " silence silences_1s silences_10s"
    count = dict.fromkeys(names.split(), 0)
    book: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
    touch, from_best = (0, 0), False
    valid, best_seq, depth_seq, last_depth = False, 0, 0, 0
    trades: set[int] = set()
    newest: dict[str, int] = {}
    latest = updates[0][0][6]
    for update in updates:
        kind, _, price, _, seq, exch, local = update[0][:7]
        stream = {TRADE: "trade", BEST: "best", FUNDING: "funding"}.get(kind, "depth")
        count["venue_time_back"] += exch < newest.get(stream, 0)
        newest[stream] = max(exch, newest.get(stream, 0))
        count["local_time_back"] += local < latest
        count["silence"] = max(count["silence"], local - latest)
        count["silences_1s"] += local - latest > SECOND
        count["silences_10s"] += local - latest > 10 * SECOND
        latest = max(latest, local)
        if kind == STATUS:
            count["gaps"] += 1
            valid = False
        elif kind == TRADE:
            count["duplicate_trades"] += seq in trades
            count["trade_ids_back"] += seq not in trades and seq < max(trades, default=0)
            trades.add(seq)
            bid, ask = touch
            if bid and ask and (valid or from_best):
                count["prints"] += 1
                count["prints_outside"] += not bid <= price <= ask
        elif kind == BEST:
            (bid, bid_qty), (ask, ask_qty) = ((row[2], row[3]) for row in update)
            bid, ask = bid if bid_qty else 0, ask if ask_qty else 0
            count["best_one_sided"] += not (bid and ask)
            count["best_crossed"] += bool(bid and ask and bid > ask)
            count["best_locked"] += bool(bid and ask and bid == ask)
            if seq == 0 or seq >= depth_seq:
                touch, from_best, best_seq = (bid, ask), True, seq
        elif kind != FUNDING:
            for row in update:
                if row[0] == CLEAR:
                    book = {BID: {}, ASK: {}}
                    valid = True
                elif row[3]:
                    book[row[1]][row[2]] = row[3]
                else:
                    book[row[1]].pop(row[2], None)
            depth_seq = seq
            bid, ask = max(book[BID], default=0), min(book[ASK], default=0)
            if not from_best or best_seq <= depth_seq:
                touch, from_best = (bid, ask), False
            count["invalid"] += not valid
            if valid:
                count["one_sided"] += not (bid and ask)
                count["crossed"] += bool(bid and ask and bid > ask)
                count["locked"] += bool(bid and ask and bid == ask)
            if kind == CLEAR:
                last_depth = seq - 1
            else:
                count["duplicate_updates"] += seq == last_depth
                count["update_ids_back"] += seq < last_depth
                last_depth = max(last_depth, seq)
    return count


sides = st.sampled_from([BID, ASK])
prices = st.integers(95, 106)
lots = st.integers(0, 2)
levels = st.lists(st.tuples(st.just(LEVEL), sides, prices, lots), min_size=1, max_size=4)
forms = st.one_of(
    levels,
    levels.map(lambda rows: [(CLEAR, 0, 0, 0), *[(k, s, p, 1) for k, s, p, _ in rows]]),
    st.tuples(prices, lots, prices, lots).map(lambda t: [(BEST, BID, t[0], t[1]), (BEST, ASK, t[2], t[3])]),
    st.tuples(sides, prices).map(lambda t: [(TRADE, t[0], t[1], 1)]),
    st.just([(STATUS, 0, int(Status.BOOK_GAP), 0)]),
    st.just([(FUNDING, 0, 100, 5)]),
)
steps = st.sampled_from([-5, 0, 3, SECOND + 1, 11 * SECOND])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(forms, st.integers(1, 30), steps, st.integers(-4, 4)), min_size=1, max_size=40),
    st.lists(st.integers(0, 150), max_size=4).map(sorted),
)
def test_every_count_is_the_naive_one_however_the_recording_is_cut(
    drawn: list[tuple[list[tuple[int, ...]], int, int, int]], cuts: list[int]
) -> None:
    updates: list[list[tuple[int, ...]]] = []
    now = START
    for form, seq, step, lead in drawn:
        now += step
        updates.append([(*row, seq, now + lead, now) for row in form])
    events = events_of(updates)
    found = report_of(events, [cut for cut in cuts if cut < len(events)])
    expected = naive(updates)
    assert {name: found[name] for name in expected} == expected
    assert found["rows"] == len(events) == sum(found["rows_by_kind"].values())
    assert found["updates"] == len(updates)


def test_l3_books_are_judged_at_the_end_of_updates_and_count_strangers() -> None:
    def row(kind: int, side: int, price: int, qty: int, order_id: int, at: int) -> tuple[int, ...]:
        return (kind, side, price, qty, 0, START + at, START + at, order_id, 0)

    updates = [
        [(CLEAR, 0, 0, 0, 0, START, START), row(ADD, BID, 100, 1, 1, 0), row(ADD, ASK, 102, 1, 2, 0)],
        [row(ADD, BID, 103, 1, 3, 1), row(DELETE, BID, 103, 1, 3, 1)],  # crossed only within the update
        [row(ADD, BID, 102, 1, 4, 2)],  # locked
        [row(ADD, BID, 103, 1, 5, 3)],  # crossed
        [row(DELETE, BID, 103, 1, 5, 4), row(DELETE, BID, 102, 1, 4, 4)],
        [row(CHANGE, ASK, 104, 1, 99, 5)],  # never added
        [row(ADD, BID, 100, 1, 1, 6)],  # rests already
        [row(DELETE, ASK, 102, 1, 2, 7)],  # one-sided
    ]
    found = report_of(events_of(updates), [4, 9], l3=True)
    counts = ("locked", "crossed", "one_sided", "unknown_orders", "duplicate_orders", "invalid")
    assert [found[name] for name in counts] == [1, 1, 1, 1, 1, 0]


def test_a_book_that_overflows_is_reported_and_the_pass_goes_on() -> None:
    far = [(LEVEL, BID, 10**10 - 40_000 * i, 1, i, START + i, START + i) for i in range(120_000)]
    updates = [[row] for row in far] + [[(TRADE, BID, 5, 1, 1, START + 10**6, START + 10**6)]]
    found = report_of(events_of(updates))
    assert found["book_overflow"]
    assert found["updates"] == len(updates)


def test_estimated_times_say_nothing_of_the_clock() -> None:
    updates = [
        [(TRADE, BID, 100, 1, 1, START + 50, START, 0, 0)],
        [(TRADE, BID, 100, 1, 2, START + 999, START, 0, ESTIMATED_TIME)],
        [(TRADE, BID, 100, 1, 3, START, START + 70, 0, 0)],
    ]
    found = report_of(events_of(updates))
    assert found["latency_ns"] == {"rows": 2, "min": -50, "p1": -50, "p50": -50, "p99": 70, "max": 70}
    assert found["recorder_clock_behind"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-(10**13), 10**13), min_size=1, max_size=300))
def test_latency_quantiles_are_near_the_exact_ones(latencies: list[int]) -> None:
    updates = [[(TRADE, BID, 1, 1, i + 1, START, START + late)] for i, late in enumerate(latencies)]
    found = report_of(events_of(updates))["latency_ns"]
    ordered = sorted(latencies)
    assert (found["min"], found["max"]) == (ordered[0], ordered[-1])
    for name, percent in (("p1", 1), ("p50", 50), ("p99", 99)):
        exact = ordered[-(-len(ordered) * percent // 100) - 1]
        assert abs(found[name] - exact) <= Fraction(abs(exact - latencies[0]), 4096)


def test_no_events_no_figures() -> None:
    found = report_of(np.zeros(0, EVENT))
    assert found["rows"] == 0
    assert found["latency_ns"] == {"rows": 0, "min": 0, "p1": 0, "p50": 0, "p99": 0, "max": 0}
    assert not found["recorder_clock_behind"]
    assert quantiles(np.zeros(BUCKETS, np.int64), 7, (50,)) == [0]


@pytest.mark.parametrize(
    ("name", "venue", "symbol", "latency_ms", "outside"),
    [
        ("usdm_btcusdt_20240808", "binance-usdm", "BTCUSDT", (-1272, -1269, -1233), 0.4504),
        ("spot_btcusdt_20240808", "binance-spot", "BTCUSDT", (-1274, -1271, -1065), 0.4939),
        ("cm_btcusd_perp_20240808", "binance-coinm", "BTCUSD_PERP", (-1265, -1258, -1218), 0.3281),
    ],
)
def test_the_known_defects_of_real_recordings_are_found(
    shared_data: Path, name: str, venue: str, symbol: str, latency_ms: tuple[int, ...], outside: float
) -> None:
    """A clock 1.27 s behind, a third to a half of all prints outside the last received touch, and no others."""
    quality = Quality(l3=False)
    path = shared_data / "tick" / "binance_ws" / f"{name}.gz"
    chunks = list(open_importer("binance-ws", [path], find_instrument(venue, symbol)).chunks())
    for chunk in chunks:
        quality.update(chunk)
    found = quality.report()
    assert found["recorder_clock_behind"]
    quantile_ms = [found["latency_ns"][q] / 1e6 for q in ("p1", "p50", "p99")]
    assert quantile_ms == pytest.approx(latency_ms, abs=1)
    assert found["prints_outside_share"] == pytest.approx(outside, abs=5e-5)
    faults = ("gaps", "crossed", "locked", "one_sided", "invalid", "best_crossed", "duplicate_trades", "silences_1s")
    assert {fault: found[fault] for fault in faults} == dict.fromkeys(faults, 0)
    exact = np.concatenate([(c["local_ts"] - c["exch_ts"])[(c["flags"] & 3) == LAST] for c in chunks])
    assert found["latency_ns"]["min"] == exact.min()
    assert found["latency_ns"]["rows"] == len(exact)


def test_the_real_order_book_is_uncrossed_at_the_end_of_each_millisecond(shared_data: Path) -> None:
    quality = Quality(l3=True)
    instrument = find_instrument("bitstamp", "BTCUSD")
    for chunk in open_importer("bitstamp-l3", [shared_data / "tick" / "bitstamp_l3_20260502"], instrument).chunks():
        quality.update(chunk)
    found = quality.report()
    assert (found["crossed"], found["locked"], found["unknown_orders"], found["duplicate_orders"]) == (0, 0, 0, 0)
    assert [found["latency_ns"][q] / 1e6 for q in ("p1", "p50", "p99")] == pytest.approx([70, 83, 182], abs=0.5)
    assert not found["recorder_clock_behind"]
