"""Small recordings written by hand in a store, and a run over them whose records come back as one array."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quotewright.domain.events import ASK, BID, CLEAR, EVENT, LAST, LEVEL
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import JOURNAL
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.importing import store_events
from quotewright.sessions.replay import run
from quotewright.sessions.venue_options import VenueOptions
from quotewright.sessions.wiring import Wired, wire
from quotewright.simulation.loop import TO_VENUE
from quotewright.storage.feed import windows
from quotewright.storage.store import Store

MS = 1_000_000
START = 10**15
Rows = Sequence[tuple[int, int, int, int]]  # kind, side, price, quantity

MAKER = """
from quotewright.domain.quotes import ON_FILL, ON_TIMER, ON_TOUCH, ON_TRADE
from quotewright.domain.strategy import Param, Strategy

def decide(view, params, memory, target):
    memory[0] += 1.0
    mixed = (int(memory[0]) * 7919 + int(params[0]) * 104729 + view.fills * 31) % 10007
    target.bids = 1
    target.bid_price[0] = view.bid - (mixed // 3) % 3
    target.bid_qty[0] = 1 + mixed % 3
    target.asks = 1
    target.ask_price[0] = view.ask + (mixed // 5) % 3
    target.ask_qty[0] = 1 + mixed // 7 % 3
    if mixed % 11 == 0:
        target.bids = 0

STRATEGY = Strategy(
    name="NAME", decide=decide, params=(Param("seed", 1.0, 0.0, 100.0, "", "Seed."),), doc="d", source="s",
    triggers=TRIGGERS, interval=50_000_000, compiled=COMPILED,
)
"""

TAKER = """
from quotewright.domain.quotes import ON_TIMER
from quotewright.domain.strategy import Param, Strategy

def decide(view, params, memory, target):
    memory[0] += 1.0
    turn = int(memory[0])
    deep = int(params[0])
    target.take_generation = turn
    target.take_side = 1 if turn % 2 else -1
    target.take_qty = deep
    target.take_limit = view.ask + deep if turn % 2 else max(view.bid - deep, 1)

STRATEGY = Strategy(
    name="taker", decide=decide, params=(Param("deep", 10.0, 1.0, 1e5, "lots", "Levels."),), doc="d", source="s",
    triggers=ON_TIMER, interval=1_000_000_000,
)
"""


class Recording:
    """Rows of one instrument, update by update; times in ms after the start."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, ...]] = []

    def update(self, at: int, home: int, rows: Rows) -> None:
        for number, (kind, side, price, qty) in enumerate(rows):
            last = LAST if number == len(rows) - 1 else 0
            self.rows.append((START + at * MS, START + home * MS, 0, 0, price, qty, kind, side, last, 0))

    def book(self, at: int, levels: int, qty: int, home: int | None = None) -> None:
        bids = [(LEVEL, BID, 10_000 - i, qty) for i in range(levels)]
        asks = [(LEVEL, ASK, 10_001 + i, qty) for i in range(levels)]
        self.update(at, at if home is None else home, [(CLEAR, 0, 0, 0), *bids, *asks])

    def stored(self, folder: Path, symbol: str) -> None:
        instrument = Instrument(
            "v", symbol, "linear", "A", "Q", "0.1", "0.001", maker_rate="0.0001", taker_rate="0.0005"
        )
        events = np.array(self.rows, dtype=EVENT)
        events = events[np.argsort(events["local_ts"], kind="stable")]
        store_events(
            folder, instrument, [events], lambda: {"format": "t", "sources": [], "refused": {}, "notes": []}, "none"
        )


def strategy(folder: Path, name: str, triggers: str, *, compiled: bool = True) -> str:
    """The path of a maker's file."""
    file = folder / f"{name}{'' if compiled else '_plain'}.py"
    file.write_text(
        MAKER.replace("NAME", name).replace("TRIGGERS", triggers).replace("COMPILED", str(compiled)), encoding="utf-8"
    )
    return str(file)


class _Records:
    def __init__(self) -> None:
        self.blocks: list[Any] = []

    def append(self, records: Any, /) -> None:
        self.blocks.append(np.array(records, dtype=JOURNAL, copy=True))


def wired(store: Path, agents: Sequence[AgentSpec], venue: VenueOptions | None = None) -> Wired:
    """Agents over all datasets of a store; 1 ms of latency either way unless told otherwise."""
    options = venue or VenueOptions(entry_latency_ns=MS, response_latency_ns=MS)
    return wire(Store(store).datasets(), agents, options, seed=1, mark_interval_ns=1_000 * MS)


def records(store: Path, wired: Wired, window_rows: int = 1_000_000) -> tuple[Any, int]:
    """All records of the run, and how many were in the journal's buffer at most."""
    journal = _Records()
    run(wired, windows(Store(store).datasets(), window_rows), TO_VENUE, journal)
    return np.concatenate(journal.blocks), max(len(block) for block in journal.blocks)
