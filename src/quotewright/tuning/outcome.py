"""One trial on its way through the folds: what it scored, whether it goes on, and how the registry keeps it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple, Protocol, runtime_checkable

from quotewright.domain.errors import InputError
from quotewright.lineage.trials import COMPLETE, FAILED, PRUNED, Trial
from quotewright.tuning.search import Search
from quotewright.tuning.space import Params

Metrics = Mapping[str, float | None]
Evaluate = Callable[[Params, Any], Metrics]
Bars = tuple[tuple[float, ...], ...]  # by fold: for each objective, what a trial has to reach; none: all go on


@runtime_checkable
class EvaluatesMany(Protocol):
    """An evaluation that takes many sets at once for less than one by one, with the same metrics either way."""

    def many(self, sets: Sequence[Params], fold: Any) -> Sequence[Metrics]:
        """The metrics of each set on a fold."""
        ...


class Asked(NamedTuple):
    """One trial to make."""

    number: int
    params: Params


@dataclass(frozen=True)
class Outcome:
    """What came of a trial: its metrics on each fold that it went through; None where one has no finite value."""

    number: int
    params: Params
    state: str
    folds: tuple[dict[str, float | None], ...]

    def mean(self, name: str) -> float | None:
        """The mean of a metric over the folds, None unless every one has it."""
        return _mean([fold.get(name) for fold in self.folds])

    def metrics(self) -> dict[str, float | None]:
        """The mean of every metric, in order of name."""
        return {name: self.mean(name) for name in sorted({name for fold in self.folds for name in fold})}

    def values(self, search: Search) -> list[float]:
        """The objectives of a complete trial."""
        return [value for name in search.objectives if (value := self.mean(name)) is not None]

    def to_trial(self) -> Trial:
        """As the registry keeps it; `sharpe` and `sharpe_stderr` among the metrics count for the dataset.

        The ratio is the folds' mean, its standard error √Σ stderr² / folds: that of a mean of independent estimates.
        """
        sharpe = self.mean("sharpe")
        squares = _mean([None if (s := fold.get("sharpe_stderr")) is None else s * s for fold in self.folds])
        stderr = None if squares is None else math.sqrt(squares / len(self.folds))
        folds = [dict(fold) for fold in self.folds]
        return Trial(self.params, {"folds": folds}, sharpe, stderr, self.state, self.number)


def outcome_of(trial: Trial) -> Outcome:
    """A trial of the registry as it was."""
    assert trial.number is not None
    return Outcome(trial.number, dict(trial.params), trial.state, tuple(dict(fold) for fold in trial.metrics["folds"]))


def through_folds(
    evaluate: Evaluate | EvaluatesMany, asked: Sequence[Asked], folds: Sequence[Any], search: Search, bars: Bars
) -> Iterator[Outcome]:
    """Take trials through the folds together, fold by fold, and yield each when its state is known.

    A trial without a finite value of every objective on a fold has failed. One whose mean so far is worse than the bar
    in every objective is given up: the median stopping rule (Golovin et al. 2017, "Google Vizier", KDD, §3.2.2), with
    the running mean on both sides. Raises InputError for an evaluation that lacks an objective or a set's metrics; what
    else an evaluation raises is raised with the parameters noted.
    """
    scored: dict[int, list[dict[str, float | None]]] = {each.number: [] for each in asked}
    alive = list(asked)
    for number, fold in enumerate(folds):
        if not alive:
            return
        found = _evaluated(evaluate, [each.params for each in alive], fold)
        if len(found) != len(alive):
            raise InputError("evaluate", len(found), f"must give metrics for each of {len(alive)} sets")
        going_on: list[Asked] = []
        for each, metrics in zip(alive, found, strict=True):
            scored[each.number].append(_checked(metrics, search))
            state = _state(scored[each.number], number, len(folds), search, bars)
            if state:
                yield Outcome(each.number, each.params, state, tuple(scored[each.number]))
            else:
                going_on.append(each)
        alive = going_on


def bars_of(outcomes: Sequence[Outcome], folds: int, search: Search) -> Bars:
    """For each fold but the last, the median of complete trials' running means; none while they are too few."""
    complete = [outcome for outcome in outcomes if outcome.state == COMPLETE]
    if not search.prune_after or len(complete) < search.prune_after:
        return ()
    return tuple(
        tuple(median(_required(outcome.folds[: fold + 1], name) for outcome in complete) for name in search.objectives)
        for fold in range(folds - 1)
    )


def _evaluated(evaluate: Evaluate | EvaluatesMany, sets: Sequence[Params], fold: Any) -> Sequence[Metrics]:
    if isinstance(evaluate, EvaluatesMany):
        return evaluate.many([dict(params) for params in sets], fold)
    found: list[Metrics] = []
    for params in sets:
        try:
            found.append(evaluate(dict(params), fold))
        except Exception as error:
            error.add_note(f"in the trial with {params}")
            raise
    return found


def _state(scored: Sequence[Metrics], fold: int, folds: int, search: Search, bars: Bars) -> str:
    """The state in which a trial ends after a fold; empty while it goes on."""
    if any(scored[-1][name] is None for name in search.objectives):
        return FAILED
    if fold == folds - 1:
        return COMPLETE
    if not bars:
        return ""
    so_far = [_required(scored, name) for name in search.objectives]
    worse = [s * value < s * bar for s, value, bar in zip(search.signs, so_far, bars[fold], strict=True)]
    return PRUNED if all(worse) else ""


def _checked(metrics: Metrics, search: Search) -> dict[str, float | None]:
    for name in search.objectives:
        if name not in metrics:
            raise InputError("evaluate", sorted(metrics), f"gives no metric {name}, which is an objective")
    return {name: _finite(value) for name, value in metrics.items()}


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else None


def _required(folds: Sequence[Metrics], name: str) -> float:
    value = _mean([fold[name] for fold in folds])
    assert value is not None  # complete and running trials have every objective
    return value
