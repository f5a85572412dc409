"""Writing a dataset: days as Parquet in a folder of their own, then one atomic switch of the manifest.

The folder grows under `DIR/.importing` and is moved beside the dataset when it is complete and on the disk. Until
the new manifest replaces the old one, readers see the old dataset, whole. Whatever kills the writer leaves at most
a folder that no manifest names, which the next import of the symbol removes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import EVENT, LAST, EventArray, empty_events
from quotewright.domain.instrument import Instrument
from quotewright.domain.kernel import as_records, records
from quotewright.market.streams import STREAM_OF_KIND
from quotewright.storage.manifest import (
    DAY,
    MANIFEST,
    dataset_folder,
    dataset_hash,
    encode,
    read_manifest,
    utc_day,
)
from quotewright.storage.rows import canonical_bytes, words
from quotewright.storage.schema import ROW_GROUP, SCHEMA_VERSION, best_qty_encoding, open_writer, to_table
from quotewright.storage.timeline import TIMELINE, put_in_order

_WORKING = ".importing"
_LATEST = 2**62  # ns; a time above it (in the year 2116) is damage, and could overflow


class StoreWriter:
    """Takes chunks of events in feed order; `commit` makes them the dataset of the instrument, replacing any before.

    Use as a context manager: leaving it without `commit` removes what was written. Raises InputError if another
    process is importing the same symbol.
    """

    def __init__(self, store: Path, instrument: Instrument) -> None:
        self._instrument = instrument
        self._folder = dataset_folder(store, instrument.venue, instrument.symbol)
        self._working = store / _WORKING / instrument.venue / instrument.symbol
        self._rows = hashlib.sha256()
        self._files: list[dict[str, Any]] = []
        self._last_day = 0
        self._day: _DayFile | None = None
        self._lock: Any = None

    def __enter__(self) -> Self:
        try:
            self._working.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise InputError("store", str(self._folder.parents[1]), "is not a folder") from None
        self._lock = self._working.with_name(f"{self._working.name}.lock").open("wb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise InputError("instrument", self._instrument.name, "is being imported by another process") from None
        self._remove_strays()
        self._working.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        if self._day is not None:
            self._day.abandon()
        shutil.rmtree(self._working, ignore_errors=True)
        self._lock.close()

    def append(self, events: EventArray) -> None:
        """Add whole updates; days are UTC days of the recorded local time.

        Raises DataError for an array that is no event array, rows that no event can be, and updates that are
        incomplete or whose rows differ in time.
        """
        if len(events) == 0:
            return
        self._refuse_impossible(events)
        events = np.ascontiguousarray(events)
        self._rows.update(canonical_bytes(events))
        days = np.maximum(np.maximum.accumulate(events["local_ts"] // DAY), self._last_day)
        cuts = np.flatnonzero(np.diff(days)) + 1
        for first, part in zip([0, *cuts], np.split(events, cuts), strict=True):
            self._append_day(int(days[first]), part)

    def commit(self, clock_offset: int, details: Mapping[str, Any]) -> str:
        """Switch to what was written; returns the dataset's hash. `details` go into the manifest as they are."""
        self._end_day()
        if not self._files:
            raise DataError(f"{self._instrument.name}: nothing to store: no event was imported")
        name = dataset_hash(self._rows.hexdigest(), self._instrument, clock_offset)
        data = self._place_data(name)
        manifest = {
            **details,
            "schema": SCHEMA_VERSION,
            "hash": name,
            "rows_sha256": self._rows.hexdigest(),
            "data": data.name,
            "instrument": self._instrument.to_dict(),
            "clock_offset": clock_offset,
            "rows": sum(entry["rows"] for entry in self._files),
            "first_ts": self._files[0]["first_ts"],
            "last_ts": self._files[-1]["last_ts"],
            "files": self._files,
        }
        replace_file(self._folder / MANIFEST, encode(manifest))
        self._remove_strays()
        return name

    def _refuse_impossible(self, events: EventArray) -> None:
        name = self._instrument.name
        if events.dtype != EVENT or events.ndim != 1:
            raise DataError(f"{name}: an array of {events.dtype} is not an array of events")
        kinds, sides = events["kind"], events["side"]
        wrong = (kinds < 1) | (kinds > 10) | (sides < -1) | (sides > 1)
        for field in ("exch_ts", "local_ts"):
            wrong |= (events[field] < 0) | (events[field] > _LATEST)
        if wrong.any():
            raise DataError(f"{name}: no event can be {events[int(np.argmax(wrong))]}")
        if not events["flags"][-1] & LAST:
            raise DataError(f"{name}: the last update of a chunk has no last row")

    def _append_day(self, day: int, part: EventArray) -> None:
        if self._day is None or day != self._last_day:
            self._end_day()
            self._last_day = day
            self._day = _DayFile(self._working, utc_day(day * DAY), self._instrument.name)
        self._day.append(part)

    def _end_day(self) -> None:
        if self._day is not None:
            self._files.append(self._day.finish())
            self._day = None

    def _place_data(self, name: str) -> Path:
        """Move the finished folder beside the dataset, under a name that is free."""
        self._folder.mkdir(parents=True, exist_ok=True)
        number = 1
        while (data := self._folder / f"{name[:16]}-{number}").exists():
            number += 1
        sync_folder(self._working)
        self._working.replace(data)
        sync_folder(self._folder)
        return data

    def _remove_strays(self) -> None:
        """Remove what no manifest names: a killed import's folders, and the data that was just replaced."""
        shutil.rmtree(self._working, ignore_errors=True)
        try:
            keep = read_manifest(self._folder / MANIFEST)["data"]
        except DataError:
            keep = None
        if keep is None and (self._folder / MANIFEST).exists():
            return  # a damaged manifest may be restored; this import's own will name what to keep
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if path.is_dir() and path.name != keep:
                shutil.rmtree(path, ignore_errors=True)
            elif path.name.startswith(f".{MANIFEST}."):
                path.unlink(missing_ok=True)


