"""Imports: the contracts hold, they would notice a breach, and the package itself is light."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = Path(sys.executable).parent / "lint-imports"
HEAVY = ("numba", "numpy", "pandas", "plotly", "polars", "pyarrow", "pydantic", "scipy")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the import contracts on the package in `folder`/src, not on the installed one."""
    return subprocess.run(
        [str(LINT), "--no-logo", "--no-cache", "--config", str(ROOT / "pyproject.toml")],
        cwd=folder / "src",
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the sources that a test may break."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_package_imports_nothing_heavy() -> None:
    probe = f"import sys, quotewright; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_contracts_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("package", "statement"),
    [
        ("domain", "from quotewright import market"),
        ("market", "from quotewright import engine"),
        ("strategies", "from quotewright import orders"),
        ("simulation", "from quotewright import storage"),
        ("engine", "from quotewright import sessions"),
        ("domain", "import time"),
        ("strategies", "import datetime"),
        ("engine", "import asyncio"),
        ("orders", "import random"),
        ("risk", "import logging"),
        ("market", "import polars"),
        ("risk", "import pyarrow"),
    ],
)
def test_a_breach_is_noticed(copy: Path, package: str, statement: str) -> None:
    (copy / "src" / "quotewright" / package / "breach.py").write_text(statement + "\n")
    done = lint(copy)
    assert done.returncode != 0
    assert f"quotewright.{package}.breach" in done.stdout


def test_a_package_without_a_place_in_the_layers_is_noticed(copy: Path) -> None:
    stray = copy / "src" / "quotewright" / "stray"
    stray.mkdir()
    (stray / "__init__.py").touch()
    done = lint(copy)
    assert done.returncode != 0
    assert "stray" in done.stdout + done.stderr


def test_randomness_in_the_core_is_noticed_where_imports_cannot_show_it(copy: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", copy)
    source = "import numpy as np\n\nnp.random.default_rng(1)\n"
    for package in ("market", "simulation"):
        (copy / "src" / "quotewright" / package / "breach.py").write_text(source)
    done = subprocess.run(
        [str(LINT.parent / "ruff"), "check", "--no-cache", "--select", "TID251", "--output-format", "concise", "src"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "market/breach.py" in done.stdout
    assert "simulation/breach.py" not in done.stdout


def test_the_core_is_all_that_stands_at_or_below_the_engine() -> None:
    layers, purity = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    core = layers["layers"][layers["layers"].index("engine") :]
    names = {f"quotewright.{name.strip(' ()')}" for line in core for name in line.split("|")}
    assert names == set(purity["source_modules"])
