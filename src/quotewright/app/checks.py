"""What `doctor` looks at: each check is a name, whether it is well, and what was seen or what to do."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from quotewright import __version__
from quotewright.domain.errors import QuotewrightError

NEEDED = ("numba", "numpy", "polars", "pyarrow", "pydantic", "msgspec", "typer", "rich", "plotly")


def run_checks(store: Path | None) -> list[dict[str, Any]]:
    """Every check in order; nothing is changed."""
    checks = [
        _check("quotewright", True, __version__),
        _check("python", sys.version_info >= (3, 11), f"{platform.python_version()} on {platform.system()}"),
    ]
    for package in NEEDED:
        try:
            checks.append(_check(package, True, version(package)))
        except PackageNotFoundError:
            checks.append(_check(package, False, f"not installed; pip install {package}"))
    checks.append(_compiler())
    checks.append(_cache())
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    checks.append(_check("disk", free > 1, f"{free:.1f} GB free" + ("" if free > 1 else "; make room")))
    if store is not None:
        checks.append(_store(store))
    return checks


def _check(name: str, ok: bool, detail: str) -> dict[str, Any]:
    return {"name": name, "ok": ok, "detail": detail}


def _compiler() -> dict[str, Any]:
    from quotewright.domain.kernel import INTERPRETED

    if INTERPRETED:
        return _check("compiler", True, "off (NUMBA_DISABLE_JIT=1): interpreted, about 1000 times slower")
    return _check("compiler", True, "on")


def _cache() -> dict[str, Any]:
    import quotewright

    given = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(given) if given else Path(quotewright.__file__).parent / "market"
    try:
        with tempfile.TemporaryFile(dir=folder):
            return _check("compiler cache", True, "writable")
    except OSError:
        return _check("compiler cache", True, "source folder is read-only; the user's cache folder is used")


def _store(path: Path) -> dict[str, Any]:
    from quotewright.storage.store import Store

    try:
        datasets = Store(path).datasets()
        for dataset in datasets:
            dataset.verify()
    except QuotewrightError as error:
        return _check("store", False, str(error))
    return _check("store", True, f"{len(datasets)} datasets, every checksum right")
