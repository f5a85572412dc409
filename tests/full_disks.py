"""A disk that gets full in the middle of a write, and has room again."""

from __future__ import annotations

import os

PLENTY = 1 << 60


class Disk:
    """Stands before `os.write`: of what is written `room` bytes are taken, and then none."""

    def __init__(self) -> None:
        self.room = PLENTY
        self._write = os.write

    def write(self, handle: int, data: bytes) -> int:
        """As `os.write`."""
        if not self.room:
            raise OSError(28, "No space left on device")
        done = self._write(handle, bytes(data[: self.room]))
        self.room -= done
        return done
