"""All features together, event by event, against the bare book: what reading the market costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from feature_loops import bare_books, with_features
from rounds import Family, Row, SameWork, cpu
from settings import Settings

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.events import EventArray
from quotewright.features.settings import FeatureSettings
from quotewright.sessions.importing import import_recording
from quotewright.storage.store import Store

ROWS = 500_000
RECORDINGS = {
    "USD-M BTCUSDT": ("tick/binance_ws/usdm_btcusdt_20240808.gz", "binance-usdm", "BTCUSDT"),
    "spot BTCUSDT": ("tick/binance_ws/spot_btcusdt_20240808.gz", "binance-spot", "BTCUSDT"),
}
LOTS = FeatureSettings(dust=2, depth=50, usual_touch=100.0, vpin_bucket=5_000)


class Loop:
    """One pass over the events: the book alone, or with every feature after each update."""

    def __init__(self, events: EventArray, features: bool) -> None:
        self._given = (np.ascontiguousarray(events), features)

    def run(self) -> None:
        """What is timed."""
        events, features = self._given
        self._mid2 = with_features(events, LOTS) if features else bare_books(events)

    def outcome(self) -> int:
        """The sum of all mids: both keep the same book."""
        return self._mid2


def families(settings: Settings) -> list[Family]:
    """Over the synthetic feed, all of whose updates are near the touch, and over real recordings if there are any."""
    feeds = {"synthetic": settings.feed(ROWS).events}
    for name, (file, venue, symbol) in (RECORDINGS if settings.data else {}).items():
        folder = settings.folder / f"features-{venue}"
        instrument = find_instrument(venue, symbol)
        if not folder.exists():
            import_recording(folder, "binance-ws", [Path(settings.data or ".") / file], instrument)
        feeds[name] = Store(folder).dataset(instrument.name).read()
    return [family(name, events) for name, events in feeds.items()]


def family(name: str, events: EventArray) -> Family:
    sides: dict[str, Any] = {
        "with features": cpu(lambda: Loop(events, True)),
        "bare book": cpu(lambda: Loop(events, False)),
    }

    def check(outcomes: dict[str, Any]) -> None:
        if outcomes["with features"] != outcomes["bare book"]:
            raise SameWork(f"the mids differ: {outcomes}")

    row = Row(f"every feature and the book, {name}: the bare book", "with features", "bare book", 4, least=False)
    notes = ("at most 3 times the bare book for the features is at most 4 times for both",)
    return Family(f"features-{name}", [row], sides, dict.fromkeys(sides, len(events)), check, notes=notes)
