"""Parameter sets from a file: CSV, JSON lines, TOML or Parquet."""

from __future__ import annotations

import csv
import json
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from quotewright.domain.errors import InputError
from quotewright.sessions.sweep_axes import MOST_SETS, ParamSet
from quotewright.storage.schema import arrow, parquet


def read_sets(path: Path) -> list[ParamSet]:
    """The parameter sets of a file, in order; what a set does not name (or leaves empty) keeps its default.

    `.csv` has the names in its first line; `.jsonl` one object a line; `.toml` one `[[set]]` table a set; `.parquet`
    one column a parameter. Raises InputError naming the file, the set and the parameter.
    """
    readers: dict[str, Callable[[Path], Iterable[object]]] = {
        ".csv": _from_csv,
        ".jsonl": _from_json_lines,
        ".toml": _from_toml,
        ".parquet": _from_parquet,
    }
    read = readers.get(path.suffix.lower())
    if read is None:
        raise InputError("sets", str(path), f"must end in one of {', '.join(readers)}")
    try:
        found = list(read(path))
    except (OSError, ValueError, csv.Error, arrow.ArrowException) as error:  # TOML and JSON errors are ValueErrors
        raise InputError("sets", str(path), f"cannot be read: {error}") from error
    if not found:
        raise InputError("sets", str(path), "has no sets")
    if len(found) > MOST_SETS:
        raise InputError("sets", str(path), f"has {len(found):,} sets; at most {MOST_SETS:,}")
    sets = [_set(path, number, each) for number, each in enumerate(found)]
    _refuse_doubles(path, sets)
    return sets


def _refuse_doubles(path: Path, sets: list[ParamSet]) -> None:
    """A set that stands there twice would count as two trials."""
    first: dict[tuple[tuple[str, float], ...], int] = {}
    for number, one in enumerate(sets):
        before = first.setdefault(tuple(sorted(one.items())), number)
        if before != number:
            raise InputError("sets", one, f"is set {before} and set {number} of {path}: give it once")


def _from_csv(path: Path) -> Iterable[object]:
    with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets begin their files with a byte-order mark
        for row in csv.DictReader(file, strict=True):
            if None in row or None in row.values():
                raise InputError("sets", str(path), f"a row has not as many cells as the first: {list(row.values())}")
            yield row


def _from_json_lines(path: Path) -> Iterable[object]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def _from_toml(path: Path) -> Iterable[object]:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    unknown = [key for key in content if key != "set"]
    if unknown:
        raise InputError("sets", str(path), f"has {unknown[0]!r}; write [[set]] tables alone")
    tables = content.get("set", [])
    return cast("list[object]", tables) if isinstance(tables, list) else [tables]


def _from_parquet(path: Path) -> Iterable[object]:
    return cast("list[object]", parquet.read_table(str(path)).to_pylist())


def _set(path: Path, number: int, given: object) -> ParamSet:
    if not isinstance(given, Mapping):
        raise InputError("sets", given, f"set {number} of {path} is not a table of names and numbers")
    entries = cast("Mapping[Any, object]", given)
    return {str(name): _value(path, number, name, v) for name, v in entries.items() if v is not None and v != ""}


def _value(path: Path, number: int, name: object, value: object) -> float:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            found = float(value)
        except ValueError:
            found = math.nan
        if math.isfinite(found):
            return found
    raise InputError(f"sets: {name}", value, f"is not a number, in set {number} of {path}")
