"""The content hash: what the events are, whatever files, encodings or chunks they came in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from quotewright.storage.runs import PER_ROW, PER_RUN, Runs


class DayDigest:
    """SHA-256 over one day's events: over each column of their runs, little endian, and then over those hashes."""

    def __init__(self) -> None:
        self._columns = {name: hashlib.sha256() for name in (*PER_RUN, *PER_ROW)}

    def update(self, runs: Runs) -> None:
        """Add whole updates, in feed order."""
        for name, column in self._columns.items():
            values = np.ascontiguousarray(getattr(runs, name))
            column.update(values.astype(values.dtype.newbyteorder("<"), copy=False).data)

    def hexdigest(self) -> str:
        """The hash so far."""
        return hashlib.sha256(b"".join(column.digest() for column in self._columns.values())).hexdigest()


def rows_digest(days: Iterable[tuple[str, str]]) -> str:
    """The SHA-256 over all rows: over the name (YYYY-MM-DD) and the digest of each day, in order."""
    return hashlib.sha256("".join(f"{day} {digest}\n" for day, digest in days).encode()).hexdigest()
