"""Processes that are killed, and say through a pipe how far they had come; scripts fork them, and tests run these."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def run_script(script: Path, *words: object) -> Any:
    """What a script says, one line of JSON; fails with its own words if it fails."""
    command = [sys.executable, str(script), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def last_number_of_killed(work: Callable[[int], None], chance: random.Random, seconds: float) -> int:
    """Fork, and kill it by chance within `seconds`, mostly after its first word; 0 if it has said nothing.

    `work` gets the pipe, to which it writes one number a line.
    """
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(heard)
        try:
            work(told)
        finally:
            os._exit(1)
    os.close(told)
    with os.fdopen(heard, "rb") as pipe:
        said = pipe.readline() if chance.random() < 0.9 else b""  # else it may die while it starts
        time.sleep(chance.uniform(0, seconds))
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        assert os.WIFSIGNALED(status), "it failed by itself"
        said += pipe.read()
    return max(map(int, said.split(b"\n")[:-1]), default=0)
