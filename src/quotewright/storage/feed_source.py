"""One dataset on its way into windows: read group by group, its times put in order, handed out when they are due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import DataError
from quotewright.domain.kernel import records
from quotewright.market.streams import STREAM_OF_KIND
from quotewright.storage.runs import Runs
from quotewright.storage.store import Dataset
from quotewright.storage.timeline import TIMELINE, put_in_order

NEVER = 2**63 - 1


class Adjusted(NamedTuple):
    """How many updates of a dataset, of those loaded so far, had their times moved (beyond the clock offset)."""

    updates: int
    venue_raised: int  # venue time went back in its stream
    home_clamped: int  # home time would have been before venue time
    home_raised: int  # home time would have been before the update ahead


class Due(NamedTuple):
    """What a dataset gives to a window: stretches of runs in recorded order, those due at home first."""

    stretches: list[tuple[Runs, int, int]]  # from a run to before another
    rows: int  # of all stretches
    home_runs: int
    home_rows: int
    venue_rows: tuple[int, int] | None  # the rows due by venue time, if they stand in its order as they are


@dataclass
class _Held:
    runs: Runs
    sorted: bool  # by venue time
    start: int = 0  # the first run that is not yet due at home


class Source:
    """One dataset: the updates that are read but not yet due at home, in recorded order, as runs."""

    def __init__(self, dataset: Dataset, index: int) -> None:
        self.horizon = -1  # no unread update has a venue time before it, nor thus a home time; NEVER: all is read
        self.home_time = -1  # of the last update read
        self.index = index
        self._name = dataset.name
        self._offset = dataset.clock_offset
        self._lags = _lags(dataset)
        self._timelines = records(1, TIMELINE)
        self._held: list[_Held] = []
        self._newest = 0  # local time in the file, as recorded
        self._groups = self._read(dataset)

    @property
    def used_up(self) -> bool:
        """Whether all of the dataset was read and handed out."""
        return self.horizon == NEVER and not self._held

    @property
    def next_home(self) -> int:
        """The home time of the first update held; NEVER if there is none."""
        return int(self._held[0].runs.local_ts[self._held[0].start]) if self._held else NEVER

    def read(self) -> None:
        """Take in the next row group and move the horizon."""
        found = next(self._groups, None)
        if found is None:
            self.horizon = NEVER
            return
        number, read = found
        self._newest = max(self._newest, int(read.local_ts.max()))
        runs = self._put_in_order(read)
        if int(runs.exch_ts.min()) < self.horizon:
            raise DataError(f"{self._name}: venue times lie further back than its manifest says: import it again")
        self._held.append(_Held(runs, bool((runs.exch_ts[1:] >= runs.exch_ts[:-1]).all())))
        self.home_time = int(runs.local_ts[-1])
        lag, later = self._lags[number]
        self.horizon = max(self.horizon, min(self._newest - lag, later))

    def ready(self, limit: int) -> int:
        """The rows held that are due at home before `limit`."""
        return sum(_rows(held.runs, held.start, before(held.runs.local_ts, limit)) for held in self._held)

    def home_time_of(self, row: int) -> int:
        """The home time of a row that is held, counted from 0."""
        for held in self._held:
            ahead = held.runs.rows_before(held.start)
            if row < held.runs.rows - ahead:
                return int(held.runs.local_ts[before(held.runs.first, ahead + row + 1) - 1])
            row -= held.runs.rows - ahead
        raise IndexError(row)

    def take(self, after: int, until: int) -> Due:
        """What is due in [after, until), by home time or by venue time; what is due at home is let go of.

        A run that went home before has a venue time before that, so it needs no more holding.
        """
        in_order = self._in_venue_order()
        stretches: list[tuple[Runs, int, int]] = []
        rows = home_runs = home_rows = low = high = 0
        for held in self._held:
            runs, start = held.runs, held.start
            home = before(runs.local_ts, until)
            venue = before(runs.exch_ts, until) if held.sorted else _last_before(runs.exch_ts, until)
            stop = max(home, venue)
            stretches.append((runs, start, stop))
            if in_order:
                low += _rows(runs, start, before(runs.exch_ts, after))
                high += _rows(runs, start, venue)
            rows += _rows(runs, start, stop)
            home_runs += home - start
            home_rows += _rows(runs, start, home)
            held.start = home
        self._held = [held for held in self._held if held.start < len(held.runs.first)]
        return Due(stretches, rows, home_runs, home_rows, (low, high) if in_order else None)

    def adjusted(self) -> Adjusted:
        """What was moved so far."""
        line = self._timelines[0]
        return Adjusted(*(int(line[name]) for name in Adjusted._fields))

    def _in_venue_order(self) -> bool:
        held = self._held
        return all(part.sorted for part in held) and all(
            ahead.runs.exch_ts[-1] <= behind.runs.exch_ts[0] for ahead, behind in pairwise(held)
        )

    def _put_in_order(self, read: Runs) -> Runs:
        """The same runs, with their times in order."""
        runs = read._replace(exch_ts=read.exch_ts.copy(), local_ts=read.local_ts.copy())
        whole = put_in_order(
            runs.exch_ts, runs.local_ts, runs.kind, runs.flags, self._timelines, STREAM_OF_KIND, self._offset
        )
        if self._timelines[0]["uneven"]:
            raise DataError(f"{self._name}: rows of one update differ in time: import it again")
        if whole < len(runs.first):
            raise DataError(f"{self._name}: the last update has no last row: import it again")
        return runs

    def _read(self, dataset: Dataset) -> Iterator[tuple[int, Runs]]:
        for number, entry in enumerate(dataset.files):
            self._newest = int(entry["first_ts"])
            for runs in dataset.file_runs(entry):
                yield number, runs


def before(times: npt.NDArray[Any], limit: int) -> int:
    """How many of sorted times are before `limit`."""
    return int(np.searchsorted(times, limit))


def _last_before(times: npt.NDArray[Any], limit: int) -> int:
    """One past the last of unsorted times that is before `limit`."""
    found = np.flatnonzero(times < limit)
    return int(found[-1]) + 1 if len(found) else 0


def _rows(runs: Runs, start: int, stop: int) -> int:
    return runs.rows_before(stop) - runs.rows_before(start) if stop > start else 0


def _lags(dataset: Dataset) -> list[tuple[int, int]]:
    """For each file its lag, and a time that no venue time in any later file is before."""
    found: list[tuple[int, int]] = []
    later = NEVER
    for entry in reversed(dataset.files):
        found.append((entry["lag"], later))
        later = min(later, entry["first_ts"] - entry["lag"])
    return found[::-1]
