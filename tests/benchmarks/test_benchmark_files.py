"""What the sides read from disk is the same on each: captures, stores, npz files, other processes' events."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import feed as benchmark_feed
import numpy as np
import pytest
import settings as benchmark_settings
from capture import write_capture
from fixed_maker import INTERVAL
from ours import INSTRUMENT, Ours
from process import answer, whole

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.events import LEVEL, TRADE
from quotewright.sessions.importing import import_recording
from quotewright.storage.store import Store

LATENCY = 5_000_000
MAKER = {"lots": 1, "most_lots": 50, "half_spread": 1}

needs_peer = pytest.mark.skipif(
    importlib.util.find_spec("hftbacktest") is None, reason="hftbacktest (the extra `bench`) is not installed"
)
needs_nautilus = pytest.mark.skipif(
    not benchmark_settings.PEERS_PYTHON.exists(), reason="NautilusTrader (`make peers`) is not installed"
)


def market(events: np.ndarray) -> list[tuple[int, ...]]:
    """Changes and trades without what a capture cannot carry (nanoseconds of venue time, our sequence numbers)."""
    shown = events[np.isin(events["kind"], (LEVEL, TRADE))]
    order = np.lexsort((shown["price"], shown["side"], shown["local_ts"]))
    return [tuple(int(row[name]) for name in ("local_ts", "kind", "side", "price", "qty")) for row in shown[order]]


def test_the_capture_says_what_the_feed_says(feed: benchmark_feed.Feed, tmp_path: Path) -> None:
    write_capture(feed, tmp_path / "capture.gz")
    instrument = find_instrument("binance-usdm", "BTCUSDT")
    report = import_recording(tmp_path / "store", "binance-ws", [tmp_path / "capture.gz"], instrument)
    stored = Store(tmp_path / "store").dataset(instrument.name).read()
    assert not report["refused"]
    assert not report["quality"]["gaps"]
    assert market(stored) == market(feed.events)


@needs_peer
def test_the_peers_converter_reads_the_same_capture(
    feed: benchmark_feed.Feed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from hftbacktest import types
    from hftbacktest.data.utils.binancefutures import convert

    write_capture(feed, tmp_path / "capture.gz")
    data = convert(str(tmp_path / "capture.gz"), buffer_size=100_000)
    capsys.readouterr()
    kinds = data["ev"] & 0xFF
    assert (kinds == types.TRADE_EVENT).sum() == (feed.events["kind"] == TRADE).sum()
    levels = (kinds == types.DEPTH_EVENT) | (kinds == types.DEPTH_SNAPSHOT_EVENT)
    assert levels.sum() == (feed.events["kind"] == LEVEL).sum()


def test_the_store_holds_the_feed_and_replays_to_its_end(feed: benchmark_feed.Feed, tmp_path: Path) -> None:
    from row_load import FromStore

    settings = benchmark_settings.Settings(tmp_path)
    store, dataset = settings.store(feed, "store")
    assert (dataset.read() == feed.events).all()
    ready = FromStore(feed, store, LATENCY)
    ready.run()
    assert ready.outcome() == (feed.bid, feed.ask, 0, 0, 0)


@needs_peer
def test_the_peer_replays_an_npz_to_the_same_end(feed: benchmark_feed.Feed, tmp_path: Path) -> None:
    from row_load import FromNpz

    np.savez(tmp_path / "events.npz", data=benchmark_feed.to_hftbacktest(feed.events))
    ready = FromNpz(feed, tmp_path / "events.npz", LATENCY)
    ready.run()
    assert ready.outcome() == (feed.bid, feed.ask, 0, 0, 0)


@needs_nautilus
def test_nautilus_sees_the_same_market(feed: benchmark_feed.Feed, tmp_path: Path) -> None:
    """It fills by rules of its own, so only the book and the number of orders can be compared."""
    short = feed._replace(events=feed.events[:4_000])
    np.save(tmp_path / "events.npy", short.events)
    given = {
        "tick": INSTRUMENT.tick,
        "lot": INSTRUMENT.lot,
        "latency_ns": LATENCY,
        "interval_ns": INTERVAL,
        "passes": 1,
    }
    found = {}
    for together in (True, False):
        script = str(benchmark_settings.HERE / "nautilus_side.py")
        command = [str(benchmark_settings.PEERS_PYTHON), script, str(tmp_path / "events.npy")]
        found[together], _ = answer([*command, json.dumps(given | MAKER | {"together": together})])
    mine = Ours(short, [MAKER], LATENCY)
    mine.run()
    for side in found.values():
        theirs = side["outcome"]
        assert (theirs["bid"], theirs["ask"]) == mine.outcome()[:2]
        assert theirs["orders"] == pytest.approx(mine.outcome().orders, rel=0.25)
        assert theirs["fills"] > 0


def test_a_process_is_measured_whole_and_its_failure_told() -> None:
    large = np.ones(40_000_000)  # 320 MB here must not be taken for memory of a process started from here
    used = whole([sys.executable, "-c", "x = bytearray(50_000_000); print('done')"])
    assert used.printed == "done\n"
    assert 50 < used.peak_mb < large.nbytes / 1e6
    with pytest.raises(RuntimeError, match="what went wrong"):
        whole([sys.executable, "-c", "raise SystemExit('what went wrong')"])
