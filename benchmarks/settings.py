"""What every family of rows is given: sizes, places, and feeds that are made once."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feed import Feed, make_feed
from ours import INSTRUMENT
from rounds import Skipped

from quotewright.sessions.importing import store_events
from quotewright.storage.store import Dataset, Store

HERE = Path(__file__).resolve().parent
PEERS_PYTHON = HERE.parent / ".venv-peers" / "bin" / "python"
HAS_PEER = importlib.util.find_spec("hftbacktest") is not None
CHUNK = 1 << 17


@dataclass
class Settings:
    """The settings of one run of the benchmark, and a folder for what it writes."""

    folder: Path
    quick: bool = False
    latency_ns: int = 5_000_000
    maker: dict[str, float] = field(default_factory=lambda: {"lots": 1, "most_lots": 50, "half_spread": 1})
    data: Path | None = None  # real recordings
    _kept: tuple[tuple[int, int], Feed] | None = None

    def feed(self, rows: int, rows_per_update: int = 4) -> Feed:
        """A feed of so many rows, a tenth of them in a quick run; the last one made is kept."""
        asked = (max(rows // 10, 8_000) if self.quick else rows, rows_per_update)
        if self._kept is None or self._kept[0] != asked:
            self._kept = None
            self._kept = (asked, make_feed(*asked[:1], rows_per_update=asked[1]))
        return self._kept[1]

    def store(self, feed: Feed, name: str) -> tuple[Path, Dataset]:
        """A store of its own with the feed in it."""
        folder = self.folder / name
        if not folder.exists():
            store_events(folder, INSTRUMENT, whole_updates(feed), _described, "none")
        return folder, open_dataset(folder)


def open_dataset(folder: Path) -> Dataset:
    """The benchmark's dataset, of which nothing has been read or verified yet."""
    return Store(folder).dataset(INSTRUMENT.name)


def whole_updates(feed: Feed) -> Iterator[Any]:
    """The events in chunks that break no update."""
    events = feed.events
    start = 0
    while start < len(events):
        end = min(start + CHUNK, len(events))
        while end < len(events) and events["seq"][end] == events["seq"][end - 1]:
            end += 1
        part = events[start:end].copy()
        part["flags"][-1] |= 1  # the last update of a feed may have been cut short
        yield part
        start = end


def need_peer() -> None:
    """Skip the family unless hftbacktest is installed."""
    if not HAS_PEER:
        raise Skipped("hftbacktest is not installed (the extra `bench`)")


def _described() -> dict[str, Any]:
    return {"format": "synthetic", "sources": [], "refused": {}, "notes": []}
