"""Commands of the native adapter against a venue in this process: answers, doubt, fall-backs, errors."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from quotewright.domain.events import ASK, BID
from quotewright.domain.journal import FOK, IOC, POST_ONLY, REDUCE_ONLY, Reject
from quotewright.exchange.keys import ApiKey
from quotewright.exchange.limits import Limits
from quotewright.gateway.port import (
    Balances,
    CancelAllDone,
    Failure,
    FailureKind,
    NewOrder,
    OpenOrders,
    OrderReport,
    OrderStatus,
    Source,
    StreamDown,
    StreamUp,
    TradeList,
    TradeReport,
    Used,
)
from quotewright.venues.signing import Ed25519Key

S = 1_000_000_000
FAR_BID, FAR_ASK = 99_000, 101_000


def bid(client_id: str, price: int = FAR_BID, qty: int = 100, flags: int = 0, instrument: int = 0) -> NewOrder:
    return NewOrder(client_id, instrument, BID, price, qty, flags)


def failures(world: Any) -> dict[int, Failure]:
    return {fact.ref: fact for fact in world.of(Failure)}


def answers(world: Any) -> dict[int, OrderReport]:
    return {fact.ref: fact for fact in world.of(OrderReport) if fact.ref}


@pytest.fixture(name="session_key")
def _session_key() -> tuple[Ed25519Key, ApiKey]:
    pair = Ed25519PrivateKey.generate()
    public = pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    private = pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Ed25519Key.from_pem("pair", private), ApiKey("pair", public_pem=public)


def test_life_of_orders(make_world: Any) -> None:
    world = make_world().start()
    adapter = world.adapter
    world.take()
    adapter.place(1, bid("a"), world.now)
    adapter.place(2, bid("b", FAR_ASK, 60, IOC), world.now)
    adapter.place(3, NewOrder("c", 1, ASK, 120_000, 70, POST_ONLY), world.now)
    world.run(0.05)
    assert [answers(world)[ref].status for ref in (1, 2, 3)] == [
        OrderStatus.OPEN,
        OrderStatus.FILLED,
        OrderStatus.OPEN,
    ]
    streamed = [fact for fact in world.of(TradeReport) if fact.source is Source.STREAM]
    told = [fact for fact in world.of(TradeReport) if fact.source is Source.ANSWER]
    assert sum(trade.qty for trade in streamed) == 60
    assert [(t.trade_id, t.price, t.qty, t.fee, t.maker) for t in streamed] == [
        (t.trade_id, t.price, t.qty, t.fee, t.maker) for t in told
    ]
    for index, fact in enumerate(world.facts):  # a fill follows its order's report, which already counts it
        if isinstance(fact, TradeReport) and fact.source is Source.STREAM:
            before = world.facts[index - 1]
            assert isinstance(before, OrderReport)
            assert before.venue_id == fact.venue_id
    assert all(t.fee == t.qty * 10_000 // 1000 for t in streamed)  # 0.1 % of the base asset, a lot being 10,000 atoms
    assert {t.fee_asset for t in streamed} == {"BTC"}
    world.take()
    adapter.query_order(4, 0, "a", world.now)
    adapter.query_order(5, 0, "", world.now, venue_id=streamed[0].venue_id)
    adapter.open_orders(6, 0, world.now)
    adapter.trades(7, 0, world.now, from_id=streamed[0].trade_id)
    adapter.trades(8, 0, world.now, venue_id=streamed[0].venue_id)
    adapter.balances(9, world.now)
    adapter.cancel(10, 0, "a", world.now)
    adapter.cancel_all(11, 1, world.now)
    adapter.cancel_all(12, 0, world.now)
    world.run(0.05)
    found = answers(world)
    assert (found[4].client_id, found[4].status, found[4].source) == ("a", OrderStatus.OPEN, Source.QUERY)
    assert (found[5].client_id, found[5].filled) == ("b", 60)
    assert found[10].status is OrderStatus.CANCELED
    assert found[10].client_id == "a"
    (listed,) = world.of(OpenOrders)
    assert [order.client_id for order in listed.orders] == ["a"]
    lists = {fact.ref: fact for fact in world.of(TradeList)}
    assert sum(trade.qty for trade in lists[7].trades) == sum(trade.qty for trade in lists[8].trades) == 60
    assert lists[7].complete
    (account,) = [fact for fact in world.of(Balances) if fact.whole]
    assert account.balances["USDT"][1] == 99_000 * 100 * 100  # locked for "a": ticks of 0.01 times lots of 0.0001
    done = {fact.ref: fact for fact in world.of(CancelAllDone)}
    assert [order.client_id for order in done[11].orders] == ["c"]
    assert done[12].orders == []  # the venue's error for it means that none was open


def test_a_logged_on_session_signs_nothing_more(make_world: Any, session_key: tuple[Ed25519Key, ApiKey]) -> None:
    key, at_venue = session_key
    world = make_world(key=key, keys=[at_venue]).start()
    world.wire.sent.clear()
    world.adapter.place(1, bid("a"), world.now)
    world.adapter.cancel(2, 0, "a", world.now)
    world.adapter.open_orders(3, 0, world.now)
    world.run(0.05)
    assert answers(world)[2].status is OrderStatus.CANCELED
    assert not any(b"signature" in text or b"apiKey" in text for _, text in world.wire.sent)
    world.wire.cut(world.wire.sent[0][0])
    world.adapter.cancel_all(4, 0, world.now)  # over REST it is signed
    world.run(0.05)
    assert world.of(CancelAllDone)[-1].ref == 4


@pytest.mark.parametrize(
    ("order", "kind", "reason"),
    [
        (bid("a", FAR_ASK, 100, POST_ONLY), FailureKind.REFUSED, Reject.POST_ONLY),
        (bid("a", 99_000, 90_000_000), FailureKind.REFUSED, Reject.BALANCE),
        (bid("a", 99_000, 1), FailureKind.REFUSED, Reject.FILTER),
        (bid("a", flags=REDUCE_ONLY), FailureKind.REFUSED, 0),
    ],
)
def test_refusals(make_world: Any, order: NewOrder, kind: FailureKind, reason: int) -> None:
    world = make_world().start()
    world.adapter.place(1, order, world.now)
    world.adapter.cancel(2, 0, "never", world.now)
    world.adapter.query_order(3, 0, "never", world.now)
    world.run(0.05)
    found = failures(world)
    assert (found[1].kind, found[1].reason) == (kind, reason)
    assert found[2].kind is found[3].kind is FailureKind.UNKNOWN_ORDER


def test_a_kill_order_that_cannot_fill_ends_with_its_reason(make_world: Any) -> None:
    world = make_world().start()
    world.adapter.place(1, bid("a", FAR_ASK, 5_000, FOK), world.now)
    world.run(0.05)
    assert answers(world)[1].status is OrderStatus.EXPIRED
    assert answers(world)[1].reason == Reject.FOK


def test_a_lost_connection_puts_everything_in_doubt_and_nothing_is_sent_again(make_world: Any) -> None:
    world = make_world().start()
    adapter, wire = world.adapter, world.wire
    adapter.place(1, bid("a"), world.now)
    adapter.cancel(2, 0, "x", world.now)
    sent = len(wire.sent)
    name = wire.sent[-1][0]
    wire.cut(name)  # both are on their way
    assert {ref: failure.kind for ref, failure in failures(world).items()} == dict.fromkeys((1, 2), FailureKind.DOUBT)
    assert isinstance(world.of(StreamDown)[-1], StreamDown)
    adapter.place(3, bid("b"), world.now)
    adapter.cancel(4, 0, "a", world.now)
    adapter.query_order(5, 0, "a", world.now)
    adapter.open_orders(6, 0, world.now)
    assert failures(world)[3].kind is FailureKind.UNSENT
    assert [method for method, _ in wire.requests[-3:]] == ["DELETE", "GET", "GET"]
    world.take()
    world.until(lambda: adapter.stream_up)
    assert sum(isinstance(fact, StreamUp) for fact in world.facts) == 1
    assert {text for _, text in wire.sent[sent:] if b"order" in text} == set()
    adapter.place(7, bid("c"), world.now)
    world.run(0.05)
    assert answers(world)[7].status is OrderStatus.OPEN


def test_an_answer_after_its_time_out_is_told_as_news(make_world: Any) -> None:
    world = make_world().start()
    wire = world.wire
    held: list[tuple[str, bytes]] = []
    real = wire._tell

    def tell(what: str, *given: Any) -> None:
        if what == "on_text" and b'"id"' in given[1] and b'"result"' in given[1]:
            held.append(given)
        else:
            real(what, *given)

    wire._tell = tell
    world.adapter.place(1, bid("a"), world.now)
    world.run(0.05)
    assert not failures(world)
    world.run(5.5)
    assert failures(world)[1].kind is FailureKind.DOUBT
    world.take()
    wire._tell = real
    for name, text in held:
        world.adapter.on_text(name, text, world.now)
    (late,) = [fact for fact in world.of(OrderReport) if fact.source is Source.ANSWER]
    assert (late.ref, late.client_id, late.status) == (0, "a", OrderStatus.OPEN)
    for name, text in held:  # and once only
        world.adapter.on_text(name, text, world.now)
    assert len([fact for fact in world.of(OrderReport) if fact.source is Source.ANSWER]) == 1


def test_a_request_without_any_reply_is_in_doubt_after_its_time_out(make_world: Any) -> None:
    world = make_world().start()
    world.wire.cut(world.wire.sent[-1][0])
    world.wire.lost = lambda url: "openOrders" in url
    world.adapter.cancel_all(1, 0, world.now)
    world.run(11)
    assert failures(world)[1].kind is FailureKind.DOUBT


def test_a_clock_that_is_off_is_measured_and_signed_for(make_world: Any) -> None:
    world = make_world(skew=-40 * S)
    world.server.faults.clock_skew = lambda now: 7_000 * 10**6
    world.start()
    assert abs(world.adapter.clock.offset - 7 * S) < 5 * 10**6
    world.server.faults.clock_skew = lambda now: -9_000 * 10**6  # it jumps
    world.adapter.place(1, bid("a"), world.now)
    world.run(0.05)
    assert failures(world)[1].kind is FailureKind.CLOCK
    assert world.facts[-1].name == "clock-drift"
    world.adapter.place(2, bid("b"), world.now)
    world.run(0.05)
    assert answers(world)[2].status is OrderStatus.OPEN
    world.run(3)
    assert any(getattr(fact, "name", "") == "clock-drift" and not hasattr(fact, "text") for fact in world.facts)


def test_limits_and_bans_are_told_and_keep_the_adapter_quiet(make_world: Any) -> None:
    world = make_world(limits=Limits(orders_10s=3, weight_minute=400)).start()
    for ref in range(1, 6):
        world.adapter.place(ref, bid(f"a{ref}"), world.now)
    world.run(0.05)
    assert failures(world)[4].kind is failures(world)[5].kind is FailureKind.LIMITED
    assert max(fact.used for fact in world.of(Used) if fact.kind == "orders") == 3
    for ref in range(10, 40):
        world.adapter.balances(ref, world.now)
    world.run(0.05)
    kinds = [failure.kind for ref, failure in failures(world).items() if ref >= 10]
    assert FailureKind.LIMITED in kinds or FailureKind.BANNED in kinds
    assert all(kind in (FailureKind.LIMITED, FailureKind.BANNED) for kind in kinds)
    assert max(failure.retry_after for failure in failures(world).values()) > 0


def test_two_hundred_cancels_leave_in_one_turn(make_world: Any) -> None:
    world = make_world(limits=Limits(orders_10s=1000)).start()
    for ref in range(100):
        world.adapter.place(ref + 1, bid(f"a{ref}", 90_000 + ref), world.now)
    world.run(0.2)
    before = len(world.wire.sent)
    for ref in range(100):
        world.adapter.cancel(ref + 1000, 0, f"a{ref}", world.now)
    assert len(world.wire.sent) - before == 100
    world.run(0.2)
    assert sum(a.status is OrderStatus.CANCELED for a in answers(world).values()) == 100
