"""Processes of their own: what they used from start to end, and what they printed."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Used(NamedTuple):
    """What one process took, from its start to its end."""

    cpu: float  # seconds, user and system, all threads
    wall: float  # seconds
    peak_mb: float  # resident memory at most, in units of 10⁶ bytes
    printed: str


def whole(command: Sequence[str], env: Mapping[str, str] | None = None) -> Used:
    """Run a command to its end; RuntimeError with what it printed if it fails."""
    with tempfile.TemporaryFile() as out:
        began = time.perf_counter()
        started = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})
        _, status, usage = os.wait4(started.pid, 0)
        wall = time.perf_counter() - began
        started.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        printed = out.read().decode("utf-8", "replace")
    if started.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {started.returncode}:\n{printed[-2000:]}")
    return Used(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024 / 1e6, printed)


def answer(command: Sequence[str], env: Mapping[str, str] | None = None) -> tuple[dict[str, Any], Used]:
    """The JSON object that a command prints as its last line, and what the whole process used."""
    used = whole(command, env)
    return json.loads(used.printed.strip().splitlines()[-1]), used
