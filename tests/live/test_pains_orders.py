"""What users of today's bots suffer with orders, fills and money: each pain a scenario, judged by the venue's books.

Issue numbers are hummingbot's unless another project is named. The other pains are in `test_pains_sessions.py` and
`test_pains_sockets.py`; docs/explanation/what-can-go-wrong.md lists them all.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from pains_stage import MID, Stage, both_sides, quoter

from quotewright.domain.events import ASK, BID
from quotewright.domain.journal import FILL_TAKER, Record

MS = 10**6
LOT = 10**5  # atoms of 1e-8 in a lot
DOUBTS = ["error_before", "error_after", "lost_ack", "drop", "unknown_status"]


@pytest.mark.parametrize("kind", DOUBTS)
def test_network_error_is_not_not_found(tmp_path: Path, kind: str) -> None:
    """#8457, #3374, #6716: a failed request is counted as "order not found", the order forgotten, and sent once more.

    Here nothing but a question can tell, and for a while that is answered "no such order" whatever is there.
    """
    with Stage(tmp_path, quoter("maker", levels=2)) as stage:
        in_doubt: set[int] = set()

        def never_doubled() -> None:
            for side in (BID, ASK):
                assert sum(order.qty for order in stage.open("AAA", side)) <= 400
            in_doubt.add(stage.in_doubt)

        stage.begin(settled=False)
        stage.always(never_doubled)
        stage.fault(kind, 15, request="order.place")
        stage.fault("drop", 10, stream="user")
        stage.fault("balance_lag", 15, magnitude=3000)
        stage.run(20)
        assert max(in_doubt) >= 8  # both instruments
        stage.until(lambda: both_sides(stage) and not stage.process.settled())
        stage.run(2)
        assert len(stage.open("AAA")) == 4
        stage.agree()
        stage.stop("cancel")
        assert not stage.open()
        stage.agree()


@pytest.mark.parametrize("kind", ["error_before", "error_after", "lost_ack", "drop"])
def test_no_cancel_loops_or_piled_up_orders(tmp_path: Path, kind: str) -> None:
    """#2821, #5122, #7996: a failed cancel is sent in a loop, and new orders pile up on those that are still there."""
    with Stage(tmp_path, quoter("maker", levels=3), move=0.6) as stage:
        most = Counter[int]()

        def watch() -> None:
            for side in (BID, ASK):
                most[side] = max(most[side], len(stage.open("AAA", side)))

        stage.begin()
        stage.always(watch)
        stage.run(2)
        for request in ("order.cancel", "openOrders.cancelAll"):
            stage.fault(kind, 15, request=request)
        stage.fault("drop", 10, stream="user")
        stage.run(20)
        assert most[BID] <= 8
        assert most[ASK] <= 8
        cancels = Counter(request.params["origClientOrderId"] for request in stage.asked("order.cancel"))
        assert cancels
        assert max(cancels.values()) <= 10  # 250 ms and then double, up to 2 s: in 15 s
        stage.until(lambda: both_sides(stage) and not stage.process.settled())
        stage.stop("cancel")
        assert not stage.open()
        stage.agree()


