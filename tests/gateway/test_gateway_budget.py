"""The message budget: windows never passed, cancels never waiting, bans obeyed, one budget for several accounts."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BID
from quotewright.domain.journal import Record, Refusal
from quotewright.gateway.budget import Budget, Window
from quotewright.gateway.gateway import Gateway
from quotewright.gateway.ids import ClientIds
from quotewright.gateway.port import Alarm, Cleared, Cost, Failure, FailureKind, Used
from quotewright.gateway.settings import GatewaySettings, check_needs

from .engine_side import EngineSide, make_pair
from .fake_venue import CAPABILITIES, MS, SECOND, START, FakeVenue, Faults, make_instruments


def started(weight: int, orders: int, budget: Budget | None = None, **settings: Any) -> EngineSide:
    venue = FakeVenue(make_instruments(2), random.Random(1))
    gateway = Gateway(venue, GatewaySettings(**settings), ClientIds("desk", 7), lambda client_id: -1, budget)
    side = make_pair(venue, gateway)
    venue.state_limits(weight, orders)
    venue.connect()
    gateway.start(venue.now)
    side.step(3 * SECOND)
    return side


@given(
    st.lists(st.tuples(st.integers(0, 20 * SECOND), st.integers(1, 5)), max_size=60),
    st.integers(0, 10 * SECOND),
)
def test_wherever_the_venue_begins_its_interval_no_window_is_passed(wanted: list[tuple[int, int]], phase: int) -> None:
    """Whatever is charged only while it fits never passes a fixed window of the venue's, with any phase and delay."""
    window = Window(10 * SECOND, 12)
    rng = random.Random(phase)
    now = START
    arrived: dict[int, int] = {}
    for gap, amount in wanted:
        now += gap
        if window.used(now) + amount <= window.limit:
            window.charge(amount, now)
            arrival = now + rng.randrange(SECOND)
            number = (arrival - phase) // (10 * SECOND)
            arrived[number] = arrived.get(number, 0) + amount
    assert max(arrived.values(), default=0) <= 12


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("charge"), st.sampled_from("ab"), st.integers(0, 30), st.integers(0, 3)),
            st.tuples(
                st.just("correct"), st.sampled_from("ab"), st.sampled_from(("weight", "orders")), st.integers(0, 90)
            ),
            st.tuples(
                st.just("rule"), st.sampled_from("ab"), st.sampled_from(("weight", "orders")), st.integers(1, 90)
            ),
            st.tuples(st.just("reserve"), st.sampled_from("ab"), st.integers(0, 40), st.just(0)),
            st.tuples(st.just("wait"), st.just(""), st.integers(0, 12), st.just(0)),
        ),
        max_size=60,
    ),
    st.integers(0, 30),
    st.sampled_from((50, 80, 100)),
)
def test_what_fits_goes_on_to_fit_until_the_version_changes(happenings: list[Any], weight: int, percent: int) -> None:
    """The gateway looks ahead for room and relies on it later: nothing may take the room away unnoticed."""
    budget, now = Budget(), START
    for kind, limit in (("weight", 60), ("orders", 10)):
        for account in "ab":
            budget.rule(account, kind, 10 * SECOND, limit)
    cost = Cost(weight, 1)

    def fits() -> bool:
        return budget.fits("a", cost, now, budget.others("a"), percent)

    found = (budget.version, fits())
    for name, account, first, second in happenings:
        if name == "charge":
            budget.charge(account, Cost(first, second), now, percent)
        elif name == "correct":
            budget.correct(account, first, 10 * SECOND, second, now)
        elif name == "rule":
            budget.rule(account, first, 10 * SECOND, second)
        elif name == "reserve":
            budget.reserve(account, first)
        else:
            now += first * SECOND // 4
        if budget.version == found[0] and found[1]:
            assert fits()
        found = (budget.version, fits())


def test_what_others_use_on_the_address_counts_and_only_upward() -> None:
    budget = Budget()
    budget.rule("a", "weight", 60 * SECOND, 1000)
    budget.charge("a", Cost(100), START)
    budget.correct("a", "weight", 60 * SECOND, 40, START)
    assert budget.free(START) == 900
    budget.correct("a", "weight", 60 * SECOND, 640, START)
    assert budget.free(START) == 360
    assert budget.free(START + 70 * SECOND) == 1000
    budget.correct("a", "orders", 10 * SECOND, 50, START)  # of a limit that was never stated
    assert budget.fits("a", Cost(1, 1), START, 0, 100)


