"""Datasets as the feed of a session: mapped if they were unpacked, otherwise read and merged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quotewright.storage.merge import packed_windows
from quotewright.storage.store import Dataset
from quotewright.storage.unpacked import unpacked_windows
from quotewright.storage.window import Window


def windows(datasets: Sequence[Dataset], rows: int = 250_000) -> Iterator[Window]:
    """The events of all datasets, merged, in windows of at most `rows` events by home time (`merge.packed_windows`).

    A dataset alone that was unpacked comes in the windows it was laid out in instead, which changes no result. Raises
    DataError for a damaged file.
    """
    if len(datasets) == 1 and (laid_out := unpacked_windows(datasets[0])) is not None:
        return laid_out
    return packed_windows(datasets, rows)
