"""Strategies in plain Python: the compiled loop stops at each of their decisions, and goes on with their target.

They are given the same view and target, as structures over the engine's own memory whose fields are Python numbers:
several times faster to read than numpy records.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.quotes import TARGET, VIEW
from quotewright.domain.strategy import Strategy
from quotewright.engine.state import ENGINE, MEMORY_CELLS, EngineState

_NUMBERS = {np.dtype("i8"): ctypes.c_int64, np.dtype("f8"): ctypes.c_double}


def _structure(name: str, dtype: np.dtype[Any]) -> type[ctypes.Structure]:
    fields: list[tuple[str, Any]] = []
    for field in dtype.names or ():
        kind = dtype[field]
        number = _NUMBERS[kind.base]
        fields.append((field, number * kind.shape[0] if kind.shape else number))
    made = type(name, (ctypes.Structure,), {"_fields_": fields})
    if ctypes.sizeof(made) != dtype.itemsize:
        raise AssertionError(f"{name} is laid out otherwise than its record")
    return made


_View = _structure("View", VIEW)
_Target = _structure("Target", TARGET)

Decide = Callable[[Any, Any, Any, Any], None]


class PlainPython:
    """Calls the decision functions of the legs whose strategies are not compiled; `legs` has their strategies."""

    def __init__(self, state: EngineState, legs: Mapping[int, Strategy]) -> None:
        self._engine = np.asarray(state.engine).view(np.int64)
        self._due = ENGINE.fields["due_leg"][1] // 8 if ENGINE.fields else 0
        view: Any = np.asarray(state.views).view(np.uint8)
        target: Any = np.asarray(state.targets).view(np.uint8)
        self._view = _View.from_buffer(view)
        self._target = _Target.from_buffer(target)
        self._calls: dict[int, tuple[Decide, list[float], Any, str]] = {}
        for leg, strategy in legs.items():
            row = state.legs[leg]
            params = state.params[int(row["params_from"]) : int(row["params_to"])].tolist()
            memory = memoryview(state.memory)[leg * MEMORY_CELLS : (leg + 1) * MEMORY_CELLS]
            self._calls[leg] = strategy.decide, params, memory, strategy.name

    def decide(self) -> None:
        """Let the strategy that is asked write its target; raises InputError if it fails."""
        decide, params, memory, name = self._calls[int(self._engine[self._due])]
        try:
            decide(self._view, params, memory, self._target)
        except Exception as error:
            raise InputError("strategy", name, f"its decide() failed: {type(error).__name__}: {error}") from error