def test_places_stop_before_the_reserve_and_every_cancel_still_goes_at_once() -> None:
    side = started(weight=2000, orders=10_000)
    placed = 0
    while not any(answer.kind == Record.DENIED for answer in side.heard):
        side.place(placed % 2, BID if placed % 4 < 2 else ASK, 1000 + placed, 1)
        placed += 1
    assert side.heard[-1].reason == Refusal.BUDGET
    side.step(100 * MS)
    assert placed > 200
    assert side.gateway.budget.free(side.venue.now) >= 2 * len(side.orders)
    at = side.venue.now
    side.venue.calls.clear()
    for number in sorted(side.orders):
        side.cancel(number)
    assert side.venue.now == at
    assert side.venue.calls.count("cancel") == placed - 1


def test_quoting_slows_at_the_soft_share_of_the_order_count() -> None:
    side = started(weight=100_000, orders=50, soft_percent=60)
    for number in range(50):
        side.place(0, BID, 1000 + number, 1)
        side.step(100 * MS)
    denied = [answer.reason for answer in side.heard if answer.kind == Record.DENIED]
    assert denied
    assert set(denied) == {Refusal.BUDGET}
    assert len(side.orders) <= 30
    side.step(12 * SECOND)
    side.place(0, BID, 900, 1)
    side.step(100 * MS)
    assert side.heard[-1].kind == Record.ACCEPTED


def test_a_limit_is_not_spent_at_once() -> None:
    """At one instant a quarter of the soft share; then an even pace, so that quotes do not vanish for seconds."""
    side = started(weight=100_000, orders=100, soft_percent=80)
    for number in range(60):
        side.place(0, BID, 1000 + number, 1)
    assert sum(answer.kind == Record.DENIED for answer in side.heard) == 40
    for number in range(120):  # a little slower than two thirds of 80 in 10 s
        side.heard.clear()
        side.step(190 * MS)
        side.place(1, BID, 2000 + number, 1)
        assert not any(answer.kind == Record.DENIED for answer in side.heard), number


def test_questions_wait_for_what_cancels_need() -> None:
    side = started(weight=1000, orders=1000)
    for number in range(60):
        side.place(0, BID, 1000 + number, 1)
    side.step(100 * MS)
    side.gateway.on_fact(Used("weight", 60 * SECOND, 800), side.venue.now)
    side.venue.calls.clear()
    side.venue.disconnect()
    side.venue.connect()
    side.step(20 * SECOND)
    assert not [call for call in side.venue.calls if call != "cancel"]
    assert "reconcile" in side.gateway.holds
    for number in sorted(side.orders):
        side.cancel(number)
    assert side.venue.calls.count("cancel") == 60
    side.step(80 * SECOND)
    assert not side.gateway.holds


@pytest.mark.parametrize("fault", ["banned", "limited"])
def test_nothing_leaves_during_a_ban_and_cancels_go_first_after_it(fault: str) -> None:
    side = started(weight=6000, orders=100)
    numbers = [side.place(0, BID, 1000 + number, 1) for number in range(3)]
    side.step(SECOND)
    side.venue.faults = Faults(**{fault: 1.0})
    side.cancel(numbers[0])
    side.step(50 * MS)
    side.venue.faults = Faults()
    assert fault in side.gateway.holds
    calls = len(side.venue.calls)
    side.cancel(numbers[1])
    side.place(0, BID, 999, 1)
    assert side.heard[-1].reason == Refusal.HELD
    side.step(900 * MS)
    assert len(side.venue.calls) == calls
    side.step(5 * SECOND)
    assert side.venue.calls[calls : calls + 2] == ["cancel", "cancel"]
    assert "place" not in side.venue.calls[calls:]
    assert side.venue.calls.count("open_orders") >= 4  # compared anew
    assert list(side.orders) == [numbers[2]]
    assert not side.gateway.holds


def test_too_many_orders_stop_places_and_not_cancels() -> None:
    side = started(weight=6000, orders=100)
    first = side.place(0, BID, 1000, 1)
    side.step(SECOND)
    side.venue.request = lambda *_: None  # type: ignore[method-assign]
    side.place(0, BID, 1001, 1)
    limited = Failure(side.gateway._ref, FailureKind.LIMITED, -1015, "too many new orders", retry_after=5 * SECOND)
    side.gateway.on_fact(limited, side.venue.now)
    side.take()
    del side.venue.request
    side.place(0, BID, 1002, 1)
    assert side.heard[-1].reason == Refusal.BUDGET
    side.cancel(first)
    side.step(SECOND)
    assert not side.orders
    side.step(5 * SECOND)
    side.place(0, BID, 1002, 1)
    side.step(SECOND)
    assert side.heard[-1].kind == Record.ACCEPTED


