"""A session's configuration: one TOML file that runs in any mode."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from quotewright.domain.errors import InputError
from quotewright.domain.units import parse_duration
from quotewright.sessions.agents import AgentSpec, agent_from_dict, check_names
from quotewright.sessions.venue_options import VenueOptions

STOPS = ("cancel", "flatten")
_SESSION = ("stop", "mark_interval", "seed", "shadow", "latency_budget", "stop_patience", "queue_model",
            "entry_latency", "response_latency", "apart_bp")  # fmt: skip
_VENUE = ("name", "adapter", "url", "keys", "desk", "instruments", "foreign", "ca_file", "dead_man")
FOREIGN = ("adopt", "cancel", "refuse")

Mode = Literal["paper", "shadow", "live"]


@dataclass(frozen=True)
class VenueSettings:
    """One venue of a session: where it is, what is traded there, and with which account."""

    name: str  # the VENUE of its instruments
    url: str
    instruments: tuple[str, ...]  # symbols
    adapter: str = "binance"  # or ccxt:EXCHANGE
    keys: str = ""  # file with the account's key; needed where orders are sent
    desk: str = "main"  # in every client id
    foreign: str = "refuse"  # orders on the account that are not ours: adopt, cancel or refuse
    ca_file: str = ""
    dead_man: int | None = None  # ns after which the venue cancels all if it does not hear from us; 0: never

    @property
    def names(self) -> list[str]:
        """VENUE:SYMBOL of each instrument."""
        return [f"{self.name}:{symbol}" for symbol in self.instruments]


@dataclass(frozen=True)
class SessionSettings:
    """Everything that determines a session besides mode and market. Times in ns."""

    venues: tuple[VenueSettings, ...]
    agents: tuple[AgentSpec, ...]
    stop: str = "cancel"
    mark_interval: int = 10**9
    seed: int = 0
    shadow: tuple[str, ...] = ()  # agents that are simulated beside the others in a live session
    latency_budget: int = 0  # from the wire in to the wire out; 0: none
    stop_patience: int = 60 * 10**9
    apart_bp: int = 100  # a venue's mid so far from the same market's at the others is not quoted on
    simulated: VenueOptions = field(default_factory=VenueOptions)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the record."""
        return {
            **asdict(self),
            "venues": [asdict(venue) for venue in self.venues],
            "agents": [agent.to_dict() for agent in self.agents],
            "simulated": self.simulated.to_dict(),
        }


def read_session(path: Path) -> SessionSettings:
    """The session that a TOML file describes; raises InputError naming the field, the value and the fix."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError("session", str(path), f"cannot be read as TOML: {error}") from error
    for key in content:
        if key not in ("session", "venue", "agent"):
            raise InputError("session", key, "is not a table of a session; they are [session], [[venue]], [[agent]]")
    return session_from_dict(content, path.parent)


def session_from_dict(content: Mapping[str, Any], folder: Path = Path()) -> SessionSettings:
    """A session from tables of settings; file names are taken from `folder`."""
    venues = tuple(_venue(table, number, folder) for number, table in enumerate(_tables(content, "venue"), 1))
    agents = tuple(agent_from_dict(table, number) for number, table in enumerate(_tables(content, "agent"), 1))
    check_names(agents)
    given = content.get("session", {})
    if not isinstance(given, Mapping):
        raise InputError("session", given, "must be a table")
    table = cast(Mapping[str, Any], given)
    for key in table:
        if key not in _SESSION:
            raise InputError(f"session.{key}", table[key], f"is not a setting; they are {', '.join(_SESSION)}")
    stop = str(table.get("stop", "cancel"))
    if stop not in STOPS:
        raise InputError("session.stop", stop, f"must be one of {', '.join(STOPS)}")
    shadow = tuple(str(name) for name in table.get("shadow", ()))
    for name in shadow:
        if name not in [agent.name for agent in agents]:
            raise InputError("session.shadow", name, "is not an agent of this session")
    named = [name for venue in venues for name in venue.names]
    for name in named:
        if named.count(name) > 1:
            raise InputError("venue.instruments", name, "is named twice")
    default = VenueOptions()
    return SessionSettings(
        venues,
        agents,
        stop,
        _duration(table, "mark_interval", 10**9, least=1_000_000),
        _whole(table, "seed"),
        shadow,
        _duration(table, "latency_budget", 0),
        _duration(table, "stop_patience", 60 * 10**9),
        simulated=VenueOptions(
            queue_model=str(table.get("queue_model", default.queue_model)),
            entry_latency_ns=_duration(table, "entry_latency", default.entry_latency_ns),
            response_latency_ns=_duration(table, "response_latency", default.response_latency_ns),
        ),
        apart_bp=_whole(table, "apart_bp", 100),
    )


def _tables(content: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    tables = content.get(name)
    if not isinstance(tables, list) or not tables:
        raise InputError("session", "", f"has no [[{name}]] table")
    for table in cast(list[object], tables):
        if not isinstance(table, Mapping):
            raise InputError(name, table, f"must be a table; write [[{name}]]")
    return cast(list[Mapping[str, Any]], tables)


def _venue(table: Mapping[str, Any], number: int, folder: Path) -> VenueSettings:
    where = f"venue {number}"
    for key in table:
        if key not in _VENUE:
            raise InputError(f"{where}: {key}", table[key], f"is not a setting; they are {', '.join(_VENUE)}")
    for key in ("name", "url", "instruments"):
        if not table.get(key):
            raise InputError(f"{where}: {key}", "", "is missing")
    instruments = table["instruments"]
    if not isinstance(instruments, list):
        raise InputError(f"{where}: instruments", instruments, 'must be a list of symbols, such as ["BTCUSDT"]')
    adapter = str(table.get("adapter", "binance"))
    if adapter != "binance" and not adapter.startswith("ccxt:"):
        raise InputError(f"{where}: adapter", adapter, "must be binance, or ccxt: and the name of an exchange")
    foreign = str(table.get("foreign", "refuse"))
    if foreign not in FOREIGN:
        raise InputError(f"{where}: foreign", foreign, f"must be one of {', '.join(FOREIGN)}")
    desk = str(table.get("desk", "main"))
    if not (desk.isascii() and desk.isalnum() and len(desk) <= 8):
        raise InputError(f"{where}: desk", desk, "must be 1 to 8 letters and digits")

    def file(key: str) -> str:
        return str(folder / str(table[key])) if table.get(key) else ""

    return VenueSettings(
        str(table["name"]),
        str(table["url"]).rstrip("/"),
        tuple(str(symbol) for symbol in cast(list[object], instruments)),
        adapter,
        file("keys"),
        desk,
        foreign,
        file("ca_file"),
        _dead_man(where, table),
    )


def _dead_man(where: str, table: Mapping[str, Any]) -> int | None:
    if "dead_man" not in table:
        return None
    found = parse_duration(str(table["dead_man"]), f"{where}: dead_man")
    if found and not 10 * 10**9 <= found <= 600 * 10**9:
        raise InputError(f"{where}: dead_man", table["dead_man"], "must be 0s, or from 10s to 10m")
    return found


def _duration(table: Mapping[str, Any], key: str, default: int, *, least: int = 0) -> int:
    if key not in table:
        return default
    found = parse_duration(str(table[key]), f"session.{key}")
    if found < least:
        raise InputError(f"session.{key}", table[key], f"must be at least {least} ns")
    return found


def _whole(table: Mapping[str, Any], key: str, default: int = 0) -> int:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InputError(f"session.{key}", value, "must be a whole number, 0 or more")
    return value
