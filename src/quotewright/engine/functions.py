"""Binding strategies: each decision function compiled once against one explicit signature.

The engine's loop calls functions of that signature by address, so it compiles once for all strategies, and an edited
strategy recompiles itself alone.
"""

# pyright: basic
# numba has no type stubs.

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numba as _numba
import numpy as np
from numba import types

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import INTERPRETED, kernel
from quotewright.domain.quotes import TARGET, VIEW
from quotewright.domain.strategy import Strategy
from quotewright.domain.tables import function_address, function_caller

numba: Any = _numba

SIGNATURE = types.void(numba.from_dtype(VIEW), types.float64[::1], types.float64[::1], numba.from_dtype(TARGET))

call_decision = function_caller(SIGNATURE)
"""`call_decision(functions, index, view, params, memory, target)`, for kernels."""


def compile_decision(strategy: Strategy) -> Any:
    """The strategy's decision function, compiled against the engine's signature; InputError if numba refuses it."""
    if INTERPRETED:
        return strategy.decide
    dispatcher = kernel(strategy.decide)
    try:
        dispatcher.compile(SIGNATURE)
    except numba.core.errors.NumbaError as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise InputError("strategy", strategy.name, f"its decide() does not compile: {reason}\n{error}") from error
    return dispatcher


def bind_functions(strategies: Sequence[Strategy], told: Callable[[str], None] | None = None) -> Any:
    """The table of decision functions for the loop; `told` hears which strategy is being compiled."""
    functions: list[Any] = []
    for strategy in strategies:
        if told is not None:
            told(strategy.name)
        functions.append(compile_decision(strategy))
    return (
        functions
        if INTERPRETED
        else np.array([function_address(function, SIGNATURE) for function in functions], np.int64)
    )


def no_functions() -> Any:
    """An empty table of decision functions."""
    return bind_functions([])
