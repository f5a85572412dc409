"""The step as a session drives it: when a message leaves, and what is safe by then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quotewright.domain.events import ASK, BID, CLEAR, EVENT, LAST, LEVEL
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import JOURNAL, Record
from quotewright.domain.messages import CANCEL, PLACE
from quotewright.live.step import Departure, Response, Step
from quotewright.risk.profile import RiskProfile
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.repeat import COMMANDS
from quotewright.sessions.venue_options import VenueOptions
from quotewright.sessions.wiring import Market, wire
from quotewright.storage.session_log import EVENTS, RECORDS, SessionLog, read_log

MARKETS = [
    Market(each.name, each, False, 200_000)
    for each in (Instrument("there", f"{base}USD", "spot", base, "USD", "0.01", "0.001") for base in ("AAA", "BBB"))
]
LIMITS = RiskProfile(max_position=1e6, max_order=1e5, max_open=1e7, messages_per_second=1e4, message_burst=1e4)
TOUCH = AgentSpec("quick", "symmetric", {"half_spread": 0.5}, LIMITS, world="there", triggers=("touch",))
START = 10**18
MS = 10**6


def book(instrument: int, bid: int, ask: int) -> list[tuple[int, int, int, int, int]]:
    """A whole book of one level a side."""
    return [(instrument, CLEAR, 0, 0, 0), (instrument, LEVEL, BID, bid, 5_000), (instrument, LEVEL, ASK, ask, 5_000)]


def updates(*books: list[tuple[int, int, int, int, int]]) -> Any:
    """Rows, each book an update."""
    rows = [row for each in books for row in each]
    events = np.zeros(len(rows), EVENT)
    for event, (instrument, kind, side, price, qty) in zip(events, rows, strict=True):
        event["instrument"], event["kind"], event["side"], event["price"], event["qty"] = (
            instrument, kind, side, price, qty,
        )  # fmt: skip
    ends = np.cumsum([len(each) for each in books]) - 1
    events["flags"][ends] = LAST
    return events


def made(folder: Path, agent: AgentSpec, send: Any) -> tuple[Step, SessionLog]:
    """A step whose orders go elsewhere."""
    wired = wire(MARKETS, [agent], VenueOptions(), seed=0, mark_interval_ns=10**9, elsewhere=["there"], in_flight=256)
    log = SessionLog(folder, sync_every_ns=0)
    return Step(wired, log, send), log


def test_an_order_leaves_when_its_input_and_its_record_are_with_the_system_and_before_the_rest(tmp_path: Path) -> None:
    seen: list[tuple[list[Departure], int, set[int]]] = []

    def send(departures: list[Departure]) -> None:
        frames = list(read_log(tmp_path / "log"))
        rows = sum(len(np.frombuffer(frame.payload, EVENT)) for frame in frames if frame.kind == EVENTS)
        records = np.frombuffer(b"".join(frame.payload for frame in frames if frame.kind == RECORDS), JOURNAL)
        seen.append((departures, rows, set(records[np.isin(records["kind"], COMMANDS)]["order"].tolist())))

    step, log = made(tmp_path / "log", TOUCH, send)
    step.rows(updates(book(0, 99_999, 100_001), book(1, 49_999, 50_001)), START)
    assert len(seen) == 2  # the first instrument's left before the second's were decided on
    for number, (departures, rows, commanded) in enumerate(seen):
        assert {each.side for each in departures} == {BID, ASK}
        assert {each.kind for each in departures} == {PLACE}
        assert rows == 6
        assert {each.order for each in departures} <= commanded
        assert len(commanded) == 2 * (number + 1)
    log.close()


@pytest.mark.parametrize("count", [2, 300])
def test_what_a_batch_of_answers_leads_to_leaves_when_all_of_them_are_booked(tmp_path: Path, count: int) -> None:
    """Seeds 200438 and 200747: killed between two fills, one of which was told as seen and not booked."""
    booked: list[int] = []
    waiting: list[Departure] = []

    def send(departures: list[Departure]) -> None:
        waiting.extend(departures)
        frames = [frame.payload for frame in read_log(tmp_path / "log") if frame.kind == RECORDS]
        records = np.frombuffer(b"".join(frames), JOURNAL)
        booked.append(int((records["kind"] == Record.FILL).sum()))

    step, log = made(tmp_path / "log", replace(TOUCH, triggers=("touch", "fill"), params={"half_spread": 0.5}), send)
    step.rows(updates(book(0, 99_999, 100_001)), START)
    bid, ask = sorted(waiting, key=lambda each: -each.side)
    for order in (bid, ask):
        kind = int(Record.ACCEPTED)
        step.answers([Response(0, order.order, order.price, order.qty, order.qty, 0, kind, order.side)], START)
    booked.clear()
    waiting.clear()
    fills = [
        Response(
            0, order.order, order.price, 1, order.qty - 1 - number, 0, int(Record.FILL), order.side, trade=number + 1
        )
        for number in range(count // 2)
        for order in (bid, ask)
    ]
    step.answers(fills, START + MS)
    assert waiting  # it decides on every fill, and moves what is left
    assert booked == [count]
    log.close()


@pytest.mark.parametrize("triggers", [("touch",), ("timer",), ("timer", "touch"), ("trade",)], ids="+".join)
def test_an_agent_decides_when_its_settings_say(tmp_path: Path, triggers: tuple[str, ...]) -> None:
    sent: list[Departure] = []
    agent = replace(TOUCH, triggers=triggers, interval_ms=100.0)
    step, log = made(tmp_path / "log", agent, sent.extend)
    step.rows(updates(book(0, 99_999, 100_001)), START)
    at_once = len(sent)
    assert at_once == (2 if "touch" in triggers else 0)
    step.rows(updates(book(0, 99_989, 99_991)), START + 20 * MS)
    assert (len(sent) > at_once) == ("touch" in triggers)
    assert {each.kind for each in sent} <= {PLACE, CANCEL}
    step.time(START + 150 * MS)
    assert bool(sent) == (triggers != ("trade",))
    log.close()


def test_rows_that_do_not_lie_one_after_the_other_are_taken_all_the_same(tmp_path: Path) -> None:
    step, log = made(tmp_path / "log", TOUCH, lambda departures: None)
    events = updates(book(0, 99_999, 100_001), book(1, 49_999, 50_001))
    apart = np.zeros(2 * len(events), EVENT)[::2]
    apart[:] = events
    step.rows(apart, START)
    log.close()
    (taken,) = [np.frombuffer(frame.payload, EVENT) for frame in read_log(tmp_path / "log") if frame.kind == EVENTS]
    for name in ("instrument", "kind", "side", "price", "qty", "flags"):
        assert (taken[name] == events[name]).all()
    assert taken["local_ts"].tolist() == [START] * 3 + [START + 1] * 3
    assert (taken["exch_ts"] == events["exch_ts"]).all()
