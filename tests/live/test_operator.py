"""What an operator says to a running session: carried out exactly and journaled, or refused with field and fix."""

from __future__ import annotations

import contextlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pains_stage import ROOMY, Stage, both_sides, quoter

from quotewright.domain.errors import InputError
from quotewright.domain.journal import Record
from quotewright.live.recorded import read_recorded
from quotewright.live.repetition import repeat_recorded
from quotewright.risk.profile import RiskProfile

LOT = 10**5  # atoms of 1e-8 in a lot
ON_A = "sim:AAAUSD"
ORDER: dict[str, Any] = {
    "do": "order",
    "agent": "maker",
    "instrument": ON_A,
    "side": "buy",
    "price": "99",
    "qty": "0.1",
}
TRADE = ORDER | {"do": "trade"}
PARAM: dict[str, Any] = {"do": "param", "agent": "maker", "name": "half_spread", "value": 30}
AGENT: dict[str, Any] = {"do": "agent", "settings": {"name": "late", "strategy": "symmetric"}}


@pytest.fixture(scope="module", name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Stage(tmp_path_factory.mktemp("desk"), quoter("maker")) as stage:
        stage.begin()
        stage.run(1)
        yield stage


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({}, "do", "must be one of pause, resume"),
    ({"do": "dance"}, "do", "must be one of pause, resume"),
    ({"do": ["pause"]}, "do", "must be one of pause, resume"),
    ({"do": "pause", "agents": ["nobody"]}, "agents", "is not an agent of this session"),
    ({"do": "pause", "agents": "maker"}, "agents", "must be a list of agents"),
    ({"do": "resume", "agents": 7}, "agents", "must be a list of agents"),
    ({"do": "resume", "agents": [["maker"]]}, "agents", "is not an agent of this session"),
    (PARAM | {"agent": "nobody"}, "agents", "is not an agent of this session"),
    (PARAM | {"name": "halfspread"}, "name", "is not a parameter of ladder: order_notional"),
    (PARAM | {"name": ["half_spread"]}, "name", "is not a parameter of ladder: order_notional"),
    (PARAM | {"value": "30"}, "value", "must be a number"),
    (PARAM | {"value": True}, "value", "must be a number"),
    (PARAM | {"value": -1}, "half_spread", "must"),
    (PARAM | {"value": float("nan")}, "half_spread", "must"),
    (PARAM | {"value": 10**400}, "value", "must"),
    (ORDER | {"agent": "nobody"}, "agent", "trades nothing so called"),
    (ORDER | {"instrument": "sim:CCCUSD"}, "agent", "trades nothing so called"),
    (ORDER | {"side": "long"}, "side", "must be buy or sell"),
    (ORDER | {"side": ["buy"]}, "side", "must be buy or sell"),
    (ORDER | {"price": "99.005"}, "price", "0.01"),
    (ORDER | {"price": "cheap"}, "price", ""),
    (ORDER | {"price": None}, "price", ""),
    (ORDER | {"qty": "0.0001"}, "qty", "0.001"),
    (ORDER | {"qty": "0"}, "qty", "above zero"),
    (ORDER | {"qty": "-1"}, "qty", ""),
    (ORDER | {"type": "market"}, "type", "must be one of limit, post-only, ioc"),
    (ORDER | {"type": {}}, "type", "must be one of limit, post-only, ioc"),
    (TRADE | {"fee": "some"}, "fee", ""),
    (TRADE | {"price": "0"}, "price", "above zero"),
    (TRADE | {"qty": "1e3"}, "qty", ""),
    (ORDER | {"qty": "9" * 30}, "qty", "64 bits"),
    (ORDER | {"qty": "9001"}, "qty", "no more than sim:AAAUSD has"),
    (TRADE | {"fee": "9" * 30}, "qty", "64 bits"),
    ({"do": "agent"}, "settings", "must be the table of one agent"),
    ({"do": "agent", "settings": {"name": "late"}}, "strategy", "is missing"),
    ({"do": "agent", "settings": {"name": "late", "strategy": "magic"}}, "agent", "no room"),
    ({"do": "agent", "settings": {"name": "maker", "strategy": "ladder"}}, "name", "is already an agent"),
    ({"do": "agent", "settings": {"name": "late", "strategy": "ladder", "lever": 3}}, "lever", "is not a setting"),
    ({"do": "agent", "settings": AGENT["settings"] | {"instruments": ["x"]}}, "instruments", "is not in this session"),
    (AGENT, "agent", "there is no room left for another agent: 0 legs are free, 2 wanted"),
]


