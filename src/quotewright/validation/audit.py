"""Look-ahead audit: what was made of the past must not change when the future is cut off, or is another.

Features, labels and decisions are made from whole tables, then again from what was known at a moment: by truncation
nothing later is there, by poisoning everything later is shuffled and scaled. Whatever was known by that moment must be
the same, to the bit. This proves a leak and cannot prove that there is none: a leak is found if it shows at one of the
moments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError, QuotewrightError
from quotewright.validation.audit_moments import WARM, moments_to_try
from quotewright.validation.labels import Integers, checked_times
from quotewright.validation.poison import poisoned

Array = npt.NDArray[Any]
TRUNCATED, POISONED, UNREPEATABLE, FAILED = "truncated", "poisoned", "unrepeatable", "failed"


class Known(NamedTuple):
    """A table and when each of its rows became known (ns, ascending): a polars frame, or an array [rows, …]."""

    rows: Any
    known: Integers

    def until(self, moment: int) -> int:
        """How many rows were known at the moment."""
        return int(np.searchsorted(self.known, moment, side="right"))


class Column(NamedTuple):
    """A feature, label or decision: a value for each row, the time it belongs to, and when it was known (ns)."""

    values: Array
    times: Integers
    known: Integers


Maker = Callable[[dict[str, Any]], Mapping[str, Column]]


class Leak(NamedTuple):
    """Where a value depends on what was not known: the column, its row's time, the moment of the cut, both values.

    None for a value where the row is missing.
    """

    kind: str
    column: str
    time: int
    moment: int
    whole: object
    cut: object

    @property
    def sentence(self) -> str:
        """One line for a report."""
        if self.kind == FAILED:
            return f"with what was known at {self.moment} it fails: {self.cut}"
        if self.kind == UNREPEATABLE:
            return f"{self.column} at {self.time}: {self.whole!r}, and {self.cut!r} when made again from the same data"
        how = "cut off" if self.kind == TRUNCATED else "changed"
        return f"{self.column} at {self.time}: {self.whole!r}, but {self.cut!r} with all after {self.moment} {how}"


@dataclass(frozen=True)
class Audit:
    """What was tried: values compared at moments (ns), and the first leak of each column and kind."""

    columns: tuple[str, ...]
    moments: tuple[int, ...]
    compared: int
    leaks: tuple[Leak, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing was found, and something was compared."""
        return not self.leaks and self.compared > 0


def audit(
    make: Maker,
    tables: Mapping[str, Known],
    *,
    moments: Integers | None = None,
    number: int = 24,
    poison: bool = True,
    tolerance: float = 0.0,
    seed: int = 1,
) -> Audit:
    """Make columns from the whole tables and from each moment's past, and compare what both say was known by then.

    Without `moments` (ns) they are `number` drawn ones and those where a leak would show most: before the largest
    values and changes, and just before rows became known. `tolerance` is relative and 0: some library sums differ in
    the last bit with the length of what they are given, and only that excuses another. A function that fails on a part,
    or gives other values from the same data, is a finding too. Raises InputError for tables or columns that do not fit
    together.
    """
    _check_tables(tables, tolerance)
    try:
        whole = _made(make, {name: table.rows for name, table in tables.items()})
    except QuotewrightError:
        raise
    except Exception as failure:
        raise InputError("function", repr(failure), "must run on the whole data") from failure
    leaks: dict[tuple[str, str], Leak] = {}
    compared = 0
    last = max(int(table.known[-1]) for table in tables.values())
    try:
        again = _made(make, {name: table.rows for name, table in tables.items()})
    except Exception as failure:
        leaks["", FAILED] = Leak(FAILED, "", last, last, None, f"when made again: {failure!r}")
    else:
        for leak in _differences(UNREPEATABLE, last, whole, again, 0.0):
            leaks.setdefault((leak.column, leak.kind), leak)
    if moments is None:
        moments = moments_to_try(
            [table.known for table in tables.values()],
            [(column.values, column.times, column.known) for column in whole.values()],
            number,
            seed,
        )
    for moment in moments.tolist():
        kinds = {TRUNCATED: {name: table.rows[: table.until(moment)] for name, table in tables.items()}}
        if poison:
            kinds[POISONED] = {
                name: poisoned(table.rows, table.until(moment), seed=seed) for name, table in tables.items()
            }
        compared += sum(int((column.known <= moment).sum()) for column in whole.values()) * len(kinds)
        for kind, given in kinds.items():
            try:
                part = _made(make, given)
            except Exception as failure:  # the user's code may raise anything, and that is the finding
                if _warm(tables, moment):
                    leaks.setdefault(("", FAILED), Leak(FAILED, "", moment, moment, None, f"{kind}: {failure!r}"))
                continue
            for leak in _differences(kind, moment, whole, part, tolerance):
                leaks.setdefault((leak.column, leak.kind), leak)
    return Audit(tuple(whole), tuple(moments.tolist()), compared, tuple(leaks.values()))


