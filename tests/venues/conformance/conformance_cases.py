"""The cases of the conformance suite; `test_conformance.py` runs them against each adapter."""

from __future__ import annotations

import pytest
from conformance_bench import INSTRUMENTS, MID, RATE, SECOND, Bench

from quotewright.domain.events import ASK, BID, TRADE
from quotewright.domain.journal import FOK, IOC, POST_ONLY, Reject
from quotewright.exchange.hooks import Outcome, VenueEvent
from quotewright.gateway.port import (
    Alarm,
    Balances,
    CancelAllDone,
    Failure,
    FailureKind,
    OpenOrders,
    OrderReport,
    OrderStatus,
    Rule,
    Source,
    StreamDown,
    StreamUp,
    TradeList,
    TradeReport,
    Used,
)

COMMANDS = ("place", "cancel", "cancel_all", "query_order", "open_orders", "trades", "balances")


class Conformance:
    """Each case gets a bench at which nothing rests; cases share its connection."""

    def test_it_says_what_it_is_before_it_says_that_it_is_up(self, bench: Bench) -> None:
        facts, port = bench.rig.facts, bench.rig.port
        up = next(place for place, fact in enumerate(facts) if isinstance(fact, StreamUp))
        limits = [fact for fact in facts[:up] if isinstance(fact, Rule)]
        assert {(rule.kind, rule.interval // SECOND, rule.limit) for rule in limits} >= {
            ("weight", 60, 6000),
            ("orders", 10, 100),
        }
        assert port.instruments == INSTRUMENTS
        can = port.capabilities
        assert (can.post_only, can.cancel_all, can.query_by_client_id, can.user_stream) == (True,) * 4
        assert (can.reduce_only, can.amend, can.dead_man_switch) == (False,) * 3
        assert port.request_window > 0
        assert all(port.cost(command).weight > 0 for command in COMMANDS)
        assert port.cost("place").orders == 1
        assert not [fact for fact in facts[:up] if isinstance(fact, Alarm) and fact.severity != "note"]

    def test_an_order_rests_and_is_told_by_answer_and_stream(self, bench: Bench) -> None:
        order = bench.order(BID, MID - 50, 21)
        answer = bench.place(order)
        assert bench.rig.until(lambda: bench.of(OrderReport, order, Source.STREAM))
        for report in (answer, bench.of(OrderReport, order, Source.STREAM)[0]):
            assert (report.client_id, report.instrument, report.side) == (order.client_id, 0, BID)
            assert (report.price, report.qty, report.filled) == (MID - 50, 21, 0)
            assert report.status is OrderStatus.OPEN
            assert report.venue_id == answer.venue_id > 0
            assert abs(report.time - bench.rig.now()) < 60 * SECOND
        assert answer.source is Source.ANSWER

    def test_a_post_only_order_that_would_take_is_refused_for_that(self, bench: Bench) -> None:
        for side, price in ((BID, MID + 2), (ASK, MID - 2)):
            answer = bench.place(bench.order(side, price, 10, POST_ONLY))
            assert isinstance(answer, Failure)
            assert (answer.kind, answer.reason) == (FailureKind.REFUSED, Reject.POST_ONLY)
            assert answer.text
        resting = bench.place(bench.order(BID, MID, 10, POST_ONLY))
        assert resting.status is OrderStatus.OPEN

    def test_sixty_fills_at_once_are_sixty_reports_to_the_last_atom(self, bench: Bench) -> None:
        order = bench.rest(BID, MID, 200)
        for _ in range(59):
            bench.take("SELL", MID, 3)
        bench.take("SELL", MID, 23)
        assert bench.rig.until(lambda: len(bench.of(TradeReport, order)) >= 60)
        assert bench.rig.until(lambda: bench.status(order) is OrderStatus.FILLED)
        trades = bench.of(TradeReport, order, Source.STREAM)
        assert len({trade.trade_id for trade in trades}) == len(trades) == 60
        assert [trade.qty for trade in trades] == [3] * 59 + [23]
        for trade in trades:
            assert (trade.side, trade.price, trade.maker, trade.fee_asset) == (BID, MID, True, "BTC")
            assert trade.fee == -(-trade.qty * 10_000 * RATE // 10**8)  # a lot is 10,000 atoms of the base asset
        filled = [report.filled for report in bench.of(OrderReport, order, Source.STREAM)]
        assert filled == [0, *range(3, 178, 3), 200]

    def test_what_is_taken_at_once_is_told_and_the_rest_ends(self, bench: Bench) -> None:
        depth = sum(lots for (side, price), lots in bench.venue_book(0).items() if side == ASK and price <= MID + 3)
        order = bench.order(BID, MID + 3, depth + 40, IOC)
        answer = bench.place(order)
        assert (answer.status, answer.reason, answer.filled) == (OrderStatus.EXPIRED, Reject.IOC, depth)
        assert bench.rig.until(lambda: bench.status(order) is OrderStatus.EXPIRED)
        trades = {trade.trade_id: trade for trade in bench.of(TradeReport, order)}
        assert sum(trade.qty for trade in trades.values()) == depth
        assert not any(trade.maker for trade in trades.values())
        refused = bench.place(bench.order(BID, MID + 2, 10**6, FOK))
        assert refused.status in (OrderStatus.EXPIRED, OrderStatus.REJECTED)
        assert refused.filled == 0

    def test_a_cancel_is_answered_and_told_under_our_id(self, bench: Bench) -> None:
        order = bench.rest(ASK, MID + 30, 12)
        answer = bench.cancel(order)
        assert (answer.client_id, answer.status, answer.qty) == (order.client_id, OrderStatus.CANCELED, 12)
        assert answer.source is Source.ANSWER
        assert bench.rig.until(lambda: bench.status(order) is OrderStatus.CANCELED)
        again = bench.cancel(order)
        assert again.kind is FailureKind.UNKNOWN_ORDER

    def test_a_cancel_that_comes_after_the_fill_finds_no_order(self, bench: Bench) -> None:
        order = bench.rest(BID, MID, 9)
        bench.take("SELL", MID, 9)
        answer = bench.cancel(order)
        assert isinstance(answer, Failure)
        assert answer.kind is FailureKind.UNKNOWN_ORDER
        told = bench.query(order)
        assert (told.status, told.filled, told.source) == (OrderStatus.FILLED, 9, Source.QUERY)

    def test_cancel_all_ends_one_instruments_orders_and_says_which(self, bench: Bench) -> None:
        orders = [bench.rest(BID, MID - 20 - step, 5 + step) for step in range(3)]
        elsewhere = bench.rest(ASK, MID + 20, 7, number=1)
        done = bench.cancel_all()
        assert isinstance(done, CancelAllDone)
        assert {report.client_id for report in done.orders} == {order.client_id for order in orders}
        assert {report.status for report in done.orders} == {OrderStatus.CANCELED}
        assert bench.query(elsewhere).status is OrderStatus.OPEN
        assert bench.cancel_all() == CancelAllDone(bench.refs, 0, [])

    def test_an_order_is_found_by_our_id_by_the_venues_and_not_if_there_is_none(self, bench: Bench) -> None:
        order = bench.rest(number=1)
        told = bench.query(order)
        assert (told.status, told.source, told.instrument) == (OrderStatus.OPEN, Source.QUERY, 1)
        port = bench.rig.port
        same = bench.ask(lambda ref, now: port.query_order(ref, 1, "", now, venue_id=told.venue_id))
        assert (same.client_id, same.venue_id, same.qty) == (order.client_id, told.venue_id, order.qty)
        missing = bench.query(bench.order(BID, MID, 1))
        assert missing.kind is FailureKind.UNKNOWN_ORDER
        assert bench.cancel(bench.order(BID, MID, 1)).kind is FailureKind.UNKNOWN_ORDER

    def test_the_venues_ids_are_one_instruments_alone(self, bench: Bench) -> None:
        """Binance numbers each symbol's orders and trades for itself: the same number is two orders."""
        pairs = [[bench.rest(BID, MID, 4, number=number) for number in (0, 1)] for _ in range(3)]
        orders = [order for pair in pairs for order in pair]
        for number in (0, 1):
            bench.take("SELL", MID, 10, number=number)
        for order in orders[:4]:
            assert bench.rig.until(lambda order=order: bench.status(order) is OrderStatus.FILLED)
        for order in orders[4:]:
            assert bench.rig.until(lambda order=order: bench.of(OrderReport, order, Source.STREAM)[-1].filled == 2)
            assert bench.cancel(order).filled == 2
            assert bench.rig.until(lambda order=order: bench.status(order) is OrderStatus.CANCELED)
        for order in orders:
            reports, trades = bench.of(OrderReport, order), bench.of(TradeReport, order, Source.STREAM)
            assert {(report.instrument, report.qty) for report in reports} == {(order.instrument, 4)}
            assert {trade.instrument for trade in trades} == {order.instrument}
            assert sum(trade.qty for trade in trades) == (4 if order in orders[:4] else 2)

    def test_open_orders_are_all_and_only_those_of_the_instrument(self, bench: Bench) -> None:
        orders = [bench.rest(BID, MID - 10 - step, 5) for step in range(4)]
        bench.rest(BID, MID - 10, 5, number=1)
        bench.take("SELL", MID - 2, 1)  # the house's bid, in front of ours
        told = bench.ask(lambda ref, now: bench.rig.port.open_orders(ref, 0, now))
        assert isinstance(told, OpenOrders)
        assert {report.client_id: report.price for report in told.orders} == {
            order.client_id: order.price for order in orders
        }
        assert told.sent <= told.time

    def test_trades_are_listed_from_an_id_on_and_by_order(self, bench: Bench) -> None:
        first, second = bench.rest(BID, MID, 6), bench.rest(BID, MID - 1, 4)
        bench.take("SELL", MID, 2)
        bench.take("SELL", MID - 1, 8)
        assert bench.rig.until(lambda: sum(trade.qty for trade in bench.of(TradeReport, second)) == 4)
        seen = bench.of(TradeReport, first) + bench.of(TradeReport, second)
        ids = sorted({trade.trade_id for trade in seen})
        port = bench.rig.port
        told = bench.ask(lambda ref, now: port.trades(ref, 0, now, from_id=ids[0]))
        assert isinstance(told, TradeList)
        assert told.complete
        assert sorted(trade.trade_id for trade in told.trades) == ids
        by_stream = {trade.trade_id: trade for trade in seen}
        for trade in told.trades:
            other = by_stream[trade.trade_id]
            assert (trade.price, trade.qty, trade.side, trade.maker) == (
                other.price,
                other.qty,
                other.side,
                other.maker,
            )
            assert (trade.fee, trade.fee_asset, trade.venue_id) == (other.fee, other.fee_asset, other.venue_id)
        venue_id = bench.of(OrderReport, second)[0].venue_id
        told = bench.ask(lambda ref, now: port.trades(ref, 0, now, venue_id=venue_id))
        assert {trade.venue_id for trade in told.trades} == {venue_id}
        assert sum(trade.qty for trade in told.trades) == 4
        told = bench.ask(lambda ref, now: port.trades(ref, 0, now, from_id=ids[-1] + 1))
        assert told.trades == []

    def test_balances_are_whole_and_the_stream_tells_of_changes(self, bench: Bench) -> None:
        port = bench.rig.port
        before = bench.ask(port.balances)
        assert isinstance(before, Balances)
        assert before.whole
        assert set(before.balances) >= {"BTC", "ETH", "USDT"}
        heard = len(bench.of(Balances))
        bench.rest(ASK, MID + 40, 50)
        assert bench.rig.until(lambda: [told for told in bench.of(Balances)[heard:] if not told.whole])
        after = bench.ask(port.balances)
        locked = 50 * 10_000
        free, held = before.balances["BTC"]
        assert after.balances["BTC"] == (free - locked, held + locked)
        assert after.balances["USDT"] == before.balances["USDT"]

    def test_what_the_account_or_the_venue_cannot_bear_is_refused_by_name(self, bench: Bench) -> None:
        poor = bench.place(bench.order(BID, MID - 10, 80_000_000))
        assert (poor.kind, poor.reason) == (FailureKind.REFUSED, Reject.BALANCE)
        small = bench.place(bench.order(BID, 5, 1))
        assert (small.kind, small.reason) == (FailureKind.REFUSED, Reject.FILTER)
        assert not bench.ask(lambda ref, now: bench.rig.port.open_orders(ref, 0, now)).orders

    @pytest.mark.parametrize("accepted", [True, False])
    def test_an_answer_that_says_nothing_is_doubt_and_the_venue_knows(self, bench: Bench, accepted: bool) -> None:
        faults = bench.rig.switch.after if accepted else bench.rig.switch.before
        for outcome in (Outcome(status=502), Outcome(status=504, code=-1007, message="Timeout"), Outcome(drop=True)):
            faults["order.place"] = outcome
            order = bench.order(BID, MID - 70, 8)
            told = bench.place(order)
            assert isinstance(told, Failure)
            assert told.kind is FailureKind.DOUBT
            faults.clear()
            assert bench.rig.until(lambda: bench.up())
            found = bench.query(order)
            if accepted:
                assert found.status is OrderStatus.OPEN
            else:
                assert found.kind is FailureKind.UNKNOWN_ORDER

    def test_limits_are_obeyed_by_their_kind_with_their_wait(self, bench: Bench) -> None:
        kinds = {429: (-1015, FailureKind.LIMITED), 418: (-1003, FailureKind.BANNED)}
        for status, (code, kind) in kinds.items():
            outcome = Outcome(status=status, code=code, message="Too many", retry_after=1)
            bench.rig.switch.before["order.place"] = outcome
            told = bench.place(bench.order(BID, MID - 70, 8))
            assert told.kind is kind
            assert 0 < told.retry_after <= 1.1 * SECOND  # told as a wait, or as the time at which it ends
            end = bench.rig.now() + told.retry_after
            assert bench.rig.until(lambda end=end: bench.rig.now() > end)
        bench.rig.switch.before.clear()
        bench.ask(bench.rig.port.balances)
        used = [fact for fact in bench.of(Used) if fact.kind == "weight"]
        assert used[-1].interval == 60 * SECOND
        assert used[-1].used > 0

    def test_a_clock_that_is_off_is_told_and_set_right(self, bench: Bench) -> None:
        bench.rig.switch.skew = 20 * SECOND
        told = bench.place(bench.order(BID, MID - 70, 8))
        assert (told.kind, told.code) == (FailureKind.CLOCK, -1021)

        def placed() -> bool:
            return isinstance(bench.place(bench.order(BID, MID - 70, 8)), OrderReport)

        assert bench.rig.until(placed)
        bench.rig.switch.skew = 0
        assert bench.rig.until(placed)

    @pytest.mark.parametrize("kind", ["disconnect", "terminate", "shutdown"])
    def test_a_lost_stream_is_told_at_once_and_comes_back(self, bench: Bench, kind: str) -> None:
        kept = bench.rest(BID, MID - 33, 11)
        heard = len(bench.rig.facts)
        bench.rig.switch.events.append(VenueEvent(kind, path="api"))  # type: ignore[arg-type]
        assert bench.rig.until(lambda: StreamUp() in bench.rig.facts[heard:])
        told = [fact for fact in bench.rig.facts[heard:] if isinstance(fact, (StreamUp, StreamDown))]
        if kind != "shutdown":  # an adapter may connect anew before the old connection is gone
            assert isinstance(told[0], StreamDown)
            assert told[0].why
        assert isinstance(told[-1], StreamUp)
        bench.take("SELL", MID - 2, 1)
        order = bench.rest(BID, MID, 5)
        bench.take("SELL", MID, 5)
        assert bench.rig.until(lambda: bench.of(TradeReport, order))
        assert bench.query(kept).status is OrderStatus.OPEN

    def test_nothing_is_sent_while_the_stream_is_down(self, bench: Bench) -> None:
        heard = len(bench.rig.facts)
        bench.rig.switch.shut = True
        bench.rig.switch.events.append(VenueEvent("disconnect", path="api"))
        assert bench.rig.until(lambda: bench.of(StreamDown) and isinstance(bench.last_state(), StreamDown))
        order = bench.order(BID, MID - 70, 8)
        told = bench.place(order)
        assert told.kind is FailureKind.UNSENT
        asked = bench.query(order)  # what does not trade goes by another way
        assert asked.kind is FailureKind.UNKNOWN_ORDER
        bench.rig.switch.shut = False
        assert bench.rig.until(lambda: StreamUp() in bench.rig.facts[heard:], 20)
        assert bench.query(order).kind is FailureKind.UNKNOWN_ORDER

    def test_the_feed_builds_the_venues_book_and_says_when_it_cannot(self, bench: Bench) -> None:
        for number in (0, 1):
            assert bench.rig.until(lambda number=number: bench.book(number) == (bench.venue_book(number), True))
        bench.rest(BID, MID - 1, 13)
        assert bench.rig.until(lambda: bench.book(0) == (bench.venue_book(0), True))
        bench.take("SELL", MID - 1, 13)
        assert bench.rig.until(lambda: bench.book(0) == (bench.venue_book(0), True))
        printed = [event for events in bench.rig.rows for event in events if event["kind"] == TRADE]
        assert (int(printed[-1]["side"]), int(printed[-1]["price"]), int(printed[-1]["qty"])) == (ASK, MID - 1, 13)
        so_far = len(bench.rig.rows)
        bench.rig.switch.events.append(VenueEvent("disconnect", path="market"))

        def gap_told() -> bool:
            rows = [event for events in bench.rig.rows[so_far:] for event in events]
            return any(event["kind"] == 10 for event in rows)

        assert bench.rig.until(gap_told)
        for number in (0, 1):
            assert bench.rig.until(lambda number=number: bench.book(number) == (bench.venue_book(number), True), 20)
