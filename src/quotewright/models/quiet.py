"""Libraries called on one thread, their warnings kept or dropped but never shown."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from quotewright.domain.errors import InputError, MissingExtraError

_WITH_POOLS = ("numpy", "scipy.linalg", "sklearn.utils._openmp_helpers", "lightgbm", "xgboost")


def quietly(call: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Call a library on one thread, without its warnings."""
    with warnings.catch_warnings(), one_thread():
        warnings.simplefilter("ignore")
        return call(*given, **named)


def told(call: Callable[..., Any], *given: Any, **named: Any) -> list[str]:
    """Call a library on one thread; its warnings as text. Raises InputError for what it refuses."""
    with warnings.catch_warnings(record=True) as caught, one_thread():
        warnings.simplefilter("always")
        try:
            call(*given, **named)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as reason:
            raise InputError("X, y", type(reason).__name__, str(reason).splitlines()[0]) from reason
    return [f"{each.category.__name__}: {' '.join(str(each.message).split())}" for each in caught]


def one_thread() -> Any:
    """A context in which BLAS and OpenMP use one thread: the same sums wherever it runs."""
    return _pools(tuple(name for name in _WITH_POOLS if name in sys.modules)).limit(limits=1)


@lru_cache(maxsize=32)
def _pools(_: tuple[str, ...]) -> Any:
    """The thread pools that are loaded with these libraries; to find them takes milliseconds."""
    try:
        return importlib.import_module("threadpoolctl").ThreadpoolController()
    except ImportError:
        raise MissingExtraError("models need: pip install 'quotewright[research]'") from None
