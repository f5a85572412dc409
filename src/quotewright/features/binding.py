"""The features' step as functions that the engine's loop calls by address, so that only sessions with features pay."""

# pyright: basic
# numba has no type stubs.

from __future__ import annotations

from typing import Any

import numba as _numba
import numpy as np
from numba import types

from quotewright.domain.events import EVENT
from quotewright.domain.kernel import INTERPRETED, kernel
from quotewright.domain.tables import address_of, function_address, function_caller, tables_at
from quotewright.features.state import FeatureState, new_features
from quotewright.features.step import after_update, before_row, lay_out
from quotewright.market.levels import BOOK

numba: Any = _numba

BEFORE_ROW = 0
AFTER_UPDATE = 1
LAY_OUT = 2

SIGNATURE = types.void(types.int64, types.int64, numba.from_dtype(BOOK), numba.from_dtype(EVENT))

call_features = function_caller(SIGNATURE)
"""`call_features(functions, which of the three, address, instrument, book, row)`, for kernels; LAY_OUT reads no row."""

_features_at = tables_at(new_features([]))


@kernel
def _before_row(address: Any, _: Any, book: Any, row: Any) -> None:
    before_row(_features_at(address), book, row)


@kernel
def _after_update(address: Any, _: Any, book: Any, row: Any) -> None:
    after_update(_features_at(address), book, row)


@kernel
def _lay_out(address: Any, instrument: Any, _book: Any, _row: Any) -> None:
    lay_out(_features_at(address), instrument)


_STEPS = (_before_row, _after_update, _lay_out)


def bind_features(features: FeatureState | None) -> tuple[Any, Any]:
    """Where the features are and the functions that step them, as tables of the engine; empty ones for None."""
    if INTERPRETED:
        return ([features], list(_STEPS)) if features is not None else ([], [])
    if features is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    functions = [function_address(function, SIGNATURE) for function in _STEPS]
    return np.array([address_of(features)]), np.array(functions)
