"""Which agents a session runs: from the command line, from a TOML file, or from a run's record."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from quotewright.domain.errors import InputError
from quotewright.domain.quotes import ON_FILL, ON_TIMER, ON_TOUCH, ON_TRADE
from quotewright.risk.profile import RiskProfile

_KEYS = (
    "name",
    "strategy",
    "params",
    "limits",
    "world",
    "instruments",
    "triggers",
    "interval_ms",
    "phase_ms",
    "price_tolerance",
    "qty_tolerance",
)


TRIGGERS = {"timer": ON_TIMER, "fill": ON_FILL, "touch": ON_TOUCH, "trade": ON_TRADE}


@dataclass(frozen=True)
class AgentSpec:
    """One agent: a strategy with its parameters and limits, in a world, on some of the session's instruments.

    `instruments` empty means all of them, `triggers` empty the strategy's own, as `interval_ms` 0 does. `phase_ms`,
    less than the interval, puts its timer off. `price_tolerance` is in ticks, `qty_tolerance` a share of the order.
    """

    name: str
    strategy: str
    params: Mapping[str, float] = field(default_factory=dict[str, float])
    limits: RiskProfile = field(default_factory=RiskProfile)
    world: str = ""  # empty: a world of its own
    instruments: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()  # of TRIGGERS: what makes it decide
    interval_ms: float = 0.0
    phase_ms: float = 0.0
    price_tolerance: int = 0
    qty_tolerance: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a run's record; `agent_from_dict` reads them back."""
        return {
            **asdict(self),
            "params": dict(self.params),
            "instruments": list(self.instruments),
            "triggers": list(self.triggers),
        }

    def triggers_or(self, own: int) -> int:
        """What makes it decide, as the sum of ON_TIMER and the like; the strategy's `own` if nothing is set."""
        return sum(TRIGGERS[name] for name in self.triggers) or own


def agent_from_dict(given: Mapping[str, Any], number: int) -> AgentSpec:
    """One agent from a table of settings; raises InputError naming the agent, the field and the fix."""
    where = f"agent {number}"
    for key in given:
        if key not in _KEYS:
            raise InputError(f"{where}: {key}", given[key], f"is not a setting; they are {', '.join(_KEYS)}")
    if "strategy" not in given:
        raise InputError(f"{where}: strategy", "", "is missing; `quotewright strategies` lists them")
    params = {name: _number(where, f"params.{name}", value) for name, value in _table(where, "params", given).items()}
    tolerance = given.get("price_tolerance", 0)
    if isinstance(tolerance, bool) or not isinstance(tolerance, int) or tolerance < 0:
        raise InputError(f"{where}: price_tolerance", tolerance, "must be a whole number of ticks, 0 or more")
    share = _number(where, "qty_tolerance", given.get("qty_tolerance", 0.0))
    if not 0 <= share < 1:
        raise InputError(f"{where}: qty_tolerance", share, "must lie in [0, 1)")
    interval = _number(where, "interval_ms", given.get("interval_ms", 0.0))
    if interval != 0 and not 0.001 <= interval <= 86_400_000:
        raise InputError(f"{where}: interval_ms", interval, "must lie in [0.001, 86400000]")
    phase = _number(where, "phase_ms", given.get("phase_ms", 0.0))
    if phase < 0 or (interval > 0 and phase >= interval):
        raise InputError(f"{where}: phase_ms", phase, "must be 0 or more, and less than the interval")
    instruments = given.get("instruments", ())
    if not isinstance(instruments, list | tuple):
        raise InputError(f"{where}: instruments", instruments, "must be a list of VENUE:SYMBOL")
    return AgentSpec(
        name=str(given.get("name", f"{given['strategy']}-{number}")),
        strategy=str(given["strategy"]),
        params=params,
        limits=RiskProfile.from_dict(_table(where, "limits", given)),
        world=str(given.get("world", "")),
        instruments=tuple(str(name) for name in cast(Sequence[object], instruments)),
        triggers=_triggers(where, given.get("triggers", ())),
        interval_ms=interval,
        phase_ms=phase,
        price_tolerance=tolerance,
        qty_tolerance=share,
    )


def _triggers(where: str, given: object) -> tuple[str, ...]:
    """Names in TRIGGERS, each once."""
    known = ", ".join(TRIGGERS)
    if not isinstance(given, list | tuple):
        raise InputError(f"{where}: triggers", given, f"must be a list of {known}")
    names = [str(name) for name in cast(Sequence[object], given)]
    for name in names:
        if name not in TRIGGERS:
            raise InputError(f"{where}: triggers", name, f"is none; they are {known}")
    return tuple(dict.fromkeys(names))


def _table(where: str, key: str, given: Mapping[str, Any]) -> dict[str, Any]:
    value = given.get(key, {})
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: {key}", value, "must be a table, such as {gamma = 0.1}")
    return dict(cast(Mapping[str, Any], value))


def _number(where: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{where}: {key}", value, "must be a number")
    return float(value)


def read_agents(path: Path) -> list[AgentSpec]:
    """The `[[agent]]` tables of a TOML file; raises InputError if it cannot be read or names an agent twice."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError("agents", str(path), f"cannot be read as TOML: {error}") from error
    tables = content.get("agent")
    if not isinstance(tables, list) or not tables:
        raise InputError("agents", str(path), "has no [[agent]] table")
    agents: list[AgentSpec] = []
    for number, table in enumerate(cast(list[object], tables), 1):
        if not isinstance(table, Mapping):
            raise InputError("agents", str(path), "has an agent that is no table; write [[agent]]")
        agents.append(agent_from_dict(cast(Mapping[str, Any], table), number))
    check_names(agents)
    return agents


def check_names(agents: Sequence[AgentSpec]) -> None:
    """Raise InputError if two agents share a name."""
    names = [agent.name for agent in agents]
    for name in names:
        if names.count(name) > 1:
            raise InputError("name", name, "is the name of more than one agent")


def parse_params(pairs: Sequence[str]) -> dict[str, float]:
    """`key=value` pairs of the command line; raises InputError naming the pair."""
    params: dict[str, float] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise InputError("param", pair, "write it as name=value, such as gamma=0.1")
        try:
            params[key] = float(value)
        except ValueError:
            raise InputError(f"param {key}", value, "is not a number") from None
    return params
