"""How the core is compiled: one decorator, and a disk cache that is never stale.

Law of every kernel: arrays, records and numbers in; no Python objects, no allocation inside loops, no
exceptions for control flow (status codes out, turned into errors in one place).

numba stamps a cached function with its own file only, so an edited constant or callee elsewhere would go
unnoticed. Here the stamp covers the sources of the whole core; a strategy's covers the built-in strategies and
its own folder too.
With NUMBA_DISABLE_JIT=1 the same code runs interpreted, with the same results.
"""

# pyright: basic
# numba has no type stubs; everything typed strictly goes through `kernel`.

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numba as _numba
import numpy as np
from numba import types
from numba.core import config as _config
from numba.core.caching import InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator
from numba.cpython.unsafe import numbers as _numbers
from numba.extending import overload

numba: Any = _numba
config: Any = _config
leading_zeros: Any = _numbers.leading_zeros
trailing_zeros: Any = _numbers.trailing_zeros

F = TypeVar("F", bound=Callable[..., Any])

INTERPRETED = bool(config.DISABLE_JIT)

_PACKAGE = Path(__file__).resolve().parents[1]
_CORE = ("domain", "market", "signals", "features", "risk", "orders", "engine", "simulation")


@lru_cache(maxsize=64)
def _stamp_of(folders: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        for source in sorted(folder.glob("*.py")):
            digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()


class _StampedByTree:
    """Replaces numba's one-file source stamp by a hash over everything the function may depend on."""

    _py_file: str

    def get_source_stamp(self) -> str:
        folder = Path(self._py_file).resolve().parent
        if folder.parent == _PACKAGE and folder.name in _CORE:
            return _stamp_of(tuple(_PACKAGE / name for name in _CORE))
        return _stamp_of((*(_PACKAGE / name for name in (*_CORE, "strategies")), folder))


class ProvidedLocator(_StampedByTree, UserProvidedCacheLocator):
    """Cache in the folder that NUMBA_CACHE_DIR names."""


class InTreeLocator(_StampedByTree, InTreeCacheLocator):
    """Cache beside the source, in `__pycache__`."""


class UserWideLocator(_StampedByTree, UserWideCacheLocator):
    """Cache in the user's cache folder, where the source tree is read-only."""


_LOCATORS = ",".join(f"{__name__}.{c.__name__}" for c in (ProvidedLocator, InTreeLocator, UserWideLocator))


def records(rows: int, dtype: np.dtype[Any]) -> Any:
    """A zeroed array of records in the form kernels take, compiled or interpreted."""
    return as_records(np.zeros(rows, dtype=dtype))


def as_records(array: Any) -> Any:
    """A structured array in the form kernels take, compiled or interpreted; shares its memory."""
    return array.view(np.recarray) if INTERPRETED else array


def kernel(function: F) -> F:
    """Compile a kernel that Python calls: with a Python wrapper, without the GIL, cached on disk."""
    if INTERPRETED:
        return function
    dispatcher = _one_integer_type(numba.njit(nogil=True, error_model="numpy")(function))
    before = config.CACHE_LOCATOR_CLASSES
    config.CACHE_LOCATOR_CLASSES = _LOCATORS
    try:
        dispatcher.enable_caching()
    finally:
        config.CACHE_LOCATOR_CLASSES = before
    return dispatcher


def entry_of(function: Callable[..., Any], *examples: Any) -> Callable[..., Any]:
    """The compiled form of a kernel for arguments of the examples' types, and of no others: hardly anything is checked.

    Finding the types of tables anew at each call costs several times what a short kernel does.
    """
    if INTERPRETED:
        return function
    dispatcher: Any = function
    return dispatcher.compile(tuple(numba.typeof(example) for example in examples))


def subkernel(function: F) -> F:
    """Compile a kernel that only other kernels call: no wrapper and no cache of its own, it lives in its caller's.

    It counts no references to arrays: kernels allocate nothing, and whoever calls from Python holds every array.
    """
    return _subkernel(function, _nrt=False)


def inlined(function: F) -> F:
    """A subkernel whose body replaces its calls: for the path of every event."""
    return _subkernel(function, _nrt=False, forceinline=True)


def _subkernel(function: F, **options: bool) -> F:
    if INTERPRETED:
        return function
    plain = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    dispatcher = _one_integer_type(numba.njit(**plain, **options)(function))

    def only_for_kernels(*_: Any) -> Any:
        raise TypeError(f"{function.__name__} is a subkernel: only kernels can call it")

    def add_overload(result: Any) -> None:  # without a wrapper there is nothing Python could be handed
        dispatcher.overloads[tuple(result.signature.args)] = result

    dispatcher._compile_for_args = only_for_kernels
    dispatcher.add_overload = add_overload
    return dispatcher


def _one_integer_type(dispatcher: Any) -> Any:
    """Let calls from kernels pass every integer, literals included, as int64.

    Otherwise numba compiles a copy for each combination of widths and literal values at call sites.
    """
    resolve = dispatcher.get_call_template

    def get_call_template(args: Any, kws: Any) -> Any:
        return resolve(tuple(_widened(a) for a in args), {name: _widened(a) for name, a in kws.items()})

    dispatcher.get_call_template = get_call_template
    return dispatcher


def _widened(given: Any) -> Any:
    plain = types.unliteral(given)
    return types.int64 if isinstance(plain, types.Integer) else plain


def highest_bit(word: int) -> int:
    """Index of the highest set bit of a positive integer."""
    return int(word).bit_length() - 1


def lowest_bit(word: int) -> int:
    """Index of the lowest set bit of a positive integer."""
    word = int(word)
    return (word & -word).bit_length() - 1


@overload(highest_bit)
def _highest_bit(word):
    return lambda word: 63 - leading_zeros(word)


@overload(lowest_bit)
def _lowest_bit(word):
    return lambda word: trailing_zeros(word)
