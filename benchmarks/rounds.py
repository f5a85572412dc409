"""Interleaved rounds: every side of a family in turn, then again, so that a change of the machine's mood meets all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Sample(NamedTuple):
    """One pass of one side: what it cost and where it ended."""

    cost: float  # CPU seconds, unless the family says otherwise
    outcome: Any = None


class Row(NamedTuple):
    """One line of the result: `side`'s cost over `of`'s, and what it should be.

    `of` empty takes the cost itself. `limit` 0 states no target; `least` says whether the ratio should be at least
    or at most the limit.
    """

    name: str
    side: str
    of: str
    limit: float
    least: bool = True
    unit: str = "×"


@dataclass
class Family:
    """Sides that are measured together, and the rows made of them."""

    name: str
    rows: Sequence[Row]
    sides: Mapping[str, Callable[[], Sample]]
    events: Mapping[str, int] = field(default_factory=dict[str, int])  # rows one pass of a side stands for
    check: Callable[[dict[str, Any]], None] = lambda outcomes: None  # SameWork if the sides did not do the same
    rounds: int = 0  # 0: as many as asked for
    warm: bool = True  # one round more, thrown away
    notes: Sequence[str] = ()
    cost: str = "s"  # unit of the costs, shown where there is no rate


class SameWork(Exception):
    """The sides of a family did not do the same work, so their costs say nothing."""


class Skipped(Exception):
    """A family cannot be measured here; says why."""


def cpu(
    make: Callable[[], Any], outcome: Callable[[Any], Any] | None = None, times: float = 1.0
) -> Callable[[], Sample]:
    """A side in this process: CPU time of `make()`'s `run` alone, multiplied by `times`."""

    def side() -> Sample:
        ready = make()
        start = time.process_time()
        ready.run()
        spent = time.process_time() - start
        return Sample(spent * times, outcome(ready) if outcome else ready.outcome())

    return side


def measure(family: Family, rounds: int, told: Callable[[str], None]) -> dict[str, list[float]]:
    """The cost of each side by round; raises SameWork if the outcomes do not agree."""
    rounds = family.rounds or rounds
    costs: dict[str, list[float]] = {name: [] for name in family.sides}
    outcomes: dict[str, Any] = {}
    for number in range(0 if family.warm else 1, rounds + 1):
        for name, side in family.sides.items():
            told(f"{family.name}: {'warming up' if number == 0 else f'round {number} of {rounds}'}, {name}")
            cost, outcomes[name] = side()
            if number > 0:
                costs[name].append(cost)
    family.check(outcomes)
    return costs


def results(family: Family, costs: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Rates (rows a second), ratios, costs and targets by row name, from the medians; spreads by side."""
    medians = {name: statistics.median(spent) for name, spent in costs.items() if spent}
    rates: dict[str, dict[str, int]] = {}
    ratios: dict[str, float] = {}
    costs_of: dict[str, dict[str, float]] = {}
    targets: dict[str, dict[str, Any]] = {}
    for row in family.rows:
        sides = [side for side in (row.side, row.of) if side]
        per_event = {side: medians[side] / family.events.get(side, 1) for side in sides}
        ratio = per_event[row.side] / (per_event[row.of] if row.of else 1)
        ratios[row.name] = float(f"{ratio:.4g}")
        costs_of[row.name] = {side: float(f"{medians[side]:.4g}") for side in sides}
        rates[row.name] = {side: round(1 / per_event[side]) for side in sides if side in family.events}
        targets[row.name] = {
            "limit": row.limit,
            "least": row.least,
            "unit": row.unit,
            "cost": family.cost,
            "met": met(row, ratio),
        }
    spread = {
        f"{family.name}: {name}": round((max(spent) - min(spent)) / medians[name], 3)
        for name, spent in costs.items()
        if spent and medians[name]
    }
    return {"rates": rates, "ratios": ratios, "costs": costs_of, "targets": targets, "spread": spread}


def met(row: Row, ratio: float) -> bool | None:
    """Whether the row's target is reached; None where it states none."""
    if not row.limit:
        return None
    return ratio >= row.limit if row.least else ratio <= row.limit
