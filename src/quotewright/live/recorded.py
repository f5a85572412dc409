"""One session as its log has it: what it began with, who traded what, and its frames in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import EVENT
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import JOURNAL
from quotewright.domain.messages import RESPONSE
from quotewright.live.assemble import worlds_of
from quotewright.live.carry import StartFrame
from quotewright.live.settings import Mode, SessionSettings, VenueSettings
from quotewright.sessions.agents import AgentSpec, agent_from_dict
from quotewright.sessions.venue_options import VenueOptions
from quotewright.sessions.wiring import Market
from quotewright.storage.session_log import ANSWERS, EVENTS, META, RECORDS
from quotewright.storage.session_log_frames import Frame, LogReader, segments_of

ROWS = 100_000  # rows of all kinds in a stretch, so that memory is bounded

Table = npt.NDArray[Any]


@dataclass(frozen=True)
class RecordedLeg:
    """An agent on an instrument, by number and by name; `live` where its orders went to the venue."""

    agent: int
    instrument: int
    agent_name: str
    instrument_name: str
    live: bool


@dataclass(frozen=True)
class Activation:
    """An agent that began on a leg in mid-session."""

    leg: int
    agent: AgentSpec
    number: int
    instrument: int
    live: bool


@dataclass(frozen=True)
class Stretch:
    """Inputs that followed one another and the records they led to; `activation` comes before all of them."""

    activation: Activation | None
    events: Table  # EVENT
    answers: Table  # RESPONSE
    records: Table  # JOURNAL
    last: bool

    @property
    def until(self) -> int:
        """Just after the last input and record, ns."""
        times = [self.events["local_ts"], self.answers["ts"], self.records["ts"]]
        return max((int(column[-1]) for column in times if len(column)), default=0) + 1


@dataclass(frozen=True)
class RecordedSession:
    """A session of a log; agents and legs are those of its start, then those activated, in their order."""

    log: Path
    start: StartFrame
    settings: SessionSettings
    markets: list[Market]
    agents: list[AgentSpec]
    legs: list[RecordedLeg]
    place: tuple[int, int]  # segment and offset of the start frame

    @property
    def mode(self) -> Mode:
        """paper, shadow or live."""
        return cast(Mode, self.start.mode)

    def frames(self) -> Iterator[Frame]:
        """The frames behind the start frame, up to the next session's."""
        begun = False
        for frame in LogReader([each for each in segments_of(self.log) if each.number >= self.place[0]]):
            if not begun:
                begun = (frame.segment, frame.offset) == self.place
            elif frame.kind == META and _kind(frame.payload) == "start":
                return
            else:
                yield frame

    def tables(self, kind: int, dtype: np.dtype[Any], rows: int = ROWS) -> Iterator[Table]:
        """The rows of all frames of one kind, some at a time, in memory of their own."""
        content = bytearray()
        for frame in self.frames():
            if frame.kind == kind:
                content += frame.payload
                if len(content) >= rows * dtype.itemsize:
                    yield np.frombuffer(content, dtype)
                    content = bytearray()
        if content:
            yield np.frombuffer(content, dtype)

    def stretches(self, rows: int = ROWS) -> Iterator[Stretch]:
        """The whole session in pieces of about `rows` rows; each ends where all that its inputs led to is recorded."""
        held = _Held()
        coming: Activation | None = None
        for frame in self.frames():
            activation = self._activation(frame)
            is_input = activation is not None or frame.kind in (EVENTS, ANSWERS)
            if is_input and (activation is not None or held.rows >= rows):
                yield held.stretch(coming, last=False)
                held, coming = _Held(), activation
            held.take(frame)
        yield held.stretch(coming, last=True)

    def _activation(self, frame: Frame) -> Activation | None:
        if frame.kind != META or _kind(frame.payload) != "agent":
            return None
        return _activation(msgspec.json.decode(frame.payload))