class _DayFile:
    """One day's Parquet file in the making: full row groups, whatever the chunks' sizes."""

    def __init__(self, folder: Path, day: str, instrument: str) -> None:
        self._path = folder / f"{day}.parquet"
        self._instrument = instrument
        self._facts: dict[str, Any] = {"day": day, "rows": 0}
        self._timelines = records(1, TIMELINE)
        self._group = empty_events(ROW_GROUP)
        self._filled = 0
        self._writer: Any = None

    def append(self, part: EventArray) -> None:
        self._measure(part)
        self._facts.setdefault("first_ts", int(part["local_ts"][0]))
        self._facts["last_ts"] = int(part["local_ts"][-1])
        self._facts["rows"] += len(part)
        while len(part):
            taken = part[: ROW_GROUP - self._filled]
            words(self._group)[self._filled : self._filled + len(taken)] = words(taken)
            self._filled += len(taken)
            part = part[len(taken) :]
            if self._filled == ROW_GROUP:
                self._write_group()

    def finish(self) -> dict[str, Any]:
        """Close the file, bring it to the disk, and return what the manifest says of it."""
        if self._filled:
            self._write_group()
        self._writer.close()
        with self._path.open("rb") as file:
            os.fsync(file.fileno())
            self._facts["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        self._facts["bytes"] = self._path.stat().st_size
        self._facts["lag"] = int(self._timelines[0]["lag"])
        return self._facts

    def abandon(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _measure(self, part: EventArray) -> None:
        """Check that updates are even, and learn the file's lag, which says how far a reader must look ahead."""
        scratch = as_records(part.copy())
        put_in_order(scratch, self._timelines, STREAM_OF_KIND, 0)
        uneven = int(self._timelines[0]["uneven"])
        if uneven:
            raise DataError(f"{self._instrument}: rows of one update differ in time: {part[uneven - 1]}")

    def _write_group(self) -> None:
        table = to_table(self._group[: self._filled])
        if self._writer is None:
            self._writer = open_writer(str(self._path), best_qty_encoding(table))
        self._writer.write_table(table, row_group_size=ROW_GROUP)
        self._filled = 0


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part, whatever is killed when."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
