"""quotewright's side: the loop of a replay over arrays, with its risk gate, journal and markouts."""

from __future__ import annotations

from typing import Any

import numpy as np
from feed import Feed
from fixed_maker import STRATEGY
from outcome import Outcome

from quotewright.domain.instrument import INSTRUMENT, Instrument
from quotewright.domain.journal import JOURNAL, POST_ONLY
from quotewright.domain.kernel import as_records
from quotewright.engine.functions import bind_functions, no_functions
from quotewright.engine.state import LEG, journal_margin, new_state
from quotewright.engine.step import on_end
from quotewright.risk.limits import LIMITS
from quotewright.risk.profile import RiskProfile
from quotewright.simulation.loop import DONE, EMPTY_JOURNAL, TO_VENUE, run_window
from quotewright.simulation.state import RISK_AVERSE, Latency, new_venue
from quotewright.simulation.status import raise_for_status

SECOND = 1_000_000_000
INSTRUMENT_TRADED = Instrument(
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
LIMITS_TRADED = RiskProfile(max_position=1e8, max_open=1e8, max_loss=1e8, messages_per_second=1_000.0)


class Ours:
    """One pass of quotewright over a feed; `params` are the maker's, None replays without orders."""

    def __init__(self, feed: Feed, params: dict[str, float] | None, latency_ns: int) -> None:
        self._events = as_records(feed.events)
        instruments = as_records(INSTRUMENT_TRADED.to_record(0).astype(INSTRUMENT))
        legs = np.zeros(0 if params is None else 1, LEG)
        limits = np.zeros(len(legs), LIMITS)
        values = np.zeros(1)
        functions = no_functions()
        if params is not None:
            values = STRATEGY.bind(params)
            functions = bind_functions([STRATEGY])
            legs["triggers"] = STRATEGY.triggers
            legs["interval"] = STRATEGY.interval
            legs["params_to"] = len(values)
            legs["order_flags"] = POST_ONLY
            for field, value in LIMITS_TRADED.to_limits(INSTRUMENT_TRADED, feed.bid + feed.ask).items():
                limits[field] = value
        self._state = new_state(instruments, [False], legs, limits, values, functions, mark_interval=SECOND)
        self._venue = new_venue(
            instruments,
            [False],
            [(0, 0)] * len(legs),
            len(self._state.orders),
            Latency.constant(latency_ns, latency_ns),
            queue_model=RISK_AVERSE,
        )
        self._room = len(self._state.journal) - journal_margin(len(legs), len(self._state.orders))
        self.journal: list[Any] = []

    def run(self) -> None:
        """What is timed: the window to its last local time, the journal copied out whenever it is full."""
        until = int(self._events["local_ts"][-1]) + 1
        status = EMPTY_JOURNAL
        while status == EMPTY_JOURNAL:
            status = run_window(self._state, self._venue, self._events, self._events, until, TO_VENUE, self._room)
            self._empty_journal()
        if status != DONE:
            raise_for_status(status)
        on_end(self._state)
        self._empty_journal()

    def outcome(self) -> Outcome:
        """Where the pass ended."""
        book = self._state.books[0]
        if not len(self._state.legs):
            return Outcome(int(book["bid"]), int(book["ask"]))
        leg = self._state.legs[0]
        return Outcome(
            int(book["bid"]), int(book["ask"]), int(leg["fills"]), int(leg["position"]), int(leg["orders_sent"])
        )

    def _empty_journal(self) -> None:
        engine = self._state.engine[0]
        self.journal.append(np.array(self._state.journal[: int(engine["journal_rows"])], dtype=JOURNAL))
        engine["journal_rows"] = 0
