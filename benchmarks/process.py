"""Processes of their own: what they used from start to end, and what they printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

LAUNCH = Path(__file__).with_name("launch.py")


class Used(NamedTuple):
    """What one process took, from its start to its end."""

    cpu: float  # seconds, user and system, all threads
    wall: float  # seconds
    peak_mb: float  # resident memory at most, in units of 10⁶ bytes
    printed: str


def whole(command: Sequence[str], env: Mapping[str, str] | None = None) -> Used:
    """Run a command to its end; RuntimeError with what it printed if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        usage = Path(folder) / "usage.json"
        ended = subprocess.run(
            [sys.executable, "-S", str(LAUNCH), str(usage), *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            check=True,
        )
        used = json.loads(usage.read_text(encoding="utf-8"))
    printed = ended.stdout.decode("utf-8", "replace")
    if status := used.pop("status"):
        raise RuntimeError(f"{' '.join(command)} ended with {status}:\n{printed[-2000:]}")
    return Used(**used, printed=printed)


def answer(command: Sequence[str], env: Mapping[str, str] | None = None) -> tuple[dict[str, Any], Used]:
    """The JSON object that a command prints as its last line, and what the whole process used."""
    used = whole(command, env)
    return json.loads(used.printed.strip().splitlines()[-1]), used
