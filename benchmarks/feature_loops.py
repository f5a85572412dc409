"""The two loops that the cost of features is measured by."""

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.events import LAST, EventArray
from quotewright.domain.kernel import as_records, kernel, records
from quotewright.features.settings import FeatureSettings
from quotewright.features.state import new_features
from quotewright.features.step import after_update, before_row
from quotewright.market.book import apply_row, finish_update
from quotewright.market.levels import BOOK


@kernel
def _bare(books: Any, rows: Any, sums: Any) -> None:
    book = books[0]
    for i in range(len(rows)):
        row = rows[i]
        apply_row(book, row)
        if row["flags"] & LAST:
            finish_update(book, row)
            sums[0] += book.bid + book.ask


@kernel
def _featured(fs: Any, books: Any, rows: Any, sums: Any) -> None:
    book = books[0]
    for i in range(len(rows)):
        row = rows[i]
        before_row(fs, book, row)
        apply_row(book, row)
        if row["flags"] & LAST:
            finish_update(book, row)
            after_update(fs, book, row)
            sums[0] += book.bid + book.ask


def bare_books(events: EventArray) -> int:
    """The sum of the mids (half ticks) after all updates."""
    sums = np.zeros(1, np.int64)
    _bare(records(1, BOOK), as_records(events), sums)
    return int(sums[0])


def with_features(events: EventArray, settings: FeatureSettings) -> int:
    """The same, with every feature kept on the way."""
    sums = np.zeros(1, np.int64)
    _featured(new_features([settings]), records(1, BOOK), as_records(events), sums)
    return int(sums[0])