@pytest.mark.parametrize(("word", "field", "fix"), BAD)
def test_a_bad_word_names_field_value_and_fix(desk: Stage, word: dict[str, Any], field: str, fix: str) -> None:
    orders, legs = len(desk.asked("order.place")), desk.status()
    with pytest.raises(InputError) as refused:
        desk.operator.carry_out(word, desk.now)
    said = str(refused.value)
    assert field in said.partition(": ")[0] or field in said
    assert fix in said
    assert len(desk.asked("order.place")) == orders
    assert desk.status() == legs


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["maker", ON_A]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(word=st.sampled_from([ORDER, TRADE, PARAM, AGENT, {"do": "pause", "agents": ["nobody"]}]), data=st.data())
def test_no_word_can_end_a_session(desk: Stage, word: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from([*word]))
    spoilt = word | {"qty": "0"} | {key: data.draw(_ANY)} if key != "qty" else word | {key: data.draw(_ANY)}
    with contextlib.suppress(InputError):  # whatever else it raises would end the session
        desk.operator.carry_out(json.loads(json.dumps(spoilt)), desk.now)


def test_a_parameter_changes_at_once_and_stays_in_the_journal(tmp_path: Path) -> None:
    with Stage(tmp_path, quoter("maker"), quoter("other", away=15.0)) as stage:
        stage.begin()
        stage.run(1)
        assert stage.word("param", agent="maker", name="half_spread", value=12.5) == {
            "agent": "maker", "name": "half_spread", "value": 12.5,
        }  # fmt: skip
        stage.run(1)
        prices = {abs(order.price - 10_000) for order in stage.of("maker")}
        assert prices <= {12, 13}
        assert {abs(order.price - 10_000) for order in stage.of("other")} == {15}
        rows = stage.records(Record.PARAM)
        assert [int(row["price"]) * 2.0 ** int(row["leaves"]) for row in rows] == [12.5, 12.5]  # a leg each
        stage.stop("cancel")
        stage.agree()
        again = repeat_recorded(read_recorded(stage.folder), tmp_path / "again")
        assert again["records"] == len(stage.records())


def test_an_order_by_hand_passes_risk_or_is_refused(tmp_path: Path) -> None:
    small = RiskProfile(max_position=300.0, max_order=150.0, max_open=400.0, price_band=0.02)
    with Stage(tmp_path, quoter("idle", away=150.0, limits=small)) as stage:
        stage.begin()
        stage.run(1)
        sent = len(stage.asked("order.place"))
        for side, price, qty in (("buy", "97", "0.1"), ("buy", "99", "1.6"), ("sell", "102.5", "0.1")):
            word = {"agent": "idle", "instrument": ON_A, "side": side, "price": price, "qty": qty}
            answer = stage.word("order", **word)
            assert answer == {"sent": False, "why": "refused by risk: see REFUSED in the journal"}
        stage.run(0.1)
        assert len(stage.asked("order.place")) == sent
        assert len(stage.records(Record.REFUSED)) == 3
        assert stage.order("buy", "99", "1.5")
        assert not stage.order("buy", "98.99", "1.5")  # the position, if both were filled
        stage.run(1)
        assert [order.qty for order in stage.open("AAA") if order.price == 9900] == [1500]
        assert stage.order("buy", "101", "0.1", "ioc")
        stage.run(1)
        assert [(fill.side, fill.qty, fill.maker) for fill in stage.fills()] == [(1, 100, False)]
        stage.stop("cancel")
        stage.agree()


def test_an_order_by_hand_that_does_not_leave_is_not_said_to_be_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = {"agent": "idle", "instrument": ON_A, "side": "buy", "price": "99", "qty": "0.1"}
    with Stage(tmp_path) as stage:
        stage.begin()
        stage.run(1)
        gateway, sent = stage.gateway, len(stage.asked("order.place"))
        gateway.holds |= {"clock", "late:0", "late:1"}
        assert stage.word("order", **word) == {"sent": False, "why": "held back at the venue: clock, late:0"}
        gateway.holds -= {"clock", "late:0", "late:1"}
        monkeypatch.setattr(stage.process.wire, "send", lambda *given: False)
        unsent = {"sent": False, "why": "it did not leave: see DENIED or REJECTED in the journal"}
        assert stage.word("order", **word) == unsent
        monkeypatch.undo()
        gateway.budget.places_until[gateway.settings.account] = stage.now + 10**9
        budget = {"sent": False, "why": "the venue's message budget is used up; try again later"}
        assert stage.word("order", **word) == budget
        stage.run(0.1)
        assert stage.word("order", **word)["why"].startswith("refused by risk")  # it is not asked at once again
        assert len(stage.asked("order.place")) == sent
        by_hand = [int(row["order"]) for row in stage.records(Record.PLACE) if row["price"] == 9_900]
        assert len(by_hand) == 3
        assert set(by_hand) <= set(stage.records(Record.DENIED)["order"].tolist())
        stage.run(5)
        assert stage.word("order", **word) == {"sent": True}
        stage.run(1)
        assert [order.price for order in stage.of("idle", "AAA")].count(9_900) == 1
        stage.stop("cancel")
        stage.agree()


