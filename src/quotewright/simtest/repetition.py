"""A session's step driven again by the inputs in its log: it must decide the same, record by record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np

from quotewright.domain.events import EVENT
from quotewright.domain.journal import JOURNAL, Record
from quotewright.domain.messages import RESPONSE
from quotewright.live.assemble import worlds_of
from quotewright.live.carry import StartFrame
from quotewright.live.settings import SessionSettings
from quotewright.live.step import Response, Step
from quotewright.sessions.wiring import LegStart, Market, wire
from quotewright.storage.session_log import ANSWERS, EVENTS, META, RECORDS, SessionLog, read_log

Input = tuple[int, bytes]


class _Tape:
    """Stands where a log would: keeps the records of the step."""

    def __init__(self) -> None:
        self.records = bytearray()

    def append(self, kind: int, payload: Any) -> None:
        """Keep records only: the inputs are known."""
        if kind == RECORDS:
            self.records += bytes(payload)

    def flush(self) -> None:
        """Nothing is written."""


def first_difference(folder: Path, settings: SessionSettings, markets: Sequence[Market]) -> str:
    """What the repetition of any session in a log does otherwise than the log says; "" if nothing."""
    for start, inputs, known in _sessions(folder):
        found = _differs(start, inputs, known, settings, markets)
        if found:
            return f"session {start.session}: {found}"
    return ""


def _sessions(folder: Path) -> Iterator[tuple[StartFrame, list[Input], Any]]:
    start: StartFrame | None = None
    inputs: list[Input] = []
    records: list[bytes] = []
    for frame in read_log(folder):
        if frame.kind == META:
            if start is not None:
                yield start, inputs, np.frombuffer(b"".join(records), JOURNAL)
            start, inputs, records = msgspec.json.decode(frame.payload, type=StartFrame), [], []
        elif frame.kind in (EVENTS, ANSWERS):
            inputs.append((frame.kind, frame.payload))
        elif frame.kind == RECORDS:
            records.append(frame.payload)
    if start is not None:
        yield start, inputs, np.frombuffer(b"".join(records), JOURNAL)


def _differs(
    start: StartFrame, inputs: Sequence[Input], known: Any, settings: SessionSettings, markets: Sequence[Market]
) -> str:
    agents = worlds_of(settings, "live")
    names = [market.name for market in markets]
    pairs = [
        (number, index)
        for number, agent in enumerate(agents)
        for index, name in enumerate(names)
        if not agent.instruments or name in agent.instruments
    ]
    wired = wire(
        markets, agents, settings.simulated, seed=settings.seed, mark_interval_ns=settings.mark_interval,
        elsewhere=[venue.name for venue in settings.venues], spare_legs=start.spare_legs, in_flight=512,
        starts={
            pair: LegStart(leg.cash, leg.position, leg.orders_sent, held=leg.held, halted=leg.halted)
            for pair, leg in zip(pairs, start.legs, strict=True)
        },
    )  # fmt: skip
    tape = _Tape()
    step = Step(wired, cast(SessionLog, tape), lambda departures: None)
    for kind, payload in inputs:
        if kind == EVENTS:
            events = np.frombuffer(payload, EVENT).copy()
            step.rows(events, int(events[0]["local_ts"]))
        else:
            for row in np.frombuffer(payload, RESPONSE):
                given = Response(*(int(row[name]) for name in Response._fields))
                step.answers([given], int(row["ts"]))
    if len(known):
        last = int(known[-1]["ts"])
        if known[-1]["kind"] == Record.RUN_END:
            step.end(last)
        elif last > step.last:
            step.time(last)
    again = np.frombuffer(bytes(tape.records), JOURNAL)
    shared = min(len(known), len(again))
    apart = np.flatnonzero(known[:shared] != again[:shared])
    if len(apart):
        number = int(apart[0])
        fields = [name for name in JOURNAL.names or () if known[number][name] != again[number][name]]
        return f"record {number} ({Record(int(known[number]['kind'])).name}) differs in {', '.join(fields)}"
    if len(known) > len(again):
        return f"the log has {len(known)} records, its repetition {len(again)}"
    return ""
