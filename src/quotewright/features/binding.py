"""The features' step as functions that the engine's loop calls by address, so that only sessions with features pay."""

# pyright: basic
# numba has no type stubs.

from __future__ import annotations

from typing import Any

import numba as _numba
import numpy as np
from numba import types

from quotewright.domain.events import EVENT
from quotewright.domain.kernel import INTERPRETED
from quotewright.domain.tables import address_of, function_address, function_caller
from quotewright.market.levels import BOOK

numba: Any = _numba

BEFORE_ROW = 0
AFTER_UPDATE = 1
LAY_OUT = 2

SIGNATURE = types.void(types.int64, types.int64, numba.from_dtype(BOOK), numba.from_dtype(EVENT))

call_features = function_caller(SIGNATURE)
"""`call_features(functions, which of the three, address, instrument, book, row)`, for kernels; LAY_OUT reads no row."""


def bind_features(features: Any) -> tuple[Any, Any]:
    """Where a FeatureState is and the functions that step it, as tables of the engine; empty ones for None."""
    if features is None:
        return ([], []) if INTERPRETED else (np.zeros(0, np.int64), np.zeros(0, np.int64))
    from quotewright.features.hooks import STEPS  # a session without features need not import them

    if INTERPRETED:
        return [features], list(STEPS)
    functions = [function_address(function, SIGNATURE) for function in STEPS]
    return np.array([address_of(features)]), np.array(functions)
