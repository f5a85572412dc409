"""The user's own function under audit: loaded from FILE:FUNCTION, given frames, its frame read as columns."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from quotewright.domain.errors import InputError, QuotewrightError
from quotewright.validation.audit import Column, Maker
from quotewright.validation.labels import NEVER, Integers

SUFFIX = "_known"


def load_function(target: str) -> Callable[..., Any]:
    """The function that FILE:FUNCTION names. Raises InputError if the file cannot be run or has no such function."""
    path, _, name = target.rpartition(":")
    file = Path(path)
    if not path or not name or not file.is_file():
        raise InputError("function", target, "give FILE:FUNCTION with a file that exists")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise InputError("function", target, "give a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except QuotewrightError:
        raise
    except Exception as failure:
        raise InputError("function", target, f"its file fails: {failure!r}") from failure
    found = getattr(module, name, None)
    if not callable(found):
        raise InputError("function", target, f"{file.name} has no function {name}")
    return found


def frame_maker(function: Callable[..., Any], *, time: str = "time", delay: int = 0) -> Maker:
    """A maker from a function of polars frames: of the one table, or of a dict of several, to a frame.

    Each column of its frame is a feature, label or decision, but `time` (int64 ns, a date or a datetime), and
    NAME_known, which says when NAME was known, null for never. Without it a value is known `delay` ns after its row's
    time: a day for daily bars named by their date.
    """

    def make(tables: dict[str, Any]) -> dict[str, Column]:
        frame = function(next(iter(tables.values()))) if len(tables) == 1 else function(tables)
        if not hasattr(frame, "get_columns"):
            raise InputError("function", type(frame).__name__, "must return a polars frame")
        if time not in frame.columns:
            raise InputError("function", frame.columns, f"must return a frame with the column {time}")
        times = _nanoseconds(frame[time])
        if (times == NEVER).any():
            raise InputError(time, None, "must have no null")
        names = [name for name in frame.columns if name != time and not _is_known(name, frame.columns)]
        return {
            name: Column(
                frame[name].to_numpy(),
                times,
                _nanoseconds(frame[name + SUFFIX]) if name + SUFFIX in frame.columns else times + delay,
            )
            for name in names
        }

    return make


def _is_known(name: str, columns: list[str]) -> bool:
    return name.endswith(SUFFIX) and name.removesuffix(SUFFIX) in columns


def _nanoseconds(series: Any) -> Integers:
    if series.dtype.is_temporal():
        series = series.cast(_datetime_ns()).dt.epoch("ns")
    elif not series.dtype.is_integer():
        raise InputError(series.name, str(series.dtype), "must be int64 ns, a date or a datetime")
    return np.asarray(series.fill_null(NEVER).to_numpy(), np.int64)


def _datetime_ns() -> Any:
    import polars as pl

    return pl.Datetime("ns")
