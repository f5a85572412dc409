"""What a session takes over from the one before it, whatever ended that: read from its log.

Positions and cash, orders that may still rest, trades already booked, who paused what, and a stop that was not
finished. A session's first frame states what it began with, so only the frames behind the last such one are read.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from quotewright.domain.errors import DataError
from quotewright.domain.journal import JOURNAL, Hold, Record
from quotewright.domain.messages import RESPONSE
from quotewright.storage.session_log import ANSWERS, META, NOTE, RECORDS, read_log

MOST_SEEN = 4096  # trade ids kept an instrument
MOST_SESSIONS = 4096  # whose orders are still known by their ids
_BOOKED = (Record.FILL, Record.FUNDING, Record.ADJUSTED, Record.RUN_START, Record.MARK, Record.RUN_END, Record.HALT)


class LegCarry(msgspec.Struct):
    """One leg: an agent on an instrument, both by name."""

    agent: str
    instrument: str
    cash: int = 0  # money units
    position: int = 0  # position atoms
    orders_sent: int = 0
    held: int = 0  # bits of Hold
    halted: int = 0
    simulated: bool = False  # its orders met the simulated venue, which ended with the session


class OrderCarry(msgspec.Struct):
    """An order that may still rest at the venue; `session` and `number` are in its client id."""

    session: int
    number: int  # the step's id in that session
    leg: int  # among the legs of the carry it is in
    side: int
    price: int
    qty: int
    filled: int
    flags: int
    venue_id: int = 0


class Carry(msgspec.Struct):
    """Everything taken over; the legs are those of the session that is named."""

    session: int = 0  # 0: there was none
    legs: list[LegCarry] = msgspec.field(default_factory=list[LegCarry])
    orders: list[OrderCarry] = msgspec.field(default_factory=list[OrderCarry])
    seen: dict[str, list[int]] = msgspec.field(default_factory=dict[str, list[int]])  # trade ids by VENUE:SYMBOL
    sessions: dict[str, list[tuple[str, str]]] = msgspec.field(default_factory=dict[str, list[tuple[str, str]]])
    stop: str = ""  # a stop that had begun and not ended
    balances: dict[str, dict[str, int]] = msgspec.field(default_factory=dict[str, dict[str, int]])  # atoms, by venue
    since: int = 0  # time of the first session

    def leg(self, agent: str, instrument: str) -> LegCarry:
        """The leg of that name, or a fresh one."""
        for each in self.legs:
            if (each.agent, each.instrument) == (agent, instrument):
                return each
        return LegCarry(agent, instrument)


class StartFrame(msgspec.Struct):
    """The first frame of a session: what it is and what it took over. Everything a repetition needs is here."""

    session: int
    mode: str
    time: int
    config: dict[str, Any]
    markets: list[dict[str, Any]]  # name, instrument, reference2
    legs: list[LegCarry]  # as they begin; more may be activated later
    orders: list[OrderCarry]  # adopted, with the numbers they have here
    carry: Carry
    spare_legs: int = 0
    kind: str = "start"


def read_carry(folder: Path) -> Carry:
    """What the last session in a log folder left; an empty one if there was none. Raises DataError.

    Answers behind the last records were not booked: a write that broke off lies between the two. They are left out,
    with what the account should hold after them, so that the venue is asked for those fills again.
    """
    records: list[bytes] = []
    answers: list[bytes] = []
    start: StartFrame | None = None
    more: list[dict[str, Any]] = []
    unbooked: list[bytes] = []
    balances: list[dict[str, Any]] = []
    if not folder.is_dir():
        return Carry()
    for frame in read_log(folder):
        if frame.kind == META:
            content = msgspec.json.decode(frame.payload)
            if content.get("kind") == "start":
                start = _start(frame.payload)
                records, answers, more, unbooked, balances = [], [], [], [], []
            else:
                more.append(content)
        elif frame.kind == NOTE:
            content = msgspec.json.decode(frame.payload)
            if content.get("kind") == "stop":
                more.append(content)
            elif content.get("kind") == "balances":
                balances.append(content)
        elif frame.kind == RECORDS:
            records.append(frame.payload)
            answers += unbooked
            more += balances
            unbooked, balances = [], []
        elif frame.kind == ANSWERS:
            unbooked.append(frame.payload)
    if start is None:
        return Carry()
    return _fold(start, np.frombuffer(b"".join(records), JOURNAL), np.frombuffer(b"".join(answers), RESPONSE), more)


def _start(payload: bytes) -> StartFrame:
    try:
        return msgspec.json.decode(payload, type=StartFrame)
    except msgspec.ValidationError as error:
        raise DataError(f"the log's session frame cannot be read: {error}") from error


def _fold(start: StartFrame, records: Any, answers: Any, more: Iterable[dict[str, Any]]) -> Carry:
    legs = [msgspec.structs.replace(each, simulated=each.simulated or start.mode != "live") for each in start.legs]
    carry = Carry(start.session, legs, [], dict(start.carry.seen), dict(start.carry.sessions), start.carry.stop)
    carry.balances = dict(start.carry.balances)
    carry.since = start.carry.since or start.time
    agents = list(dict.fromkeys(each.agent for each in legs))
    names = [str(market["name"]) for market in start.markets]
    for content in more:
        if content["kind"] == "agent":
            legs.append(LegCarry(content["agent"], content["instrument"], simulated=not content["live"]))
            if content["agent"] not in agents:
                agents.append(content["agent"])
        elif content["kind"] == "stop":
            carry.stop = "" if content["done"] else content["stop"]
        elif content["kind"] == "balances":
            carry.balances[content["venue"]] = content["expected"]
    where = {(agents.index(leg.agent), names.index(leg.instrument)): number for number, leg in enumerate(legs)}
    _positions(legs, where, records)
    carry.orders = _open_orders(start, legs, where, records, answers)
    _seen(carry, legs, answers)
    sessions = {**carry.sessions, str(start.session): [(leg.agent, leg.instrument) for leg in legs]}
    carry.sessions = dict(list(sessions.items())[-MOST_SESSIONS:])
    return carry


def _positions(legs: list[LegCarry], where: dict[tuple[int, int], int], records: Any) -> None:
    booked = records[np.isin(records["kind"], _BOOKED)]
    for (agent, instrument), number in where.items():
        mine = booked[(booked["agent"] == agent) & (booked["instrument"] == instrument)]
        if len(mine):
            legs[number].cash = int(mine[-1]["cash"])
            legs[number].position = int(mine[-1]["position"])
    for row in records[np.isin(records["kind"], (Record.PAUSED, Record.RESUMED, Record.HALT))]:
        leg = legs[where[int(row["agent"]), int(row["instrument"])]]
        if row["kind"] == Record.PAUSED:
            leg.held |= int(row["reason"])
        elif row["kind"] == Record.RESUMED:
            leg.held &= ~int(row["reason"])
        else:
            leg.halted = 1
    for leg in legs:
        leg.held &= int(Hold.OPERATOR)  # the others are judged anew


def _open_orders(
    start: StartFrame, legs: list[LegCarry], where: dict[tuple[int, int], int], records: Any, answers: Any
) -> list[OrderCarry]:
    known = {order.number: order for order in start.orders}
    adopted = {
        here.number: (there.session, there.number) for here, there in zip(start.orders, start.carry.orders, strict=True)
    }
    kinds = (Record.PLACE, Record.FILL, Record.CANCELED, Record.REJECTED, Record.DENIED, Record.AMENDED)
    for row in records[np.isin(records["kind"], kinds)]:
        number, kind = int(row["order"]), int(row["kind"])
        leg = where[int(row["agent"]), int(row["instrument"])]
        if kind == Record.PLACE:
            known[number] = OrderCarry(
                start.session, number, leg, int(row["side"]), int(row["price"]), int(row["qty"]), 0, int(row["flags"])
            )
            legs[leg].orders_sent = max(legs[leg].orders_sent, number & 0xFFFFFFFF)
        elif number not in known:
            continue
        elif kind == Record.FILL:
            known[number].filled += int(row["qty"])
            if known[number].filled >= known[number].qty:
                del known[number]
        elif kind == Record.AMENDED:
            known[number].qty = known[number].filled + int(row["qty"])
        elif kind != Record.CANCELED or known[number].filled >= int(row["qty"]):
            del known[number]
        else:
            known[number].qty = int(row["qty"])  # its last fills are still to be booked
    for number, venue_id in zip(answers["order"].tolist(), answers["venue_id"].tolist(), strict=True):
        if venue_id and number in known:
            known[number].venue_id = venue_id
    for number, order in known.items():
        order.session, order.number = adopted.get(number, (start.session, number))
    return list(known.values())


def _seen(carry: Carry, legs: list[LegCarry], answers: Any) -> None:
    fills = answers[(answers["kind"] == Record.FILL) & (answers["trade"] != 0)]
    for number, leg in enumerate(legs):
        ids = fills["trade"][fills["leg"] == number].tolist()
        if ids:
            carry.seen[leg.instrument] = (carry.seen.get(leg.instrument, []) + ids)[-MOST_SEEN:]
