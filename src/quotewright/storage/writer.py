"""Writing a dataset: days as Parquet in a folder of their own, then one atomic switch of the manifest.

Until the new manifest replaces the old one, readers see the old dataset, whole; whatever kills the writer
leaves at most a folder that no manifest names, which the next import of the symbol removes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from quotewright.domain.errors import DataError
from quotewright.domain.events import EventArray
from quotewright.domain.instrument import Instrument
from quotewright.storage.schema import ROW_GROUP, SCHEMA_VERSION, open_writer, to_table

DAY = 86_400 * 10**9
MANIFEST = "manifest.json"


def dataset_hash(rows_digest: str, instrument: Instrument, clock_offset: int) -> str:
    """The content hash that names a dataset: its rows, its instrument and its clock offset."""
    text = json.dumps([SCHEMA_VERSION, rows_digest, instrument.to_dict(), clock_offset], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def utc_day(ns: int) -> str:
    """The UTC day of a time in ns since the epoch, YYYY-MM-DD."""
    return str(np.datetime64(ns // DAY, "D"))


class StoreWriter:
    """Takes chunks of events in feed order; `commit` makes them the dataset of the instrument, replacing any before.

    Use as a context manager: leaving it without `commit` removes what was written.
    """

    def __init__(self, store: Path, instrument: Instrument) -> None:
        self._instrument = instrument
        self._folder = store / instrument.venue / instrument.symbol
        self._folder.mkdir(parents=True, exist_ok=True)
        self._working = self._folder / f".importing-{os.getpid()}"
        self._rows = hashlib.sha256()
        self._files: list[dict[str, Any]] = []
        self._day = ""
        self._writer: Any = None
        self._pending: list[EventArray] = []
        self._pending_rows = 0

    def __enter__(self) -> Self:
        shutil.rmtree(self._working, ignore_errors=True)
        self._working.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        shutil.rmtree(self._working, ignore_errors=True)

    def append(self, events: EventArray) -> None:
        """Add events; rows are split into days by their recorded local time."""
        if len(events) == 0:
            return
        canonical = events.copy()
        canonical["instrument"] = 0
        self._rows.update(canonical.tobytes())
        days = canonical["local_ts"] // DAY
        cuts = np.flatnonzero(np.diff(days)) + 1
        for part in np.split(canonical, cuts):
            self._append_day(part)

    def commit(self, clock_offset: int, details: Mapping[str, Any]) -> str:
        """Switch to what was written; returns the dataset's hash. `details` go into the manifest as they are."""
        self._end_day()
        if not self._files:
            raise DataError(f"{self._instrument.name}: nothing to store: no event was imported")
        name = dataset_hash(self._rows.hexdigest(), self._instrument, clock_offset)
        copies = sum(1 for _ in self._folder.glob(f"{name[:16]}-*"))
        data = self._folder / f"{name[:16]}-{copies + 1}"
        self._working.replace(data)
        _sync_folder(self._folder)
        manifest = {
            "schema": SCHEMA_VERSION,
            "hash": name,
            "rows_sha256": self._rows.hexdigest(),
            "data": data.name,
            "instrument": self._instrument.to_dict(),
            "clock_offset": clock_offset,
            "rows": sum(f["rows"] for f in self._files),
            "first_ts": self._files[0]["first_ts"],
            "last_ts": self._files[-1]["last_ts"],
            "files": self._files,
            **details,
        }
        replace_file(self._folder / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode())
        self._remove_strays(keep=data.name)
        return name

    def _append_day(self, part: EventArray) -> None:
        day = utc_day(int(part["local_ts"][0]))
        if day != self._day:
            if self._files and day <= self._files[-1]["day"]:
                raise DataError(f"{self._instrument.name}: local time goes back to {day}: give the files in order")
            self._end_day()
            self._day = day
            self._writer = open_writer(str(self._working / f"{day}.parquet"))
            self._files.append({"day": day, "rows": 0, "first_ts": int(part["local_ts"][0])})
        self._files[-1]["rows"] += len(part)
        self._files[-1]["last_ts"] = int(part["local_ts"][-1])
        self._pending.append(part)
        self._pending_rows += len(part)
        while self._pending_rows >= ROW_GROUP:
            rows = np.concatenate(self._pending)
            self._writer.write_table(to_table(rows[:ROW_GROUP]), row_group_size=ROW_GROUP)
            self._pending = [rows[ROW_GROUP:]]
            self._pending_rows = len(self._pending[0])

    def _end_day(self) -> None:
        if self._writer is None:
            return
        if self._pending_rows:
            self._writer.write_table(to_table(np.concatenate(self._pending)), row_group_size=ROW_GROUP)
        self._pending = []
        self._pending_rows = 0
        self._writer.close()
        self._writer = None
        path = self._working / f"{self._day}.parquet"
        with path.open("rb") as file:
            os.fsync(file.fileno())
            file.seek(0)
            self._files[-1]["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        self._files[-1]["bytes"] = path.stat().st_size

    def _remove_strays(self, keep: str) -> None:
        for path in self._folder.iterdir():
            if path.is_dir() and path.name != keep and path != self._working and not _being_written(path):
                shutil.rmtree(path, ignore_errors=True)


def _being_written(path: Path) -> bool:
    """Whether another living process is importing into this folder."""
    if not path.name.startswith(".importing-"):
        return False
    try:
        os.kill(int(path.name.removeprefix(".importing-")), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part, whatever is killed when."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
