"""One day's Parquet files in the making: row groups of whole updates, the same whatever the chunks' sizes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from quotewright.domain.events import LAST
from quotewright.domain.kernel import records
from quotewright.market.streams import STREAM_OF_KIND
from quotewright.storage.digest import DayDigest
from quotewright.storage.runs import Runs, join_runs
from quotewright.storage.schema import FORMS, ROW_GROUP, open_writer, to_table
from quotewright.storage.timeline import TIMELINE, put_in_order


def part_name(day: str, form: str) -> str:
    """The name of a day's file of one form."""
    return f"{day}.{form}.parquet"


class DayFile:
    """Takes whole updates of one day in feed order; `finish` closes its files and gives their entry in the manifest."""

    def __init__(self, folder: Path, day: str) -> None:
        self._folder = folder
        self._day = day
        self._rows = 0
        self._first: int | None = None
        self._last = 0
        self._timelines = records(1, TIMELINE)
        self._digest = DayDigest()
        self._waiting: list[Runs] = []
        self._waiting_rows = 0
        self._writers: dict[str, Any] = {}

    def append(self, runs: Runs) -> None:
        """Add whole updates, at least one."""
        self._measure(runs)
        if self._first is None:
            self._first = int(runs.local_ts[0])
        self._last = int(runs.local_ts[-1])
        self._rows += runs.rows
        self._waiting.append(runs)
        self._waiting_rows += runs.rows
        if self._waiting_rows >= ROW_GROUP:
            self._write_full_groups()

    def finish(self) -> dict[str, Any]:
        """Close the files, bring them to the disk, and return the day's entry in the manifest."""
        if self._waiting:
            self._write_group(join_runs(self._waiting))
        parts: dict[str, dict[str, Any]] = {}
        for form, writer in self._writers.items():
            writer.close()
            path = self._folder / part_name(self._day, form)
            with path.open("rb") as file:
                os.fsync(file.fileno())
                parts[form] = {
                    "bytes": path.stat().st_size,
                    "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
                }
        return {
            "day": self._day,
            "rows": self._rows,
            "first_ts": self._first,
            "last_ts": self._last,
            "lag": int(self._timelines[0]["lag"]),
            "digest": self._digest.hexdigest(),
            "bytes": sum(part["bytes"] for part in parts.values()),
            "parts": parts,
        }

    def abandon(self) -> None:
        """Close the files, whatever is in them."""
        for writer in self._writers.values():
            writer.close()

    def _measure(self, runs: Runs) -> None:
        """Learn the file's lag, which says how far a reader must look ahead."""
        exch_ts, local_ts = runs.exch_ts.copy(), runs.local_ts.copy()
        put_in_order(exch_ts, local_ts, runs.kind, runs.flags, self._timelines, STREAM_OF_KIND, 0)

    def _write_full_groups(self) -> None:
        """Write groups that end with the update in which they reach their size; what is left waits."""
        runs = join_runs(self._waiting)
        ends = np.flatnonzero(runs.flags & LAST)  # the last run of every update
        sizes = np.append(runs.first, runs.rows)[ends + 1]  # rows up to its end
        start = 0
        while True:
            at = int(np.searchsorted(sizes, runs.rows_before(start) + ROW_GROUP))
            if at == len(sizes):
                break
            stop = int(ends[at]) + 1
            self._write_group(runs.part(start, stop))
            start = stop
        rest = runs.part(start, len(runs.first))
        self._waiting, self._waiting_rows = ([rest] if rest.rows else []), rest.rows

    def _write_group(self, runs: Runs) -> None:
        self._digest.update(runs)
        if not self._writers:
            for form in FORMS:
                self._writers[form] = open_writer(str(self._folder / part_name(self._day, form)), form, runs)
        for form, writer in self._writers.items():
            writer.write_table(to_table(runs, form), row_group_size=runs.rows)
