"""The strategies by name, and a user's own by the path of its file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from quotewright.domain.errors import InputError
from quotewright.domain.strategy import Strategy
from quotewright.strategies import avellaneda_stoikov, glft, ladder, symmetric

CATALOGUE: dict[str, Strategy] = {
    module.STRATEGY.name: module.STRATEGY for module in (symmetric, avellaneda_stoikov, glft, ladder)
}


def find(name_or_path: str) -> Strategy:
    """A strategy by its name, or the `STRATEGY` of a Python file; raises InputError saying what is there."""
    if name_or_path in CATALOGUE:
        return CATALOGUE[name_or_path]
    if not name_or_path.endswith(".py"):
        known = ", ".join(CATALOGUE)
        raise InputError("strategy", name_or_path, f"is not known; there are {known}, or give a path ending in .py")
    return _load(Path(name_or_path))


def _load(path: Path) -> Strategy:
    if not path.is_file():
        raise InputError("strategy", str(path), "is not a file")
    name = f"quotewright_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise InputError("strategy", str(path), "cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # the compiler's disk cache finds functions by module name
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise InputError("strategy", str(path), f"fails when loaded: {type(error).__name__}: {error}") from error
    strategy = getattr(module, "STRATEGY", None)
    if not isinstance(strategy, Strategy):
        del sys.modules[name]
        raise InputError("strategy", str(path), "defines no STRATEGY = Strategy(…)")
    return strategy
