"""The manifest of a dataset: what it holds, where from, and the hash that names it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec

from quotewright.domain.errors import DataError, InputError, QuotewrightError
from quotewright.domain.instrument import Instrument
from quotewright.storage.digest import rows_digest
from quotewright.storage.schema import SCHEMA_VERSION

MANIFEST = "manifest.json"
DAY = 86_400 * 10**9  # ns
_DAY_NAME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class _Part(msgspec.Struct):
    bytes: int
    sha256: str


class _Parts(msgspec.Struct):
    runs: _Part
    rows: _Part


class _File(msgspec.Struct):
    folder: str
    day: str
    rows: int
    bytes: int
    digest: str
    parts: _Parts
    first_ts: int
    last_ts: int
    lag: int


class _Form(msgspec.Struct):
    """What must be there, and of which type; more may be, and is kept as it is."""

    hash: str
    rows_sha256: str
    instrument: dict[str, Any]
    clock_offset: int
    rows: int
    first_ts: int
    last_ts: int
    files: list[_File]


def dataset_hash(rows_digest: str, instrument: Instrument, clock_offset: int) -> str:
    """The content hash that names a dataset: its rows, its instrument and its clock offset.

    `rows_digest` is what `digest.rows_digest` makes of all rows.
    """
    text = json.dumps([SCHEMA_VERSION, rows_digest, instrument.to_dict(), clock_offset], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def encode(manifest: Mapping[str, Any]) -> bytes:
    """A manifest as the bytes of its file."""
    return json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n"


def read_manifest(path: Path) -> dict[str, Any]:
    """Read and check a manifest file; raises DataError if it is damaged, of another version, or was edited."""
    try:
        manifest: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path}: is gone; open the store again") from None
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: not readable as JSON ({error}): import it again") from error
    version: Any = cast("dict[str, Any]", manifest).get("schema") if isinstance(manifest, dict) else None
    if version != SCHEMA_VERSION:
        older = " (stores of an earlier release)" if version in range(1, SCHEMA_VERSION) else ""
        raise DataError(
            f"{path}: a manifest of schema version {version}{older}, expected {SCHEMA_VERSION}: import it again"
        )
    try:
        form = msgspec.convert(manifest, _Form)
        instrument = Instrument(**form.instrument)
    except (msgspec.ValidationError, TypeError, QuotewrightError) as error:
        raise DataError(f"{path}: damaged ({error}): import it again") from error
    named = dataset_hash(form.rows_sha256, instrument, form.clock_offset)
    rows = rows_digest((entry.day, entry.digest) for entry in form.files)
    sums_fit = rows == form.rows_sha256 and sum(entry.rows for entry in form.files) == form.rows
    if named != form.hash or not sums_fit or not form.files:
        raise DataError(f"{path}: its figures do not fit its own content hash; it was edited: import it again")
    days = [entry.day for entry in form.files]
    plain = all(Path(entry.folder).name == entry.folder and _DAY_NAME.fullmatch(entry.day) for entry in form.files)
    if not plain or sorted(set(days)) != days:
        raise DataError(f"{path}: names files that no import writes: import it again")
    return cast("dict[str, Any]", manifest)


def utc_day(ns: int) -> str:
    """The UTC day of a time in ns since the epoch, YYYY-MM-DD."""
    return str(date(1970, 1, 1) + timedelta(days=ns // DAY))


def day_number(day: str) -> int:
    """The days since the epoch of a UTC day YYYY-MM-DD."""
    return (date.fromisoformat(day) - date(1970, 1, 1)).days


def utc_time(ns: int) -> str:
    """A time in ns since the epoch as YYYY-MM-DD HH:MM:SS, UTC."""
    seconds = ns % DAY // 10**9
    return f"{utc_day(ns)} {seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def dataset_folder(store: Path, venue: str, symbol: str) -> Path:
    """Where a dataset lies; raises InputError for names that are no plain folder names."""
    for field, name in (("venue", venue), ("symbol", symbol)):
        if not name or name.startswith(".") or Path(name).name != name or not name.isprintable():
            raise InputError(field, name, "cannot be a folder's name")
    return store / venue / symbol
