"""A recording in progress: a venue's feed over sockets into raw files, and from these into a store.

The folder's `recording.json` says what is recorded. Files that a store has taken in already are known by their names,
so that an import may be repeated at any time: it takes what is new.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any, cast

import msgspec
import numpy as np

from quotewright.domain.catalogue import known_instruments
from quotewright.domain.errors import InputError
from quotewright.domain.events import ESTIMATED_TIME, STATUS, EventArray, Status
from quotewright.domain.instrument import Instrument
from quotewright.gateway.port import Alarm, Fact
from quotewright.live.opening import binance_settings, learn_binance
from quotewright.live.recorder import RawRecorder, raw_files
from quotewright.live.settings import VenueSettings
from quotewright.live.structured_log import StructuredLog
from quotewright.live.warming import warm_feed
from quotewright.live.watchdog import Watchdog
from quotewright.sessions.importing import import_recording
from quotewright.storage.manifest import MANIFEST, dataset_folder, read_manifest
from quotewright.storage.writer import replace_file
from quotewright.venues.binance import BinanceSpot
from quotewright.venues.sockets import SocketWire, SteadyClock
from quotewright.venues.wire import Listener

FORMAT = "binance-ws"
ABOUT = "recording.json"
_TURN = 0.02  # s between two writes
_SYNC = 1.0  # s between two syncs


class _About(msgspec.Struct):
    format: str
    venue: str
    url: str
    instruments: list[dict[str, Any]]


class Recording:
    """Records until `stop` is called, or for `seconds`; `told` hears what takes time."""

    def __init__(
        self,
        venue: VenueSettings,
        folder: Path,
        *,
        seconds: float = 0.0,
        rotate_bytes: int = 256 << 20,
        rotate_ns: int = 3600 * 10**9,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.venue = venue
        self.folder = folder
        self.missed_trades = 0
        self.gaps = 0  # losses of a book, each followed by a fresh snapshot
        self.faults = 0  # messages at which the reader broke: most are in the files all the same
        self.lag = 0  # ns from the venue's clock to ours, of the last message that told a time
        self.notes: list[str] = []  # the latest
        self.recorder: RawRecorder | None = None
        self._seconds = seconds
        self._rotate = (rotate_bytes, rotate_ns)
        self._told = told
        self._stopped = asyncio.Event()

    def stop(self, why: str) -> None:
        """End it, whole."""
        self._stopped.set()

    async def run(self, progress: Callable[[Recording], None] = lambda _: None) -> dict[str, Any]:
        """Record; returns figures. Raises PauseError if the venue is away at first, HaltError if the disk refuses."""
        with (
            RawRecorder(
                self.folder, self.venue.instruments, rotate_bytes=self._rotate[0], rotate_ns=self._rotate[1]
            ) as recorder,
            StructuredLog(self.folder / "record.jsonl") as diary,
        ):
            self.recorder = recorder
            instruments = [_finest(market.instrument) for market in await learn_binance(self.venue, None, self._told)]
            self._describe(instruments)
            self._told("the reader of the feed")
            warm_feed(instruments[0])
            clock = SteadyClock()
            wire = SocketWire(clock, ca_file=Path(self.venue.ca_file) if self.venue.ca_file else None)

            def noted(fact: Fact, now: int) -> None:
                if isinstance(fact, Alarm):
                    self._note(diary, fact.severity, fact.name, fact.text, now)

            adapter = BinanceSpot(
                wire,
                instruments,
                noted,
                self._rows,
                binance_settings(self.venue),
                None,
                Random(clock()),
                tap=recorder.tap,
            )
            shield = _Shielded(adapter, lambda error: self._fault(diary, error, clock()))
            wire.listener = cast(Listener, shield)
            adapter.start(clock())
            began = time.monotonic()
            try:
                await self._until_stopped(adapter, clock, recorder, progress)
            finally:
                self.missed_trades = adapter.feed.missed_trades
                adapter.stop(clock())
                await wire.shut()
                seconds = time.monotonic() - began
        return {
            "folder": str(self.folder),
            "seconds": round(seconds, 3),
            "messages": recorder.messages,
            "bytes": recorder.bytes,
            "gaps": self.gaps,
            "missed_trades": self.missed_trades,
            "faults": self.faults,
            "torn_bytes": recorder.torn,
        }

    async def _until_stopped(
        self, adapter: BinanceSpot, clock: SteadyClock, recorder: RawRecorder, progress: Callable[[Recording], None]
    ) -> None:
        watchdog = Watchdog()  # a venue that is away is no reason to begin anew
        watchdog.ready()
        began = synced = time.monotonic()
        syncing: asyncio.Task[None] | None = None
        while not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), _TURN)
            now = clock()
            if adapter.next_due() <= now:
                adapter.on_time(now)
            recorder.flush()
            watchdog.alive()
            if syncing is not None and syncing.done():
                syncing.result()
                syncing = None
            moment = time.monotonic()
            if moment - synced >= _SYNC and syncing is None:
                synced = moment
                syncing = asyncio.create_task(asyncio.to_thread(recorder.sync))
                progress(self)
            if self._seconds and moment - began >= self._seconds:
                break
        watchdog.stopping()
        if syncing is not None:
            await syncing

    def _rows(self, events: EventArray, now: int) -> None:
        last = events[-1]
        if not last["flags"] & ESTIMATED_TIME:
            self.lag = now - int(last["exch_ts"])
        if last["kind"] == STATUS:
            self.gaps += int(np.count_nonzero((events["kind"] == STATUS) & (events["price"] == Status.BOOK_GAP)))

    def _note(self, diary: StructuredLog, severity: str, name: str, text: str, now: int) -> None:
        self.notes = [*self.notes[-19:], f"{name}: {text}"]
        diary.write(severity, name, text, engine_time=now)

    def _fault(self, diary: StructuredLog, error: Exception, now: int) -> None:
        self.faults += 1
        self._note(diary, "halt", "fault", f"{type(error).__name__}: {error}", now)

    def _describe(self, instruments: Sequence[Instrument]) -> None:
        """Write what is recorded; the instruments of earlier starts stay."""
        given = {instrument.symbol: asdict(instrument) for instrument in instruments}
        if (self.folder / ABOUT).exists():
            before = _about(self.folder)
            if before.venue != self.venue.name:
                raise InputError("out", str(self.folder), f"holds a recording of {before.venue}; choose another folder")
            given = {each["symbol"]: each for each in before.instruments} | given
        about = _About(FORMAT, self.venue.name, self.venue.url, [given[symbol] for symbol in sorted(given)])
        replace_file(self.folder / ABOUT, msgspec.json.format(msgspec.json.encode(about)) + b"\n")


class _Shielded:
    """Between wire and adapter: an error in the adapter costs one message its reading, not the recording its life."""

    def __init__(self, adapter: Any, failed: Callable[[Exception], None]) -> None:
        self._adapter = adapter
        self._failed = failed

    def __getattr__(self, name: str) -> Callable[..., None]:
        call = getattr(self._adapter, name)

        def shielded(*given: Any) -> None:
            try:
                call(*given)
            except Exception as error:
                self._failed(error)

        setattr(self, name, shielded)
        return shielded


def import_recorded(
    folder: Path, store: Path, progress: Callable[[str], Callable[[int, int], None]] | None = None
) -> list[dict[str, Any]]:
    """Import what a store does not have yet of a recording; returns one report a symbol.

    A symbol without anything new has a report without `hash`. Raises InputError if the folder holds no recording.
    """
    about = _about(folder)
    reports: list[dict[str, Any]] = []
    with RawRecorder(folder, [each["symbol"] for each in about.instruments]):
        pass  # cuts what a kill has torn, and makes sure that nobody is recording here
    for given in about.instruments:
        instrument = Instrument(**given)
        files = [path for path in raw_files(folder / instrument.symbol) if path.stat().st_size]
        known = _taken_in(store, instrument)
        fresh = [path for path in files if path.name not in known and path.name.removesuffix(".zst") not in known]
        report: dict[str, Any] = {"instrument": instrument.name, "files": len(fresh)}
        if fresh:
            shown = progress(instrument.name) if progress is not None else None
            report |= import_recording(store, about.format, fresh, instrument, progress=shown, replace=not known)
        reports.append(report)
    return reports


def _about(folder: Path) -> _About:
    try:
        return msgspec.json.decode((folder / ABOUT).read_bytes(), type=_About)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError("out", str(folder), f"holds no recording ({error})") from None


def _taken_in(store: Path, instrument: Instrument) -> set[str]:
    """Names of the files that the store's dataset was made of."""
    path = dataset_folder(store, instrument.venue, instrument.symbol) / MANIFEST
    manifest = read_manifest(path) if path.exists() else dict[str, Any]()
    return {source["name"] for source in manifest.get("sources", [])}


def _finest(stated: Instrument) -> Instrument:
    """The instrument as recordings of it are read: resting orders may be finer than the venue's steps for new ones."""
    for known in known_instruments():
        if (known.venue, known.symbol) == (stated.venue, stated.symbol):
            steps = ((stated.price_step, known.price_step), (stated.qty_step, known.qty_step))
            if all((theirs.fraction / ours.fraction).denominator == 1 for theirs, ours in steps):
                return replace(stated, tick=known.tick, lot=known.lot)
    return stated