class _Held:
    def __init__(self) -> None:
        self.content = {EVENTS: bytearray(), ANSWERS: bytearray(), RECORDS: bytearray()}
        self.rows = 0

    def take(self, frame: Frame) -> None:
        if frame.kind in self.content:
            self.content[frame.kind] += frame.payload
            self.rows += 1 + len(frame.payload) // JOURNAL.itemsize

    def stretch(self, activation: Activation | None, *, last: bool) -> Stretch:
        events, answers, records = (
            np.frombuffer(self.content[kind], dtype)
            for kind, dtype in ((EVENTS, EVENT), (ANSWERS, RESPONSE), (RECORDS, JOURNAL))
        )
        return Stretch(activation, events, answers, records, last)


def read_recorded(log: Path, session: int | None = None) -> RecordedSession:
    """The session of that number in a log folder, or its last one.

    Raises InputError if there is none, DataError if the log is damaged or its session frame cannot be read.
    """
    if not log.is_dir():
        raise InputError("log", str(log), "is not a folder; give the folder of a session's log")
    found: tuple[Frame, list[Activation]] | None = None
    numbers: list[int] = []
    for frame in LogReader(segments_of(log)):
        if frame.kind != META:
            continue
        content = msgspec.json.decode(frame.payload)
        if content.get("kind") == "start":
            numbers.append(int(content["session"]))
            if session is None or numbers[-1] == session:
                found = frame, []
        elif content.get("kind") == "agent" and found is not None and session in (None, numbers[-1]):
            found[1].append(_activation(content))
    if found is None:
        known = ", ".join(map(str, numbers)) or "none"
        raise InputError("session", session or "", f"is not in {log}; it has {known}")
    return _recorded(log, *found)


def _recorded(log: Path, frame: Frame, activations: list[Activation]) -> RecordedSession:
    try:
        start = msgspec.json.decode(frame.payload, type=StartFrame)
        settings = settings_again(start.config)
        markets = [
            Market(str(each["name"]), Instrument(**each["instrument"]), False, int(each["reference2"]))
            for each in start.markets
        ]
    except (msgspec.ValidationError, KeyError, TypeError, InputError) as error:
        raise DataError(f"{log}: the session's first frame cannot be read: {error}") from error
    agents = worlds_of(settings, cast(Mode, start.mode))
    names = [market.name for market in markets]
    numbers = {agent.name: number for number, agent in enumerate(agents)}
    legs = [
        RecordedLeg(
            numbers[each.agent], names.index(each.instrument), each.agent, each.instrument,
            start.mode == "live" and not agents[numbers[each.agent]].world.startswith("\0"),
        )
        for each in start.legs
    ]  # fmt: skip
    for each in activations:
        if each.number == len(agents):
            agents.append(each.agent)
        legs.append(RecordedLeg(each.number, each.instrument, each.agent.name, names[each.instrument], each.live))
    return RecordedSession(log, start, settings, markets, agents, legs, (frame.segment, frame.offset))


def settings_again(config: dict[str, Any]) -> SessionSettings:
    """The settings that a session's first frame holds; the inverse of SessionSettings.to_dict."""
    venues: list[VenueSettings] = []
    for table in config["venues"]:
        venue: dict[str, Any] = {**table, "instruments": tuple(table["instruments"])}
        venues.append(VenueSettings(**venue))
    given: dict[str, Any] = {
        **config,
        "venues": tuple(venues),
        "agents": tuple(agent_from_dict(table, number) for number, table in enumerate(config["agents"], 1)),
        "shadow": tuple(config["shadow"]),
        "simulated": VenueOptions(**config["simulated"]),
    }
    return SessionSettings(**given)


def _activation(content: dict[str, Any]) -> Activation:
    agent = agent_from_dict(content["settings"], int(content["number"]) + 1)
    live = bool(content.get("live"))
    world = agent.world or agent.name
    named = agent if live else replace(agent, world=f"\0{world}")
    return Activation(int(content["leg"]), named, int(content["number"]), int(content["index"]), live)


def _kind(payload: bytes) -> str:
    return str(msgspec.json.decode(payload).get("kind", ""))
