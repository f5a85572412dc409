"""A search as plain data: where it looks, what it wants, and how it asks. All of it decides the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quotewright.domain.errors import InputError
from quotewright.tuning.space import Space, Value, checked_params, checked_space

SAMPLERS = ("tpe", "random", "nsga2")
BATCH = 4


@dataclass(frozen=True)
class Search:
    """A search for parameters.

    `objectives` are names of metrics with "max" or "min"; more than one asks for a Pareto front. `batch` sets are asked
    for at once, before any of them is judged. `sampler`: tree-structured Parzen estimators (Bergstra et al. 2011, NIPS
    24), independent draws, or NSGA-II (Deb et al. 2002, IEEE Trans. Evol. Comput. 6(2)). From `prune_after` complete
    trials on, a trial that is worse than their median half-way is given up; 0 never does. `starts` come first.
    """

    space: Space
    objectives: Mapping[str, str]
    seed: int = 0
    batch: int = BATCH
    sampler: str = "tpe"
    prune_after: int = 8
    starts: tuple[Mapping[str, Value], ...] = ()

    def __post_init__(self) -> None:
        checked_space(self.space)
        if not self.objectives:
            raise InputError("objectives", "", "give at least one metric, with max or min")
        for name, way in self.objectives.items():
            if way not in ("max", "min"):
                raise InputError(f"objective {name}", way, "must be max or min")
        if self.sampler not in SAMPLERS:
            raise InputError("sampler", self.sampler, f"must be one of {', '.join(SAMPLERS)}")
        for field, value, most in (("seed", self.seed, 2**32 - 1), ("prune_after", self.prune_after, 10**6)):
            if not 0 <= value <= most:
                raise InputError(field, value, f"must lie in [0, {most}]")
        if not 1 <= self.batch <= 4096:
            raise InputError("batch", self.batch, "must lie in [1, 4096]")
        for params in self.starts:
            checked_params(self.space, params)

    @property
    def signs(self) -> tuple[int, ...]:
        """+1 for each objective to maximise, −1 for each to minimise."""
        return tuple(1 if way == "max" else -1 for way in self.objectives.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the study's record."""
        return {
            "space": [each.to_dict() for each in self.space],
            "objectives": [[name, way] for name, way in self.objectives.items()],
            "seed": self.seed,
            "batch": self.batch,
            "sampler": self.sampler,
            "prune_after": self.prune_after,
            "starts": [dict(params) for params in self.starts],
        }
