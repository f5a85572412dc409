"""What an operator and a venue may say to a running step, and what each does to it; fees told are booked exactly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.events import ASK, BID, CLEAR, EVENT, LAST, LEVEL, STATUS, Status
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import (
    FEE_ELSEWHERE,
    FEE_IN_BASE,
    FEE_TOLD,
    IOC,
    JOURNAL,
    LATE,
    POST_ONLY,
    Hold,
    Record,
)
from quotewright.domain.messages import CANCEL, PLACE
from quotewright.live.operator import decision_place, settle_agent
from quotewright.live.step import Departure, Response, Step
from quotewright.orders.states import OPEN, UNKNOWN
from quotewright.risk.profile import RiskProfile
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.venue_options import VenueOptions
from quotewright.sessions.wiring import LegStart, Market, wire
from quotewright.storage.session_log import RECORDS, SessionLog, read_log

SPOT = Instrument("there", "AAAUSD", "spot", "AAA", "USD", "0.01", "0.001", min_qty="0.001")
MARKET = Market(SPOT.name, SPOT, False, 200_000)
LIMITS = RiskProfile(max_position=1e6, max_order=1e5, max_open=1e7, messages_per_second=1e4, message_burst=1e4)
QUOTER = AgentSpec("quoter", "symmetric", {"half_spread": 0.5}, LIMITS, world="there", interval_ms=100.0)
SECOND = AgentSpec("second", "symmetric", {"half_spread": 0.5}, LIMITS, world="there", interval_ms=100.0)
START = 10**18
MS = 10**6
FIRST_ORDER = 1 << 32


class Desk:
    """One leg on one spot pair, whose orders go elsewhere; the book is 999.99 / 1000.01."""

    def __init__(self, folder: Path, start: LegStart | None = None) -> None:
        starts = {(0, 0): start} if start else {}
        wired = wire([MARKET], [QUOTER], VenueOptions(), seed=0, mark_interval_ns=10**9, elsewhere=["there"],
                     starts=starts, spare_legs=1, in_flight=256)  # fmt: skip
        self.folder = folder
        self.log = SessionLog(folder, sync_every_ns=0)
        self.sent: list[Departure] = []  # since the last look
        self.step = Step(wired, self.log, self.sent.extend)
        self.now = START
        rows = [(CLEAR, 0, 0, 0), (LEVEL, BID, 99_999, 5_000), (LEVEL, ASK, 100_001, 5_000)]
        self.rows(rows)

    @property
    def leg(self) -> Any:
        return self.step.wired.state.legs[0]

    def rows(self, rows: list[tuple[int, int, int, int]]) -> list[Departure]:
        events = np.zeros(len(rows), EVENT)
        for row, (kind, side, price, qty) in zip(events, rows, strict=True):
            row["kind"], row["side"], row["price"], row["qty"] = kind, side, price, qty
        events["flags"][-1] = LAST
        self.now += MS
        self.step.rows(events, self.now)
        return self.departed()

    def say(self, kind: Record, order: int = 0, price: int = 0, qty: int = 0, leaves: int = 0, side: int = 0,
            leg: int = 0, **more: int) -> list[Departure]:  # fmt: skip
        self.now += MS
        self.step.answers([Response(0, order, price, qty, leaves, leg, int(kind), side, **more)], self.now)
        return self.departed()

    def wait(self, ms: int = 100) -> list[Departure]:
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
        self.log.flush()
        rows = np.frombuffer(b"".join(f.payload for f in read_log(self.folder) if f.kind == RECORDS), JOURNAL)
        return rows[np.isin(rows["kind"], [int(kind) for kind in kinds])]


@contextmanager
def _desk(start: LegStart | None = None) -> Iterator[Desk]:
    with TemporaryDirectory() as folder:
        desk = Desk(Path(folder), start)
        yield desk
        desk.log.close()


@pytest.fixture
def desk() -> Iterator[Desk]:
    with _desk() as made:
        yield made


def _cancelled(sent: list[Departure]) -> set[int]:
    return {each.order for each in sent if each.kind == CANCEL}


def test_a_pause_pulls_quotes_until_nobody_holds(desk: Desk) -> None:
    quotes = desk.quote()
    assert _cancelled(desk.say(Record.PAUSED, reason=int(Hold.OPERATOR))) == {q.order for q in quotes.values()}
    assert not desk.say(Record.PAUSED, reason=int(Hold.MARKET))
    for quote in quotes.values():
        desk.say(Record.CANCELED, quote.order, leaves=quote.qty, side=quote.side)
    assert not desk.wait(500)
    desk.say(Record.RESUMED, reason=int(Hold.OPERATOR))
    assert not desk.wait(500)
    desk.say(Record.RESUMED, reason=int(Hold.MARKET))
    assert {each.side for each in desk.wait()} == {BID, ASK}
    assert [int(r) for r in desk.records(Record.PAUSED)["reason"]] == [Hold.OPERATOR, Hold.MARKET]


def test_a_parameter_holds_from_the_next_decision(desk: Desk) -> None:
    before = desk.quote()[BID].price
    desk.say(Record.PARAM, price=3, qty=2, leaves=-1)  # half_spread = 3 × 2 ** -1 bp
    assert float(desk.step.wired.state.params[2]) == 1.5
    again = {each.side: each for each in desk.wait() if each.kind == PLACE}
    assert before - again[BID].price == 10  # 1 bp of 1000.00
    desk.say(Record.PARAM, price=3, qty=99, leaves=0)  # no such parameter
    assert float(desk.step.wired.state.params[2]) == 1.5


def test_a_manual_order_rests_whatever_the_strategy_wants(desk: Desk) -> None:
    sent = desk.say(Record.MANUAL, price=99_900, qty=7, side=BID, flags=POST_ONLY)
    assert [(each.kind, each.price, each.qty, each.side, each.flags) for each in sent] == [
        (PLACE, 99_900, 7, BID, POST_ONLY)
    ]
    desk.say(Record.ACCEPTED, sent[0].order, 99_900, 7, 7, BID)
    for _ in range(3):
        assert sent[0].order not in _cancelled(desk.wait())
    assert not desk.say(Record.MANUAL, price=50_000, qty=7, side=BID)  # outside the price band
    assert len(desk.records(Record.REFUSED)) == 1
    assert _cancelled(desk.say(Record.PAUSED, reason=int(Hold.STOPPING))) >= {sent[0].order}


def test_an_order_in_doubt_counts_until_the_venue_speaks(desk: Desk) -> None:
    quote = desk.quote()[BID]
    desk.say(Record.UNKNOWN, quote.order)
    assert int(desk.order(quote.order)["state"]) == UNKNOWN
    assert int(desk.order(quote.order)["leaves"]) == quote.qty
    assert not [each for each in desk.wait(300) if each.kind == PLACE and each.side == BID]  # never doubled
    desk.say(Record.ACCEPTED, quote.order, quote.price, quote.qty, quote.qty, BID)
    assert int(desk.order(quote.order)["state"]) == OPEN
    desk.say(Record.UNKNOWN, quote.order)
    desk.say(Record.DENIED, quote.order)
    assert desk.order(quote.order) is None
    assert [each.side for each in desk.wait() if each.kind == PLACE] == [BID]


def test_a_cancel_before_the_last_fill_keeps_what_is_to_come(desk: Desk) -> None:
    quote = desk.quote()[ASK]
    desk.say(Record.FILL, quote.order, quote.price, 100, quote.qty - 100, ASK, flags=FEE_TOLD)
    desk.say(Record.CANCELED, quote.order, qty=130, leaves=quote.qty - 130, side=ASK)
    assert int(desk.order(quote.order)["leaves"]) == 30
    assert quote.order not in _cancelled(desk.wait())  # nothing is left to cancel
    desk.say(Record.FILL, quote.order, quote.price, 30, 0, ASK, flags=FEE_TOLD | LATE)
    assert desk.order(quote.order) is None
    assert int(desk.leg["position"]) == -130 * SPOT.atoms_per_lot


def test_an_adopted_order_is_in_doubt_and_then_like_any_other() -> None:
    with _desk(LegStart(position=5 * SPOT.atoms_per_lot, cash=-77, orders_sent=3)) as desk:
        numbers = FIRST_ORDER + 9, FIRST_ORDER + 8
        desk.say(Record.ADOPTED, numbers[0], 99_000, 50, 20, BID, flags=POST_ONLY)
        desk.say(Record.ADOPTED, numbers[1], 102_000, 50, 50, ASK)
        assert int(desk.order(numbers[0])["state"]) == UNKNOWN
        assert int(desk.order(numbers[0])["filled"]) == 30
        sent = desk.wait()
        assert _cancelled(sent) == {numbers[0]}  # a quote far from the target goes, what was by hand stays
        assert min(each.order for each in sent if each.kind == PLACE) == FIRST_ORDER + 10  # no number twice
        desk.say(Record.FILL, numbers[0], 99_000, 20, 0, BID, flags=FEE_TOLD)
        assert desk.order(numbers[0]) is None
        assert int(desk.leg["position"]) == 25 * SPOT.atoms_per_lot


def test_flattening_takes_to_zero_and_no_further(desk: Desk) -> None:
    quotes = desk.quote()
    bid = quotes[BID]
    again = desk.say(Record.FILL, bid.order, bid.price, bid.qty, 0, BID, flags=FEE_TOLD)
    open_now = {each.order for each in again if each.kind == PLACE} | {quotes[ASK].order}
    sent = desk.say(Record.FLATTEN, price=20)
    assert _cancelled(sent) == open_now
    assert not [each for each in sent if each.kind == PLACE]  # not before nothing rests
    for slot_order in open_now:
        desk.say(Record.CANCELED, slot_order)
    take = [each for each in desk.wait() if each.kind == PLACE]
    assert [(each.side, each.qty, each.price, each.flags) for each in take] == [(ASK, bid.qty, 99_979, IOC)]
    assert not desk.wait(300)  # one at a time, whatever its fate
    desk.say(Record.ACCEPTED, take[0].order, take[0].price, take[0].qty, take[0].qty, ASK)
    desk.say(Record.FILL, take[0].order, 99_990, 10, take[0].qty - 10, ASK, flags=FEE_TOLD)
    desk.say(Record.CANCELED, take[0].order, qty=10, leaves=take[0].qty - 10, side=ASK)
    rest = [each for each in desk.wait() if each.kind == PLACE]
    assert [each.qty for each in rest] == [bid.qty - 10]
    desk.say(Record.FILL, rest[0].order, 99_990, rest[0].qty, 0, ASK, flags=FEE_TOLD)
    assert int(desk.leg["position"]) == 0
    assert not desk.wait(500)
    assert {each.side for each in desk.say(Record.FLATTEN, price=0)} == {BID, ASK}


def test_nothing_is_taken_without_a_book(desk: Desk) -> None:
    desk.say(Record.ADJUSTED, qty=40 * SPOT.atoms_per_lot)
    desk.rows([(STATUS, 0, int(Status.BOOK_GAP), 0)])
    assert not desk.say(Record.FLATTEN, price=5)
    assert not desk.wait(300)
    desk.rows([(CLEAR, 0, 0, 0), (LEVEL, BID, 99_990, 5_000), (LEVEL, ASK, 99_995, 5_000)])
    assert [(each.side, each.qty) for each in desk.wait()] == [(ASK, 40)]


def test_an_agent_that_begins_later_has_books_of_its_own(desk: Desk) -> None:
    wired = desk.step.wired
    settle_agent(wired, 1, SECOND, MARKET, 0, elsewhere=True)
    assert {each.leg for each in desk.wait(300)} == {0}
    desk.say(Record.ACTIVATED, 1, qty=decision_place(wired, SECOND), leg=1)
    sent = desk.wait()
    assert {each.order for each in sent if each.leg == 1} == {2 * FIRST_ORDER + 1, 2 * FIRST_ORDER + 2}
    starts = desk.records(Record.RUN_START)
    assert starts["agent"].tolist() == [0, 1]
    assert starts["mid2"][1] == 200_000
    desk.step.end(desk.now)
    assert desk.records(Record.RUN_END)["agent"].tolist() == [0, 1]


_FEES = (0, FEE_IN_BASE, FEE_ELSEWHERE)
_SAID = st.one_of(
    st.tuples(st.just("fill"), st.sampled_from([BID, ASK]), st.integers(90_000, 110_000), st.integers(1, 10**5),
              st.integers(-(10**9), 10**9), st.sampled_from(_FEES)),
    st.tuples(st.just("adjust"), st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12)),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(_SAID, min_size=1, max_size=40), st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_money_and_atoms_are_conserved(said: list[tuple[Any, ...]], cash: int, position: int) -> None:
    """Cash and position are what they were, and each fill's price, told fee and adjustment, and nothing else."""
    tick, lot = SPOT.price_step.fraction, SPOT.qty_step.fraction
    atom = lot / SPOT.atoms_per_lot
    money, held = cash * SPOT.money_unit, position * atom
    fees, base_fees = 0, 0
    with _desk(LegStart(cash=cash, position=position, held=int(Hold.OPERATOR), halted=1)) as desk:
        for number, each in enumerate(said):
            if each[0] == "adjust":
                desk.say(Record.ADJUSTED, qty=each[1], fee=each[2])
                held, money = held + each[1] * atom, money + each[2] * SPOT.money_unit
            else:
                _, side, price, qty, fee, kind = each
                flags = FEE_TOLD | kind | (LATE if number % 2 else 0)
                desk.say(Record.FILL, -1, price, qty, 0, side, flags=flags, fee=fee, trade=number + 1)
                money -= side * qty * lot * price * tick
                held += side * qty * lot
                if kind == FEE_IN_BASE:
                    held -= fee * atom
                    base_fees += fee
                elif kind != FEE_ELSEWHERE:
                    money -= fee * SPOT.money_unit
                    fees += fee
            assert int(desk.leg["cash"]) * SPOT.money_unit == money
            assert int(desk.leg["position"]) * atom == held
        assert (int(desk.leg["fees"]), int(desk.leg["base_fees"])) == (fees, base_fees)
        rows = desk.records(Record.FILL, Record.ADJUSTED)
        assert len(rows) == len(said)
        assert int(rows["cash"][-1]) * SPOT.money_unit == money
        told = [(each[4], FEE_TOLD | each[5]) for each in said if each[0] == "fill"]
        fills = desk.records(Record.FILL)
        assert [(int(r["fee"]), int(r["flags"]) & ~LATE) for r in fills] == told
