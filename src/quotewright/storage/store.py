"""Reading a store: `DIR/VENUE/SYMBOL/manifest.json` names the data folder, its files and what is known of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import EventArray, empty_events
from quotewright.domain.instrument import Instrument
from quotewright.storage.day_file import part_name
from quotewright.storage.digest import DayDigest
from quotewright.storage.manifest import MANIFEST, dataset_folder, read_manifest
from quotewright.storage.runs import Runs, to_events, with_first
from quotewright.storage.schema import arrow, check_schema, from_group, parquet

Progress = Callable[[int, int], None]  # rows done, rows in all


@dataclass(frozen=True)
class Dataset:
    """One instrument's events, as one manifest names them."""

    folder: Path
    manifest: dict[str, Any]
    _sound: set[Path] = field(default_factory=set[Path], repr=False, compare=False)

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
    def files(self) -> list[dict[str, Any]]:
        """The manifest's entries of the day files, in order."""
        return self.manifest["files"]

    def chunks(self, first_day: str = "", last_day: str = "") -> Iterator[EventArray]:
        """The events in feed order, one Parquet row group at a time, of the UTC days given (inclusive; "": no bound).

        A chunk holds whole updates. Raises DataError for a damaged file, before the first of its rows.
        """
        for entry in self._between(first_day, last_day):
            for runs in self.file_runs(entry):
                yield to_events(runs)

    def file_runs(self, entry: dict[str, Any]) -> Iterator[Runs]:
        """The events of one day as runs, one Parquet row group at a time; see `chunks`."""
        path = self._path(entry, "rows")
        with self._opened(entry, "runs") as by_run, self._opened(entry, "rows") as by_row:
            rows = by_row.metadata.num_rows
            if rows != entry["rows"]:
                raise DataError(f"{path}: {rows} rows, the manifest says {entry['rows']}: import it again")
            if by_run.num_row_groups != by_row.num_row_groups:
                raise DataError(f"{path}: its row groups are not those of the runs: import it again")
            for group in range(by_row.num_row_groups):
                try:
                    runs = with_first(from_group(by_run, "runs", group), from_group(by_row, "rows", group))
                except (OSError, ValueError, arrow.ArrowException) as error:
                    raise DataError(f"{path}: row group {group} cannot be read ({error}): import it again") from error
                yield runs

    def read(self, first_day: str = "", last_day: str = "") -> EventArray:
        """All events of the UTC days given (inclusive; "": no bound) in one array, in feed order."""
        events = empty_events(sum(entry["rows"] for entry in self._between(first_day, last_day)))
        content = events.view(np.uint8)
        at = 0
        for chunk in self.chunks(first_day, last_day):
            content[at : at + chunk.nbytes] = chunk.view(np.uint8)
            at += chunk.nbytes
        return events

    def verify(self, progress: Progress | None = None) -> None:
        """Recompute every checksum and the content hash; raises DataError at the first that differs."""
        self._sound.clear()
        done = 0
        for entry in self.files:
            digest = DayDigest()
            for runs in self.file_runs(entry):
                digest.update(runs)
                done += runs.rows
                if progress is not None:
                    progress(done, self.rows)
            if digest.hexdigest() != entry["digest"]:
                raise DataError(
                    f"{self._path(entry, 'rows')}: its events do not give the manifest's content hash: import it again"
                )

    def _between(self, first_day: str, last_day: str) -> list[dict[str, Any]]:
        for name, day in (("first day", first_day), ("last day", last_day)):
            if day:
                _check_day(name, day)
        return [e for e in self.files if (first_day or e["day"]) <= e["day"] <= (last_day or e["day"])]

    def _path(self, entry: dict[str, Any], form: str) -> Path:
        return self.folder / entry["folder"] / part_name(entry["day"], form)

    def _opened(self, entry: dict[str, Any], form: str) -> Any:
        """A day's file of one form, its size and SHA-256 compared with the manifest's once."""
        path, part = self._path(entry, form), entry["parts"][form]
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                if size != part["bytes"]:
                    raise DataError(f"{path}: {size:,} bytes, the manifest says {part['bytes']:,}: import it again")
                file.seek(0)
                if path not in self._sound and hashlib.file_digest(file, "sha256").hexdigest() != part["sha256"]:
                    raise DataError(f"{path}: its SHA-256 is not the manifest's: import it again")
        except FileNotFoundError:
            raise DataError(
                f"{path}: named by the manifest but missing; if an import has just replaced the dataset, "
                "open it again, otherwise import it again"
            ) from None
        self._sound.add(path)
        return _open(path, form)


class Store:
    """A folder of datasets; raises InputError if there is none at `path`."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise InputError("store", str(path), "is not a folder; `quotewright data import` makes one")
        self.path = path

    def datasets(self) -> list[Dataset]:
        """Every dataset, by name; raises DataError for a damaged manifest."""
        paths = [path for path in self.path.glob(f"*/*/{MANIFEST}") if not path.parts[-3].startswith(".")]
        return [Dataset(path.parent, read_manifest(path)) for path in sorted(paths)]

    def dataset(self, name: str) -> Dataset:
        """The dataset of VENUE:SYMBOL; raises InputError naming what there is, DataError for a damaged manifest."""
        venue, _, symbol = name.partition(":")
        if not venue or not symbol:
            raise InputError("instrument", name, "must be VENUE:SYMBOL, such as binance-usdm:BTCUSDT")
        path = dataset_folder(self.path, venue, symbol) / MANIFEST
        if not path.is_file():
            found = sorted(self.path.glob(f"[!.]*/*/{MANIFEST}"))
            known = ", ".join(f"{p.parts[-3]}:{p.parts[-2]}" for p in found) or "nothing yet"
            raise InputError("instrument", name, f"is not in {self.path}; it holds {known}")
        return Dataset(path.parent, read_manifest(path))


def _check_day(name: str, day: str) -> None:
    try:
        sound = date.fromisoformat(day).isoformat() == day
    except ValueError:
        sound = False
    if not sound:
        raise InputError(name, day, "must be a day such as 2024-08-08")


def _open(path: Path, form: str) -> Any:
    try:
        file = parquet.ParquetFile(path)
    except (OSError, ValueError, arrow.ArrowException) as error:
        raise DataError(f"{path}: not a readable Parquet file ({error}): import it again") from error
    check_schema(str(path), file, form)
    return file
