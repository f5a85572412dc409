"""A step without a venue: a test says what the market shows and what is answered, and sees what is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from quotewright.domain.events import ASK, BID, CLEAR, EVENT, LAST, LEVEL
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import JOURNAL, Record
from quotewright.domain.messages import PLACE
from quotewright.live.step import Departure, Response, Step
from quotewright.risk.profile import RiskProfile
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.venue_options import VenueOptions
from quotewright.sessions.wiring import LegStart, Market, wire
from quotewright.storage.session_log import RECORDS, SessionLog, read_log

SPOT = Instrument("there", "AAAUSD", "spot", "AAA", "USD", "0.01", "0.001", min_qty="0.001")
LIMITS = RiskProfile(max_position=1e6, max_order=1e5, max_open=1e7, messages_per_second=1e4, message_burst=1e4)
QUOTER = AgentSpec("quoter", "symmetric", {"half_spread": 0.5}, LIMITS, world="there", interval_ms=100.0)
SECOND_QUOTER = AgentSpec("second", "symmetric", {"half_spread": 0.5}, LIMITS, world="there", interval_ms=100.0)
START = 10**18
MS = 10**6
FIRST_ORDER = 1 << 32


def market_of(instrument: Instrument) -> Market:
    """As a session knows it: limits are sized at 1000.00."""
    return Market(instrument.name, instrument, False, 200_000)


class Desk:
    """Agents whose orders go elsewhere, unless they have a world of their own; each book is 999.99 / 1000.01.

    `start` is what the first leg begins with.
    """

    def __init__(
        self,
        folder: Path,
        start: LegStart | None = None,
        instruments: Sequence[Instrument] = (SPOT,),
        agents: Sequence[AgentSpec] = (QUOTER,),
    ) -> None:
        starts = {(0, 0): start} if start else {}
        wired = wire([market_of(each) for each in instruments], agents, VenueOptions(), seed=0, mark_interval_ns=10**9,
                     elsewhere=["there"], starts=starts, spare_legs=1, in_flight=256)  # fmt: skip
        self.folder = folder
        self.log = SessionLog(folder, sync_every_ns=0)
        self.sent: list[Departure] = []  # since the last look
        self.step = Step(wired, self.log, self.sent.extend)
        self.now = START
        for index in range(len(instruments)):
            self.rows([(CLEAR, 0, 0, 0), (LEVEL, BID, 99_999, 5_000), (LEVEL, ASK, 100_001, 5_000)], index)

    @property
    def leg(self) -> Any:
        """The first leg."""
        return self.step.wired.state.legs[0]

    def rows(self, rows: list[tuple[int, int, int, int]], instrument: int = 0) -> list[Departure]:
        """One update of a market, given as kind, side, price and lots of its rows."""
        events = np.zeros(len(rows), EVENT)
        for row, (kind, side, price, qty) in zip(events, rows, strict=True):
            row["kind"], row["side"], row["price"], row["qty"] = kind, side, price, qty
        events["instrument"] = instrument
        events["flags"][-1] = LAST
        self.now += MS
        self.step.rows(events, self.now)
        return self.departed()

    def say(self, kind: Record, order: int = 0, price: int = 0, qty: int = 0, leaves: int = 0, side: int = 0,
            leg: int = 0, **more: int) -> list[Departure]:  # fmt: skip
        """What a venue answers, or an operator asks."""
        self.now += MS
        self.step.answers([Response(0, order, price, qty, leaves, leg, int(kind), side, **more)], self.now)
        return self.departed()

    def wait(self, ms: int = 100) -> list[Departure]:
        """Let time pass."""
        self.now += ms * MS
        self.step.time(self.now)
        return self.departed()

    def departed(self) -> list[Departure]:
        """What was sent since the last look."""
        found = list(self.sent)
        self.sent.clear()
        return found

    def quote(self) -> dict[int, Departure]:
        """Let it quote, and the venue accept; the orders by side."""
        sent = {each.side: each for each in self.wait() if each.kind == PLACE}
        for each in sent.values():
            self.say(Record.ACCEPTED, each.order, each.price, each.qty, each.qty, each.side)
        return sent

    def order(self, number: int) -> Any:
        """The open order of that number, None if there is none."""
        state, slot = self.step.wired.state, int(self.leg["first_order"])
        while slot >= 0:
            if int(state.orders[slot]["id"]) == number:
                return state.orders[slot]
            slot = int(state.orders[slot]["next"])
        return None

    def records(self, *kinds: Record) -> Any:
        """Journal records of some kinds."""
        self.log.flush()
        rows = np.frombuffer(b"".join(f.payload for f in read_log(self.folder) if f.kind == RECORDS), JOURNAL)
        return rows[np.isin(rows["kind"], [int(kind) for kind in kinds])]


@contextmanager
def open_desk(start: LegStart | None = None, **given: Any) -> Iterator[Desk]:
    """A desk in a folder of its own; `given` as for `Desk`."""
    with TemporaryDirectory() as folder:
        desk = Desk(Path(folder), start, **given)
        yield desk
        desk.log.close()
