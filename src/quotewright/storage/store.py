"""Reading a store: `DIR/VENUE/SYMBOL/manifest.json` names the data folder, its files and what is known of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import EventArray
from quotewright.domain.instrument import Instrument
from quotewright.storage.schema import SCHEMA_VERSION, arrow, check_schema, parquet, to_events
from quotewright.storage.writer import MANIFEST, dataset_hash

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Dataset:
    """One instrument's events, as one manifest names them."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def instrument(self) -> Instrument:
        """The instrument as it was when imported."""
        return Instrument(**self.manifest["instrument"])

    @property
    def name(self) -> str:
        """VENUE:SYMBOL."""
        return self.instrument.name

    @property
    def hash(self) -> str:
        """Content hash of rows, instrument and clock offset."""
        return self.manifest["hash"]

    @property
    def rows(self) -> int:
        """Number of events."""
        return self.manifest["rows"]

    @property
    def clock_offset(self) -> int:
        """Nanoseconds to add to recorded local times."""
        return self.manifest["clock_offset"]

    @property
    def max_latency(self) -> int:
        """Longest time from the venue to the recorder, after the clock offset, ns."""
        return max(0, int(self.manifest["quality"]["latency_ns"]["max"]) + self.clock_offset)

    def chunks(self) -> Iterator[EventArray]:
        """The events in feed order, one Parquet row group at a time; raises DataError for a damaged file."""
        for entry in self.manifest["files"]:
            path = self._path(entry)
            file = _open(path)
            if file.metadata.num_rows != entry["rows"]:
                raise DataError(f"{path}: {file.metadata.num_rows} rows, the manifest says {entry['rows']}")
            for group in range(file.num_row_groups):
                try:
                    yield to_events(file.read_row_group(group))
                except (OSError, arrow.ArrowException) as error:
                    raise DataError(f"{path}: row group {group} cannot be read: {error}") from error

    def read(self) -> EventArray:
        """All events in one array."""
        return np.concatenate(list(self.chunks()))

    def verify(self, progress: Progress | None = None) -> None:
        """Recompute every checksum and the content hash; raises DataError at the first that differs."""
        rows = hashlib.sha256()
        done = 0
        for entry in self.manifest["files"]:
            path = self._path(entry)
            _open(path)
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != entry["sha256"]:
                    raise DataError(f"{path}: its SHA-256 is not the manifest's: import it again")
        for events in self.chunks():
            rows.update(events.tobytes())
            done += len(events)
            if progress is not None:
                progress(done, self.rows)
        if dataset_hash(rows.hexdigest(), self.instrument, self.clock_offset) != self.hash:
            raise DataError(f"{self.folder}: the events do not give the manifest's content hash: import it again")

    def _path(self, entry: dict[str, Any]) -> Path:
        return self.folder / self.manifest["data"] / f"{entry['day']}.parquet"


class Store:
    """A folder of datasets; raises InputError if there is none at `path`."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise InputError("store", str(path), "is not a folder; `quotewright data import` makes one")
        self.path = path

    def datasets(self) -> list[Dataset]:
        """Every dataset, by name."""
        return [self._load(path) for path in sorted(self.path.glob(f"*/*/{MANIFEST}"))]

    def dataset(self, name: str) -> Dataset:
        """The dataset of VENUE:SYMBOL; raises InputError naming what there is."""
        venue, _, symbol = name.partition(":")
        path = self.path / venue / symbol / MANIFEST
        if not symbol or "/" in symbol or not path.is_file():
            known = ", ".join(d.name for d in self.datasets()) or "nothing yet"
            raise InputError("instrument", name, f"is not in {self.path}; it holds {known}")
        return self._load(path)

    def _load(self, path: Path) -> Dataset:
        try:
            manifest = json.loads(path.read_bytes())
        except ValueError as error:
            raise DataError(f"{path}: not readable as JSON: {error}") from error
        if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA_VERSION:  # pyright: ignore[reportUnknownMemberType]
            raise DataError(f"{path}: not a manifest of schema version {SCHEMA_VERSION}: import it again")
        return Dataset(path.parent, manifest)  # pyright: ignore[reportUnknownArgumentType]


def _open(path: Path) -> Any:
    if not path.is_file():
        raise DataError(f"{path}: named by the manifest but missing: import it again")
    try:
        file = parquet.ParquetFile(path)
    except (OSError, arrow.ArrowException) as error:
        raise DataError(f"{path}: not a readable Parquet file ({error}): import it again") from error
    check_schema(str(path), file)
    return file
