"""Building event rows in columns: a run of rows of one message costs one entry, not one per row."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

from quotewright.domain.events import ASK, BID, EVENT, LAST, EventArray, empty_events

CHUNK_ROWS = 65_536

_RUN = struct.Struct("=9q")  # counts of side 0, BID, ASK; kind, flags, exch_ts, local_ts, seq, order_id
_FIELDS = 9
_WORDS = EVENT.itemsize // 8


class RowBuffer:
    """Rows waiting to become an event array.

    Append prices and quantities to `price` and `qty` (ticks, lots), then close them with one `run`.
    """

    def __init__(self) -> None:
        self.price: list[int] = []
        self.qty: list[int] = []
        self._runs = bytearray()

    def __len__(self) -> int:
        return len(self.price)

    @property
    def full(self) -> bool:
        """Whether there are enough rows for a chunk; ask only between updates."""
        return len(self.price) >= CHUNK_ROWS

    def run(
        self,
        kind: int,
        none: int,
        bids: int,
        asks: int,
        exch_ts: int,
        local_ts: int,
        seq: int,
        order_id: int = 0,
        flags: int = LAST,
    ) -> None:
        """Close a run of rows: `none` of side 0, then `bids`, then `asks`; LAST goes to its last row only."""
        self._runs += _RUN.pack(none, bids, asks, kind, flags, exch_ts, local_ts, seq, order_id)

    def row(
        self,
        kind: int,
        side: int,
        price: int,
        qty: int,
        exch_ts: int,
        local_ts: int,
        seq: int,
        order_id: int = 0,
        flags: int = LAST,
    ) -> None:
        """Add one row."""
        self.price.append(price)
        self.qty.append(qty)
        self._runs += _RUN.pack(side == 0, side == BID, side == ASK, kind, flags, exch_ts, local_ts, seq, order_id)

    def take(self) -> EventArray:
        """All rows as one event array; the buffer is empty afterwards."""
        runs = np.frombuffer(self._runs, dtype=np.int64).reshape(-1, _FIELDS)
        counts = runs[:, :3]
        lengths = counts.sum(axis=1)
        events = empty_events(len(self.price))
        if len(events):
            events["price"] = self.price
            events["qty"] = self.qty
            sides = np.tile(np.array([0, BID, ASK], dtype=np.int8), len(runs))
            events["side"] = np.repeat(sides, counts.ravel())
            for column, field in enumerate(("kind", "flags", "exch_ts", "local_ts", "seq", "order_id"), start=3):
                events[field] = np.repeat(runs[:, column], lengths)
            inner = np.ones(len(events), dtype=bool)
            inner[np.cumsum(lengths) - 1] = False
            events["flags"][inner] &= ~np.uint16(LAST)
        self.price, self.qty, self._runs = [], [], bytearray()
        return events


class Assembly:
    """Brings rows in order that come from compiled code, which writes them in place, and from a RowBuffer."""

    def __init__(self, buffer: RowBuffer) -> None:
        self._buffer = buffer
        self._parts: list[EventArray] = []
        self._place = np.empty(0, EVENT)
        self._begin = self._end = 0  # of the rows in place that are in no part yet

    @property
    def rows(self) -> int:
        """Rows that wait to be taken."""
        return sum(map(len, self._parts)) + self._end - self._begin + len(self._buffer)

    @property
    def full(self) -> bool:
        """Whether there are enough rows for a chunk; ask only between updates."""
        return self.rows >= CHUNK_ROWS

    def room(self) -> npt.NDArray[np.int64]:
        """Free rows to write the next ones to, each as seven 64-bit words; after `take` there are CHUNK_ROWS."""
        self._add_buffer()
        if not len(self._place):
            self._place = np.empty(CHUNK_ROWS * _WORDS, np.int64).view(EVENT)
        return self._place[self._end :].view(np.int64).reshape(-1, _WORDS)

    def wrote(self, rows: int) -> None:
        """So many rows of the room were written."""
        self._end += rows

    def take(self) -> EventArray:
        """All rows as one event array; there are none left afterwards."""
        self._add_buffer()
        self._add_place()
        parts, self._parts, self._place = self._parts, [], np.empty(0, EVENT)
        self._begin = self._end = 0
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _add_buffer(self) -> None:
        if len(self._buffer):
            self._add_place()
            self._parts.append(self._buffer.take())

    def _add_place(self) -> None:
        if self._end > self._begin:
            self._parts.append(self._place[self._begin : self._end])
            self._begin = self._end