def test_signs_of_life_do_not_use_up_what_is_kept_for_cancels() -> None:
    """Seed 203949 of the simulation: questions left 5 of 800; pings and clocks used them, and a cancel had to wait."""
    side = started(weight=800, orders=10_000, reconcile_every=SECOND)
    least = 800
    for _ in range(100):
        side.step(SECOND)
        least = min(least, side.gateway.budget.free(side.venue.now))
    assert 40 < least < 120  # it asks all that it may


def test_accounts_on_one_address_leave_each_other_their_reserve() -> None:
    budget = Budget()
    first = started(1200, 1000, budget, account="one")
    second = started(1200, 1000, budget, account="two")
    for number in range(300):
        (first if number % 2 else second).place(0, BID, 1000 + number, 1)
    live = len(first.orders) + len(second.orders)
    assert live > 50
    assert budget.free(first.venue.now) >= 6 * live
    for side in (first, second):
        side.step(100 * MS)
        for number in sorted(side.orders):
            side.cancel(number)
        assert side.venue.calls.count("cancel") == side.venue.calls.count("place")


def test_all_that_rests_goes_in_one_message_and_never_what_is_not_ours() -> None:
    side = started(weight=6000, orders=1000)
    for number in range(10):
        side.place(number % 2, BID, 1000 + number, 1)
    side.step(SECOND)
    side.venue.calls.clear()
    side.gateway.cancel_everything(side.venue.now)
    assert side.venue.calls[:2] == ["cancel_all", "cancel_all"]
    side.take()
    side.place(0, BID, 1000, 1)
    assert side.heard[-1].reason == Refusal.HELD
    assert not side.gateway.everything_cancelled
    side.step(5 * SECOND)
    assert side.gateway.everything_cancelled
    assert "cancel" not in side.venue.calls
    side.gateway.resume(side.venue.now)
    side.place(0, BID, 1000, 1)
    assert not side.gateway.everything_cancelled
    side.step(SECOND)
    assert side.heard[-1].kind == Record.ACCEPTED


def test_an_alarm_for_one_instrument_holds_that_one() -> None:
    side = started(weight=6000, orders=1000)
    side.gateway.on_fact(Alarm("instrument-changed", "tick 0.01, was 0.1", "pause", 1), side.venue.now)
    side.gateway.on_fact(Alarm("something", "to read", "note"), side.venue.now)
    side.place(1, BID, 1000, 1)
    side.place(0, BID, 1000, 1)
    side.step(SECOND)
    assert [Record(answer.kind).name for answer in side.heard] == ["DENIED", "ACCEPTED"]
    assert side.gateway.held(1) == ["instrument-changed:1"]
    side.gateway.on_fact(Cleared("instrument-changed", 1), side.venue.now)
    side.take()
    assert not side.gateway.holds
    assert [note.name for note in side.notes] == ["instrument-changed", "something"]


def test_a_venue_that_lacks_what_is_needed_is_refused_with_the_reason() -> None:
    assert check_needs(CAPABILITIES, ["post_only", "cancel_all", "user_stream"]) == []
    reasons = check_needs(CAPABILITIES, ["amend", "post_only", "reduce_only"])
    assert [reason.partition(":")[0] for reason in reasons] == ["amend", "reduce_only"]
    with pytest.raises(InputError, match="telepathy"):
        check_needs(CAPABILITIES, ["telepathy"])
    with pytest.raises(InputError, match="soft_percent"):
        GatewaySettings(soft_percent=0)
    with pytest.raises(InputError, match="foreign"):
        GatewaySettings(foreign="adore")  # type: ignore[arg-type]


@given(st.integers(0, 36**9 - 1), st.integers(0, 36**10 - 1))
def test_client_ids_say_their_session_and_number(session: int, order: int) -> None:
    ids = ClientIds("a_long_desk1", session)
    client_id = ids.make(order)
    assert len(client_id) <= 36
    assert ids.parse(client_id) == (session, order)
    assert ClientIds("other", session).parse(client_id) is None


@pytest.mark.parametrize(
    "text", ["", "web_1", "qw-desk-1", "qw-desk-01-1", "qw-desk-1-1-1", "qw-desk-A-1", "QW-desk-1-1"]
)
def test_ids_of_others_are_not_taken_for_ours(text: str) -> None:
    assert ClientIds("desk", 1).parse(text) is None


def test_impossible_ids_are_refused() -> None:
    with pytest.raises(InputError, match="desk"):
        ClientIds("a desk", 1)
    with pytest.raises(InputError, match="session"):
        ClientIds("desk", -1)
    with pytest.raises(InputError, match="order"):
        ClientIds("desk", 1).make(-5)
