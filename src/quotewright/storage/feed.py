"""Datasets as the feed of a session: windows of events by venue time and by home time, clocks put right.

Clock rules, applied while loading (the store keeps what was recorded):

- venue time never goes back within a stream (depth, trades, best prices, funding): it is raised to the latest before;
- all rows of an update share the times of its last row: an update is known when it is complete;
- home time is the recorded local time plus the dataset's clock offset, at least the venue time, and never goes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import DataError
from quotewright.domain.events import BEST, EVENT, FUNDING, LAST, TRADE, EventArray
from quotewright.storage.store import Dataset


class Window(NamedTuple):
    """All events before `until` (ns) and not in a window before it, in both orders.

    `exch` is sorted by venue time, `local` by home time; both stably by dataset and recorded order. They are
    one array where both orders agree.
    """

    exch: EventArray
    local: EventArray
    until: int


class _Adjusted:
    """One dataset's events with their clocks put right, whole updates at a time."""

    def __init__(self, dataset: Dataset, index: int) -> None:
        self.max_latency = dataset.max_latency
        self.last_local = 0
        self.exhausted = False
        self._chunks = dataset.chunks()
        self._name = dataset.name
        self._offset = dataset.clock_offset
        self._index = index
        self._rest: EventArray = np.zeros(0, dtype=EVENT)
        self._stream_time = np.zeros(4, dtype=np.int64)

    def next(self) -> EventArray | None:
        """The next whole updates, or None when the dataset is used up."""
        chunk = next(self._chunks, None)
        if chunk is None:
            self.exhausted = True
            if len(self._rest):
                raise DataError(f"{self._name}: the last update has no last row: import it again")
            return None
        events = np.concatenate([self._rest, chunk]) if len(self._rest) else chunk
        ends = np.flatnonzero(events["flags"] & LAST)
        whole = int(ends[-1]) + 1 if len(ends) else 0
        self._rest = events[whole:].copy()
        events = events[:whole]
        self._set_clocks(events)
        events["instrument"] = self._index
        return events

    def _set_clocks(self, events: EventArray) -> None:
        if len(events) == 0:
            return
        kinds = events["kind"]
        stream = np.select([kinds == TRADE, kinds == BEST, kinds == FUNDING], [1, 2, 3], 0)
        for number in range(4):
            mine = np.flatnonzero(stream == number)
            if len(mine):
                times = np.maximum(np.maximum.accumulate(events["exch_ts"][mine]), self._stream_time[number])
                events["exch_ts"][mine] = times
                self._stream_time[number] = times[-1]
        ends = np.flatnonzero(events["flags"] & LAST)
        lengths = np.diff(ends, prepend=-1)
        events["exch_ts"] = np.repeat(events["exch_ts"][ends], lengths)
        local = np.maximum(events["local_ts"] + self._offset, events["exch_ts"])
        local = np.maximum(np.maximum.accumulate(local), self.last_local)
        local = np.repeat(local[ends], lengths)
        events["local_ts"] = local
        self.last_local = int(local[-1])


def windows(datasets: Sequence[Dataset], rows: int = 1_000_000) -> Iterator[Window]:
    """The events of all datasets, merged; instrument indices are positions in `datasets`.

    A window holds about `rows` events, and memory about twice that, whatever the length of the recordings.
    """
    sources = [_Adjusted(dataset, index) for index, dataset in enumerate(datasets)]
    by_local: list[list[EventArray]] = [[] for _ in sources]
    by_exch: list[list[EventArray]] = [[] for _ in sources]
    until = 0
    share = max(1, rows // max(len(sources), 1))
    while True:
        for source, local, exch in zip(sources, by_local, by_exch, strict=True):
            _fill(source, local, exch, share, until)
        done = all(source.exhausted for source in sources)
        if done:
            until = max((source.last_local for source in sources), default=0) + 1
        else:
            until = min(s.last_local - s.max_latency for s in sources if not s.exhausted)
        local = _before(by_local, "local_ts", until)
        exch = _before(by_exch, "exch_ts", until)
        if len(local) or len(exch):
            yield Window(local if _same(exch, local) else exch, local, until)
        if done:
            return


def _fill(source: _Adjusted, local: list[EventArray], exch: list[EventArray], rows: int, after: int) -> None:
    """Read until `rows` events wait, and a window that ends later than `after` can be formed."""
    while not source.exhausted:
        waiting = sum(len(part) for part in local)
        if waiting >= rows and source.last_local - source.max_latency > after:
            return
        events = source.next()
        if events is not None and len(events):
            local.append(events)
            exch.append(events)


def _before(parts: list[list[EventArray]], field: str, until: int) -> EventArray:
    """Take the events whose `field` is before `until` out of the buffers, sorted stably by it."""
    taken: list[EventArray] = []
    for buffer in parts:
        events = np.concatenate(buffer) if buffer else np.zeros(0, dtype=EVENT)
        early = events[field] < until
        if early.all():
            taken.append(events)
            buffer.clear()
        else:
            taken.append(events[early])
            buffer[:] = [events[~early]]
    merged = np.concatenate(taken)
    times: npt.NDArray[Any] = merged[field]
    if len(merged) > 1 and not (times[1:] >= times[:-1]).all():
        merged = merged[np.argsort(times, kind="stable")]
    return merged


def _same(exch: EventArray, local: EventArray) -> bool:
    """Whether both orders of a window are one: then one array serves both."""
    return len(exch) == len(local) and bool((exch == local).all())
