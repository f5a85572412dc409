"""What a search may choose: named dimensions as plain data, and the small steps allowed around what is live."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from quotewright.domain.errors import InputError

Value = float | int | str | bool | None
Params = dict[str, Value]


@dataclass(frozen=True)
class Dimension:
    """One parameter: a closed range, or choices.

    A range is even, or with `log` even by logarithm (then 0 < low); `whole` takes whole numbers alone; `step` takes
    low, low + step, …; low = high is a fixed value. Raises InputError for what makes no sense.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float | None = None
    whole: bool = False
    choices: tuple[Value, ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise InputError("space", self.name, "every dimension needs a name")
        where = f"space {self.name}"
        if self.choices:
            if (self.low, self.high, self.log, self.step, self.whole) != (0.0, 0.0, False, None, False):
                raise InputError(where, self.choices, "give choices or a range, not both")
            if len({(type(choice), choice) for choice in self.choices}) < len(self.choices):
                raise InputError(where, self.choices, "has a choice twice")
            return
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise InputError(where, (self.low, self.high), "must go from a finite number to one not below it")
        if self.log and self.low <= 0:
            raise InputError(where, self.low, "must begin above zero for log")
        if self.step is not None and (self.log or not self.step > 0 or math.isinf(self.step)):
            raise InputError(where, self.step, "must be a positive step, without log")
        if self.whole and any(value != int(value) for value in (self.low, self.high, self.step or 1)):
            raise InputError(where, (self.low, self.high, self.step), "must be whole numbers")

    def check(self, value: Value) -> Value:
        """The value as the search gives it (whole numbers as int); raises InputError if it is not one of these.

        A `step` is not held: a value from outside may lie between two.
        """
        where = f"space {self.name}"
        if self.choices:
            if not any(type(value) is type(choice) and value == choice for choice in self.choices):
                raise InputError(where, value, f"must be one of {', '.join(map(repr, self.choices))}")
            return value
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            raise InputError(where, value, f"must lie in [{self.low:g}, {self.high:g}]")
        if self.whole and value != int(value):
            raise InputError(where, value, "must be a whole number")
        return int(value) if self.whole else float(value)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `space_of` reads them back."""
        return {**asdict(self), "choices": list(self.choices)}


Space = tuple[Dimension, ...]


def space_of(given: Sequence[Mapping[str, Any]]) -> Space:
    """A space from plain tables, such as {name, low, high, log} or {name, choices}; raises InputError naming each."""
    known = {each.name for each in fields(Dimension)}
    found: list[Dimension] = []
    for number, table in enumerate(given):
        for key in table:
            if key not in known:
                raise InputError(f"space {number}: {key}", table[key], f"is not a setting; they are {sorted(known)}")
        if "name" not in table or not ("choices" in table or {"low", "high"} <= set(table)):
            raise InputError(f"space {number}", dict(table), "needs a name, and low and high or choices")
        settings: dict[str, Any] = {**table, "choices": tuple(table.get("choices", ()))}
        found.append(Dimension(**settings))
    return checked_space(found)


def checked_space(space: Sequence[Dimension]) -> Space:
    """The space, if it has dimensions and no name twice."""
    names = [each.name for each in space]
    if not names or len(set(names)) < len(names):
        raise InputError("space", names, "needs at least one dimension, and each name once")
    return tuple(space)


def checked_params(space: Space, params: Mapping[str, Value]) -> Params:
    """Parameters with a value for every dimension and for no other; raises InputError naming what is wrong."""
    names = {each.name for each in space}
    if names != set(params):
        wrong = sorted(names ^ set(params))
        raise InputError("params", wrong, f"must be given for each of {', '.join(sorted(names))}, and for no other")
    return {each.name: each.check(params[each.name]) for each in space}


def nudges(live: Mapping[str, Value], bounds: Space, fraction: float) -> Space:
    """The space of small steps around what is live: live ± fraction·|live|, and never outside the bounds.

    Whole and stepped dimensions keep to their values; one without any in reach stays as it is, and so does a live 0
    (no share of it is a step) and a choice. Raises InputError if fraction is not in (0, 1], or live is not in bounds.
    """
    if not 0 < fraction <= 1:
        raise InputError("fraction", fraction, "must lie in (0, 1]")
    known = checked_params(checked_space(bounds), live)
    return tuple(_near(each, known[each.name], fraction) for each in bounds)


def _near(dimension: Dimension, live: Value, fraction: float) -> Dimension:
    if dimension.choices:
        return replace(dimension, choices=(live,))
    assert isinstance(live, int | float)
    reach = fraction * abs(live)
    low, high = max(dimension.low, live - reach), min(dimension.high, live + reach)
    step = dimension.step or (1.0 if dimension.whole else None)
    if step is not None:
        first = math.ceil((low - dimension.low) / step - 1e-9)
        last = math.floor((high - dimension.low) / step + 1e-9)
        low, high = dimension.low + first * step, dimension.low + last * step
        if low > high:
            return replace(dimension, low=float(live), high=float(live), step=None, log=False)
    return replace(dimension, low=low, high=min(high, dimension.high))
