"""What a session reads besides recordings: slow views and compiled models, each known by its content's hash."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quotewright.domain.errors import InputError, ParseError
from quotewright.importers.ohlcv import parse_time

if TYPE_CHECKING:
    from quotewright.features.state import Model, View


@dataclass(frozen=True)
class Outside:
    """Models and views by VENUE:SYMBOL, and for the record each file's path and hash."""

    models: Mapping[str, Model] = field(default_factory=dict[str, Any])
    views: Mapping[str, View] = field(default_factory=dict[str, Any])
    facts: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict[str, Any])


def read_outside(names: Sequence[str], models: Mapping[str, Path], views: Mapping[str, Path]) -> Outside:
    """Load the files given for instruments of a session. Raises InputError, DataError for a damaged model."""
    for kind, files in (("model", models), ("view", views)):
        for name in files:
            if name not in names:
                raise InputError(kind, name, f"is not in this session: {', '.join(names)}")
    found_models = {name: read_model(path) for name, path in models.items()}
    found_views = {name: read_view(path) for name, path in views.items()}
    facts = {
        "models": {name: {"path": str(path), "hash": path.stem} for name, path in models.items()},
        "views": {name: {"path": str(path), "hash": _hash(path)} for name, path in views.items()},
    }
    return Outside(found_models, found_views, facts)


def recorded_outside(names: Sequence[str], record: Mapping[str, Any]) -> Outside:
    """The files that a run's record names; InputError if one of them is another than the run used."""
    files: dict[str, dict[str, dict[str, str]]] = {kind: record.get(kind) or {} for kind in ("models", "views")}
    paths = {kind: {name: Path(one["path"]) for name, one in given.items()} for kind, given in files.items()}
    found = read_outside(names, paths["models"], paths["views"])
    for kind, given in files.items():
        for name, one in given.items():
            if found.facts[kind][name]["hash"] != one["hash"]:
                raise InputError(kind, one["path"], f"is another file than the run used ({one['hash'][:12]})")
    return found


def read_model(path: Path) -> Model:
    """A compiled model by its manifest's path, FOLDER/HASH.json.

    Raises InputError for none or one trained on other features, DataError for a damaged one.
    """
    from quotewright.features.slots import MODEL_INPUTS, model_hash
    from quotewright.features.state import Model
    from quotewright.inference.artefact import load

    if path.suffix != ".json":
        raise InputError("model", str(path), "give the path of its manifest, FOLDER/HASH.json")
    found = load(path.parent, path.stem, model_hash())
    if found.features != MODEL_INPUTS:  # it would read other slots, or beyond them
        wrong = sorted(set(found.features) ^ set(MODEL_INPUTS)) or found.features
        raise InputError("model", str(path), f"must have the features of MODEL_INPUTS in their order: {wrong}")
    return Model(found.head, found.nodes, found.table)


def read_view(path: Path) -> View:
    """A slow view from a CSV file with the columns `known` (ISO 8601, or s, ms, µs, ns since 1970 by size) and `value`.

    `known` is when the value was published, by the local clock; a value holds from then until the next. Raises
    InputError naming file and line for what cannot be read, is not finite, or is out of order.
    """
    from quotewright.features.state import View

    rows = csv.DictReader(io.StringIO(_text(path)))
    if rows.fieldnames is None or not {"known", "value"} <= set(rows.fieldnames):
        raise InputError("view", str(path), "must have the columns known and value")
    times: list[int] = []
    values: list[float] = []
    for row in rows:
        where = f"{path}: line {rows.line_num}"
        try:
            times.append(parse_time(row["known"].strip()))
            value = float(row["value"])
        except (ParseError, ValueError, AttributeError, TypeError) as error:
            raise InputError("view", where, f"cannot be read: {error}") from error
        if not np.isfinite(value):
            raise InputError("view", where, "must be finite; leave out rows without a value")
        if len(times) > 1 and times[-1] <= times[-2]:
            raise InputError("view", where, "is not later than the row before: sort by time, one value a time")
        values.append(value)
    return View(np.array(times, np.int64), np.array(values, np.float64))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("view", str(path), f"cannot be read: {error}") from error


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
