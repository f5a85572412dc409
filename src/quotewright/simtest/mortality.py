"""When a process of a simulated session dies: between any two of its calls to the outside, or in one of them."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

from quotewright.storage.session_log import SessionLog


class Killed(BaseException):
    """The process is dead; nothing in it may catch this."""


class Mortality:
    """Counts the calls of a process to the outside, once armed, and ends it at one of them."""

    def __init__(self) -> None:
        self.how = ""
        self._left = 0

    def arm(self, calls: int, how: str) -> None:
        """Die at the `calls`-th call from now: "before" it, "after" it, or for a log "torn"."""
        self._left, self.how = max(1, calls), how

    def disarm(self) -> None:
        """Live on."""
        self._left = 0

    def before(self) -> None:
        """A call is about to be made; raises Killed if it will not be."""
        if self._left:
            self._left -= 1
            if not self._left and self.how != "after":
                raise Killed
            if not self._left:
                self._left = -1

    def after(self) -> None:
        """It was made; raises Killed if it was the last."""
        if self._left < 0:
            self._left = 0
            raise Killed

    def tears(self) -> bool:
        """Whether the next call to the log is the last and stops half-way."""
        return self._left == 1 and self.how == "torn"


class MortalLog(SessionLog):
    """A session's log whose process may die around or within a write."""

    def __init__(self, folder: Path, mortality: Mortality, rng: Random) -> None:
        self._mortality = mortality
        self._rng = rng
        super().__init__(folder, sync_every_ns=0, pack=False)

    def flush(self) -> None:
        """As it is, unless the process dies of it."""
        if not self._buffer:
            return
        if self._mortality.tears():
            del self._buffer[self._rng.randrange(len(self._buffer) + 1) :]
            super().flush()
        self._mortality.before()
        super().flush()
        self._mortality.after()

    def abandon(self) -> None:
        """What the system does for a dead process: its files are closed, its lock is free, its buffer is gone."""
        for file in self._retired:
            os.close(file.handle)
        self._retired.clear()
        if not self._closed:  # it may have died of closing it
            os.close(self._file.handle)
            self._lock.close()