def _made(make: Maker, given: dict[str, Any]) -> dict[str, Column]:
    columns = dict(make({name: _guarded(rows) for name, rows in given.items()}))
    for name, (values, times, known) in columns.items():
        if not (len(values) == len(times) == len(known)) or np.ndim(values) != 1:
            raise InputError(name, (np.shape(values), len(times), len(known)), "give a value, time and known a row")
    return columns


def _warm(tables: Mapping[str, Known], moment: int) -> bool:
    """Whether so much was known that a function has no excuse to fail."""
    return all(table.until(moment) >= WARM * len(table.rows) for table in tables.values())


def _guarded(rows: Any) -> Any:
    """An array that the function cannot change, or a frame of its own: what it adds must not be there the next time."""
    if not isinstance(rows, np.ndarray):
        return rows.clone() if hasattr(rows, "clone") else rows
    view = cast(Array, rows).view()
    view.flags.writeable = False
    return view


def _differences(
    kind: str, moment: int, whole: dict[str, Column], part: dict[str, Column], tolerance: float
) -> Iterator[Leak]:
    """The first difference of each column among the rows that either side says were known."""
    for name in sorted(whole.keys() | part.keys()):
        if name not in whole or name not in part:
            yield Leak(kind, name, moment, moment, *(None if name not in side else "there" for side in (whole, part)))
            continue
        (a, at), (b, bt) = (_known_rows(side[name], moment) for side in (whole, part))
        common = min(len(at), len(bt))
        moved = np.flatnonzero(at[:common] != bt[:common])
        upto = int(moved[0]) if len(moved) else common
        other = np.flatnonzero(~_same(a[:upto], b[:upto], tolerance))
        if len(other):
            row = int(other[0])
            yield Leak(kind, name, int(at[row]), moment, _plain(a[row]), _plain(b[row]))
        elif upto < max(len(at), len(bt)):
            ours = upto < len(at) and (upto >= len(bt) or at[upto] < bt[upto])
            time, value = (at[upto], _plain(a[upto])) if ours else (bt[upto], _plain(b[upto]))
            yield Leak(kind, name, int(time), moment, *((value, None) if ours else (None, value)))


def _known_rows(column: Column, moment: int) -> tuple[Array, Integers]:
    """Values and times of the rows known by the moment, in order of time."""
    rows = np.flatnonzero(column.known <= moment)
    rows = rows[np.argsort(column.times[rows], kind="stable")]
    return np.asarray(column.values)[rows], column.times[rows]


def _same(a: Array, b: Array, tolerance: float) -> npt.NDArray[np.bool_]:
    if a.dtype.kind == "f" and b.dtype.kind == "f":
        x, y = a.astype(np.float64), b.astype(np.float64)
        alike = (x.view(np.int64) == y.view(np.int64)) | (np.isnan(x) & np.isnan(y))
        if tolerance:
            with np.errstate(invalid="ignore"):
                alike |= np.abs(x - y) <= tolerance * np.maximum(np.abs(x), np.abs(y))
        return alike
    pairs = [(_plain(x), _plain(y)) for x, y in zip(a, b, strict=True)]
    return np.array([x == y or (x != x and y != y) for x, y in pairs], np.bool_)  # NaN is not itself


def _plain(value: Any) -> object:
    return cast(object, value.item()) if isinstance(value, np.generic) else value


def _check_tables(tables: Mapping[str, Known], tolerance: float) -> None:
    if not tables:
        raise InputError("tables", 0, "give at least one")
    for name, table in tables.items():
        checked_times(f"{name}.known", table.known)
        if len(table.rows) != len(table.known):
            raise InputError(f"{name}.known", len(table.known), f"give a time for each of {len(table.rows)} rows")
    if not 0 <= tolerance < 1:
        raise InputError("tolerance", tolerance, "must be 0 or a small fraction")
