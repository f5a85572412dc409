"""Label the changes of a recording or a live feed: `Labeller`, over the step of `deltas`."""

# pyright: basic
# numba has no type stubs, and records have fields that no type checker sees.

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import (
    ADD,
    BID,
    CHANGE,
    CLEAR,
    DELETE,
    EVENT,
    LAST,
    LEVEL,
    NOTE,
    TRADE,
    EventArray,
)
from quotewright.domain.kernel import as_records, kernel, records, subkernel
from quotewright.market.book import apply_row, finish_update
from quotewright.market.levels import BOOK, OK, level_qty
from quotewright.signals.deltas import (
    CONFIDENCE,
    DELTA,
    EVIDENCE,
    end_update,
    new_deltas,
    room_needed,
    settle,
    take_change,
    take_print,
)

MILLISECOND = 10**6
SKEW = 2 * MILLISECOND
WAIT = 500 * MILLISECOND
ROOM = 1 << 15  # rows: more than every decrement and print that may wait could write


@subkernel
def label_row(s: Any, book: Any, row: Any, by_receipt: int, out: Any) -> int:
    """Take in one row of the market, which `book` has not seen, and apply it to the book; the status of the book.

    Nothing is labelled while the book is not valid, nor what a snapshot changes.
    """
    kind = row.kind
    time = row.local_ts if by_receipt else row.exch_ts
    side = row.side
    if book.valid == 1 and book.clearing == 0:
        if kind == LEVEL:
            touch = book.depth_bid if side == BID else book.depth_ask
            before = level_qty(book, side, row.price)
            take_change(s, row.instrument, row.local_ts, time, side, row.price, before, row.qty, touch, out)
        elif kind == TRADE and side != 0 and row.qty > 0:
            touch = book.depth_ask if side == BID else book.depth_bid
            take_print(s, row.instrument, row.local_ts, time, side, row.price, row.qty, touch, out)
    status = apply_row(book, row)
    if row["flags"] & LAST == LAST:
        if status == OK:
            status = finish_update(book, row)
        if kind in (CLEAR, LEVEL, NOTE):
            end_update(s, time)
        settle(s, row.local_ts, out)
    return status


@kernel
def _fold(state: Any, book: Any, rows: Any, start: int, by_receipt: int, out: Any, status: Any) -> int:
    """Label rows from `start` on until `out` might be full; how far it came."""
    s = state[0]
    for i in range(start, len(rows)):
        if s.made + room_needed(s) > len(out):
            return i
        status[0] = label_row(s, book[0], rows[i], by_receipt, out)
        if status[0] != OK:
            return i
    return len(rows)


@kernel
def _settle(state: Any, now: int, out: Any) -> None:
    settle(state[0], now, out)


class Labeller:
    """The deltas of one instrument, from its events in order of receipt: all at once, in parts, or one by one.

    `skew_ns` is how far the clocks of prints and book may differ, `wait_ns` how long after its receipt a decrement or a
    print may wait for the other. With `by_receipt` the receipt times are lined up instead of the venue's, where these
    are missing or not of one clock; `skew_ns` must then cover the difference of the two streams' delays.
    `merged_sweeps` tells that the tape has one print for a sweep of several levels, at its last price, instead of one
    for each level or maker. `confidence` holds a share for each kind of evidence. Raises InputError for a time below
    zero.
    """

    def __init__(
        self,
        skew_ns: int = SKEW,
        wait_ns: int = WAIT,
        *,
        by_receipt: bool = False,
        merged_sweeps: bool = False,
        confidence: tuple[float, ...] = CONFIDENCE,
    ) -> None:
        if skew_ns < 0 or wait_ns < 0:
            raise InputError("skew_ns, wait_ns", (skew_ns, wait_ns), "give numbers of at least 0")
        if len(confidence) != EVIDENCE or not all(0 <= c <= 1 for c in confidence):
            raise InputError("confidence", confidence, f"give {EVIDENCE} shares between 0 and 1")
        self.state: Any = new_deltas(skew_ns, wait_ns, confidence, merged_sweeps=merged_sweeps)
        self.book: Any = records(1, BOOK)
        self._by_receipt = int(by_receipt)
        self._out: Any = records(ROOM, DELTA)

    def label(self, events: EventArray) -> Any:
        """What is decided by these events: an array of DELTA in order of decision.

        Raises InputError for order-by-order rows (see `research.order_levels`) or more than one instrument, DataError
        if the book has no room.
        """
        if len(events) and (events["instrument"] != events["instrument"][0]).any():
            raise InputError("events", "several instruments", "give each instrument a labeller of its own")
        if np.isin(events["kind"], (ADD, CHANGE, DELETE)).any():
            raise InputError("events", "order by order", "turn them into levels with research.order_levels")
        rows, at, parts = as_records(events.view(EVENT)), 0, []
        status = np.zeros(1, np.int64)
        while at < len(rows):
            at = _fold(self.state, self.book, rows, at, self._by_receipt, self._out, status)
            if status[0] != OK:
                raise DataError(f"the book has no room for the level of row {at}")
            parts.append(self._take())
        return np.concatenate(parts) if parts else np.zeros(0, DELTA)

    def finish(self) -> Any:
        """What is left to decide when nothing more will come: as at one wait after the last event."""
        return self.pass_time(int(self.state["seen"][0] + self.state["wait"][0]))

    def pass_time(self, now_ns: int) -> Any:
        """What is decided when no event comes until `now_ns`, receipt time."""
        _settle(self.state, now_ns, self._out)
        return self._take()

    def _take(self) -> Any:
        made = int(self.state[0]["made"])
        self.state["made"] = 0
        return np.asarray(self._out[:made]).view(DELTA).copy()


def label(
    events: EventArray,
    skew_ns: int = SKEW,
    wait_ns: int = WAIT,
    *,
    by_receipt: bool = False,
    merged_sweeps: bool = False,
    confidence: tuple[float, ...] = CONFIDENCE,
) -> Any:
    """All deltas of a recording of one instrument, an array of DELTA in order of decision; see `Labeller`."""
    labeller = Labeller(skew_ns, wait_ns, by_receipt=by_receipt, merged_sweeps=merged_sweeps, confidence=confidence)
    return np.concatenate([labeller.label(events), labeller.finish()])
