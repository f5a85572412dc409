"""Memory for event rows that is used again: the system clears each page it hands out, at the cost of filling it."""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt

from quotewright.storage.runs import WORDS

_MOST = 6  # of a window: rows as recorded, both orders; and one window ahead
_OURS = 3  # references to a buffer that nobody uses: the list, the loop's variable, the call that counts


class Buffers:
    """Hands out arrays of rows, seven words each; one is handed out again when no array refers to its memory."""

    def __init__(self) -> None:
        self._buffers: list[npt.NDArray[np.int64]] = []

    def rows(self, size: int) -> npt.NDArray[np.int64]:
        """Memory for `size` rows, whatever is in it."""
        for buffer in self._buffers:
            if len(buffer) >= size and sys.getrefcount(buffer) == _OURS:
                return buffer[:size]
        fresh = np.empty((size + size // 8, WORDS), np.int64)
        self._buffers = [*self._buffers[1 - _MOST :], fresh]
        return fresh[:size]
