"""The only chooser of clock, feed and venue: a replay is recorded feed × replay venue under a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from quotewright.sessions.venue_options import VenueOptions
from quotewright.simulation.state import QUEUE_MODELS, VenueState, new_venue
from quotewright.storage.store import Dataset
from quotewright.strategies.catalogue import find

if TYPE_CHECKING:
    from quotewright.features.settings import FeatureSettings
    from quotewright.features.state import FeatureState

MILLISECOND = 1_000_000


@dataclass(frozen=True)
class Wired:
    """A replay ready to run, and what its record needs to say."""

    state: EngineState
    venue: VenueState
    pairs: list[tuple[int, int]]  # (agent, instrument) of each leg
    limits: list[dict[str, int]]
    in_python: PlainPython


def wire(
    datasets: Sequence[Dataset],
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
) -> Wired:
    """Bind agents to instruments, strategies and limits; `told` hears which strategy is being compiled.

    `keep` says which kinds of records are journaled (domain.journal); it changes nothing else. `features` are the
    settings by VENUE:SYMBOL for strategies that read features; an instrument without any has the defaults. `outside`
    are the models and views that features are to show.
    """
    check_names(agents)
    names = [dataset.name for dataset in datasets]
    venues = sorted({dataset.instrument.venue for dataset in datasets})
    traded = [dataset.instrument for dataset in datasets]
    instruments = np.zeros(len(datasets), INSTRUMENT)
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
                    "triggers": strategy.triggers,
                    "interval": interval,
                    "phase": int(agent.phase_ms * MILLISECOND),
                    "price_tolerance": agent.price_tolerance,
                    "qty_tolerance": int(agent.qty_tolerance * 1000),
                    "amend_keeps_priority": int(instrument.amend_keeps_priority),
                    "order_flags": POST_ONLY,
                }
            )
            if not strategy.compiled:
                in_python[len(pairs)] = strategy
            pairs.append((number, index))
            limits.append(_limits(agent.limits, instrument, _reference2(datasets[index])).copy())
            params.append(bound)
            cells += len(bound)
    is_l3 = [bool(dataset.manifest["l3"]) for dataset in datasets]
    state = new_state(
        instruments,
        is_l3,
        _table(rows, LEG),
        _table(limits, LIMITS),
        np.concatenate(params) if params else np.zeros(1),
        _decisions([distinct[name] for name in compiled], told),
        mark_interval=mark_interval_ns,
        keep=keep,
        features=_features(names, strategies, features or {}, outside or Outside(), told),
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
    )
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


def _decisions(strategies: Sequence[Strategy], told: Callable[[str], None] | None) -> Any:
    """The table of decision functions for the loop; `told` hears which strategy is being compiled."""
    functions: list[Any] = []
    for strategy in strategies:
        if told is not None:
            told(strategy.name)
        functions.append(_decision(replace(strategy, params=tuple(strategy.params))))  # a list has no hash
    return functions if INTERPRETED else np.array(functions, np.int64)


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


def _reference2(dataset: Dataset) -> int:
    reference = int(dataset.manifest["quality"]["reference2"])
    if reference <= 0:
        raise DataError(f"{dataset.name}: the recording has neither a usable book nor a trade to size limits by")
    return reference


def _table(rows: Sequence[Mapping[str, int]], dtype: np.dtype[Any]) -> Any:
    table = np.zeros(len(rows), dtype)
    for index, row in enumerate(rows):
        for field, value in row.items():
            table[index][field] = value
    return table
