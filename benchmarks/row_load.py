"""Replay including the load from disk, and what an event takes there."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from feed import Feed, to_hftbacktest
from ours import Ours
from peer import Peer
from rounds import Family, Row, SameWork, Sample, cpu
from settings import CHUNK, Settings, need_peer, open_dataset

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.events import CLEAR, LEVEL, TRADE
from quotewright.sessions.importing import import_recording, store_events
from quotewright.storage.feed import windows
from quotewright.storage.store import Store
from quotewright.storage.unpacked import unpack

ROWS = 2_000_000
RECORDING = ("tick/binance_ws/usdm_btcusdt_20240808.gz", "binance-usdm", "BTCUSDT")


class FromStore:
    """Open the store, verify its files, read, replay."""

    def __init__(self, feed: Feed, store: Path, latency_ns: int) -> None:
        self._given = (feed, store, latency_ns)

    def run(self) -> None:
        feed, store, latency_ns = self._given
        self.ready = Ours(feed, [], latency_ns, windows=windows([open_dataset(store)]))
        self.ready.run()

    def outcome(self) -> Any:
        return self.ready.outcome()


class FromNpz:
    """Open the file, read, replay."""

    def __init__(self, feed: Feed, file: Path, latency_ns: int) -> None:
        self._given = (feed, str(file), "ROIVector", None, latency_ns)

    def run(self) -> None:
        self.ready = Peer(*self._given)
        self.ready.run()

    def outcome(self) -> Any:
        return self.ready.outcome()


def families(settings: Settings) -> list[Family]:
    """Loading, and sizes on disk."""
    need_peer()
    return [loading(settings), sizes(settings)]


def loading(settings: Settings) -> Family:
    feed = settings.feed(ROWS)
    store, _ = settings.store(feed, f"load-{len(feed.events)}")
    mapped, dataset = settings.store(feed, f"unpacked-{len(feed.events)}")
    unpack(dataset)
    file = settings.folder / "load.npz"
    np.savez(file, data=to_hftbacktest(feed.events))
    sides = {
        "unpacked": cpu(lambda: FromStore(feed, mapped, settings.latency_ns)),
        "packed": cpu(lambda: FromStore(feed, store, settings.latency_ns)),
        "npz": cpu(lambda: FromNpz(feed, file, settings.latency_ns)),
    }

    def check(outcomes: dict[str, Any]) -> None:
        if any(outcome != (feed.bid, feed.ask, 0, 0, 0) for outcome in outcomes.values()):
            raise SameWork(f"the replays end at {outcomes}")

    rows = [
        Row("replay with load from disk, unpacked: hftbacktest uncompressed npz", "npz", "unpacked", 5),
        Row("replay with load from disk, zstd Parquet: hftbacktest uncompressed npz", "npz", "packed", 0),
    ]
    notes = (
        "all from the system's file cache; ours maps records of 56 bytes that `data unpack` laid out, or decodes "
        "zstd Parquet and checks its SHA-256; hftbacktest reads an npz of records of 64 bytes",
    )
    return Family("load", rows, sides, dict.fromkeys(sides, len(feed.events)), check, notes=notes)


def sizes(settings: Settings) -> Family:
    """Bytes an event: depth and trades of a real recording if there is one, else the synthetic feed."""
    ours, theirs, kind = (_real if settings.data else _synthetic)(settings)
    sides = {"quotewright": lambda: Sample(ours), "npz": lambda: Sample(theirs)}
    row = Row("bytes an event on disk: hftbacktest compressed npz", "quotewright", "npz", 0.5, least=False)
    return Family("disk", [row], sides, {}, rounds=1, warm=False, notes=(kind,), cost="B")


def _synthetic(settings: Settings) -> tuple[float, float, str]:
    feed = settings.feed(ROWS)
    _, dataset = settings.store(feed, f"load-{len(feed.events)}")
    return (*_bytes(settings, dataset, to_hftbacktest(feed.events)), "the synthetic feed")


def _real(settings: Settings) -> tuple[float, float, str]:
    file, venue, symbol = RECORDING
    instrument = find_instrument(venue, symbol)
    import_recording(settings.folder / "raw", "binance-ws", [Path(settings.data or ".") / file], instrument)
    events = Store(settings.folder / "raw").dataset(instrument.name).read()
    events = events[np.isin(events["kind"], (CLEAR, LEVEL, TRADE))]
    ends = np.flatnonzero(events["flags"] & 1) + 1
    cuts = [0, *(int(ends[np.searchsorted(ends, at)]) for at in range(CHUNK, len(events) - 1, CHUNK)), len(events)]
    chunks = [events[a:b] for a, b in itertools.pairwise(cuts) if a < b]
    detail = {"format": "binance-ws", "sources": [], "refused": {}, "notes": []}
    store_events(settings.folder / "same", instrument, chunks, lambda: detail, "none")
    dataset = Store(settings.folder / "same").dataset(instrument.name)
    theirs = to_hftbacktest(events, float(instrument.tick), float(instrument.lot))
    return (*_bytes(settings, dataset, theirs), f"depth and trades of {Path(file).name}")


def _bytes(settings: Settings, dataset: Any, theirs: Any) -> tuple[float, float]:
    file = settings.folder / "packed.npz"
    np.savez_compressed(file, data=theirs)
    if dataset.rows != len(theirs):
        raise SameWork(f"{dataset.rows} events are stored, {len(theirs)} are in the npz")
    return sum(entry["bytes"] for entry in dataset.files) / dataset.rows, file.stat().st_size / len(theirs)
