"""The data-quality pass: what is wrong with a recording, found by replaying it through the compiled book.

Everything is counted, nothing is repaired. Times are those recorded, before any clock offset; book states are judged
at the end of updates. It takes the recording in chunks, in bounded memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.events import EventArray, Kind
from quotewright.domain.kernel import as_records, records
from quotewright.market.l3 import ORDER_BOOK
from quotewright.market.latency_counts import BUCKETS, quantiles
from quotewright.market.levels import BOOK, OK
from quotewright.market.quality_pass import COUNTS, TRADE_IDS, look_at
from quotewright.market.streams import STREAM_OF_KIND, STREAMS

_INNER = ("last_local", "last_trade", "last_depth", "newest", "in_update", "first_latency", "book_status")


class Quality:
    """Accumulates over the chunks of one recording, in feed order; `l3`: the book is order by order."""

    def __init__(self, l3: bool) -> None:
        self.l3 = l3
        self._books = records(1, BOOK)
        self._books[0]["l3"] = int(l3)
        self._orders = records(1, ORDER_BOOK)
        self._counts = records(1, COUNTS)
        self._kinds = np.zeros(256, np.int64)
        self._trade_ids = np.zeros(TRADE_IDS, np.int64)
        self._latencies = np.zeros(BUCKETS, np.int64)

    def update(self, events: EventArray) -> None:
        """Look at the next chunk."""
        self._kinds += np.bincount(events["kind"], minlength=256)
        look_at(
            as_records(events),
            self._books,
            self._orders,
            self._counts,
            self._trade_ids,
            self._latencies,
            STREAM_OF_KIND,
        )

    def report(self) -> dict[str, Any]:
        """All figures so far, as plain values; times and durations in ns. The store's reference page explains each."""
        count = self._counts[0]
        figures: dict[str, Any] = {
            name: int(count[name])
            for name in COUNTS.names or ()
            if name not in _INNER and COUNTS[name].shape == () and not name.startswith("latency")
        }
        figures["reference2"] = abs(figures["reference2"])
        timed = int(count["latency_rows"])
        low, middle, high = quantiles(self._latencies, int(count["first_latency"]), (1, 50, 99))
        return {
            "rows": int(self._kinds.sum()),
            "rows_by_kind": {kind.name: int(self._kinds[kind]) for kind in Kind if self._kinds[kind]},
            **figures,
            "venue_time_back": int(np.sum(count["venue_back"])),
            "venue_time_back_by_stream": {
                stream: {"updates": int(updates), "most": int(most)}
                for stream, updates, most in zip(STREAMS, count["venue_back"], count["venue_back_most"], strict=True)
                if updates
            },
            "prints_outside_share": figures["prints_outside"] / figures["prints"] if figures["prints"] else 0.0,
            "latency_ns": {
                "rows": timed,
                "min": int(count["latency_min"]),
                "p1": low,
                "p50": middle,
                "p99": high,
                "max": int(count["latency_max"]),
            },
            "recorder_clock_behind": timed > 0 and int(count["latency_min"]) < 0,
            "book_overflow": int(count["book_status"]) != OK,
        }
