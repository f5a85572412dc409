"""Reading published files into datasets by a description: its columns, their units, and when a row was known.

A description is a table of TOML, `[[file]]`:

    path        where the file lies below the data folder
    name        of the dataset
    kind        bars, prints, funding, onchain, sentiment or series
    stamp       the column that holds a row's time
    stamps      "start" or "end" of the row's period, or "instant"
    period      what a row covers, such as "1d"; "0s": an instant
    floats, integers, flags, texts      column = "unit"
    keys        text columns that tell the series of a panel apart
    delay       from a row's time until it was published ("0s"); delays: column = "1d", where one differs
    bounds      column = [least, largest] value
    rename      column in the file = name here
    only        column = value: other rows are left out
    known       the column with the recorder's time
    licence, publisher, notes
    instrument  [venue, symbol] in the catalogue of instruments

What the file has beyond the description is left out, and a recorded step says so.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import msgspec
import polars as pl

from quotewright.datasets.dataset import TYPES, Dataset, make_dataset
from quotewright.datasets.manifest import Column, ColumnType, Kind
from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import DataError, InputError, ParseError
from quotewright.domain.units import parse_duration
from quotewright.importers.ohlcv import parse_time
from quotewright.importers.report import SourceFile
from quotewright.importers.source import PARQUET_MAGIC, Sources


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file as the module says."""

    path: str
    name: str
    kind: Kind
    stamp: str
    licence: str
    stamps: str = "instant"
    period: str = "0s"
    floats: dict[str, str] = {}
    integers: dict[str, str] = {}
    flags: dict[str, str] = {}
    texts: dict[str, str] = {}
    keys: list[str] = []
    delay: str = "0s"
    delays: dict[str, str] = {}
    bounds: dict[str, tuple[float, float]] = {}
    rename: dict[str, str] = {}
    only: dict[str, str] = {}
    known: str = ""
    publisher: str = ""
    notes: list[str] = []
    instrument: tuple[str, str] | None = None

    def columns(self) -> tuple[Column, ...]:
        """The columns it declares, with units, delays and bounds; raises InputError for figures of undeclared ones."""
        groups: tuple[tuple[ColumnType, dict[str, str]], ...] = (
            ("text", self.texts),
            ("float", self.floats),
            ("integer", self.integers),
            ("flag", self.flags),
        )
        every = [name for _, units in groups for name in units]
        named = set(every)
        if len(named) < len(every):
            raise InputError(
                self.name, sorted(name for name in named if every.count(name) > 1), "has two types: give one"
            )
        for field in ("delays", "bounds"):
            stray = set(getattr(self, field)) - named
            if stray:
                raise InputError(f"{self.name} {field}", sorted(stray), "are not columns of the description")
        return tuple(
            Column(name, kind, unit, parse_duration(self.delays.get(name, self.delay), "delay"), self.bounds.get(name))
            for kind, units in groups
            for name, unit in units.items()
        )


def published() -> dict[str, Description]:
    """The files whose layout is known, by dataset name; `described.toml` says where each is from."""
    return parse_descriptions(files("quotewright.datasets").joinpath("described.toml").read_text(encoding="utf-8"))


