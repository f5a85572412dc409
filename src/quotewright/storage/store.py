"""Reading a store: `DIR/VENUE/SYMBOL/manifest.json` names the data folder, its files and what is known of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import EventArray, empty_events
from quotewright.domain.instrument import Instrument
from quotewright.storage.manifest import MANIFEST, dataset_folder, dataset_hash, read_manifest
from quotewright.storage.rows import canonical_bytes, words
from quotewright.storage.schema import arrow, check_schema, parquet, to_events

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

        An update may straddle two chunks. Raises DataError for a damaged file, before the first of its rows.
        """
        for entry in self._between(first_day, last_day):
            yield from self.file_chunks(entry)

    def file_chunks(self, entry: dict[str, Any]) -> Iterator[EventArray]:
        """The events of one day file; see `chunks`."""
        path = self._checked(entry)
        with _open(path) as file:
            if file.metadata.num_rows != entry["rows"]:
                raise DataError(f"{path}: {file.metadata.num_rows} rows, the manifest says {entry['rows']}")
            for group in range(file.num_row_groups):
                try:
                    yield to_events(file.read_row_group(group))
                except (OSError, ValueError, arrow.ArrowException) as error:
                    raise DataError(f"{path}: row group {group} cannot be read ({error}): import it again") from error

    def read(self, first_day: str = "", last_day: str = "") -> EventArray:
        """All events of the UTC days given (inclusive; "": no bound) in one array, in feed order."""
        entries = self._between(first_day, last_day)
        events = empty_events(sum(entry["rows"] for entry in entries))
        at = 0
        for entry in entries:
            for chunk in self.file_chunks(entry):
                words(events)[at : at + len(chunk)] = words(chunk)
                at += len(chunk)
        return events

    def verify(self, progress: Progress | None = None) -> None:
        """Recompute every checksum and the content hash; raises DataError at the first that differs."""
        self._sound.clear()
        digest = hashlib.sha256()
        done = 0
        for events in self.chunks():
            digest.update(canonical_bytes(events))
            done += len(events)
            if progress is not None:
                progress(done, self.rows)
        if dataset_hash(digest.hexdigest(), self.instrument, self.clock_offset) != self.hash:
            raise DataError(f"{self.folder}: the events do not give the manifest's content hash: import it again")

    def _between(self, first_day: str, last_day: str) -> list[dict[str, Any]]:
        for name, day in (("first day", first_day), ("last day", last_day)):
            if day:
                _check_day(name, day)
        return [e for e in self.files if (first_day or e["day"]) <= e["day"] <= (last_day or e["day"])]

    def _checked(self, entry: dict[str, Any]) -> Path:
        """The path of a day file, its size and SHA-256 compared with the manifest's once."""
        path = self.folder / self.manifest["data"] / f"{entry['day']}.parquet"
        if path in self._sound:
            return path
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                if size != entry["bytes"]:
                    raise DataError(f"{path}: {size:,} bytes, the manifest says {entry['bytes']:,}: import it again")
                file.seek(0)
                if hashlib.file_digest(file, "sha256").hexdigest() != entry["sha256"]:
                    raise DataError(f"{path}: its SHA-256 is not the manifest's: import it again")
        except FileNotFoundError:
            raise DataError(
                f"{path}: named by the manifest but missing; if an import has just replaced the dataset, "
                "open it again, otherwise import it again"
            ) from None
        self._sound.add(path)
        return path


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


def _open(path: Path) -> Any:
    try:
        file = parquet.ParquetFile(path)
    except (OSError, ValueError, arrow.ArrowException) as error:
        raise DataError(f"{path}: not a readable Parquet file ({error}): import it again") from error
    check_schema(str(path), file)
    return file
