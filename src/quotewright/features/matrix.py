"""Features of a recording: the values after every update, by the same step that the engine calls."""

# pyright: basic
# numba has no type stubs, and records have fields that no type checker sees.

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import ADD, CHANGE, CLEAR, DELETE, LAST, EventArray
from quotewright.domain.kernel import as_records, kernel, records
from quotewright.features.settings import FeatureSettings
from quotewright.features.slots import SLOTS
from quotewright.features.state import Model, View, new_features
from quotewright.features.step import after_update, before_row, lay_out
from quotewright.market.book import apply_row, finish_update
from quotewright.market.l3 import L3_DUPLICATE, L3_UNKNOWN, ORDER_BOOK, apply_order_row
from quotewright.market.levels import BOOK, OK

COUNT = len(SLOTS)


class Features(NamedTuple):
    """A row for every update of one instrument, in order of receipt."""

    times: Any  # int64[n]: receipt, ns
    mid2: Any  # int64[n]: best bid + best ask, ticks; 0 where the book may not be quoted on
    values: Any  # float64[n, slots]; NaN: not known


@kernel
def _fold(fs: Any, books: Any, orders: Any, rows: Any, times: Any, mids: Any, values: Any, counts: Any) -> int:
    book = books[0]
    for i in range(len(rows)):
        row = rows[i]
        kind = row.kind
        before_row(fs, book, row)
        status = apply_row(book, row)
        if kind in (ADD, CHANGE, DELETE) or (kind == CLEAR and book.l3):
            status = apply_order_row(orders[0], book, row)
            if status in (L3_UNKNOWN, L3_DUPLICATE):
                status = OK
        if status == OK and row["flags"] & LAST:
            status = finish_update(book, row)
            after_update(fs, book, row)
            at = counts[0]
            times[at] = row.local_ts
            mids[at] = book.bid + book.ask if book.valid and 0 < book.bid < book.ask else 0
            lay_out(fs, 0)
            for s in range(COUNT):
                values[at, s] = fs.values[s]
            counts[0] += 1
        if status != OK:
            return status
    return OK


class FeatureStream:
    """Features of one instrument, from its events in order of receipt: all at once, in parts, or one by one.

    Raises DataError if the book cannot hold the recording, InputError for events of another instrument.
    """

    def __init__(
        self, settings: FeatureSettings, *, l3: bool = False, model: Model | None = None, view: View | None = None
    ) -> None:
        models, views = {0: model} if model else {}, {0: view} if view else {}
        self.state = new_features([settings], models=models, views=views)
        self._books = records(1, BOOK)
        self._books[0]["l3"] = int(l3)
        self._orders = records(1, ORDER_BOOK)

    def take(self, events: EventArray) -> Features:
        """The features after each update that these events end."""
        if len(events) and (events["instrument"] != 0).any():
            raise InputError("events: instrument", int(events["instrument"].max()), "give the events of one, as 0")
        most = int((events["flags"] & LAST > 0).sum())
        times, mids, values = np.empty(most, np.int64), np.empty(most, np.int64), np.empty((most, COUNT))
        counts = np.zeros(1, np.int64)
        rows = as_records(np.ascontiguousarray(events))
        status = _fold(self.state, self._books, self._orders, rows, times, mids, values, counts)
        if status != OK:
            raise DataError(f"the book cannot hold this recording (status {status}); is the tick right?")
        return Features(times, mids, values)


def features_of(
    chunks: Iterable[EventArray],
    settings: FeatureSettings,
    *,
    l3: bool = False,
    model: Model | None = None,
    view: View | None = None,
) -> Features:
    """The features of a recording of one instrument, given in order of receipt."""
    stream = FeatureStream(settings, l3=l3, model=model, view=view)
    parts = [stream.take(events) for events in chunks]
    if not parts:
        return Features(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, COUNT)))
    return Features(*(np.concatenate([part[i] for part in parts]) for i in range(3)))
