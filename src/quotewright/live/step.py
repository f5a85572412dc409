"""The step as a running session drives it: rows and answers in as they come, messages for the venue out.

It is the replay's own loop, given a window of rows a call. Every input gets a time of its own, later than all before,
so that the journal says in which order they were taken, and a repetition takes them in the same.

A message leaves only after the records that led to it, and the inputs before them, are with the operating system.
Where market data or a timer led to it, that is at once, before anything else that the same input brings about. Answers
that came together are booked together: who finds the log after a kill must not see some of them booked and others not.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from quotewright.domain.errors import HaltError
from quotewright.domain.events import EVENT, EventArray
from quotewright.domain.journal import JOURNAL
from quotewright.domain.kernel import as_records, entry_of, records
from quotewright.domain.messages import MESSAGE, RESPONSE
from quotewright.engine.state import ENGINE
from quotewright.engine.step import on_end
from quotewright.live.stamping import stamp_rows
from quotewright.sessions.wiring import Wired
from quotewright.simulation.flight import FLIGHT, IN_FLIGHT_FULL
from quotewright.simulation.loop import ASK_PYTHON, DEPARTURES, DONE, EMPTY_JOURNAL, MORE_ROOM, deliver, run_window
from quotewright.simulation.state import VENUE, make_room_for_updates, set_one_order
from quotewright.simulation.status import raise_for_status
from quotewright.storage.session_log import ANSWERS, EVENTS, RECORDS, SessionLog

_WORDS = RESPONSE.itemsize // 8
_MOST_ANSWERS = 256


class Departure(NamedTuple):
    """A message for a venue; the fields of domain.messages.MESSAGE that it needs."""

    ts: int
    order: int
    price: int
    qty: int
    leg: int
    flags: int
    kind: int
    side: int


class Response(NamedTuple):
    """An answer of a venue, or an operator's word; the fields of domain.messages.RESPONSE."""

    exch_ts: int
    order: int
    price: int
    qty: int
    leaves: int
    leg: int
    kind: int
    side: int
    reason: int = 0
    flags: int = 0
    fee: int = 0
    trade: int = 0
    venue_id: int = 0


def _at(dtype: np.dtype[Any], field: str) -> int:
    """Place of an 8-byte field among a record's words."""
    fields: Any = dtype.fields
    return fields[field][1] // 8


_read_departures = struct.Struct(f"={MESSAGE.itemsize // 8}q").iter_unpack
_departure = itemgetter(*(_at(MESSAGE, field) for field in Departure._fields))


def _nowhere(departures: list[Departure]) -> None:
    raise HaltError(f"{len(departures)} orders want to leave, and nobody is there to send them")


