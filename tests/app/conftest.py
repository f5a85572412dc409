"""The command line, run in this process as the console script runs it."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quotewright.app.cli import main


@dataclass(frozen=True)
class Result:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def _run(*arguments: object) -> Result:
    out, err = io.StringIO(), io.StringIO()
    before = sys.argv
    sys.argv = ["quotewright", *map(str, arguments)]
    code = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    finally:
        sys.argv = before
    return Result(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def cli() -> Callable[..., Result]:
    """`cli("data", "list", …)`: exit code, standard output, standard error."""
    return _run


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `store` (synthetic:BTCUSDT, a minute), `run` (four agents) and `live` (four seconds of trading)."""
    folder = tmp_path_factory.mktemp("demo")
    result = _run("demo", "--seconds", 60, "--session", 4, "--out", folder, "--json")
    assert result.code == 0, result.err
    return folder
