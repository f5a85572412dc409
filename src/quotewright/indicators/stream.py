"""Indicators over columns of bars and bar by bar: the same step, hence the same bits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.indicators.catalogue import CODES, Feature, catalogue_hash, feature
from quotewright.indicators.history import BAR, FIRST_SERIES, new_history
from quotewright.indicators.recursive import new_memory
from quotewright.indicators.step import advance

Floats = npt.NDArray[np.float64]


class Stream:
    """Chosen features over one sequence of bars: `extend` by many at a time, `update` by one.

    `names` are as `catalogue.feature` reads them; `inputs` are the columns they need. Bars come in order of time, one
    a period; a period without a bar is a row of NaN. A missing number (NaN, infinite, beyond 1e100) makes NaN of the
    features that need it, for as long as their window holds it; `docs/reference/indicators.md` has the rule of each.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.features: tuple[Feature, ...] = tuple(feature(name) for name in names)
        if not self.features:
            raise InputError("names", (), "choose at least one feature")
        self.names = tuple(one.name for one in self.features)
        if len(set(self.names)) < len(self.names):
            raise InputError("names", self.names, "name each feature once")
        self.hash = catalogue_hash(self.names)
        needed = {column for one in self.features for column in one.inputs}
        series = sorted(needed - set(BAR))
        rows = {column: row for row, column in enumerate(BAR)}
        rows |= {column: FIRST_SERIES + place for place, column in enumerate(series)}
        columns = (*BAR, *series)
        self._taken = tuple((place, column) for place, column in enumerate(columns) if column in needed)
        self.inputs = tuple(column for _, column in self._taken)
        self._plan = np.array([(CODES[one.family], one.window, rows[one.inputs[0]]) for one in self.features], np.int64)
        self._history = new_history(max(one.window for one in self.features), len(series))
        self._memory = new_memory(len(self.features))
        self._count = 0
        self._bar = np.full((1, len(columns)), math.nan)

    @property
    def count(self) -> int:
        """Bars taken in so far."""
        return self._count

    def update(self, bar: Mapping[str, float]) -> Floats:
        """Take in the bar that has just closed: one value a feature, float64[f].

        `bar` holds a number for every column of `inputs`; others are left aside. Raises InputError as `extend` does.
        """
        for place, column in self._taken:
            self._bar[0, place] = _number(bar, column)
        return self._advance(self._bar)[0]

    def extend(self, bars: Any) -> Floats:
        """Take in bars: float64[n, f], row i as known when bar i has closed.

        `bars` gives a float column for every name of `inputs`: a mapping, or a structured array. Raises InputError for
        a column that is missing or of another length, a low above its high, or a volume below 0.
        """
        columns = {column: _column(bars, column) for column in self.inputs}
        lengths = {column: len(values) for column, values in columns.items()}
        if len(set(lengths.values())) > 1:
            raise InputError("bars", lengths, "give columns of one length")
        table = np.full((next(iter(lengths.values())), self._bar.shape[1]), math.nan)
        for place, column in self._taken:
            table[:, place] = columns[column]
        return self._advance(table)

    def _advance(self, table: Floats) -> Floats:
        _check(table)
        out = np.empty((len(table), len(self.features)))
        advance(self._plan, self._count, self._history, self._memory, table, out)
        self._count += len(table)
        return out


def compute(bars: Any, names: Iterable[str]) -> Floats:
    """Features of a whole history, float64[n, f]: `Stream(names).extend(bars)`."""
    return Stream(names).extend(bars)


def _number(bar: Mapping[str, float], column: str) -> float:
    try:
        return float(bar[column])
    except (KeyError, TypeError, ValueError):
        raise InputError(column, dict(bar), "give the bar a number of this name; NaN where it is unknown") from None


def _column(bars: Any, column: str) -> Floats:
    try:
        values = np.asarray(bars[column], np.float64)
    except (KeyError, IndexError):
        raise InputError("bars", column, "give a column of this name; NaN where it is unknown") from None
    except (TypeError, ValueError):
        raise InputError("bars", column, "give columns of numbers; NaN where one is unknown") from None
    if values.ndim != 1:
        raise InputError(column, values.shape, "give one number a bar")
    return values


def _check(table: Floats) -> None:
    high, low, volume = table[:, 0], table[:, 1], table[:, 3]
    wrong = np.flatnonzero((low > high) | (volume < 0))
    if len(wrong):
        row = int(wrong[0])
        fix = f"correct bar {row} or make it NaN: a low is at most its high, a volume at least 0"
        raise InputError("low, high, volume", (float(low[row]), float(high[row]), float(volume[row])), fix)
