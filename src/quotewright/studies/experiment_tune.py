"""Tuning an experiment's model on purged folds of its training part; nothing of what comes later reaches the search."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from quotewright.domain.errors import InputError
from quotewright.lineage.registry import Registry
from quotewright.models.catalogue import model_named
from quotewright.studies.experiment import Experiment
from quotewright.studies.experiment_fit import fit_rows
from quotewright.studies.experiment_folds import walk_folds
from quotewright.studies.experiment_rule import judged, leans
from quotewright.studies.experiment_validate import TRAIN, trials_on
from quotewright.tuning.folds import Fold, InnerFolds
from quotewright.tuning.outcome import Metrics
from quotewright.tuning.search import Search
from quotewright.tuning.space import Params, Space, space_of
from quotewright.tuning.study import tune
from quotewright.tuning.table import Tuned
from quotewright.tuning.workers import DaskWorkers

METRICS = ("sharpe", "pnl_pct", "max_drawdown", "turnover", "mae", "rmse", "accuracy", "log_loss")


def tune_experiment(
    experiment: Experiment,
    registry: Path,
    *,
    trials: int,
    scheduler: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Tuned:
    """Search the model's ranges, narrowed by `tuning.space`; `METRICS` may be objectives, each a mean over the folds.

    Folds are those of the walk-forward. The study's name holds the experiment's hash, so that another experiment is
    another study, and trials count as those of the walk-forward do. Resumable, and the same on a cluster; see
    `tuning.study.tune`. Raises InputError for an ensemble, a model without ranges, or an objective that there is not.
    """
    spec = experiment.spec
    for name in spec.tuning.objectives:
        if name not in METRICS:
            raise InputError("tuning.objectives", name, f"must be of {', '.join(METRICS)}")
    if spec.model.ensemble is not None:
        raise InputError("model.ensemble", spec.model.ensemble.kind, "cannot be tuned: tune its members alone")
    table = experiment.table()
    folds = InnerFolds(table.part(TRAIN), [(fold.train, fold.test) for fold in walk_folds(experiment, table)])
    wanted = spec.tuning
    search = Search(
        _space(experiment),
        dict(wanted.objectives),
        seed=wanted.seed,
        batch=wanted.batch,
        sampler=wanted.sampler,
        prune_after=wanted.prune_after,
    )
    with Registry(registry) as opened:
        return tune(
            opened,
            f"{experiment.name} {experiment.hash[:16]}",
            search,
            partial(_evaluated, experiment.packed()),
            folds,
            dataset=trials_on(table, TRAIN),
            trials=trials,
            workers=DaskWorkers(scheduler) if scheduler else None,
            progress=progress,
        )


def _space(experiment: Experiment) -> Space:
    """The model's own ranges; those that the file names are replaced, those that it fixes are left out."""
    spec = experiment.spec
    model = model_named(spec.model.name)
    own: dict[str, dict[str, Any]] = {}
    for each in model.space:
        ranged = {"low": each.low, "high": each.high, "log": each.log, "step": each.step, "whole": each.whole}
        own[each.name] = {"name": each.name, **({"choices": list(each.choices)} if each.choices else ranged)}
    for each in spec.tuning.space:
        own[str(each.get("name", ""))] = each
    left = [each for name, each in own.items() if name not in spec.model.params]
    if not left:
        raise InputError("tuning.space", [], f"{model.name} has no ranges that are not fixed: give some")
    return space_of(left)


def _evaluated(packed: tuple[str, str, str], params: Params, fold: Fold) -> Metrics:
    """One set on one fold, wherever it runs; `sharpe` is per bar, as the registry counts ratios."""
    experiment = Experiment.unpacked(packed)
    spec, table = experiment.spec, experiment.table()
    fitted = fit_rows(spec, table, fold.train, experiment.seeds[0], params)
    span = table.span(TRAIN)
    bars = span[(span >= fold.test[0]) & (span < table.exits[fold.test].max())]
    found = judged(spec, table, fold.test, leans(fitted, table.X[fold.test]), bars)
    metrics = {name: found.get(name) for name in METRICS}
    return {**metrics, "sharpe": found["sharpe_period"], "sharpe_stderr": found["sharpe_stderr"]}
