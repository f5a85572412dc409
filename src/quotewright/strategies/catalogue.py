"""The strategies by name, and a user's own by the path of its file."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from functools import lru_cache
from pathlib import Path

from quotewright.domain.errors import InputError
from quotewright.domain.strategy import Strategy
from quotewright.strategies import avellaneda_stoikov, composed, glft, ladder, penny_jump, symmetric

CATALOGUE: dict[str, Strategy] = {
    module.STRATEGY.name: module.STRATEGY
    for module in (symmetric, avellaneda_stoikov, glft, ladder, penny_jump, composed)
}


def find(name_or_path: str) -> Strategy:
    """A strategy by its name, or the `STRATEGY` of a Python file; raises InputError saying what is there."""
    if name_or_path in CATALOGUE:
        return CATALOGUE[name_or_path]
    if not name_or_path.endswith(".py"):
        known = ", ".join(CATALOGUE)
        raise InputError("strategy", name_or_path, f"is not known; there are {known}, or give a path ending in .py")
    path = Path(name_or_path)
    if not path.is_file():
        raise InputError("strategy", str(path), "is not a file")
    return _load(path, _sources(path.resolve().parent))


def _sources(folder: Path) -> str:
    """A hash of the Python files in a folder: all that a strategy there may have been made of."""
    digest = hashlib.sha256()
    for source in sorted(folder.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()


@lru_cache(maxsize=64)
def _load(path: Path, sources: str) -> Strategy:
    """The strategy of a file, the same one for as long as the `sources` are the same."""
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
