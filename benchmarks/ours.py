"""quotewright's side: what a session runs, with its risk gate, journal and marks, over arrays or over a store.

This is the only file of the benchmark that knows how the engine is driven.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import fixed_maker
import numpy as np
from feed import Feed
from outcome import Outcome

from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import KEEP_ALL
from quotewright.risk.profile import RiskProfile
from quotewright.sessions import replay
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.venue_options import VenueOptions
from quotewright.sessions.wiring import wire
from quotewright.simulation.loop import TO_VENUE
from quotewright.storage.window import Window

Maker = dict[str, float]

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
MAKER_FILE = str(Path(fixed_maker.__file__))
PYTHON_MAKER_FILE = str(Path(fixed_maker.__file__).with_name("python_maker.py"))
INSTRUMENT = Instrument(
    venue="bench",
    symbol="BTCUSDT",
    kind="linear",
    base="BTC",
    quote="USDT",
    tick="0.1",
    lot="0.001",
    maker_rate="0.0002",
    taker_rate="0.0005",
)
# Wide enough that the maker's own inventory bound decides, as the other side has no limits.
LIMITS = RiskProfile(max_position=1e8, max_open=1e8, max_loss=1e8, messages_per_second=1_000.0)


class InMemory(NamedTuple):
    """What a session asks a dataset about, for events that are in no store."""

    instrument: Instrument
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        return self.instrument.name


class Journal:
    """Takes the journal's records as they come; keeps copies of them, or only counts them."""

    def __init__(self, keep: bool) -> None:
        self.blocks: list[Any] = []
        self.rows = 0
        self._keep = keep

    def append(self, records: Any) -> None:
        """One block of records, of which the engine will use the memory again."""
        self.rows += len(records)
        if self._keep:
            self.blocks.append(records.view(np.uint8).copy().view(records.dtype))  # numpy copies records field by field


class Ours:
    """One pass of quotewright over a feed, `makers` at once, each in a world of its own; none: no orders.

    `phases` (ns, one a maker) delay the makers' timers; `keep` keeps a copy of the journal, of the kinds in `kinds`.
    `windows` gives the events instead of the feed's array, for example from a store. `interpreted` runs the makers in
    plain Python.
    """

    def __init__(
        self,
        feed: Feed,
        makers: Sequence[Maker],
        latency_ns: int,
        *,
        phases: Sequence[int] = (),
        keep: bool = True,
        windows: Iterable[Window] | None = None,
        interpreted: bool = False,
        kinds: int = KEEP_ALL,
    ) -> None:
        dataset: Any = InMemory(INSTRUMENT, {"l3": False, "quality": {"reference2": feed.bid + feed.ask}})
        file = PYTHON_MAKER_FILE if interpreted else MAKER_FILE
        delays = phases or [0] * len(makers)
        agents = [
            AgentSpec(f"maker-{i}", file, maker, LIMITS, phase_ms=delay / MILLISECOND)
            for i, (maker, delay) in enumerate(zip(makers, delays, strict=True))
        ]
        venue = VenueOptions(entry_latency_ns=latency_ns, response_latency_ns=latency_ns)
        self._wired = wire([dataset], agents, venue, seed=0, mark_interval_ns=SECOND, keep=kinds)
        self._windows = windows or [Window(feed.events, feed.events, feed.end, (), one_order=True)]
        self.journal = Journal(keep)

    def run(self) -> None:
        """What is timed: every event, and what is due up to the last local time."""
        sink: Any = self.journal
        replay.run(self._wired, self._windows, TO_VENUE, sink)

    def outcome(self) -> Outcome:
        """Where the pass, or its first maker, ended."""
        return self.outcomes()[0]

    def outcomes(self) -> list[Outcome]:
        """Where each maker ended."""
        state = self._wired.state
        bid, ask = int(state.touches[0]["bid"]), int(state.touches[0]["ask"])
        made = [
            Outcome(bid, ask, int(leg["fills"]), int(leg["position"]), int(leg["orders_sent"])) for leg in state.legs
        ]
        return made or [Outcome(bid, ask)]
