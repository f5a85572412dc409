"""What a stop must outlive and must not claim, and what a restart may take over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pains_stage import MID, ROOMY, Stage, quoter

import quotewright.simtest.process
from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK
from quotewright.live.assemble import Place, assemble
from quotewright.live.carry import read_carry
from quotewright.live.stops import Stop
from quotewright.sessions.agents import AgentSpec
from quotewright.simtest.process import session_markets, session_settings
from quotewright.storage.session_log import SessionLog

OWN = Path(__file__).parents[2] / "examples" / "02_own_strategy.py"
SECOND = 10**9


def test_a_stop_that_an_operator_asks_for_outlives_a_kill(tmp_path: Path) -> None:
    with Stage(tmp_path, quoter("maker")) as stage:
        stage.begin()
        stage.run(1)
        stage.trade("AAA", ASK, MID - 10, 200)
        stage.run(0.5)
        assert stage.position("AAA") > 0
        stage.word("flatten")
        stage.word("cancel")  # a lesser stop does not take its place
        stage.kill()
        assert read_carry(stage.folder).stop == "flatten"
        stage.begin(settled=False)
        stage.until(lambda: stage.process.ended == "stopped", 60)
        assert not stage.open()
        assert stage.position("AAA") < 10**5
        assert read_carry(stage.folder).stop == ""


def test_a_pause_that_was_taken_back_is_not_taken_up_again(tmp_path: Path) -> None:
    with Stage(tmp_path, quoter("maker")) as stage:
        stage.begin()
        stage.run(1)
        stage.word("pause")
        stage.run(1)
        assert not stage.open()
        assert read_carry(stage.folder).stop == "pause"
        stage.word("resume")
        stage.run(1)
        assert stage.open()
        stage.kill()
        carry = read_carry(stage.folder)
        assert carry.stop == ""
        assert not any(leg.held for leg in carry.legs)


def test_a_flatten_that_cannot_be_is_not_confirmed_and_goes_on_at_the_next_start(tmp_path: Path) -> None:
    with Stage(tmp_path, quoter("maker")) as stage:
        stage.begin()
        stage.run(1)
        stage.trade("AAA", ASK, MID - 10, 200)
        stage.run(0.5)
        held = stage.position("AAA")
        stage.gateway.holds.add("test")  # no order can leave
        assert held > 0
        stop = Stop("flatten", patience=12 * SECOND)
        stage.session.begin_stop(stop, stage.now)
        stage.until(lambda: stage.process.ended == "stopped", 60)
        assert stop.done  # all is cancelled
        assert stop.short
        assert stop.left
        assert stage.position("AAA") == held
        assert not stage.open()
        assert read_carry(stage.folder).stop == "flatten"
        stage.begin(settled=False)
        stage.until(lambda: stage.process.ended == "stopped", 60)
        assert stage.position("AAA") < 10**5
        assert read_carry(stage.folder).stop == ""


def test_a_flatten_ends_though_the_price_then_makes_an_order_of_what_was_too_little(tmp_path: Path) -> None:
    with Stage(tmp_path, quoter("maker")) as stage:
        stage.begin()
        stage.run(1)
        stage.word("trade", agent="maker", instrument="sim:AAAUSD", side="buy", price="100", qty="0.01")
        stage.fault("error_before", request="openOrders.cancelAll")  # nothing is confirmed for a while
        stage.process.ask_stop("flatten", stage.now)
        stage.run(1)
        assert not stage.process.ended
        assert stage.status()["maker", "AAA"]["position"] == "0.01"  # worth less than the least of 1
        stage.move("AAA", 900)
        stage.run(1)
        stage.heal()
        stage.until(lambda: stage.process.ended == "stopped", 30)
        assert not stage.open()
        assert not stage.fills()


def test_the_first_update_after_a_restart_meets_the_orders_taken_over(tmp_path: Path) -> None:
    """A strategy that decides on every touch must not quote before it knows of what rests from before."""
    own = AgentSpec("own", str(OWN), {}, ROOMY)
    with Stage(tmp_path, own, move=0.5) as stage:
        stage.begin()
        stage.run(1)
        resting = len(stage.open())
        assert resting
        stage.kill()
        stage.fault("refuse_connect", connection="market")
        stage.begin(settled=False)
        stage.run(8)
        assert not stage.gateway.holds  # the account is ready, the market has not been heard of
        assert not stage.session.step.started
        stage.heal()
        stage.until(lambda: not stage.process.settled())
        stage.run(2)
        assert not any("order-twice" in line for line in stage.lines)
        assert {order.client_id for order in stage.open()} == stage.process.known_ids()
        assert len(stage.open()) <= resting
        stage.stop("cancel")
        assert not stage.open()
        stage.agree()


def test_real_books_are_not_gone_on_with_in_simulation_nor_the_other_way(tmp_path: Path) -> None:
    with Stage(tmp_path, quoter("maker")) as stage:
        stage.begin()
        stage.run(1)
        stage.kill()
    settings = session_settings(stage.plan)
    places = [Place(settings.venues[0], session_markets(stage.plan))]
    carry = read_carry(stage.folder)
    assert carry.orders
    with SessionLog(stage.folder) as log:
        with pytest.raises(InputError, match="real books here, and would go on with them in simulated trading"):
            assemble(settings, "paper", places, log, carry, stage.now)
        for leg in carry.legs:
            leg.simulated = True
        with pytest.raises(InputError, match="simulated books here, and would go on with them in real trading"):
            assemble(settings, "live", places, log, carry, stage.now)
        assemble(settings, "paper", places, log, carry, stage.now)
        assert not carry.orders  # the venue that they rested at is gone


def test_an_order_by_hand_is_refused_before_the_market_is_heard_of(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.fault("refuse_connect", connection="market")
        stage.begin(settled=False)
        stage.run(5)
        assert not stage.session.step.started
        with pytest.raises(InputError, match="the market has not been heard of yet"):
            stage.order("buy", "99", "0.1")
        stage.heal()
        stage.until(lambda: not stage.process.settled())
        stage.run(1)
        assert not any(order.price == 9_900 for order in stage.open())


def test_an_agent_that_begins_while_its_market_is_stale_does_not_quote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_room(*given: Any, **named: Any) -> Any:
        return assemble(*given, **{**named, "spare_legs": 2})

    monkeypatch.setattr(quotewright.simtest.process, "assemble", with_room)
    with Stage(tmp_path) as stage:
        stage.begin()
        stage.run(1)
        stage.fault("frozen_stream", stream="depth")
        stage.until(lambda: len(stage.session.links[0].alarms) == 2)
        late = quoter("late")
        stage.word("agent", settings=late.to_dict())
        began = stage.now
        stage.run(0.3)
        assert len(stage.session.links[0].alarms) == 2
        assert not stage.asked("order.place", began)
        stage.heal()
        stage.until(lambda: not stage.process.settled())
        stage.run(2)
        assert stage.asked("order.place", began)
        stage.word("cancel")
        with pytest.raises(InputError, match="the session is being stopped"):
            stage.word("agent", settings=quoter("later").to_dict())
