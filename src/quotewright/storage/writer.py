"""Writing a dataset, or more days of one: Parquet in a folder of its own, then one atomic switch of the manifest.

The folder grows under `DIR/.importing` and is moved beside the dataset when it is complete and on the disk. Until
the new manifest replaces the old one, readers see the old dataset, whole. Whatever kills the writer leaves at most
a folder that no manifest names, which the next import of the symbol removes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import EVENT, EventArray
from quotewright.domain.instrument import Instrument
from quotewright.storage.day_file import DayFile, part_name
from quotewright.storage.digest import rows_digest
from quotewright.storage.manifest import (
    DAY,
    MANIFEST,
    dataset_folder,
    dataset_hash,
    day_number,
    encode,
    read_manifest,
    utc_day,
    utc_time,
)
from quotewright.storage.run_kernels import IMPOSSIBLE, UNEVEN
from quotewright.storage.runs import Runs, split_events
from quotewright.storage.schema import SCHEMA_VERSION
from quotewright.storage.store import Dataset

_WORKING = ".importing"


class StoreWriter:
    """Takes chunks of events in feed order; `commit` makes them the dataset of the instrument.

    They replace any dataset before, or with `replace=False` follow the one that is there, then in `base`. Use as a
    context manager: leaving it without `commit` removes what was written. Raises InputError if another process is
    importing the same symbol.
    """

    def __init__(self, store: Path, instrument: Instrument, *, replace: bool = True) -> None:
        self.base: Dataset | None = None
        self._replace = replace
        self._instrument = instrument
        self._folder = dataset_folder(store, instrument.venue, instrument.symbol)
        self._working = store / _WORKING / instrument.venue / instrument.symbol
        self._files: list[dict[str, Any]] = []
        self._last_day = 0
        self._day: DayFile | None = None
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
        if not self._replace:
            self._open_base()
        return self

    def __exit__(self, *_: object) -> None:
        if self._day is not None:
            self._day.abandon()
        shutil.rmtree(self._working, ignore_errors=True)
        self._lock.close()

    def append(self, events: EventArray) -> None:
        """Add whole updates; days are UTC days of the recorded local time.

        Raises DataError for an array that is no event array, rows that no event can be, and updates that are
        incomplete or whose rows differ in time; InputError if they begin before the dataset they shall follow ends.
        """
        if len(events) == 0:
            return
        runs = self._runs_of(events)
        if self.base is not None and not self._files and self._day is None:
            self._continue(self.base, runs)
        days = np.maximum(np.maximum.accumulate(runs.local_ts // DAY), self._last_day)
        cuts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]
        for start, stop in pairwise(cuts):
            self._append_day(int(days[start]), runs.part(start, stop))

    def commit(self, clock_offset: int, details: Mapping[str, Any]) -> str:
        """Switch to what was written; returns the dataset's hash. `details` go into the manifest as they are."""
        self._end_day()
        if not self._files:
            raise DataError(f"{self._instrument.name}: nothing to store: no event was imported")
        digest = rows_digest((entry["day"], entry["digest"]) for entry in self._files)
        name = dataset_hash(digest, self._instrument, clock_offset)
        folder = self._place_data(name).name
        manifest = {
            **details,
            "schema": SCHEMA_VERSION,
            "hash": name,
            "rows_sha256": digest,
            "instrument": self._instrument.to_dict(),
            "clock_offset": clock_offset,
            "rows": sum(entry["rows"] for entry in self._files),
            "first_ts": self._files[0]["first_ts"],
            "last_ts": self._files[-1]["last_ts"],
            "files": [{"folder": folder} | entry for entry in self._files],
        }
        replace_file(self._folder / MANIFEST, encode(manifest))
        self._remove_strays()
        return name

    def _open_base(self) -> None:
        """Find the dataset to follow; one that cannot be read is replaced."""
        try:
            self.base = Dataset(self._folder, read_manifest(self._folder / MANIFEST))
        except DataError:
            return
        if self.base.instrument != self._instrument:
            raise InputError(
                "instrument",
                self._instrument.name,
                "is not defined as in the dataset that is stored: --replace replaces that, all days of it",
            )

    def _continue(self, base: Dataset, runs: Runs) -> None:
        """Keep the files of the dataset to follow; a day that goes on is written anew with what follows."""
        begins, ended = int(runs.local_ts[0]), base.manifest["last_ts"]
        if begins <= ended:
            raise InputError(
                "path",
                f"{self._instrument.name} from {utc_time(begins)}",
                f"begins before the end of what is stored ({utc_time(ended)}): import only what comes later, "
                "or all files with --replace",
            )
        self._files = list(base.files)
        if self._files[-1]["day"] >= utc_day(begins):
            entry = self._files.pop()
            for before in base.file_runs(entry):
                self._append_day(day_number(entry["day"]), before)

    def _runs_of(self, events: EventArray) -> Runs:
        name = self._instrument.name
        if events.dtype != EVENT or events.ndim != 1:
            raise DataError(f"{name}: an array of {events.dtype} is not an array of events")
        runs, wrong, row = split_events(np.ascontiguousarray(events))
        if wrong == IMPOSSIBLE:
            raise DataError(f"{name}: no event can be {events[row]}")
        if wrong == UNEVEN:
            raise DataError(f"{name}: rows of one update differ in time: {events[row]}")
        if wrong:
            raise DataError(f"{name}: the last update of a chunk has no last row")
        return runs

    def _append_day(self, day: int, runs: Runs) -> None:
        if self._day is None or day != self._last_day:
            self._end_day()
            self._last_day = day
            self._day = DayFile(self._working, utc_day(day * DAY))
        self._day.append(runs)

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
            entries: list[dict[str, Any]] = read_manifest(self._folder / MANIFEST)["files"]
        except DataError:
            entries = list[dict[str, Any]]()
        keep = {entry["folder"] for entry in entries}
        if not keep and (self._folder / MANIFEST).exists():
            return  # a damaged manifest may be restored; this import's own will name what to keep
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if path.is_dir() and path.name not in keep:
                shutil.rmtree(path, ignore_errors=True)
            elif path.name.startswith(f".{MANIFEST}."):
                path.unlink(missing_ok=True)
        files = {self._folder / e["folder"] / part_name(e["day"], form) for e in entries for form in e["parts"]}
        for path in (path for name in keep for path in (self._folder / name).glob("*")):
            if path not in files:
                path.unlink(missing_ok=True)


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
