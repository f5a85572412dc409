"""What a strategy is: a decision function, its parameters with units and ranges, and when it decides."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.quotes import ON_FILL, ON_TIMER

MEMORY_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter: default, closed range, unit, and what it means."""

    name: str
    default: float
    low: float
    high: float
    unit: str
    doc: str
    whole: bool = False  # must be a whole number

    def check(self, value: float) -> float:
        """`value` if it is in range; raises InputError naming the parameter otherwise."""
        if not math.isfinite(value) or not self.low <= value <= self.high:
            raise InputError(self.name, value, f"must lie in [{self.low:g}, {self.high:g}] {self.unit}".rstrip())
        if self.whole and value != int(value):
            raise InputError(self.name, value, "must be a whole number")
        return float(value)


@dataclass(frozen=True)
class Strategy:
    """A decision function `decide(view, params, memory, target)` and what the engine must know about it.

    `view` and `target` are VIEW and TARGET records, `params` a float64 array in the order of `params`
    here, `memory` MEMORY_BYTES // 8 float64 cells that survive from one decision to the next.
    `decide` is plain Python in the subset that numba compiles; it may call compiled functions only. With `compiled`
    False it is any Python at all, called as such: slow, but it can be stepped through and may use any library.
    """

    name: str
    decide: Callable[[Any, Any, Any, Any], None]
    params: tuple[Param, ...]
    doc: str
    source: str  # the paper or book the quotes come from
    triggers: int = ON_TIMER | ON_FILL
    interval: int = 100_000_000  # ns between timer decisions
    compiled: bool = True
    features: bool = False  # it reads `view.features`; otherwise they are not computed for it

    def bind(self, given: Mapping[str, float]) -> npt.NDArray[np.float64]:
        """Parameter values in core order; raises InputError for unknown names and values out of range."""
        known = {p.name: p for p in self.params}
        for name in given:
            if name not in known:
                raise InputError("param", name, f"is not a parameter of {self.name}; it has {', '.join(known)}")
        return np.array([p.check(float(given.get(p.name, p.default))) for p in self.params], dtype=np.float64)

    def schema(self) -> dict[str, Any]:
        """The parameters as JSON Schema, with units and defaults."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.name,
            "description": self.doc,
            "type": "object",
            "additionalProperties": False,
            "properties": {
                p.name: {
                    "type": "integer" if p.whole else "number",
                    "default": int(p.default) if p.whole else p.default,
                    "minimum": p.low,
                    "maximum": p.high,
                    "description": p.doc,
                    "unit": p.unit,
                }
                for p in self.params
            },
        }
