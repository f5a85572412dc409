"""What users of today's bots suffer with restarts, connections, stops and shared accounts: each pain a scenario.

Issue numbers are hummingbot's unless another project is named; see `test_pains_orders.py` for the others.
"""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from pains_stage import MID, Stage, both_sides, quoter

from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BID
from quotewright.domain.journal import Record
from quotewright.exchange.limits import Limits
from quotewright.live.carry import read_carry
from quotewright.risk.profile import RiskProfile

SECOND = 10**9
LOT = 10**5  # atoms of 1e-8 in a lot
ON_A = ("sim:AAAUSD",)
ON_B = ("sim:BBBUSD",)
TIGHT = RiskProfile(max_position=5_000.0, max_order=1_000.0, max_open=20_000.0, max_loss=0.3)


def test_restart_keeps_stops_and_positions(tmp_path: Path) -> None:
    """hummingbot-api #243, #3561, #4428: after a restart positions are there without the stops that guarded them.

    A position, a pause of the operator's, a halt at the loss limit and a flatten under way all outlive kill -9.
    """
    maker, held = quoter("maker", instruments=ON_B), quoter("held", away=11.0, instruments=ON_B)
    with Stage(tmp_path, maker, held, quoter("burnt", limits=TIGHT, instruments=ON_A)) as stage:
        stage.begin()
        stage.run(1)
        stage.word("pause", agents=["held"])
        stage.trade("AAA", ASK, MID - 10, 200)
        stage.trade("BBB", ASK, MID - 10, 150)
        stage.run(1)
        stage.move("AAA", -180)
        stage.run(1)
        before = stage.status()
        assert before["burnt", "AAA"]["halted"]
        positions = {key: leg["position"] for key, leg in before.items()}
        assert Fraction(positions["burnt", "AAA"]) == Fraction(stage.position("AAA"), 10**8) > 0
        assert Fraction(positions["maker", "BBB"]) == Fraction(stage.position("BBB"), 10**8) > 0
        for _ in range(2):
            stage.kill()
            stage.begin()
            stage.run(3)
            after = stage.status()
            assert {key: leg["position"] for key, leg in after.items()} == positions
            assert after["burnt", "AAA"]["halted"]
            assert after["held", "BBB"]["held_by"] == ["operator"]
            assert not stage.of("burnt")
            assert not stage.of("held")
            assert stage.of("maker")
            assert {order.client_id for order in stage.open()} == stage.process.known_ids()
            stage.agree()
        stage.process.ask_stop("flatten", stage.now)
        stage.kill()  # before anything of it has left
        assert read_carry(stage.folder).stop == "flatten"
        stage.begin(settled=False)
        stage.until(lambda: stage.process.ended == "stopped", 60)
        assert not stage.open()
        assert 0 <= stage.position("AAA") < LOT
        assert 0 <= stage.position("BBB") < LOT
        assert stage.agree().stop == ""


@pytest.mark.parametrize(
    ("fault", "given", "pulled"),
    [
        ("frozen_stream", {}, True),
        ("frozen_stream", {"stream": "depth"}, True),
        ("refuse_connect", {}, True),
        ("refuse_connect", {"connection": "market"}, True),
        ("refuse_connect", {"connection": "api"}, True),
        ("shutdown_notice", {"magnitude": 2}, False),
        ("end_user_stream", {}, False),
    ],
)
def test_websocket_recovers_and_stale_quotes_are_pulled(
    tmp_path: Path, fault: str, given: dict[str, str], pulled: bool
) -> None:
    """#8250, #7590, #3101: a WebSocket dies and never comes back, and quotes of long ago go on resting."""
    with Stage(tmp_path, quoter("maker")) as stage:
        stage.begin()
        stage.run(2)
        assert both_sides(stage)
        stage.fault(fault, 15, **given)
        if fault == "refuse_connect":
            stage.fault("disconnect", 15, **given)
        stage.trade("AAA", BID, MID + 10, 120)  # perhaps nobody hears of it
        oldest = 0

        def watch() -> None:
            nonlocal oldest
            oldest = max([oldest, *(stage.now - order.time for order in stage.open())])

        stage.run(6)
        stage.always(watch)
        stage.run(8)
        # A silent stream is given up and begun anew; quotes by its fresh snapshot have as long to live as any.
        assert not pulled or oldest < 7 * SECOND
        assert not (fault == "refuse_connect" and stage.open())
        stage.until(lambda: both_sides(stage) and both_sides(stage, "BBB") and not stage.process.settled())
        assert stage.position("AAA") == -120 * LOT
        assert stage.status()["maker", "AAA"]["position"] == "-0.12"
        stage.agree()
        sent = len(stage.asked("order.place"))
        stage.move("AAA", 40)
        stage.until(lambda: len(stage.asked("order.place")) > sent, 5)  # it quotes by what it now sees
        stage.stop("flatten")
        assert not stage.open()
        assert abs(stage.position("AAA")) < LOT
        stage.agree()


