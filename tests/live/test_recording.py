"""Recording a venue on sockets: through disconnects and gaps, stopped and taken up again, into a store."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from quotewright.domain.errors import InputError, PauseError
from quotewright.domain.events import CLEAR, LEVEL, STATUS, TRADE
from quotewright.domain.instrument import Instrument
from quotewright.exchange.fault_schedule import FaultSchedule, rule_from_dict
from quotewright.exchange.faults import FaultPlane
from quotewright.exchange.http_driver import Serving, running
from quotewright.exchange.quiet_market import QuietSettings
from quotewright.exchange.settings import ExchangeSettings
from quotewright.importers.binance_stream import TRADES, SymbolStream
from quotewright.live.recorder import RawRecorder
from quotewright.live.recording import Recording, import_recorded
from quotewright.live.settings import VenueSettings
from quotewright.live.warming import warm_feed
from quotewright.storage.store import Store

BTC = Instrument("here", "BTCUSDT", "spot", "BTC", "USDT", "0.01", "0.001", min_notional="5", fee_asset="received")
ETH = replace(BTC, symbol="ETHUSDT", base="ETH")
BOTH = ("BTCUSDT", "ETHUSDT")


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """The venue shares this process, so that compiling would stop it."""
    warm_feed(BTC)


@pytest.fixture
def venue() -> Generator[Serving]:
    settings = ExchangeSettings([QuietSettings(each, 1, step=20_000_000) for each in (BTC, ETH)])
    with running(settings, make_faults=lambda start: FaultPlane(Random(1), FaultSchedule(), start)) as serving:
        yield serving


def record(serving: Serving, folder: Path, until: Any, *faults: dict[str, Any]) -> tuple[dict[str, Any], Recording]:
    """Record until `until(recording)`; faults strike when a few messages have come."""

    async def run() -> tuple[dict[str, Any], Recording]:
        recording = Recording(VenueSettings("here", serving.rest, BOTH), folder, seconds=30)
        waiting = list(faults)

        async def look() -> None:
            plane: Any = serving.server.faults
            while True:
                await asyncio.sleep(0.02)
                recorder = recording.recorder
                if recorder is None or min(recorder.messages.values()) < 20:
                    continue
                while waiting:
                    plane.add(rule_from_dict(waiting.pop()), time.time_ns())
                if until(recording):
                    recording.stop("enough")

        looking = asyncio.create_task(look())
        figures = await recording.run()
        assert not looking.done(), looking.exception()
        looking.cancel()
        return figures, recording

    return asyncio.run(run())


def events_of(store: Path, symbol: str) -> Any:
    return np.concatenate(list(Store(store).dataset(f"here:{symbol}").chunks()))


def messages_above(count: int) -> Any:
    return lambda recording: min(recording.recorder.messages.values()) >= count


def test_what_is_heard_is_in_the_store_and_the_next_start_goes_on(venue: Serving, tmp_path: Path) -> None:
    folder, store = tmp_path / "recording", tmp_path / "store"
    figures, _ = record(venue, folder, messages_above(60))
    assert figures["gaps"] == figures["faults"] == figures["missed_trades"] == 0
    first = import_recorded(folder, store)
    assert [report["instrument"] for report in first] == ["here:BTCUSDT", "here:ETHUSDT"]
    for report in first:
        assert report["refused"] == {}
        assert report["quality"]["gaps"] == 0
    before = events_of(store, "BTCUSDT")
    assert set(before["kind"]) >= {CLEAR, LEVEL, TRADE}
    trades = before["seq"][before["kind"] == TRADE]
    assert (np.diff(trades) == 1).all()
    assert import_recorded(folder, store) == [{"instrument": f"here:{symbol}", "files": 0} for symbol in BOTH]

    record(venue, folder, messages_above(30))
    (folder / "BTCUSDT" / "00000003-20990101T000000.raw").write_bytes(b"5 {torn")
    second = import_recorded(folder, store)
    assert [report["files"] for report in second] == [1, 1]
    after = events_of(store, "BTCUSDT")
    assert (after[: len(before)] == before).all()
    assert len(after) > len(before) + 30
    assert after[len(before)]["kind"] == STATUS  # a book is not carried from one start into the next


def test_a_lost_connection_costs_a_gap_that_is_told_and_a_fresh_snapshot(venue: Serving, tmp_path: Path) -> None:
    folder, store = tmp_path / "recording", tmp_path / "store"
    lost = {"kind": "disconnect", "connection": "market"}
    enough = messages_above(60)
    figures, recording = record(venue, folder, lambda r: r.gaps >= 2 and enough(r), lost)
    assert figures["gaps"] >= 2  # one a symbol
    assert any("market-connection" in note for note in recording.notes)
    for report, symbol in zip(import_recorded(folder, store), BOTH, strict=True):
        assert report["refused"] == {}
        kinds = Counter(events_of(store, symbol)["kind"].tolist())
        assert kinds[CLEAR] >= 2
        assert kinds[LEVEL] > 20


def test_a_reader_that_breaks_does_not_stop_the_recording(
    venue: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true, calls = SymbolStream.take, Counter[str]()

    def take(self: SymbolStream, kind: str, text: bytes, now: int) -> None:
        calls[kind] += 1
        if kind == TRADES and calls[kind] % 5 == 0:
            raise RuntimeError("a bug")
        true(self, kind, text, now)

    monkeypatch.setattr(SymbolStream, "take", take)
    figures, recording = record(venue, tmp_path / "recording", lambda r: r.faults >= 3)
    monkeypatch.undo()
    assert figures["faults"] >= 3
    assert "fault: RuntimeError: a bug" in recording.notes
    import_recorded(tmp_path / "recording", tmp_path / "store")
    trades = [events["seq"][events["kind"] == TRADE] for events in (events_of(tmp_path / "store", s) for s in BOTH)]
    assert all((np.diff(each) == 1).all() for each in trades)
    assert sum(map(len, trades)) == calls[TRADES] - 1  # one was read to warm up


def test_a_folder_of_another_venue_and_one_without_a_recording_are_refused(venue: Serving, tmp_path: Path) -> None:
    record(venue, tmp_path / "mine", messages_above(1))
    other = Recording(VenueSettings("elsewhere", venue.rest, ("BTCUSDT",)), tmp_path / "mine")
    with pytest.raises(InputError, match="holds a recording of here"):
        asyncio.run(other.run())
    with pytest.raises(InputError, match="is not at here"):
        asyncio.run(Recording(VenueSettings("here", venue.rest, ("NOSUCH",)), tmp_path / "none").run())
    with pytest.raises(InputError, match="holds no recording"):
        import_recorded(tmp_path / "nothing", tmp_path / "store")
    with RawRecorder(tmp_path / "mine", BOTH), pytest.raises(InputError, match="another recorder"):
        import_recorded(tmp_path / "mine", tmp_path / "store")


COMMAND = "import typer; from quotewright.app import record_command as r; a = typer.Typer(); r.register(a); a()"


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)], ids=["ctrl-c", "kill"]
)
def test_the_command_ends_well_on_ctrl_c_and_leaves_what_it_had_when_killed(
    venue: Serving, tmp_path: Path, number: signal.Signals
) -> None:
    folder, store = tmp_path / "recording", tmp_path / "store"
    options = ["--url", venue.rest, "--venue", "here", "--out", str(folder), "--json"]
    child = subprocess.Popen([sys.executable, "-c", COMMAND, *BOTH, *options], stdout=subprocess.PIPE)
    for _ in range(2400):
        written = (sum(path.stat().st_size for path in (folder / symbol).glob("*.raw")) for symbol in BOTH)
        if child.poll() is not None or min(written) > 5000:
            break
        with suppress(subprocess.TimeoutExpired):
            child.wait(0.025)
    os.kill(child.pid, number)
    told, _ = child.communicate(timeout=60)
    if number == signal.SIGINT:
        assert child.returncode == 0
        assert min(json.loads(told)["messages"].values()) > 20
    else:
        assert child.returncode == -signal.SIGKILL
    for report, symbol in zip(import_recorded(folder, store), BOTH, strict=True):
        assert report["instrument"] == f"here:{symbol}"
        assert report["quality"]["rows"] == len(events_of(store, symbol)) > 20
        assert report["refused"] == {}


def test_a_venue_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quotewright.live.opening._ATTEMPTS", 1)
    gone = Recording(VenueSettings("here", "http://127.0.0.1:9", ("BTCUSDT",)), tmp_path)
    with pytest.raises(PauseError, match="cannot be reached"):
        asyncio.run(gone.run())
