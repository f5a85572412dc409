"""Events as runs: what the rows of a message share is kept once, and only price and quantity once a row.

A *run* is consecutive rows of one update that share kind, flags, seq and order id, bids before asks; a row without a
side is a run of its own. Cut as long as possible, runs are the same whatever the chunks they came in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.events import EVENT, EventArray
from quotewright.storage.run_kernels import expand, number, split

WORDS = EVENT.itemsize // 8

Column = npt.NDArray[Any]


class Runs(NamedTuple):
    """Columns by run, the first nine, and by row, the last two; nobody writes to them once they are made.

    `bids` + `asks` rows belong to a run, or one row without a side if both are 0; `first` is where they begin.
    """

    exch_ts: Column  # int64
    local_ts: Column  # int64
    seq: Column  # int64
    order_id: Column  # int64
    kind: Column  # uint8
    flags: Column  # uint16
    bids: Column  # int32
    asks: Column  # int32
    first: Column  # int64
    price: Column  # int64
    qty: Column  # int64

    @property
    def rows(self) -> int:
        """Number of events."""
        return len(self.price)

    def rows_before(self, run: int) -> int:
        """Number of events ahead of a run; `run` may be one past the last."""
        return int(self.first[run]) if run < len(self.first) else len(self.price)

    def counts(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Number of events of each run from `start` to before `stop`."""
        return np.diff(self.first[start:stop], append=self.rows_before(stop))

    def part(self, start: int, stop: int) -> Runs:
        """The runs from `start` to before `stop`, as views but for `first`."""
        low, high = self.rows_before(start), self.rows_before(stop)
        by_run = [column[start:stop] for column in self[:8]]
        return Runs._make([*by_run, self.first[start:stop] - low, self.price[low:high], self.qty[low:high]])


PER_RUN: dict[str, Any] = {
    "exch_ts": np.int64,
    "local_ts": np.int64,
    "seq": np.int64,
    "order_id": np.int64,
    "kind": np.uint8,
    "flags": np.uint16,
    "bids": np.int32,
    "asks": np.int32,
}
PER_ROW: dict[str, Any] = {"price": np.int64, "qty": np.int64}


def with_first(by_run: Sequence[Column], by_row: Sequence[Column]) -> Runs:
    """Runs of columns in the order of PER_RUN and PER_ROW; raises ValueError if their lengths disagree."""
    first = np.empty(len(by_run[0]), np.int64)
    rows = number(_read_only(by_run[6]), _read_only(by_run[7]), first)
    if rows < 0:
        raise ValueError("a run has fewer than no rows")
    if rows != len(by_row[0]) or rows != len(by_row[1]):
        raise ValueError("the runs do not have as many rows as there are prices and quantities")
    return Runs._make([*by_run, first, *by_row])


def split_events(events: EventArray) -> tuple[Runs, int, int]:
    """Contiguous whole updates as runs; also what is wrong (a code of `run_kernels`) and at which row."""
    rows = len(events)
    by_run: list[Column] = [np.empty(rows, dtype) for dtype in PER_RUN.values()]
    by_row: list[Column] = [np.empty(rows, dtype) for dtype in PER_ROW.values()]
    outcome = np.zeros(2, np.int64)
    arrays: list[Column] = [events.view(np.int64).reshape(-1, WORDS), *by_run, *by_row, outcome]
    runs = split(*arrays)
    if outcome[0]:
        return no_runs(), int(outcome[0]), int(outcome[1])
    return with_first([column[:runs].copy() for column in by_run], by_row), 0, 0


def no_runs() -> Runs:
    """Runs without any row."""
    return Runs._make(np.zeros(0, dtype) for dtype in (*PER_RUN.values(), np.int64, *PER_ROW.values()))


def join_runs(parts: Sequence[Runs]) -> Runs:
    """The runs of all parts, one after another; a single part is returned as it is."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return no_runs()
    starts = np.cumsum([0, *(part.rows for part in parts[:-1])])
    first = np.concatenate([part.first + start for part, start in zip(parts, starts, strict=True)])
    columns = [np.concatenate([part[i] for part in parts]) for i in range(len(parts[0]))]
    columns[8] = first
    return Runs._make(columns)


def to_events(runs: Runs) -> EventArray:
    """All runs as events, of instrument 0."""
    rows = np.empty((runs.rows, WORDS), np.int64)
    write_rows(runs, 0, len(runs.first), 0, rows, 0)
    return rows.reshape(-1).view(EVENT)


def write_rows(runs: Runs, start: int, stop: int, instrument: int, rows: Column, at: int) -> int:
    """Write the runs from `start` to before `stop` as event records, seven words each, from row `at` on.

    Returns the row after the last one written.
    """
    arguments: list[Any] = [start, stop, instrument, *map(_read_only, runs), rows, at]
    return expand(*arguments)


def _read_only(column: Column) -> Column:
    """Arrow's columns cannot be written to; with all columns alike, one compiled form serves all."""
    view = column.view()
    view.flags.writeable = False
    return view
