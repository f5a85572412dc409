"""Peak memory: over the events when they are in memory, and of the whole process when they stream from a store."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from feed import make_feed
from ours import INSTRUMENT, MAKER_FILE
from process import answer, whole
from rounds import Family, Row, Sample, Skipped
from settings import HERE, Settings

ROWS = 2_000_000
STREAMED = 4_000_000
TIMES = 3  # memory hardly differs between runs


def families(settings: Settings) -> list[Family]:
    """In memory, and streaming."""
    if not Path("/proc/self/clear_refs").exists():
        raise Skipped("peak memory is read from Linux's /proc")
    return [in_memory(settings), streaming(settings)]


def in_memory(settings: Settings) -> Family:
    small, large = settings.folder / "small.npy", settings.folder / "large.npy"
    np.save(small, make_feed(20_000).events)
    np.save(large, settings.feed(ROWS).events)

    def over() -> Sample:
        found, _ = answer([sys.executable, str(HERE / "memory_side.py"), str(small), str(large)])
        return Sample((found["peak"] - found["idle"] - found["array"]) / 1e6, found["outcome"])

    name = "peak memory of a replay over its event array and an idle warmed process"
    return Family("memory", [Row(name, "over", "", 150, least=False, unit="MB")], {"over": over}, rounds=TIMES)


def streaming(settings: Settings) -> Family:
    feed = settings.feed(STREAMED)
    store, _ = settings.store(feed, "stream")

    def peak() -> Sample:
        command = replay_command(store, settings.folder / "streamed")
        return Sample(whole(command).peak_mb)

    row = Row("peak memory of `replay` streaming from a store, whole process", "peak", "", 600, least=False, unit="MB")
    notes = (f"{len(feed.events):,} events streamed; without the report",)
    return Family("streaming", [row], {"peak": peak}, rounds=TIMES, warm=False, notes=notes)


def replay_command(store: Path, out: Path, report: bool = False) -> list[str]:
    """`quotewright replay` of the maker over the benchmark's dataset in a store."""
    program = [sys.executable, "-c", "from quotewright.app.cli import main; main()", "replay"]
    given = ["--store", store, "--instrument", INSTRUMENT.name, "--strategy", MAKER_FILE, "--out", out]
    return [*program, *map(str, given), *(() if report else ("--no-report",))]
