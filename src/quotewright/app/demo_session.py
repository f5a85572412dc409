"""The demo's second part: the same kind of makers, trading on a venue in a process of its own, over real sockets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quotewright.app.output import err
from quotewright.domain.errors import HaltError

_AGENTS = [
    {
        "name": "ladder",
        "strategy": "ladder",
        "interval_ms": 100,
        "params": {"levels": 2, "half_spread": 0.05, "step": 0.1, "order_notional": 2000},
    },
    {
        "name": "symmetric",
        "strategy": "symmetric",
        "interval_ms": 100,
        "params": {"half_spread": 0.08, "order_notional": 2000},
        "world": "shadow",
    },
]


@contextmanager
def venue_process(to: Path, preset: str, seed: int) -> Generator[dict[str, Any]]:
    """A venue server as a process; yields what it says of itself. Raises HaltError if it does not start."""
    keys = to / "venue-keys.toml"
    command = [sys.executable, "-m", "quotewright", "venue", "serve", "--port", "0", "--symbol", "BTCUSDT", "--json"]
    command += ["--preset", preset, "--seed", str(seed), "--keys-file", str(keys)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("{"):
                raise HaltError("the demo's venue did not start; try `quotewright venue serve`")
            yield {**json.loads(line), "keys_file": str(keys.resolve())}
        finally:
            process.terminate()
            process.wait(10)


def run_session(to: Path, preset: str, seed: int, seconds: float, as_json: bool) -> tuple[Path, Any]:
    """A live session of `seconds` on the demo's own venue; returns its run folder and how it ended."""
    from quotewright.app.live_commands import asyncio_run, close_books, watched
    from quotewright.live.runner import Runner
    from quotewright.live.settings import session_from_dict

    to.mkdir(parents=True, exist_ok=True)
    if not as_json:
        err.print(f"[dim]a venue of its own process, and {seconds:g} s of live trading on it[/]")
    with venue_process(to, preset, seed) as venue:
        settings = session_from_dict(
            {
                "session": {"stop": "flatten", "shadow": ["symmetric"]},
                "venue": [
                    {"name": "SIM", "url": venue["rest"], "keys": venue["keys_file"], "instruments": ["BTCUSDT"]}
                ],
                "agent": _AGENTS,
            }
        )
        runner = Runner(settings, "live", to, seconds=seconds)
        outcome = asyncio_run(watched(runner, as_json))
    return close_books(to, outcome), outcome
