"""A process that is ready to trade, and forks sessions that are to be killed: each lives for a moment, on real sockets.

Reads lines `SESSION_TOML OUT SECONDS` (0: until it stops by itself, as it would in the end) from standard input, and
answers each with the exit status of the session, negative for the signal that ended it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from pathlib import Path

import uvloop

from quotewright.domain.errors import PauseError
from quotewright.live.runner import Runner
from quotewright.live.settings import read_session


def session(path: str, out: str, seconds: float) -> int:
    """Run one session in this process; as its unit would, begin again while the venue has no book to begin with."""
    for _ in range(20):
        try:
            return uvloop.run(Runner(read_session(Path(path)), "live", Path(out), seconds=seconds).run()).exit_code
        except PauseError:
            time.sleep(0.1)
    return PauseError.exit_code


def spawn(path: str, out: str, seconds: float) -> int:
    """Fork a session and kill it after `seconds`, or let it end by itself after two if that is 0."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = session(path, out, 0 if seconds else 2.0)
        except BaseException:
            traceback.print_exc()  # nobody else would hear of it
        finally:
            os._exit(code)
    if seconds:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def main() -> None:
    for line in sys.stdin:
        path, out, seconds = line.split()
        # "warm": compile everything here, so that children have it
        code = session(path, out, 0.5) if seconds == "warm" else spawn(path, out, float(seconds))
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
