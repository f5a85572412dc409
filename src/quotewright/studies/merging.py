"""Parts merged into one strategy, and what each of them contributed: every subset traded beside the whole.

A part is a set of parameters that switches it on: a slow view that sets the inventory wanted, a model's signal, the
skew of the book. All 2ⁿ subsets are agents of one pass, each in a world of its own, so what a part adds is measured
with every combination of the others, not guessed from inside. The contribution is Shapley's value: L. S. Shapley
(1953), "A value for n-person games", Contributions to the Theory of Games II, (12); it is the only division that is
fair to equals, gives nothing to a part that changes nothing, and adds up to the whole.
"""

# pyright: basic
# Journal records have no types that a checker could follow.

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.journal import KEEP_RESULTS
from quotewright.features.settings import FeatureSettings
from quotewright.research.quoter_trials import MarkTally, Trial
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.outside import Outside
from quotewright.sessions.replay import run
from quotewright.sessions.venue_options import VenueOptions
from quotewright.sessions.wiring import wire
from quotewright.simulation.loop import TO_VENUE
from quotewright.storage.feed import windows
from quotewright.storage.store import Dataset
from quotewright.validation.seeds import SeedFigures, over_seeds

MOST_PARTS = 6  # 64 agents

Floats = npt.NDArray[np.float64]
Params = Mapping[str, float]


class Session(NamedTuple):
    """One market to merge on, and what the strategy reads there besides."""

    dataset: Dataset
    outside: Outside = Outside()
    features: FeatureSettings | None = None


@dataclass(frozen=True)
class Merged:
    """Profit of every subset on every market, in the settle asset, and what each part contributed to the whole."""

    parts: tuple[str, ...]
    subsets: tuple[tuple[str, ...], ...]
    profits: Floats  # [markets, subsets]
    fills: npt.NDArray[np.int64]  # the same
    contributions: Floats  # [markets, parts]

    def contribution(self, part: str) -> SeedFigures:
        """A part's contribution over the markets, with Student's 95 % interval of the mean."""
        return over_seeds(self.contributions[:, self.parts.index(part)])

    def profit(self, *parts: str) -> SeedFigures:
        """The profit of the strategy with these parts alone."""
        return over_seeds(self.profits[:, self._place(parts)])

    def gain(self) -> SeedFigures:
        """Profit of the whole less that of the bare strategy: the sum of all contributions."""
        return over_seeds(self.profits[:, self._place(self.parts)] - self.profits[:, self._place(())])

    def markdown(self) -> str:
        """Contributions as a Markdown table, the bare strategy first and the whole last."""

        def line(name: str, found: SeedFigures) -> str:
            return f"| {name} | {found.mean:.4f} | {found.low:.4f} … {found.high:.4f} |"

        rows = [line("bare strategy", self.profit())]
        rows += [line(f"+ {part}", self.contribution(part)) for part in self.parts]
        rows.append(line("= the whole", self.profit(*self.parts)))
        return "\n".join(["| part | mean | 95 % interval |", "| --- | --- | --- |", *rows])

    def _place(self, parts: Sequence[str]) -> int:
        for part in parts:
            if part not in self.parts:
                raise InputError("part", part, f"is not one of {', '.join(self.parts)}")
        return self.subsets.index(tuple(part for part in self.parts if part in parts))


def merge(
    strategy: str,
    base: Params,
    parts: Mapping[str, Params],
    sessions: Sequence[Session],
    venue: VenueOptions | None = None,
) -> Merged:
    """Trade every subset of the parts on every market.

    `base` are the parameters without any part; each part's override them. Raises InputError for no parts, too many, or
    two that set the same parameter.
    """
    names = tuple(parts)
    _check(parts)
    subsets = tuple(tuple(chosen) for size in range(len(names) + 1) for chosen in itertools.combinations(names, size))
    profits, fills = np.empty((len(sessions), len(subsets))), np.empty((len(sessions), len(subsets)), np.int64)
    for market, session in enumerate(sessions):
        agents = [
            AgentSpec(
                "+".join(subset) or "bare",
                strategy,
                {**base, **{k: v for part in subset for k, v in parts[part].items()}},
            )
            for subset in subsets
        ]
        trials = _trade(agents, session, venue or VenueOptions())
        profits[market] = [trial.profit for trial in trials]
        fills[market] = [trial.fills for trial in trials]
    contributions = np.array([shapley_values(names, dict(zip(subsets, row, strict=True))) for row in profits])
    return Merged(names, subsets, profits, fills, contributions.reshape(len(sessions), len(names)))


def shapley_values(parts: Sequence[str], value: Mapping[tuple[str, ...], float]) -> list[float]:
    """Σ over subsets S without the part of |S|!(n − |S| − 1)!/n! × (v(S ∪ part) − v(S)), for each part.

    `value` holds every subset, its parts in the order of `parts`.
    """
    n = len(parts)
    found: list[float] = []
    for part in parts:
        total = 0.0
        for subset in value:
            if part in subset:
                continue
            joined = tuple(each for each in parts if each in subset or each == part)
            share = math.factorial(len(subset)) * math.factorial(n - len(subset) - 1) / math.factorial(n)
            total += share * (value[joined] - value[subset])
        found.append(total)
    return found


def _check(parts: Mapping[str, Params]) -> None:
    if not 1 <= len(parts) <= MOST_PARTS:
        raise InputError("parts", len(parts), f"give 1 to {MOST_PARTS}: every subset of them trades")
    for one, other in itertools.combinations(parts, 2):
        shared = sorted(set(parts[one]) & set(parts[other]))
        if shared:
            raise InputError("parts", shared, f"{one} and {other} set the same: give each parameter to one part")


def _trade(agents: Sequence[AgentSpec], session: Session, venue: VenueOptions) -> list[Trial]:
    dataset: Any = session.dataset
    wired = wire(
        [dataset],
        agents,
        venue,
        seed=0,
        mark_interval_ns=10**9,
        keep=KEEP_RESULTS,
        features={} if session.features is None else {dataset.name: session.features},
        outside=session.outside,
    )
    tally = MarkTally(dataset.instrument, len(agents))
    run(wired, windows([dataset]), TO_VENUE, tally)
    return tally.trials([int(leg["fills"]) for leg in wired.state.legs])
