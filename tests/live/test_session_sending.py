"""Orders on their way out: a venue that answers at once, a signature that fails, a full disk, the session's end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quotewright.domain.errors import HaltError
from quotewright.domain.events import ASK, BID, CLEAR, EVENT, LAST, LEVEL
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import JOURNAL, Hold, Record
from quotewright.gateway.port import (
    Alarm,
    Balances,
    Capabilities,
    Cost,
    Fact,
    Failure,
    FailureKind,
    NewOrder,
    OpenOrders,
    OrderReport,
    OrderStatus,
    Source,
    StreamUp,
    TradeList,
)
from quotewright.gateway.settings import GatewaySettings
from quotewright.live.assemble import Place, assemble
from quotewright.live.carry import Carry
from quotewright.live.settings import SessionSettings, VenueSettings
from quotewright.live.stops import Stop
from quotewright.risk.profile import RiskProfile
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.venue_options import VenueOptions
from quotewright.sessions.wiring import Market
from quotewright.simtest.repetition import first_difference
from quotewright.storage.session_log import RECORDS, SessionLog, read_log

START = 10**18
MS = 10**6
MARKETS = [
    Market(each.name, each, False, 200_000)
    for each in (Instrument("there", f"{base}USD", "spot", base, "USD", "0.01", "0.001") for base in ("AAA", "BBB"))
]
LIMITS = RiskProfile(max_position=1e6, max_order=1e5, max_open=1e7, messages_per_second=1e4, message_burst=1e4)
VENUE = VenueSettings("there", "http://there", ("AAAUSD", "BBBUSD"))


class Answering:
    """A venue's adapter that does what it is told to as it is given an order; lists and reports come when asked for."""

    capabilities = Capabilities(
        post_only=True, cancel_all=True, amend=False, reduce_only=False, dead_man_switch=False,
        query_by_client_id=True, user_stream=True,
    )  # fmt: skip
    request_window = 5 * 10**9

    def __init__(self) -> None:
        self.instruments = [market.instrument for market in MARKETS]
        self.placed: list[NewOrder] = []
        self.canceled: list[str] = []
        self.waiting: list[Fact] = []
        self.on_place: Callable[[int, NewOrder, int], None] = self.accept

    def accept(self, ref: int, order: NewOrder, now: int) -> None:
        self.waiting.append(
            OrderReport(
                order.client_id,
                1000 + ref,
                order.instrument,
                order.side,
                order.price,
                order.qty,
                0,
                OrderStatus.OPEN,
                now,
                Source.ANSWER,
                ref=ref,
            )
        )

    def cost(self, command: str) -> Cost:
        return Cost(1, int(command == "place"))

    def place(self, ref: int, order: NewOrder, now: int) -> None:
        self.placed.append(order)
        assert len(self.placed) < 50
        self.on_place(ref, order, now)

    def cancel(self, ref: int, instrument: int, client_id: str, now: int) -> None:
        self.canceled.append(client_id)

    def cancel_all(self, ref: int, instrument: int, now: int) -> None:
        self.canceled.append(str(instrument))

    def query_order(self, ref: int, instrument: int, client_id: str, now: int, *, venue_id: int = 0) -> None:
        raise AssertionError(client_id)

    def open_orders(self, ref: int, instrument: int, now: int) -> None:
        self.waiting.append(OpenOrders(ref, instrument, [], now, now))

    def trades(self, ref: int, instrument: int, now: int, *, from_id: int = 0, venue_id: int = 0) -> None:
        self.waiting.append(TradeList(ref, instrument, [], True, now, now))

    def balances(self, ref: int, now: int) -> None:
        self.waiting.append(Balances(ref, {}, now, True))

    def on_time(self, now: int) -> None:
        """Nothing is ever due."""

    def next_due(self) -> int:
        return 2**63 - 1


class Desk:
    """A live session on two pairs whose gateway is ready, before its first quotes."""

    def __init__(self, folder: Path, trigger: str = "touch") -> None:
        agent = AgentSpec("quick", "symmetric", {"half_spread": 0.5}, LIMITS, triggers=(trigger,), interval_ms=100.0)
        self.settings = SessionSettings((VENUE,), (agent,), seed=1, simulated=VenueOptions())
        self.folder = folder
        self.port = Answering()
        self.log = SessionLog(folder / "log", sync_every_ns=0)
        place = Place(VENUE, MARKETS, self.port, GatewaySettings())
        self.session = assemble(self.settings, "live", [place], self.log, Carry(), START, spare_legs=0, in_flight=512)
        gateway = self.session.links[0].gateway
        assert gateway is not None
        gateway.start(START)
        self.now = START + MS
        self.session.on_rows(0, both(99_000, 49_000), self.now)
        self.fact(StreamUp())
        for _ in range(6):
            self.answered()
        assert not gateway.holds

    def fact(self, fact: Fact) -> None:
        self.session.on_fact(0, fact, self.now)

    def answered(self) -> None:
        """What the venue has to say comes."""
        self.now += MS
        waiting, self.port.waiting = self.port.waiting, []
        for fact in waiting:
            self.fact(fact)
        self.session.on_time(self.now)

    def move(self, *mids: int) -> None:
        """Both books move, in one message."""
        self.now += 100 * MS
        self.session.on_rows(0, both(*mids), self.now)

    def ended(self) -> Any:
        """End it; returns the journal. It must repeat, and no time in it go back."""
        self.now += MS
        self.session.step.end(self.now)
        self.log.close()
        frames = [frame.payload for frame in read_log(self.folder / "log") if frame.kind == RECORDS]
        records = np.frombuffer(b"".join(frames), JOURNAL)
        assert (np.diff(records["ts"]) >= 0).all()
        assert first_difference(self.folder / "log", self.settings, MARKETS) == ""
        return records


