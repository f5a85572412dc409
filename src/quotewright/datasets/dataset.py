"""A dataset: a frame of a declared kind and its manifest, frozen together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import polars as pl

from quotewright.datasets.as_of import Series
from quotewright.datasets.manifest import REQUIRED, CleaningStep, Column, Kind, Manifest
from quotewright.domain.errors import DataError, InputError
from quotewright.domain.instrument import Instrument
from quotewright.importers.report import SourceFile

TYPES: dict[str, Any] = {"float": pl.Float64, "integer": pl.Int64, "flag": pl.Boolean, "text": pl.String}
TIMES = ("time", "known")  # ns since 1970; `known`, where there is one, is when the recorder had the row
_NAN = np.frombuffer(np.float64(np.nan).tobytes(), np.uint64)[0]


@dataclass(frozen=True)
class Dataset:
    """Rows and what they mean; made by `make_dataset`, changed only by steps (`cleaning`)."""

    manifest: Manifest
    frame: pl.DataFrame

    def series(self, column: str, **keys: str) -> Series:
        """One column as a series that knows when each of its values was published; rows without a value are left out.

        `keys` choose one series of a panel and must name every key (`symbol="BTC/USD"`). Raises InputError for an
        unknown column, for text, and for keys that are missing or match no row.
        """
        declared = self.manifest.column(column)
        if declared is None or declared.type == "text":
            names = ", ".join(known.name for known in self.manifest.columns if known.type != "text")
            raise InputError("column", column, f"must be one of {names}")
        frame = self.rows(**keys).filter(pl.col(column).is_not_null())
        if declared.type == "float":
            frame = frame.filter(pl.col(column).is_finite())
        time = frame["time"].to_numpy()
        known = frame["known" if "known" in frame.columns else "time"].to_numpy() + declared.delay
        label = " ".join((self.manifest.name, *keys.values(), column))
        return Series(label, time, known, frame[column].cast(pl.Float64).to_numpy())

    def rows(self, **keys: str) -> pl.DataFrame:
        """The rows of one series; the whole frame if the dataset is no panel. Raises InputError as `series`."""
        if set(keys) != set(self.manifest.keys):
            raise InputError("keys", sorted(keys), f"name each of {', '.join(self.manifest.keys) or 'none'}")
        if not keys:
            return self.frame
        found = self.frame.filter(*(pl.col(name) == value for name, value in keys.items()))
        if not found.height:
            raise InputError("keys", keys, "match no row; `members` lists what there is")
        return found

    def members(self) -> list[dict[str, str]]:
        """The keys of each series of a panel, in order of first appearance; one empty entry if it is no panel."""
        if not self.manifest.keys:
            return [{}]
        return self.frame.select(self.manifest.keys).unique(maintain_order=True).to_dicts()

    def stepped(
        self,
        frame: pl.DataFrame,
        name: str,
        changed: int,
        settings: Mapping[str, str | int | float | list[str]] | None = None,
        columns: Sequence[Column] | None = None,
    ) -> Dataset:
        """The dataset after a step that made these rows of it; checks have to be run again."""
        before = self.manifest
        step = CleaningStep(name, dict(settings or {}), self.frame.height, frame.height, changed)
        declared = tuple(columns) if columns is not None else before.columns
        _check_frame(frame, before.kind, declared, before.keys)
        manifest = msgspec.structs.replace(
            before,
            columns=declared,
            **_figures(frame),
            steps=(*before.steps, step),
            parent=before.hash,
            findings=None,
        )
        return Dataset(manifest, frame)


def make_dataset(
    frame: pl.DataFrame,
    name: str,
    kind: Kind,
    columns: Sequence[Column],
    *,
    keys: Sequence[str] = (),
    period: int = 0,
    licence: str,
    publisher: str = "",
    notes: Sequence[str] = (),
    source: SourceFile | None = None,
    instrument: Instrument | None = None,
) -> Dataset:
    """A dataset of this frame: `time` (ns, the end of what a row is about), maybe `known`, and the declared columns.

    Raises InputError if the frame and the declaration differ, a time is missing, or a delay or the period is negative.
    Rows may be out of order, repeated or wrong: that is for the checks to say and for recorded steps to change.
    """
    if not licence:
        raise InputError("licence", licence, 'say what the publisher allows, or "none stated"')
    if period < 0:
        raise InputError("period", period, "must be 0 or more ns")
    _check_frame(frame, kind, columns, keys)
    manifest = Manifest(
        name=name,
        kind=kind,
        columns=tuple(columns),
        keys=tuple(keys),
        period=period,
        **_figures(frame),
        licence=licence,
        publisher=publisher,
        notes=tuple(notes),
        source=source,
        instrument=None if instrument is None else instrument.to_dict(),
        steps=(),
        parent="",
    )
    return Dataset(manifest, frame)


def rows_digest(frame: pl.DataFrame) -> str:
    """SHA-256 over the columns: name, type, which cells are empty, and the values, little endian; NaN is one value."""
    digest = hashlib.sha256()
    for column in frame.get_columns():
        digest.update(f"{column.name}\0{column.dtype}\0{len(column)}\0".encode())
        digest.update(np.packbits(column.is_null().to_numpy()).tobytes())
        digest.update(_value_bytes(column))
    return digest.hexdigest()


def _value_bytes(column: pl.Series) -> bytes:
    if column.dtype == pl.String:
        filled = column.fill_null("")
        lengths = filled.str.len_bytes().cast(pl.Int64).to_numpy().astype("<i8")
        return lengths.tobytes() + "".join(filled.to_list()).encode()
    if column.dtype == pl.Boolean:
        return np.packbits(column.fill_null(False).to_numpy()).tobytes()
    values = column.fill_null(0).to_numpy()
    if column.dtype == pl.Float64:
        values = values.view(np.uint64).copy()
        values[np.isnan(values.view(np.float64))] = _NAN
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def _figures(frame: pl.DataFrame) -> dict[str, Any]:
    time = frame["time"].to_numpy()
    return {
        "rows": frame.height,
        "first": int(time.min()),
        "last": int(time.max()),
        "rows_digest": rows_digest(frame),
    }


def _check_frame(frame: pl.DataFrame, kind: Kind, columns: Sequence[Column], keys: Sequence[str]) -> None:
    if kind not in REQUIRED:
        raise InputError("kind", kind, f"must be one of {', '.join(REQUIRED)}")
    if not frame.height:
        raise DataError(f"a dataset of {kind} without a single row; look at the steps before")
    declared = {column.name: column for column in columns}
    if len(declared) < len(columns):
        raise InputError("columns", [column.name for column in columns], "declares one twice")
    times = [name for name in TIMES if name in frame.columns]
    if set(frame.columns) != {*times, *declared} or "time" not in times or set(TIMES) & set(declared):
        raise InputError("columns", frame.columns, f"must be time and those declared: {', '.join(declared)}")
    for name in (*REQUIRED[kind], *keys):
        if name not in declared:
            raise InputError("columns", list(declared), f"{kind} need {name}")
    for name in times:
        if frame[name].dtype != pl.Int64 or frame[name].null_count():
            raise InputError(name, str(frame[name].dtype), "must be whole ns since 1970 in every row")
    for name, column in declared.items():
        if frame[name].dtype != TYPES[column.type]:
            raise InputError(name, str(frame[name].dtype), f"is declared {column.type}")
        if column.delay < 0:
            raise InputError(f"delay of {name}", column.delay, "nothing is published before it has happened")
    for name in keys:
        if declared[name].type != "text" or frame[name].null_count():
            raise InputError(name, declared[name].type, "a key must be text, in every row")