class Step:
    """Drives one wired session. Times are local ns; `now` never goes back, and is moved on where it stands still.

    `send` gets messages as they may leave, and must not call the step; a session puts its own in its place.
    """

    def __init__(self, wired: Wired, log: SessionLog, send: Callable[[list[Departure]], None] | None = None) -> None:
        self.wired = wired
        self.log = log
        self.send = _nowhere if send is None else send
        self.last = 0  # time of the latest input
        self.records = 0  # journal records written
        self._running = False
        self.ended = False  # the books are closed: what still comes is the next session's to ask for
        state, venue = wired.state, wired.venue
        set_one_order(venue, False)
        self._engine = np.asarray(state.engine).view(np.int64).data
        self._venue = np.asarray(venue.venue).view(np.int64).data
        flights = np.asarray(venue.flights).view(np.int64)
        self._flights = flights.data
        self._answers_due = len(flights) // 2 + _at(FLIGHT, "due")
        self._messages_due = _at(FLIGHT, "due")
        self._departures = np.asarray(venue.departures).view(np.uint8).data
        self._journal = np.asarray(state.journal).view(np.uint8)
        self._journal_rows = _at(ENGINE, "journal_rows")
        self._next_timer = _at(ENGINE, "next_timer")
        self._next_markout = _at(ENGINE, "next_markout")
        self._start = _at(ENGINE, "start")
        self._cursors = _at(VENUE, "exch_next"), _at(VENUE, "local_next")
        self._waiting = _at(VENUE, "departures")
        self._none: Any = records(0, EVENT)
        self._answers: Any = records(_MOST_ANSWERS, RESPONSE)
        self._answer_words = np.asarray(self._answers).view(np.int64).reshape(_MOST_ANSWERS, _WORDS)
        self._run_window = entry_of(run_window, state, venue, self._none, self._none, 1)
        self._deliver = entry_of(deliver, venue, self._answers, 1)
        self._stamp_rows = entry_of(stamp_rows, self._none, self._none, self._none, 1)
        self._make_room(4096)

    def _make_room(self, rows: int) -> None:
        """Buffers for so many rows at once: as they came, and as the simulated venue hears of them."""
        self._local: Any = records(rows, EVENT)
        self._exch: Any = records(rows, EVENT)
        self._windows: dict[int, tuple[Any, Any, memoryview]] = {}

    def _window(self, rows: int) -> tuple[Any, Any, memoryview]:
        """So many rows at home, at the venue, and as bytes; made once for each number."""
        if rows > len(self._local):
            self._make_room(2 * rows)
        home, there = self._local[:rows], self._exch[:rows]
        found = self._windows[rows] = home, there, np.asarray(home).view(np.uint8).data
        return found

    @property
    def started(self) -> bool:
        """Whether the first market update has come."""
        return bool(self._engine[self._start])

    def stamp(self, now: int) -> int:
        """A time for the next input: `now`, or just after the last one."""
        self.last = now if now > self.last else self.last + 1
        return self.last

    def next_due(self) -> int:
        """When a timer, or something on its way to or from the simulated venue, is due."""
        if not self.started:
            return 2**63 - 1
        engine, flights = self._engine, self._flights
        timers = min(engine[self._next_timer], engine[self._next_markout])
        return min(timers, flights[self._messages_due], flights[self._answers_due])

    def rows(self, events: EventArray, now: int) -> None:
        """Take in whole market updates that came together."""
        if self.ended:
            return
        count = len(events)
        home, there, text = self._windows.get(count) or self._window(count)
        if not events.flags.c_contiguous or events.ndim != 1:
            events = np.ascontiguousarray(events).reshape(count)
        self.last = self._stamp_rows(as_records(events), home, there, self.stamp(now))
        self.log.append(EVENTS, text)
        self._run(there, home, self.last + 1)

    def answers(self, given: Sequence[Response], now: int) -> None:
        """Take in answers and operators' words in order."""
        if self.ended:
            return
        waiting: list[Departure] = []
        for start in range(0, len(given), _MOST_ANSWERS):
            part = given[start : start + _MOST_ANSWERS]
            for row, each in enumerate(part):
                self._answer_words[row] = (
                    self.stamp(now), 0, each.exch_ts, each.order, each.price, each.qty, each.leaves, 0, -1,
                    each.leg, each.kind, each.side, each.reason, each.flags, each.fee, each.trade, each.venue_id,
                )  # fmt: skip
            self.log.append(ANSWERS, self._answer_words[: len(part)].data)
            if self._deliver(self.wired.venue, self._answers, len(part)) == IN_FLIGHT_FULL:
                raise_for_status(IN_FLIGHT_FULL)
            self._run(self._none, self._none, self.last + 1, waiting)
        self.log.flush()
        if waiting:
            self.send(waiting)

    def time(self, now: int) -> None:
        """Let what is due up to `now` happen."""
        if not self.ended and self.started:
            self._run(self._none, self._none, self.stamp(now) + 1)

    def warm(self) -> None:
        """Have everything compiled before the first row comes."""
        self._deliver(self.wired.venue, self._answers, 0)
        self._run(self._none, self._none, 1)

    def end(self, now: int) -> None:
        """Close the books: RUN_END for every leg. What its agents still want to send at this moment is not sent."""
        if self.started and not self.ended:
            self._run(self._none, self._none, self.stamp(now) + 1, [])
            self.wired.state.engine[0]["now"] = self.last
            on_end(self.wired.state)
            self._empty_journal()
        self.ended = True
        self.log.flush()

    def _run(self, exch: Any, local: Any, until: int, waiting: list[Departure] | None = None) -> None:
        """Work off a window; messages are sent at once, or added to `waiting`.

        If one cannot be sent, the window is still worked off before the error is raised, and nothing more is sent: what
        the log holds of an input is either all that it led to, or the end of the log.
        """
        if self._running:
            raise HaltError("an input came while another was worked off")
        self._running = True
        try:
            failure = self._work_off(exch, local, until, waiting)
        finally:
            self._running = False
        if failure is not None:
            raise failure

    def _work_off(self, exch: Any, local: Any, until: int, waiting: list[Departure] | None) -> Exception | None:
        failure: Exception | None = None
        state, venue = self.wired.state, self.wired.venue
        for cursor in self._cursors:
            self._venue[cursor] = 0
        while True:
            status = self._run_window(state, venue, exch, local, until)
            if status == ASK_PYTHON:
                self.wired.in_python.decide()
            elif status == MORE_ROOM:
                make_room_for_updates(venue)
            elif status == DEPARTURES:
                departed = self._departed()
                if waiting is not None:
                    waiting += departed
                elif failure is None:
                    failure = self._let_go(departed)
            elif status == EMPTY_JOURNAL:
                self._empty_journal()
            elif status == DONE:
                self._empty_journal()
                return failure
            else:
                self._empty_journal()
                self.log.flush()
                raise_for_status(status)

    def _let_go(self, departed: list[Departure]) -> Exception | None:
        """Send messages once what led to them is with the system; returns what went wrong."""
        self._empty_journal()
        try:
            self.log.flush()
            self.send(departed)
        except Exception as error:
            return error
        return None

    def _departed(self) -> list[Departure]:
        """The messages that wait to be sent."""
        end = self._venue[self._waiting] * MESSAGE.itemsize
        self._venue[self._waiting] = 0
        return [Departure._make(_departure(message)) for message in _read_departures(self._departures[:end])]

    def _empty_journal(self) -> None:
        rows = self._engine[self._journal_rows]
        if rows:
            self.log.append(RECORDS, self._journal[: rows * JOURNAL.itemsize].data)
            self._engine[self._journal_rows] = 0
            self.records += rows
