"""Datasets made of a few rows: instruments, updates by hand, and a store to write them to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quotewright.domain.events import BEST, BID, CLEAR, EVENT, FUNDING, LAST, LEVEL, NOTE, TRADE, EventArray
from quotewright.domain.instrument import Instrument
from quotewright.storage.store import Dataset, Store
from quotewright.storage.writer import StoreWriter

KINDS = {"depth": [LEVEL], "snapshot": [CLEAR, LEVEL], "note": [NOTE], "trade": [TRADE], "best": [BEST, BEST]}
KINDS |= {"funding": [FUNDING], "mixed": [TRADE, LEVEL, LEVEL]}


def make_instrument(symbol: str = "BTCUSDT", venue: str = "venue-a", **more: Any) -> Instrument:
    """A linear contract."""
    return Instrument(venue, symbol, "linear", "BTC", "USDT", tick="0.1", lot="0.001", **more)


def make_events(updates: Sequence[tuple[str, int, int]]) -> EventArray:
    """Whole updates, each given as its form (a key of KINDS), exchange time and local time; `seq` counts the rows."""
    rows: list[tuple[int, ...]] = []
    for form, exch_ts, local_ts in updates:
        kinds = KINDS[form]
        for i, kind in enumerate(kinds):
            flags = LAST if i == len(kinds) - 1 else 0
            rows.append((exch_ts, local_ts, len(rows) + 1, 0, 1000 + len(rows), 5, kind, BID, flags, 0))
    return np.array(rows, dtype=EVENT)


def chunks_of(events: EventArray, rows: int) -> list[EventArray]:
    """The events cut into chunks of about `rows` rows, at the ends of updates."""
    ends = np.flatnonzero(events["flags"] & LAST) + 1
    cuts = sorted({int(ends[np.searchsorted(ends, at)]) for at in range(rows, len(events), rows)} - {len(events)})
    return np.split(events, cuts)


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Dataset]:
    """Writes events as one dataset of a store in a temporary folder, and opens it."""

    def write(
        events: EventArray,
        symbol: str = "BTCUSDT",
        offset: int = 0,
        rows: int = 1000,
        folder: Path = tmp_path / "store",
    ) -> Dataset:
        instrument = make_instrument(symbol)
        with StoreWriter(folder, instrument) as writer:
            for chunk in chunks_of(events, rows):
                writer.append(chunk)
            writer.commit(offset, {})
        return Store(folder).dataset(instrument.name)

    return write
