"""From a raw Binance capture to stored events: time and memory of the whole conversion."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from capture import write_capture
from feed import make_feed
from process import answer
from rounds import Family, Row, SameWork, Sample
from settings import HERE, Settings, need_peer

ROWS = 1_000_000
ROWS_PER_UPDATE = 20  # about what a futures depth message carries
PEER = "hftbacktest's converter"


def families(settings: Settings) -> list[Family]:
    """One family a measure; both look at the same processes."""
    need_peer()
    feed = settings.feed(ROWS, ROWS_PER_UPDATE)
    small, large = settings.folder / "small.gz", settings.folder / "large.gz"
    write_capture(make_feed(20_000, rows_per_update=ROWS_PER_UPDATE), small)
    write_capture(feed, large)
    peaks: dict[str, list[float]] = {"ours": [], "peer": []}

    def side(name: str) -> Callable[[], Sample]:
        def run() -> Sample:
            command = [sys.executable, str(HERE / "convert_side.py"), name, str(small), str(large)]
            found, used = answer([*command, str(_fresh(settings.folder, name))])
            peaks[name].append(used.peak_mb)
            return Sample(found["cpu"], found["rows"])

        return run

    def check(outcomes: dict[str, Any]) -> None:
        if outcomes["quotewright"] != outcomes[PEER]:
            raise SameWork(f"rows of depth and trades: {outcomes}")

    def peak(name: str) -> Callable[[], Sample]:
        return lambda: Sample(max(peaks[name]))

    sides = {"quotewright": side("ours"), PEER: side("peer")}
    notes = ("a synthetic capture in Binance's wire form; each side converts a small one first, so compiles nothing",)
    rows = [Row(f"raw capture to stored events: {PEER}", PEER, "quotewright", 4)]
    memory = [
        Row("raw capture to stored events: peak memory of the process", "quotewright", "", 300, least=False, unit="MB"),
        Row(f"raw capture to stored events: peak memory of {PEER}", PEER, "", 0, unit="MB"),
    ]
    return [
        Family("import", rows, sides, dict.fromkeys(sides, len(feed.events)), check, warm=False, notes=notes),
        Family("import-memory", memory, {"quotewright": peak("ours"), PEER: peak("peer")}, rounds=1, warm=False),
    ]


def _fresh(folder: Path, name: str) -> Path:
    """A folder of its own for each conversion."""
    number = len(list(folder.glob(f"{name}-out-*")))
    made = folder / f"{name}-out-{number}"
    made.mkdir()
    return made