@pytest.mark.parametrize("rates", [("0.001", "0.0015"), ("-0.0001", "0.0005")])
def test_pnl_fees_once_with_the_right_sign(tmp_path: Path, rates: tuple[str, str]) -> None:
    """#8099, #7891: profit is wrong: fees deducted twice, or a rebate with the wrong sign.

    Every report comes three times; fees are taken in what is received: the base asset of a buy, the quote of a sale.
    """
    with Stage(tmp_path, rates=rates) as stage:
        stage.begin()
        stage.fault("duplicate", 60, stream="user", magnitude=2)
        assert stage.order("buy", "99.95", "0.3")
        assert stage.order("sell", "100.05", "0.7", "post-only")
        stage.run(1)
        stage.trade("AAA", ASK, MID - 5, 120)
        stage.trade("AAA", BID, MID + 5, 333)
        stage.run(1)
        assert stage.order("buy", "101", "0.05", "ioc")
        assert stage.order("sell", "99", "0.04", "ioc")
        stage.run(2)
        fills = stage.fills()
        assert len(fills) == 4
        assert {fill.maker for fill in fills} == {True, False}
        cash = position = Fraction(0)
        fees = {BID: Fraction(0), ASK: Fraction(0)}
        for fill in fills:
            rate = Fraction(rates[0] if fill.maker else rates[1])
            lots, price = Fraction(fill.qty, 1000), Fraction(fill.price, 100)
            fee = -(-rate * lots * (10**8 if fill.side == BID else price * 10**8) // 1)  # the venue rounds up
            fees[fill.side] += Fraction(fee, 10**8)
            cash -= fill.side * lots * price
            position += fill.side * lots
        cash -= fees[ASK]
        position -= fees[BID]
        leg = stage.status()["idle", "AAA"]
        mid = Fraction(int(stage.session.step.wired.state.touches[0]["mid2"]), 200)
        assert (Fraction(leg["fees"]), Fraction(leg["base_fees"])) == (fees[ASK], fees[BID])
        assert Fraction(leg["position"]) == position
        assert Fraction(leg["pnl"]) == cash + position * mid
        assert Fraction(stage.position("AAA"), 10**8) == position
        assert Fraction(stage.position("USD"), 10**8) == cash
        assert leg["fills"] == 4
        assert [int(row["flags"]) & FILL_TAKER for row in stage.records(Record.FILL)] == [0, 0, 1, 1]
        stage.stop("cancel")
        stage.agree()


@pytest.mark.parametrize("filled", [40, 100])
@pytest.mark.parametrize("fault", ["", "lost_ack", "blind"])
def test_fill_during_cancel_is_booked_and_position_unwound(tmp_path: Path, filled: int, fault: str) -> None:
    """#2501, #5688: an order is filled while its cancel is under way, and nobody hedges what was bought."""
    with Stage(tmp_path, latency=50 * MS) as stage:
        stage.begin()
        assert stage.order("buy", "99.95", "0.1")
        stage.run(1)
        if fault == "lost_ack":
            stage.fault("lost_ack", 5, request="order.cancel")
        if fault == "blind":
            stage.fault("drop", 5, stream="user")
        stage.word("pause", agents=["idle"])  # its cancels are under way
        stage.run(0.02)
        assert len(stage.open("AAA", BID)) == 2
        stage.trade("AAA", ASK, MID - 5, filled)
        stage.run(15)
        assert not stage.open()
        assert stage.position("AAA") == filled * LOT - filled * LOT // 1000
        assert Fraction(stage.status()["idle", "AAA"]["position"]) == Fraction(stage.position("AAA"), 10**8)
        stage.agree()
        stage.stop("flatten")
        assert 0 <= stage.position("AAA") < LOT
        assert not stage.open()
        stage.agree()


@pytest.mark.parametrize("kind", DOUBTS)
def test_closing_happens_once(tmp_path: Path, kind: str) -> None:
    """#7503, #7043: what closes a position closes it twice, or hangs.

    The orders that close it are answered by failures, and for a while the stream says nothing.
    """
    with Stage(tmp_path) as stage:
        stage.begin()
        assert stage.order("buy", "100.5", "0.3", "ioc")
        assert stage.order("sell", "99.5", "0.2", "ioc", on="BBB")
        stage.run(2)
        assert stage.position("AAA") > 200 * LOT
        assert stage.position("BBB") == -200 * LOT

        def never_beyond() -> None:
            assert stage.position("AAA") >= 0
            assert stage.position("BBB") <= 0

        stage.always(never_beyond)
        stage.fault(kind, 12, request="order.place", probability=0.7)
        stage.fault("drop", 6, stream="user")
        stage.stop("flatten", 90)
        assert 0 <= stage.position("AAA") < LOT
        assert -LOT < stage.position("BBB") <= 0
        assert not stage.open()
        stage.agree()


def test_stale_balance_does_not_drop_a_side(tmp_path: Path) -> None:
    """#6238, #2416: balances read late say that there is nothing to sell, and one side is no longer quoted."""
    with Stage(tmp_path, quoter("maker"), balance="1") as stage:
        stage.begin()
        stage.run(1)
        stage.fault("balance_lag", 40, magnitude=8000)
        for turn in range(30):
            side = BID if turn % 3 else ASK
            ours = stage.open("AAA", -side)[0]
            stage.trade("AAA", side, ours.price, ours.qty // 2)
            stage.run(1)
            assert both_sides(stage), f"one side only after {turn + 1} fills"
            assert "balances" not in stage.gateway.holds
        assert len(stage.fills("AAA")) >= 30  # a taker may meet two of our orders
        stage.heal()
        stage.run(30)
        assert not stage.process.settled()
        stage.agree()
        stage.stop("flatten")
        assert abs(stage.position("AAA")) <= LOT  # a lot of 0.1 is less than the smallest order of 1
        stage.agree()