def test_kill_switch_stops_quoting_and_does_not_misfire(tmp_path: Path) -> None:
    """#2534, #1145: the kill switch fires on a wrong figure, or fires and quoting goes on."""
    other = quoter("other", away=12.0, instruments=ON_A)
    with Stage(tmp_path, quoter("tight", limits=TIGHT, instruments=ON_A), other) as stage:
        stage.begin()
        stage.run(1)
        stage.trade("AAA", ASK, MID - 10, 200)
        stage.run(1)
        stage.fault("duplicate", 10, stream="user")
        stage.fault("reorder", 10, probability=0.3, magnitude=400)
        stage.fault("balance_lag", 10, magnitude=4000)
        stage.fault("gap", symbol="AAAUSD")
        stage.trade("AAA", ASK, MID - 200, 100_000)  # for a moment nobody bids
        stage.run(3)
        stage.fault("disconnect")
        stage.run(9)
        stage.until(lambda: not stage.process.settled() and len(stage.of("tight")) == 2)
        assert not len(stage.records(Record.HALT))  # nothing of this was a loss
        stage.move("AAA", -250)
        stage.run(1)
        assert [int(row["agent"]) for row in stage.records(Record.HALT)] == [0]
        assert not stage.of("tight")
        stage.move("AAA", 250)  # and though the price comes back
        sent = Counter(stage.observer.owner(each.params["newClientOrderId"]) for each in stage.asked("order.place"))
        stage.run(5)
        assert not stage.of("tight")
        assert len(stage.of("other")) == 2
        stage.fault("error_before", 3, request="order.cancel")
        stage.fault("error_before", 3, request="openOrders.cancelAll")
        stage.fault("drop", 3, stream="user")
        stage.stop("cancel")
        assert not stage.open()
        later = Counter(stage.observer.owner(each.params["newClientOrderId"]) for each in stage.asked("order.place"))
        assert later["tight", "sim:AAAUSD"] == sent["tight", "sim:AAAUSD"]
        stage.agree()


def test_one_account_shared_by_several_agents(tmp_path: Path) -> None:
    """#3965, #4366: several bots on one account spend each other's limits and take each other's fills for their own."""
    agents = (quoter("one", away=2.0), quoter("two", away=2.5, levels=2), quoter("three", away=1.5, instruments=ON_A))
    limits = Limits(orders_10s=120, weight_minute=1500)
    with Stage(tmp_path, *agents, limits=limits, move=0.6, take=0.8, half_spread=5) as stage:
        stage.begin()
        stage.always(lambda: stage.observer.look(stage.now))
        stage.run(25)
        assert not [line for line in stage.lines if re.search(r"-1015|-1003|http \d+ 4|\"status\":4(18|29)", line)]
        assert len(stage.asked("order.place")) > 40  # at the pace that the limit allows
        stage.word("pause")
        stage.run(3)
        told = {key: Fraction(leg["position"]) for key, leg in stage.status().items()}
        fills: Counter[tuple[str, str]] = Counter()
        at_venue = dict.fromkeys(told, Fraction(0))
        for symbol, done in stage.account.fills.items():
            for fill in done:
                owner = stage.observer.owner(stage.account.orders[symbol, fill.order].client_id)
                assert owner is not None
                key = owner[0], symbol.removesuffix("USD")
                fills[key] += 1
                fee = fill.fee if fill.side == BID else 0
                at_venue[key] += Fraction(fill.side * fill.qty * LOT - fee, 10**8)
        assert told == at_venue
        assert {name for name, _ in fills} == {"one", "two", "three"}
        assert not stage.open()
        stage.agree()


def test_orders_of_other_hands_are_left_alone_and_seen(tmp_path: Path) -> None:
    """#3965, #4366, the other half: someone else trades on our account, and the bot cancels or adopts what is his."""
    with Stage(tmp_path, quoter("maker")) as stage:
        stage.begin()
        stage.run(1)
        theirs = stage.foreign("AAA", BID, MID - 50, 70)
        stage.run(2)
        assert "strangers" in stage.gateway.holds
        assert stage.open() == [theirs]
        with pytest.raises(InputError, match="is not an agent"):
            stage.word("pause", agents=["by-phone"])
        stage.move("AAA", -80)  # it is filled: their trade, not our position
        stage.run(2)
        assert not theirs.open
        assert stage.status()["maker", "AAA"]["position"] == "0"
        stage.until(lambda: "strangers" not in stage.gateway.holds, 30)
        told = {note for note in ("foreign-trade", "foreign") if any(f" {note}:" in line for line in stage.lines)}
        assert told == {"foreign-trade", "foreign"}
        stage.word("accept-balances")
        stage.until(lambda: both_sides(stage) and not stage.process.settled())
        assert stage.status()["maker", "AAA"]["position"] == "0"
        assert stage.position("AAA") == 70 * LOT - 70 * LOT // 1000