def parse_descriptions(text: str) -> dict[str, Description]:
    """Descriptions of a TOML text, by dataset name; raises InputError for one that is malformed or named twice."""
    try:
        found = msgspec.convert(tomllib.loads(text).get("file", []), list[Description])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InputError("description", str(error), "correct the table; the module's page lists the fields") from error
    names = [one.name for one in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError("name", twice, "is given to more than one file")
    return dict(zip(names, found, strict=True))


def read_dataset(folder: Path, description: Description) -> Dataset:
    """The described file below `folder` as a dataset, in the file's own order of rows.

    Raises InputError if there is no such file; DataError naming column, row and value for a cell that is not of its
    type, and for a damaged file or one without the columns described.
    """
    path = folder / description.path
    if not path.is_file():
        raise InputError("path", str(path), "is not a file; give the folder that holds the described files")
    raw, source = _read(path)
    renamed = {old: new for old, new in description.rename.items() if old in raw.columns}
    shown = [renamed.get(name, name) for name in raw.columns]
    if len(set(shown)) < len(shown):
        raise InputError("rename", renamed, f"gives two columns one name; the file has {', '.join(raw.columns)}")
    raw = raw.rename(renamed)
    columns = description.columns()
    needed = [description.stamp, *description.only, *(column.name for column in columns)]
    needed += [description.known] if description.known else []
    missing = [name for name in needed if name not in raw.columns]
    if missing:
        raise DataError(f"{path.name}: no column {', '.join(missing)}; it has {', '.join(raw.columns)}")
    chosen = raw.filter(*(pl.col(name).cast(pl.String) == value for name, value in description.only.items()))
    if not chosen.height:
        raise DataError(f"{path.name}: not one row" + (f" with {description.only}" if description.only else ""))
    frame = pl.DataFrame(
        [
            _times(chosen, description, path.name),
            *([_clock(chosen[description.known], path.name).rename("known")] if description.known else []),
            *(_typed(chosen[column.name], column.type, path.name) for column in columns),
        ]
    )
    dataset = make_dataset(
        frame,
        description.name,
        description.kind,
        columns,
        keys=description.keys,
        period=parse_duration(description.period, "period"),
        licence=description.licence,
        publisher=description.publisher,
        notes=description.notes,
        source=source,
        instrument=None if description.instrument is None else find_instrument(*description.instrument),
    )
    return _told(dataset, raw, chosen, set(needed), description.only)


def _told(
    dataset: Dataset, raw: pl.DataFrame, chosen: pl.DataFrame, read: set[str], only: Mapping[str, str]
) -> Dataset:
    if only:
        settings = {name: str(value) for name, value in only.items()}
        dataset = dataset.stepped(dataset.frame, "other_rows_left_out", raw.height - chosen.height, settings)
    beyond = [name for name in raw.columns if name not in read]
    if beyond:
        dataset = dataset.stepped(dataset.frame, "columns_left_out", len(beyond), {"columns": beyond})
    return dataset


def _read(path: Path) -> tuple[pl.DataFrame, SourceFile]:
    with path.open("rb") as file:
        parquet = file.read(4) == PARQUET_MAGIC
    try:
        if parquet:
            data = path.read_bytes()
            return pl.read_parquet(data), SourceFile(path.name, len(data), hashlib.sha256(data).hexdigest())
        sources = Sources([path], None)
        text = b"".join(sources.whole_lines(path))
        return pl.read_csv(text, infer_schema=False), sources.files[0]
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path.name}: cannot be read ({error}); fetch it again") from error


def _typed(cells: pl.Series, kind: ColumnType, where: str) -> pl.Series:
    """The cells as their declared type; an empty one stays empty. Raises DataError naming the first that is not."""
    if kind == "flag" and cells.dtype == pl.String:
        lower = cells.str.to_lowercase()
        typed = lower.replace_strict({"true": True, "1": True, "false": False, "0": False}, default=None)
        typed = typed.cast(pl.Boolean)
    else:
        typed = cells.cast(TYPES[kind], strict=False)
        if kind == "integer" and cells.dtype.is_float():
            typed = typed.set(typed.cast(cells.dtype) != cells, None)
    bad = (typed.is_null() & cells.is_not_null()).arg_true()
    if len(bad):
        at = int(bad[0])
        raise DataError(f"{where}: {cells.name} in row {at + 1:,} is {cells[at]!r}, no {kind}; {len(bad):,} such cells")
    return typed


def _times(rows: pl.DataFrame, description: Description, where: str) -> pl.Series:
    stamps = _clock(rows[description.stamp], where)
    period = parse_duration(description.period, "period")
    if description.stamps not in ("start", "end", "instant") or (description.stamps == "instant") != (period == 0):
        raise InputError("stamps", (description.stamps, description.period), 'is start or end; "instant" has period 0s')
    return (stamps + period if description.stamps == "start" else stamps).rename("time")


def _clock(stamps: pl.Series, where: str) -> pl.Series:
    """Times in ns from datetimes, or from texts and whole numbers as `importers.ohlcv.parse_time` reads them."""
    empty = stamps.is_null().arg_true()
    if len(empty):
        raise DataError(f"{where}: {stamps.name} in row {int(empty[0]) + 1:,} is empty; {len(empty):,} such cells")
    if stamps.dtype.is_temporal() and stamps.dtype != pl.Time:
        return stamps.cast(pl.Datetime("ns")).cast(pl.Int64)
    distinct = stamps.unique()
    try:
        parsed = {value: parse_time(str(value)) for value in distinct.to_list()}
    except ParseError as error:
        raise DataError(f"{where}: {stamps.name} is {error.value!r}, which {error.fix}") from error
    return stamps.replace_strict(parsed, return_dtype=pl.Int64)