def test_a_quote_at_the_same_moment_is_not_taken_for_the_order_by_hand(tmp_path: Path) -> None:
    with Stage(tmp_path, quoter("maker")) as stage:
        stage.begin()
        stage.run(1)
        stage.word("param", agent="maker", name="half_spread", value=30.0)
        due = int(stage.session.step.wired.state.engine[0]["next_timer"])
        stage.now = due  # what is due now has not been done yet when the word comes
        placed = len(stage.records(Record.PLACE))
        word = {"agent": "maker", "instrument": ON_A, "side": "buy", "price": "50", "qty": "0.1"}
        assert stage.word("order", **word)["sent"] is False
        assert len(stage.records(Record.PLACE)) > placed


def test_a_trade_by_hand_is_booked_exactly(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.begin()
        stage.run(1)
        word = {"agent": "idle", "instrument": ON_A}
        told = stage.word("trade", **word, side="buy", price="98.76", qty="1.234", fee="0.12345678")
        cash, position = -Fraction("98.76") * Fraction("1.234") - Fraction("0.12345678"), Fraction("1.234")
        assert {key: Fraction(value) for key, value in told["booked"].items()} == {"cash": cash, "position": position}
        stage.word("trade", **word, side="sell", price="101.01", qty="0.234", fee="-0.01")
        cash += Fraction("101.01") * Fraction("0.234") + Fraction("0.01")
        leg = stage.status()["idle", "AAA"]
        assert Fraction(leg["position"]) == 1
        assert Fraction(leg["pnl"]) == cash + 100
        assert leg["fills"] == 0
        stage.kill()
        stage.begin()
        stage.run(1)
        assert stage.status()["idle", "AAA"]["position"] == "1"
        assert Fraction(stage.status()["idle", "AAA"]["pnl"]) == cash + 100


def test_pause_and_resume_outlive_the_process(tmp_path: Path) -> None:
    with Stage(tmp_path, quoter("maker"), quoter("other", away=15.0)) as stage:
        stage.begin()
        stage.run(1)
        assert stage.word("pause", agents=["maker"]) == {"paused": [["maker", ON_A], ["maker", "sim:BBBUSD"]]}
        stage.run(1)
        for _ in range(2):
            assert not stage.of("maker")
            assert len(stage.of("other")) == 4
            stage.kill()
            stage.begin()
            stage.run(1)
        assert stage.status()["maker", "AAA"]["held_by"] == ["operator"]
        stage.word("resume")
        stage.kill()
        stage.begin()
        stage.run(1)
        assert len(stage.of("maker")) == 4
        stage.word("pause")
        stage.run(1)
        assert not stage.open()
        stage.kill()
        stage.begin()
        stage.run(2)
        assert not stage.open()
        stage.word("resume", agents=["other"])
        stage.run(1)
        assert len(stage.of("other")) == 4
        assert not stage.of("maker")
        stage.agree()


@pytest.mark.parametrize("kind", ["cancel", "flatten"])
def test_a_stop_goes_on_after_a_kill_and_a_graver_one_takes_its_place(tmp_path: Path, kind: str) -> None:
    with Stage(tmp_path) as stage:
        stage.begin()
        assert stage.order("buy", "100.5", "0.3", "ioc")
        stage.run(1)
        stage.process.ask_stop("cancel", stage.now)
        if kind == "flatten":
            stage.process.ask_stop("flatten", stage.now)
            stage.process.ask_stop("cancel", stage.now)  # a lesser one changes nothing
        stage.kill()
        stage.begin(settled=False)
        stage.until(lambda: stage.process.ended == "stopped", 60)
        assert not stage.open()
        assert stage.position("AAA") // LOT == (0 if kind == "flatten" else 299)
        assert stage.agree().stop == ""


def test_a_withdrawal_holds_quoting_until_a_person_says_that_it_is_right(tmp_path: Path) -> None:
    with Stage(tmp_path, quoter("maker", limits=ROOMY)) as stage:
        stage.begin()
        stage.run(20)
        stage.account.move("USD", -5 * 10**8)
        stage.until(lambda: "balances" in stage.gateway.holds, 60)
        stage.run(2)
        assert not stage.open()
        assert any("USD -5" in line for line in stage.lines if " note pause balances" in line)
        assert stage.word("accept-balances") == {"accepted": ["sim"]}
        stage.until(lambda: both_sides(stage) and not stage.process.settled(), 60)
