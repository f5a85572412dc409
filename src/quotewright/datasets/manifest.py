"""The manifest of a dataset: what it holds, where it is from, what was done to it, and the hash that names it."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

import msgspec

from quotewright.domain.errors import DataError
from quotewright.importers.report import SourceFile

SCHEMA_VERSION = 1

ColumnType = Literal["float", "integer", "flag", "text"]
Kind = Literal["bars", "prints", "funding", "onchain", "sentiment", "series"]

REQUIRED: dict[Kind, tuple[str, ...]] = {
    "bars": ("close",),
    "prints": ("price", "size"),
    "funding": ("funding_rate",),
    "onchain": (),
    "sentiment": (),
    "series": (),
}
"""Columns that every dataset of a kind has, besides `time` (ns since 1970, the end of what the row is about)."""


class Column(msgspec.Struct, frozen=True):
    """One column: its unit in words, and how long after the row's time its value was published (ns, 0 or more).

    `bounds` are the least and the largest value that the unit allows.
    """

    name: str
    type: ColumnType
    unit: str
    delay: int = 0
    bounds: tuple[float, float] | None = None


class CleaningStep(msgspec.Struct, frozen=True):
    """Something done to the rows: how, how many rows there were and are, and how many cells or rows changed."""

    name: str
    settings: dict[str, str | int | float | list[str]]
    rows_before: int
    rows_after: int
    changed: int


class Finding(msgspec.Struct, frozen=True):
    """Something that a check found: in which column and series, how often, and when first (ns; −1: not at a time)."""

    check: str
    column: str
    series: str
    count: int
    first: int
    detail: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All that is told about a dataset; `hash` is of the content, `rows_digest` of the rows alone.

    `period` (ns; 0: points in time) is what one row covers, up to its time. `keys` are the text columns that tell the
    series of a panel apart. `instrument` holds the venue's tick, lot and rates as `Instrument.to_dict` gives them,
    where known. `parent` is the hash of the dataset that the last step began from. `findings` is None until checked.
    """

    name: str
    kind: Kind
    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    period: int
    rows: int
    first: int
    last: int
    licence: str
    publisher: str
    notes: tuple[str, ...]
    source: SourceFile | None
    instrument: dict[str, Any] | None
    steps: tuple[CleaningStep, ...]
    parent: str
    rows_digest: str
    findings: tuple[Finding, ...] | None = None
    schema: int = SCHEMA_VERSION

    @property
    def hash(self) -> str:
        """SHA-256 of the rows, what the columns mean, the instrument, and the steps that led here."""
        content = [
            self.schema,
            self.kind,
            self.period,
            self.keys,
            msgspec.to_builtins(self.columns),
            msgspec.to_builtins(self.steps),
            self.instrument,
            self.rows_digest,
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def reference(self) -> str:
        """`NAME@HASH`, the first 16 digits of the hash: what names this version."""
        return f"{self.name}@{self.hash[:16]}"

    def column(self, name: str) -> Column | None:
        """The column of this name, or None."""
        return next((column for column in self.columns if column.name == name), None)


def encode(manifest: Manifest) -> bytes:
    """A manifest as the bytes of its file, sealed: an edit by hand will be noticed."""
    fields = msgspec.to_builtins(manifest)
    text = json.dumps({**fields, "hash": manifest.hash}, sort_keys=True)
    sealed = {**json.loads(text), "seal": hashlib.sha256(text.encode()).hexdigest()}
    return json.dumps(sealed, indent=1, sort_keys=True).encode() + b"\n"


def decode(data: bytes, where: str) -> Manifest:
    """The manifest of a file's bytes; raises DataError if it is damaged, was edited, or is of another version."""
    try:
        fields = json.loads(data)
        version = fields.get("schema")
        seal, content_hash = fields.pop("seal", ""), fields.get("hash")
        text = json.dumps(fields, sort_keys=True)
        fields.pop("hash", None)
        manifest = msgspec.convert(fields, Manifest)
    except (ValueError, AttributeError, msgspec.ValidationError) as error:
        raise DataError(f"{where}: not a manifest ({error}); make the dataset again") from error
    if version != SCHEMA_VERSION:
        raise DataError(f"{where}: a manifest of schema {version}, expected {SCHEMA_VERSION}; make the dataset again")
    if seal != hashlib.sha256(text.encode()).hexdigest() or content_hash != manifest.hash:
        raise DataError(f"{where}: it was edited after it was written; make the dataset again")
    return manifest
