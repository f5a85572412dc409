"""What a sweep is to do: its sets, the chunks of the work, and a hash of everything that decides a result."""

from __future__ import annotations

import hashlib
import itertools
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from quotewright import __version__
from quotewright.domain.errors import InputError
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.provenance import code_hash
from quotewright.sessions.replay import check_market
from quotewright.sessions.venue_options import VenueOptions
from quotewright.storage.store import Dataset
from quotewright.strategies.catalogue import find

CHUNK = 64


@dataclass(frozen=True)
class SweepSpec:
    """Everything that determines a sweep besides the data.

    `agent` is what all sets share: strategy, fixed parameters, limits, timing. `sets` are the parameters of each.
    `chunk` is how many sets share a pass at most; it changes no result. Raises InputError for no sets, a chunk out of
    range, or an agent with a world or instruments; `make_plan` checks the parameters.
    """

    agent: AgentSpec
    sets: Sequence[Mapping[str, float]]
    venue: VenueOptions = field(default_factory=VenueOptions)
    seed: int = 0
    mark_interval_ns: int = 10**9
    chunk: int = CHUNK
    window_rows: int = 200_000

    def __post_init__(self) -> None:
        if not self.sets:
            raise InputError("sets", "", "give at least one parameter set")
        if not 1 <= self.chunk <= 4096:
            raise InputError("chunk", self.chunk, "must lie between 1 and 4096")
        if self.agent.world or self.agent.instruments:
            raise InputError("agent", self.agent.name, "must name neither world nor instruments: each set has its own")

    def agent_of(self, number: int) -> AgentSpec:
        """The agent of one set."""
        strategy = self.agent.strategy
        if strategy.endswith(".py"):
            strategy = str(Path(strategy).resolve())  # a worker may stand elsewhere
        params = {**self.agent.params, **self.sets[number]}
        return replace(self.agent, name=f"set-{number}", strategy=strategy, params=params)


@dataclass(frozen=True)
class Chunk:
    """Sets `first` to before `last` on one dataset: the unit of work, of resuming, and of loss when a worker dies."""

    number: int
    dataset: int
    first: int
    last: int


@dataclass(frozen=True)
class Work:
    """All that a chunk's pass needs besides the data: small, and the same on any machine."""

    agents: tuple[AgentSpec, ...]
    first: int  # number of the first set
    params: tuple[str, ...]  # names
    bound: tuple[tuple[float, ...], ...]  # each set's values, as the strategy sees them
    venue: VenueOptions
    seed: int
    mark_interval_ns: int
    window_rows: int


@dataclass(frozen=True)
class Plan:
    """A checked sweep: `bound` has every set's parameters as the strategy sees them, `facts` what a result rests on."""

    spec: SweepSpec
    params: tuple[str, ...]  # their names
    bound: Sequence[tuple[float, ...]]
    chunks: Sequence[Chunk]
    facts: Mapping[str, Any]

    @property
    def hash(self) -> str:
        """One hash of the facts."""
        return hashlib.sha256(json.dumps(self.facts, sort_keys=True).encode()).hexdigest()

    def work(self, chunk: Chunk) -> Work:
        """What a chunk is to do."""
        spec, numbers = self.spec, range(chunk.first, chunk.last)
        return Work(
            agents=tuple(spec.agent_of(number) for number in numbers),
            first=chunk.first,
            params=self.params,
            bound=tuple(self.bound[number] for number in numbers),
            venue=_placed(spec.venue),
            seed=spec.seed,
            mark_interval_ns=spec.mark_interval_ns,
            window_rows=spec.window_rows,
        )

    @property
    def varied(self) -> list[str]:
        """The parameters that differ between sets, in the strategy's order."""
        columns = list(zip(*self.bound, strict=True))
        return [name for name, values in zip(self.params, columns, strict=True) if len(set(values)) > 1]


def make_plan(datasets: Sequence[Dataset], spec: SweepSpec) -> Plan:
    """Check market and sets, and lay out the work; raises InputError naming the set and the parameter."""
    check_market(datasets, spec.mark_interval_ns)
    names = [dataset.name for dataset in datasets]
    for name in names:
        if names.count(name) > 1:
            raise InputError("instrument", name, "is given twice")
    spec.venue.latency()  # refuses a file that cannot be used
    strategy = find(spec.agent.strategy)
    bound: list[tuple[float, ...]] = []
    for number in range(len(spec.sets)):
        try:
            bound.append(tuple(strategy.bind(spec.agent_of(number).params).tolist()))
        except InputError as error:
            raise InputError(f"set {number}: {error.field}", error.value, error.fix) from None
    facts = {
        "quotewright": __version__,
        "code": deciding_code(),
        "strategy": strategy.name,
        "strategy_source": source_hash(spec.agent.strategy),
        "agent": {k: v for k, v in spec.agent.to_dict().items() if k not in ("name", "strategy", "params")},
        "sets": len(bound),
        "sets_sha256": _hash_of(bound),
        "datasets": [{"name": dataset.name, "hash": dataset.hash, "rows": dataset.rows} for dataset in datasets],
        "venue": {**spec.venue.to_dict(), "latency_file": latency_hash(spec.venue)},
        "seed": spec.seed,
        "mark_interval_ns": spec.mark_interval_ns,
        "chunk": spec.chunk,
    }
    params = tuple(param.name for param in strategy.params)
    return Plan(spec, params, bound, _chunks(len(datasets), spec), facts)


def deciding_code() -> str:
    """One hash of the sources that can change a result."""
    return code_hash("app", "importers", "reports", "research")


def source_hash(strategy: str) -> str:
    """For a strategy in a file of its own, one hash of the Python files beside it; else empty."""
    if not strategy.endswith(".py"):
        return ""
    digest = hashlib.sha256()
    for source in sorted(Path(strategy).resolve().parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()


def _chunks(datasets: int, spec: SweepSpec) -> list[Chunk]:
    """For each dataset, blocks of sets of nearly one size."""
    sets = len(spec.sets)
    blocks = -(-sets // spec.chunk)
    edges = [sets * block // blocks for block in range(blocks + 1)]
    found: list[Chunk] = []
    for dataset in range(datasets):
        for first, last in itertools.pairwise(edges):
            found.append(Chunk(len(found), dataset, first, last))
    return found


def _hash_of(bound: Sequence[tuple[float, ...]]) -> str:
    digest = hashlib.sha256()
    for values in bound:
        digest.update(struct.pack(f"<{len(values)}d", *values))
    return digest.hexdigest()


def latency_hash(venue: VenueOptions) -> str:
    """A hash of the file of latencies; empty if there is none."""
    path = Path(venue.latency_file)
    if not venue.latency_file:
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"


def _placed(venue: VenueOptions) -> VenueOptions:
    """The same options with the whole path of the file of latencies: a worker may stand elsewhere."""
    return replace(venue, latency_file=str(Path(venue.latency_file).resolve())) if venue.latency_file else venue
