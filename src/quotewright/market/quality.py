"""The data-quality pass: what is wrong with a recording, found by replaying it through the compiled book.

Everything is counted, nothing is repaired. States are judged at the end of updates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.events import (
    ADD,
    BEST,
    CHANGE,
    CLEAR,
    DELETE,
    ESTIMATED_TIME,
    FUNDING,
    LAST,
    STATUS,
    TRADE,
    EventArray,
    Kind,
)
from quotewright.domain.kernel import as_records, kernel, records, subkernel
from quotewright.market.book import apply_row, finish_update
from quotewright.market.l3 import L3_DUPLICATE, L3_UNKNOWN, ORDER_BOOK, apply_order_row
from quotewright.market.levels import BOOK, OK

SECOND = 10**9
SAMPLES_A_CHUNK = 4096

COUNTS = np.dtype(
    [
        ("updates", "i8"),
        ("gaps", "i8"),  # STATUS rows BOOK_GAP
        ("crossed", "i8"),  # update ends with best bid above best ask
        ("locked", "i8"),
        ("one_sided", "i8"),
        ("invalid", "i8"),  # update ends while the book is not valid
        ("duplicate_trades", "i8"),  # trade id not above the last
        ("duplicate_updates", "i8"),  # depth update id not above the last
        ("venue_time_back", "i8"),
        ("local_time_back", "i8"),
        ("prints", "i8"),  # trades seen while both sides were known
        ("prints_outside", "i8"),  # of them, outside the last received touch
        ("unknown_orders", "i8"),  # L3 changes and deletes without their order
        ("silence", "i8"),  # longest time without a row, ns
        ("silences_1s", "i8"),
        ("silences_10s", "i8"),
        ("last_local", "i8"),
        ("last_trade", "i8"),
        ("last_depth", "i8"),
        ("stream_time", "i8", (4,)),
        ("touch", "i8", (2,)),
        ("reference2", "i8"),  # first usable mid, or else first trade price, in half ticks
    ],
    align=True,
)


@kernel
def _pass(rows: Any, books: Any, orders: Any, counts: Any) -> int:
    book = books[0]
    count = counts[0]
    for i in range(len(rows)):
        row = rows[i]
        kind = row.kind
        if count.last_local > 0:
            gap = row.local_ts - count.last_local
            if gap < 0:
                count.local_time_back += 1
            count.silence = max(count.silence, gap)
            if gap > 10 * SECOND:
                count.silences_10s += 1
            if gap > SECOND:
                count.silences_1s += 1
        count.last_local = max(count.last_local, row.local_ts)
        stream = 1 if kind == TRADE else 2 if kind == BEST else 3 if kind == FUNDING else 0
        if row.exch_ts < count.stream_time[stream]:
            count.venue_time_back += 1
        count.stream_time[stream] = max(count.stream_time[stream], row.exch_ts)
        if kind == TRADE:
            if row.seq > 0:
                if row.seq <= count.last_trade:
                    count.duplicate_trades += 1
                count.last_trade = max(count.last_trade, row.seq)
            if count.touch[0] > 0 and count.touch[1] > 0:
                count.prints += 1
                if row.price < count.touch[0] or row.price > count.touch[1]:
                    count.prints_outside += 1
        elif kind == STATUS and row.price == 1:
            count.gaps += 1
        status = apply_row(book, row)
        if kind in (ADD, CHANGE, DELETE) or (kind == CLEAR and book.l3):
            status = apply_order_row(orders[0], book, row)
            if status in (L3_UNKNOWN, L3_DUPLICATE):
                count.unknown_orders += 1
                status = OK
        if status == OK and row["flags"] & LAST:
            count.updates += 1
            status = finish_update(book, row)
            _judge(book, row, count)
        if status != OK:
            return status
    return OK


@subkernel
def _judge(book: Any, row: Any, count: Any) -> None:
    """Look at the book after the last row of an update."""
    count.touch[0] = book.bid
    count.touch[1] = book.ask
    kind = row.kind
    if count.reference2 <= 0:
        if book.mid2 > 0:
            count.reference2 = book.mid2
        elif kind == TRADE and count.reference2 == 0:
            count.reference2 = -2 * row.price
    if kind in (TRADE, STATUS, FUNDING):
        return
    if book.valid == 0:
        count.invalid += 1
    elif book.bid == 0 or book.ask == 0:
        count.one_sided += 1
    elif book.bid > book.ask:
        count.crossed += 1
    elif book.bid == book.ask:
        count.locked += 1
    if kind != BEST and row.seq > 0 and kind != CLEAR:
        if row.seq <= count.last_depth:
            count.duplicate_updates += 1
        count.last_depth = max(count.last_depth, row.seq)


class Quality:
    """Accumulates over the chunks of one recording, in feed order."""

    def __init__(self, l3: bool) -> None:
        self.l3 = l3
        self._book = records(1, BOOK)
        self._book[0]["l3"] = int(l3)
        self._orders = records(1, ORDER_BOOK)
        self._counts = records(1, COUNTS)
        self._kinds = np.zeros(len(Kind) + 1, np.int64)
        self._first = 0
        self._last = 0
        self._rows = 0
        self._latency: list[npt.NDArray[np.int64]] = []
        self._least = 0
        self._most = 0
        self._timed = 0

    def update(self, events: EventArray) -> None:
        """Look at the next chunk; raises ValueError if the book cannot hold it."""
        if len(events) == 0:
            return
        status = _pass(as_records(events), self._book, self._orders, self._counts)
        if status != OK:
            raise ValueError(f"the book cannot hold this recording (status {status}); is the tick right?")
        self._kinds += np.bincount(events["kind"], minlength=len(self._kinds))[: len(self._kinds)]
        self._first = self._first or int(events["local_ts"][0])
        self._last = int(events["local_ts"][-1])
        self._rows += len(events)
        timed = events[(events["flags"] & LAST != 0) & (events["flags"] & ESTIMATED_TIME == 0)]
        if len(timed):
            latency = timed["local_ts"] - timed["exch_ts"]
            least, most = int(latency.min()), int(latency.max())
            self._least = least if self._timed == 0 else min(self._least, least)
            self._most = most if self._timed == 0 else max(self._most, most)
            self._timed += len(timed)
            self._latency.append(latency[:: max(1, len(latency) // SAMPLES_A_CHUNK)].copy())

    def report(self) -> dict[str, Any]:
        """Every count, the span, the rows by kind and the latency from venue to recorder (ns, as recorded)."""
        count = self._counts[0]
        names = [name for name in COUNTS.names or () if name not in ("stream_time", "touch")]
        figures = {name: int(count[name]) for name in names if not name.startswith("last_")}
        sample = np.concatenate(self._latency) if self._latency else np.zeros(1, np.int64)
        figures["reference2"] = abs(figures["reference2"])
        low, middle, high = (int(value) for value in np.percentile(sample, (1, 50, 99)))
        return {
            "rows": self._rows,
            "rows_by_kind": {kind.name: int(self._kinds[kind]) for kind in Kind if self._kinds[kind]},
            "first_local_ts": self._first,
            "last_local_ts": self._last,
            **figures,
            "prints_outside_share": figures["prints_outside"] / figures["prints"] if figures["prints"] else 0.0,
            "latency_ns": {
                "rows": self._timed,
                "min": self._least,
                "p1": low,
                "p50": middle,
                "p99": high,
                "max": self._most,
            },
            "recorder_clock_behind": self._timed > 0 and self._least < 0,
        }
