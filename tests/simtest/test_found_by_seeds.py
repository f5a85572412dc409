"""What seeds have found, each as small as it can be told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random

import msgspec
import numpy as np
import pytest

from quotewright.domain.journal import JOURNAL, Record
from quotewright.domain.messages import RESPONSE
from quotewright.exchange.api_errors import ApiError
from quotewright.exchange.limits import MINUTE, SECOND, Counters, Limits
from quotewright.gateway.port import Fact, Rule, Used
from quotewright.live.carry import Carry, LegCarry, StartFrame, read_carry
from quotewright.simtest import seeds
from quotewright.simtest.mortality import Killed, Mortality, MortalLog
from quotewright.simtest.plan import draw_plan
from quotewright.simtest.process import session_settings
from quotewright.storage.session_log import ANSWERS, META, NOTE, RECORDS, SessionLog, read_log
from quotewright.venues.binance_clock import VenueClock
from quotewright.venues.binance_due import Due
from quotewright.venues.binance_line import Attempts
from quotewright.venues.binance_rest import RestCalls
from quotewright.venues.binance_settings import BinanceSettings


class UnusedWire:
    """A wire over which nothing goes."""

    def connect(self, name: str, url: str) -> None:
        raise AssertionError(url)

    def send(self, name: str, text: bytes) -> bool:
        raise AssertionError(text)

    def close(self, name: str) -> None:
        raise AssertionError(name)

    def request(self, ref: int, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        raise AssertionError(url)


def ignore(fact: Fact, now: int) -> None:
    """A sink."""


def begun(folder: Path) -> SessionLog:
    """A log in which a session with one leg and one order has begun."""
    log = SessionLog(folder, sync_every_ns=0, pack=False)
    plan = draw_plan(0)
    market = {"name": "sim:AAAUSD", "instrument": plan.instruments[0].to_dict(), "reference2": 20_000}
    legs = [LegCarry("a", "sim:AAAUSD")]
    start = StartFrame(7, "live", 1, session_settings(plan).to_dict(), [market], legs, [], Carry())
    log.append(META, msgspec.json.encode(start))
    place = np.zeros(1, JOURNAL)
    place["kind"], place["order"], place["side"], place["qty"], place["price"] = Record.PLACE, 1, 1, 10, 100
    log.append(RECORDS, place.tobytes())
    return log


def fill(log: SessionLog, trade: int, lots: int) -> None:
    """The answer, as a session writes it before its step has booked it."""
    note = {"kind": "balances", "venue": "sim", "expected": {"AAA": trade}}
    log.append(NOTE, msgspec.json.encode(note))
    answer = np.zeros(1, RESPONSE)
    answer["kind"], answer["order"], answer["trade"], answer["qty"] = Record.FILL, 1, trade, lots
    log.append(ANSWERS, answer.tobytes())


def booked(log: SessionLog, lots: int, position: int) -> None:
    """The step's record of it."""
    record = np.zeros(1, JOURNAL)
    record["kind"], record["order"], record["qty"], record["position"] = Record.FILL, 1, lots, position
    log.append(RECORDS, record.tobytes())


def test_a_fill_whose_booking_was_torn_off_is_asked_for_again(tmp_path: Path) -> None:
    with begun(tmp_path) as log:
        fill(log, 41, 3)
        booked(log, 3, 300)
        fill(log, 42, 4)
    carry = read_carry(tmp_path)
    assert carry.seen == {"sim:AAAUSD": [41]}
    assert carry.balances == {"sim": {"AAA": 41}}
    assert (carry.legs[0].position, carry.orders[0].filled) == (300, 3)


@pytest.mark.parametrize("how", ["before", "after", "torn"])
def test_a_process_dies_at_the_call_it_was_told_to(tmp_path: Path, how: str) -> None:
    mortality = Mortality()
    log = MortalLog(tmp_path, mortality, Random(1))
    log.append(RECORDS, b"first")
    log.flush()
    mortality.arm(2, how)
    mortality.before()
    mortality.after()
    log.append(RECORDS, b"second")
    with pytest.raises(Killed):
        log.flush()
    log.abandon()
    left = [frame.payload for frame in read_log(tmp_path)]
    assert left == ([b"first", b"second"] if how == "after" else [b"first"])
    MortalLog(tmp_path, Mortality(), Random(2)).close()  # the folder is free again


@pytest.mark.parametrize("how", ["before", "after", "torn"])
def test_a_process_may_die_of_closing_its_log(tmp_path: Path, how: str) -> None:
    mortality = Mortality()
    log = MortalLog(tmp_path, mortality, Random(1))
    log.append(RECORDS, b"first")
    log.flush()
    log.append(RECORDS, b"second")
    mortality.arm(1, how)
    with pytest.raises(Killed):
        log.close()
    log.abandon()
    left = [frame.payload for frame in read_log(tmp_path)]
    assert left == ([b"first", b"second"] if how == "after" else [b"first"])
    MortalLog(tmp_path, Mortality(), Random(2)).close()


def test_an_error_of_the_simulation_itself_is_told_with_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(seed: int) -> None:
        raise OSError(9, f"seed {seed}")

    monkeypatch.setattr(seeds, "draw_plan", broken)
    summary = seeds.run_seeds(41, 2, workers=1)
    assert [violation.seed for violation in summary.violations] == [41, 42]
    assert "seed 41" in summary.violations[0].text
    assert summary.seeds == 2


def test_a_refusal_for_weight_ends_with_the_minute() -> None:
    counters = Counters(Limits(weight_minute=100))
    now = 1_800_000_000 * SECOND + 12 * SECOND
    counters.request("here", 95, now)
    with pytest.raises(ApiError) as refused:
        counters.request("here", 20, now)
    assert refused.value.retry_after == (MINUTE - 12 * SECOND) // SECOND


def test_market_data_waits_when_much_of_the_weight_is_used() -> None:
    rest = RestCalls(UnusedWire(), BinanceSettings(), Attempts(BinanceSettings()), Due(), ignore)
    minute, now = MINUTE, 1_800_000_000 * SECOND + 12 * SECOND
    rest.weigh(Used("weight", minute, 5999), now)
    assert rest.spared <= now  # of what limit is not known
    rest.weigh(Rule("weight", minute, 6000), now)
    rest.weigh(Rule("orders", 10 * SECOND, 100), now)
    rest.weigh(Used("orders", 10 * SECOND, 100), now)
    rest.weigh(Used("weight", minute, 3599), now)
    assert rest.spared <= now
    rest.weigh(Used("weight", minute, 3600), now)
    assert rest.spared == now + 48 * SECOND
    assert rest.hold <= now  # orders may still be cancelled and asked about


def test_a_clock_told_to_measure_while_it_measures_and_must_wait_does_not_ask_for_its_turn_for_ever() -> None:
    """Seed 50430: -1021 during a ban, while a measurement is under way: it was due at once, again and again."""
    asked: list[str] = []

    class Wire(UnusedWire):
        def request(self, ref: int, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
            asked.append(url)

    due, settings = Due(), BinanceSettings(rest_url="http://v")
    rest = RestCalls(Wire(), settings, Attempts(settings), due, ignore)
    clock = VenueClock(rest, settings, due, ignore, lambda now: None, lambda *_: None)
    clock.measure(1)
    rest.stay_away(SECOND)
    clock.measure(2)
    due.at = 2**63 - 1
    clock.on_time(SECOND)
    assert len(asked) == 1
    assert due.at > SECOND
