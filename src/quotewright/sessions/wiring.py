"""The only chooser of clock, feed and venue: a replay is recorded feed × replay venue under a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.instrument import INSTRUMENT, Instrument
from quotewright.domain.journal import KEEP_ALL, POST_ONLY
from quotewright.domain.kernel import INTERPRETED, as_records
from quotewright.domain.strategy import Strategy
from quotewright.engine.decide import IN_PYTHON
from quotewright.engine.functions import bind_functions
from quotewright.engine.state import LEG, EngineState, new_state
from quotewright.risk.limits import LIMITS
from quotewright.risk.profile import RiskProfile
from quotewright.sessions.agents import AgentSpec, check_names
from quotewright.sessions.outside import Outside
from quotewright.sessions.plain_python import PlainPython
from quotewright.sessions.spare_legs import add_spare_legs
from quotewright.sessions.venue_options import VenueOptions
from quotewright.simulation.state import QUEUE_MODELS, VenueState, new_venue
from quotewright.storage.store import Dataset
from quotewright.strategies.catalogue import find

if TYPE_CHECKING:
    from quotewright.features.settings import FeatureSettings
    from quotewright.features.state import FeatureState

MILLISECOND = 1_000_000


@dataclass(frozen=True)
class Market:
    """What a session needs to know of one of its markets before it begins."""

    name: str  # VENUE:SYMBOL
    instrument: Instrument
    l3: bool
    reference2: int  # mid in half ticks that limits are sized by


@dataclass(frozen=True)
class LegStart:
    """What a leg begins with: nothing, or what an earlier session left."""

    cash: int = 0  # money units
    position: int = 0  # position atoms
    orders_sent: int = 0
    take_generation: int = 0
    held: int = 0  # bits of domain.journal.Hold
    halted: int = 0


@dataclass(frozen=True)
class Wired:
    """A replay ready to run, and what its record needs to say."""

    state: EngineState
    venue: VenueState
    pairs: list[tuple[int, int]]  # (agent, instrument) of each leg
    limits: list[dict[str, int]]
    in_python: PlainPython


def wire(
    datasets: Sequence[Dataset | Market],
    agents: Sequence[AgentSpec],
    options: VenueOptions,
    *,
    seed: int,
    mark_interval_ns: int,
    told: Callable[[str], None] | None = None,
    in_flight: int = 0,
    keep: int = KEEP_ALL,
    features: Mapping[str, FeatureSettings] | None = None,
    outside: Outside | None = None,
    elsewhere: Collection[str] = (),
    starts: Mapping[tuple[int, int], LegStart] | None = None,
    spare_legs: int = 0,
) -> Wired:
    """Bind agents to instruments, strategies and limits; `told` hears which strategy is being compiled.

    `keep` says which kinds of records are journaled (domain.journal); it changes nothing else. `features` are the
    settings by VENUE:SYMBOL for strategies that read features; an instrument without any has the defaults. `outside`
    are the models and views that features are to show. Orders of agents whose world is `elsewhere` go to another venue.
    `starts` is what legs, by agent and instrument, begin with; `spare_legs` is how many may begin later (spare_legs).
    """
    check_names(agents)
    markets = [each if isinstance(each, Market) else market_of(each) for each in datasets]
    names = [market.name for market in markets]
    venues = sorted({market.instrument.venue for market in markets})
    traded = [market.instrument for market in markets]
    instruments = np.zeros(len(markets), INSTRUMENT)
    for index, instrument in enumerate(traded):
        instruments[index] = instrument.to_record(venues.index(instrument.venue))[0]
    strategies = [find(agent.strategy) for agent in agents]
    distinct = {agent.strategy: strategy for agent, strategy in zip(agents, strategies, strict=True)}
    compiled = [name for name, strategy in distinct.items() if strategy.compiled]
    in_python: dict[int, Strategy] = {}
    worlds = _worlds(agents)
    pairs: list[tuple[int, int]] = []
    rows: list[dict[str, int]] = []
    limits: list[dict[str, int]] = []
    params: list[Any] = []
    cells = 0
    for number, (agent, strategy) in enumerate(zip(agents, strategies, strict=True)):
        bound = strategy.bind(agent.params)
        for index in _instruments_of(agent, names):
            instrument = traded[index]
            interval = int(agent.interval_ms * MILLISECOND) or strategy.interval
            if not 0 <= agent.phase_ms * MILLISECOND < interval:
                raise InputError(f"agent {agent.name}: phase_ms", agent.phase_ms, "must be less than the interval")
            rows.append(
                {
                    "agent": number,
                    "instrument": index,
                    "world": worlds[number],
                    "strategy": compiled.index(agent.strategy) if strategy.compiled else IN_PYTHON,
                    "params_from": cells,
                    "params_to": cells + len(bound),
                    "triggers": agent.triggers_or(strategy.triggers),
                    "interval": interval,
                    "phase": int(agent.phase_ms * MILLISECOND),
                    "price_tolerance": agent.price_tolerance,
                    "qty_tolerance": int(agent.qty_tolerance * 1000),
                    "amend_keeps_priority": int(
                        instrument.amend_keeps_priority and (agent.world or agent.name) not in elsewhere
                    ),
                    "order_flags": POST_ONLY,
                    "in_feed": int((agent.world or agent.name) in elsewhere),
                    **asdict((starts or {}).get((number, index), LegStart())),
                }
            )
            if not strategy.compiled:
                in_python[len(pairs)] = strategy
            pairs.append((number, index))
            limits.append(_limits(agent.limits, instrument, markets[index].reference2).copy())
            params.append(bound)
            cells += len(bound)
    add_spare_legs(rows, limits, params, spare_legs)
    is_l3 = [market.l3 for market in markets]
    state = new_state(
        instruments,
        is_l3,
        _table(rows, LEG),
        _table(limits, LIMITS),
        np.concatenate(params) if params else np.zeros(1),
        _decisions([distinct[name] for name in compiled], told, spare_legs),
        mark_interval=mark_interval_ns,
        keep=keep,
        features=_features(names, strategies, features or {}, outside or Outside(), told),
        spare_timers=spare_legs,
    )
    latency = options.latency()
    state.engine[0]["together"] = int(latency.entry.min() > 0)
    venue = new_venue(
        as_records(instruments),
        is_l3,
        [(row["world"], row["instrument"]) for row in rows],
        len(state.orders),
        latency,
        queue_model=QUEUE_MODELS[options.queue_model],
        power=options.power,
        seed=seed,
        in_flight=in_flight,
        departures=len(state.outbox) if elsewhere else 0,
    )
    for leg, (number, _) in enumerate(pairs):
        venue.legs[leg]["elsewhere"] = int((agents[number].world or agents[number].name) in elsewhere)
    return Wired(state, venue, pairs, limits, PlainPython(state, in_python))


def _features(
    names: Sequence[str],
    strategies: Sequence[Strategy],
    settings: Mapping[str, FeatureSettings],
    outside: Outside,
    told: Callable[[str], None] | None,
) -> FeatureState | None:
    """Features of every instrument if any strategy reads them."""
    for name in settings:
        if name not in names:
            raise InputError("features", name, f"is not in this session: {', '.join(names)}")
    if not any(strategy.features for strategy in strategies):
        for kind, given in (("model", outside.models), ("view", outside.views)):
            if given:
                raise InputError(kind, ", ".join(given), "is read by no strategy of this session; `composed` does")
        return None
    if told is not None:
        told("the features")
    from quotewright.features.settings import FeatureSettings
    from quotewright.features.state import new_features

    return new_features(
        [settings.get(name, FeatureSettings()) for name in names],
        models={names.index(name): model for name, model in outside.models.items()},
        views={names.index(name): view for name, view in outside.views.items()},
    )


def _decisions(strategies: Sequence[Strategy], told: Callable[[str], None] | None, spare: int) -> Any:
    """The table of decision functions for the loop, with `spare` empty places; `told` hears what is being compiled."""
    functions: list[Any] = []
    for strategy in strategies:
        if told is not None:
            told(strategy.name)
        functions.append(decision_of(strategy))
    functions += [None if INTERPRETED else 0] * spare
    return functions if INTERPRETED else np.array(functions, np.int64)


def decision_of(strategy: Strategy) -> Any:
    """What the table of decision functions holds for a strategy."""
    return _decision(replace(strategy, params=tuple(strategy.params)))  # a list has no hash


@lru_cache(maxsize=64)
def _decision(strategy: Strategy) -> Any:
    """One compiled function a strategy and process: for a new one the compiler works again, even out of its cache."""
    return bind_functions([strategy])[0]


@lru_cache(maxsize=64)
def _limits(profile: RiskProfile, instrument: Instrument, mid2: int) -> dict[str, int]:
    """The same for all sets of a sweep, and exact fractions take their time."""
    return profile.to_limits(instrument, mid2)


def _worlds(agents: Sequence[AgentSpec]) -> list[int]:
    """A number for each agent's world; agents without a named one get their own."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(agent.world or f"\0{agent.name}", len(numbers)) for agent in agents]


def _instruments_of(agent: AgentSpec, names: Sequence[str]) -> list[int]:
    for name in agent.instruments:
        if name not in names:
            raise InputError(f"agent {agent.name}: instruments", name, f"is not in this session: {', '.join(names)}")
    return [index for index, name in enumerate(names) if not agent.instruments or name in agent.instruments]


def market_of(dataset: Dataset) -> Market:
    """A recorded market; raises DataError if it never had a price."""
    reference = int(dataset.manifest["quality"]["reference2"])
    if reference <= 0:
        raise DataError(f"{dataset.name}: the recording has neither a usable book nor a trade to size limits by")
    return Market(dataset.name, dataset.instrument, bool(dataset.manifest["l3"]), reference)


def _table(rows: Sequence[Mapping[str, int]], dtype: np.dtype[Any]) -> Any:
    table = np.zeros(len(rows), dtype)
    for index, row in enumerate(rows):
        for field, value in row.items():
            table[index][field] = value
    return table