def both(*mids: int) -> Any:
    """A whole book of each pair, each an update of three rows."""
    events = np.zeros(3 * len(mids), EVENT)
    for number, mid in enumerate(mids):
        for event, (kind, side, price) in zip(
            events[3 * number :], ((CLEAR, 0, 0), (LEVEL, BID, mid - 5), (LEVEL, ASK, mid + 5)), strict=False
        ):
            event["instrument"], event["kind"], event["side"], event["price"] = number, kind, side, price
            event["qty"] = 5_000 * bool(side)
        events[3 * number + 2]["flags"] = LAST
    return events


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("kind", "told"), [(FailureKind.UNSENT, Record.DENIED), (FailureKind.REFUSED, Record.REJECTED)], ids=str
)
def test_what_an_adapter_says_while_it_is_given_an_order_waits_for_the_order_s_input(
    desk: Desk, kind: FailureKind, told: Record
) -> None:
    desk.port.on_place = lambda ref, order, now: desk.fact(Failure(ref, kind, 0, "at once", reason=1))
    before = int(desk.session.step.wired.state.engine[0]["events"])
    desk.move(99_100, 49_100)
    assert int(desk.session.step.wired.state.engine[0]["events"]) - before == 6
    assert len(desk.port.placed) == 4
    records = desk.ended()
    kinds = [Record(kind) for kind in records["kind"].tolist() if kind in (Record.PLACE, told)]
    assert kinds[:8] == [Record.PLACE] * 4 + [told] * 4


def test_an_alarm_of_the_market_that_comes_with_an_order_pulls_the_quotes_after_it(desk: Desk) -> None:
    def alarmed(ref: int, order: NewOrder, now: int) -> None:
        desk.port.accept(ref, order, now)
        if len(desk.port.placed) == 1:
            desk.fact(Alarm("stale-market", "nothing was heard for long", "pause", 1))

    desk.port.on_place = alarmed
    desk.move(99_100, 49_100)
    assert desk.session.is_held(1) & Hold.MARKET
    assert not desk.session.is_held(0)
    desk.answered()
    assert len(desk.port.canceled) == 2  # both quotes of the second pair
    records = desk.ended()
    order = [Record(kind) for kind in records["kind"].tolist() if kind in (Record.PLACE, Record.PAUSED)]
    assert order.index(Record.PAUSED) == 4


def test_an_order_that_cannot_be_sent_ends_the_session_and_leaves_a_log_that_repeats(desk: Desk) -> None:
    def broken(ref: int, order: NewOrder, now: int) -> None:
        raise RuntimeError("it cannot be signed")

    desk.port.on_place = broken
    with pytest.raises(RuntimeError, match="cannot be signed"):
        desk.move(99_100, 49_100)
    assert len(desk.port.placed) == 1  # nothing more leaves
    gateway = desk.session.links[0].gateway
    assert gateway is not None
    assert [order.client_id for order in gateway.live_orders()] == [desk.port.placed[0].client_id]  # it may have left
    records = desk.ended()
    assert (records["kind"] == Record.PLACE).sum() == 4


def test_nothing_leaves_when_the_log_cannot_be_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise HaltError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(desk.log, "flush", full)
        with pytest.raises(HaltError, match="full"):
            desk.move(99_100, 49_100)
    assert not desk.port.placed
    desk.ended()
    assert not desk.port.placed


def test_the_end_of_the_books_sends_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "timer")
    desk.move(99_100, 49_100)
    desk.answered()
    placed, canceled = len(desk.port.placed), len(desk.port.canceled)
    assert placed
    desk.now += 150 * MS  # a timer is due, and would move the quotes
    decisions = (desk.ended()["kind"] == Record.DECISION).sum()
    assert decisions > placed // 2
    assert (len(desk.port.placed), len(desk.port.canceled)) == (placed, canceled)


def test_an_input_within_an_input_is_refused(desk: Desk) -> None:
    def again(ref: int, order: NewOrder, now: int) -> None:
        desk.session.step.time(now + MS)

    desk.port.on_place = again
    with pytest.raises(HaltError, match="while another"):
        desk.move(99_100, 49_100)


def test_a_dead_man_switch_is_released_only_when_a_stop_left_nothing(desk: Desk) -> None:
    assert not desk.session.nothing_rests
    for kind, released in (("pause", False), ("cancel", True), ("flatten", True)):
        desk.session.stop = stop = Stop(kind)
        assert not desk.session.nothing_rests
        stop.done = True
        assert desk.session.nothing_rests == released
    desk.session.stop = None
    desk.ended()
