"""Validation of an experiment: walk-forward and combinatorial on its training part, then backtest and forward."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.lineage.code import code_of
from quotewright.lineage.documents import plain
from quotewright.lineage.registry import Registry
from quotewright.lineage.trials import Trial
from quotewright.storage.writer import replace_file
from quotewright.studies.experiment import Experiment
from quotewright.studies.experiment_folds import FINAL, PATHS, PHASES, WALK, path_folds, tasks_of, walk_folds, work_of
from quotewright.studies.experiment_rule import RULE, figures_of, judged, traded
from quotewright.studies.experiment_table import Table
from quotewright.studies.parts import Engine, all_parts
from quotewright.validation.overfitting import overfitting
from quotewright.validation.seeds import over_seeds
from quotewright.validation.trading import trade
from quotewright.validation.trials import judge_dataset

Floats = npt.NDArray[np.float64]

TRAIN = "train"
STAGES = (TRAIN, *PHASES)
FIGURES = (
    *("mae", "rmse", "accuracy", "correlation", "log_loss", "calibration_error"),
    *("pnl_pct", "sharpe", "max_drawdown", "var_95", "es_95", "turnover", "hit_rate", "costs_pct"),
)
RETURNS = "returns"
BLOCKS = 8  # of CSCV: C(8, 4) = 70 halves


def validate(
    experiment: Experiment,
    out: Path,
    *,
    registry: Path | None = None,
    engine: Engine | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Judge an experiment out of sample and return a document for JSON, also written to `out`/validation.json.

    Fits are parts: a run that was killed goes on, on any `engine`. Each seed counts as a trial of each stage (the
    walk-forward over the training part, backtest, forward) on the bars' hash in the registry (default `out`/registry);
    verdicts are over all trials ever made there, the probability of backtest overfitting over all whose returns it
    keeps. Raises InputError for settings that do not fit the data.
    """
    table = experiment.table()
    facts = {"experiment": experiment.hash, "dataset": table.dataset, "features": table.feature_hash}
    tasks = tasks_of(experiment, table)
    done = all_parts(
        work_of(experiment, table), tasks, out / "parts", facts, engine=engine or Engine(1), progress=progress
    )
    by_seed: dict[int, dict[str, list[Mapping[str, Any]]]] = {}
    for task, result in zip(tasks, done, strict=True):
        by_seed.setdefault(task["seed"], {}).setdefault(task["stage"], []).append(result)
    runs = {seed: _run(experiment, table, stages) for seed, stages in by_seed.items()}
    document = _document(experiment, table, runs)
    document["warnings"] = sorted({warning for result in done for warning in result["warnings"]})
    with Registry(registry or out / "registry") as opened:
        _record(opened, experiment, table, runs)
        document["verdicts"] = {stage: _verdict(opened, table, stage) for stage in STAGES}
        document["overfitting"] = {stage: _overfitting(opened, table, stage) for stage in STAGES}
    document = plain(document)
    replace_file(out / "validation.json", json.dumps(document, indent=1).encode())
    return document


def _run(experiment: Experiment, table: Table, stages: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """The figures of one seed: walk-forward, paths, backtest and forward."""
    spec = experiment.spec
    folds = walk_folds(experiment, table)
    rows = np.concatenate([fold.test for fold in folds])
    leaning = np.concatenate([np.array(result["leans"]["test"]) for result in stages[WALK]])
    span = table.span(TRAIN)
    found: dict[str, Any] = {TRAIN: judged(spec, table, rows, leaning, span[span >= rows[0]])}
    every = path_folds(experiment, table)
    train = table.part(TRAIN)
    paths = every.reassemble([np.array(result["leans"]["test"]) for result in stages[PATHS]])
    found["paths"] = [figures_of(spec, traded(spec, table, train, path, span)) for path in paths]
    (final,) = stages[FINAL]
    for phase in PHASES:
        decided = np.array(final["leans"][phase])
        found[phase] = judged(spec, table, table.part(phase), decided, table.span(phase))
    return found


def _document(experiment: Experiment, table: Table, runs: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    spec = experiment.spec
    held: dict[str, Any] = {}
    for stage in STAGES:
        moves = table.moves[table.span(stage)]
        long = trade(np.ones(len(moves)), moves, fee_bp=spec.costs.fee_bp, slippage_bp=spec.costs.slippage_bp)
        held[stage] = figures_of(spec, long)
    sharpes = [path["sharpe"] for run in runs.values() for path in run["paths"] if path["sharpe"] is not None]
    return {
        "experiment": experiment.to_dict(),
        "hash": experiment.hash,
        "dataset": table.dataset,
        "market": table.market,
        "features": table.feature_hash,
        "split": table.split.to_dict(),
        "rows": table.counts(),
        "seeds": list(runs),
        **{stage: _over_seeds([run[stage] for run in runs.values()]) for stage in STAGES},
        "without_costs": {s: _over_seeds([run[s]["without_costs"] for run in runs.values()]) for s in STAGES},
        "buy_and_hold": held,
        "paths": {
            "number": len(sharpes),
            "sharpes": sharpes,
            "mean": float(np.mean(sharpes)) if sharpes else None,
            "worst": min(sharpes, default=None),
            "below_0": float(np.mean(np.array(sharpes) < 0)) if sharpes else None,
        },
        "returns": {stage: np.mean([run[stage]["net"] for run in runs.values()], axis=0) for stage in STAGES},
        "sharpes": {stage: [run[stage]["sharpe"] for run in runs.values()] for stage in STAGES},
        "assumptions": assumptions(experiment),
    }


def assumptions(experiment: Experiment) -> list[str]:
    """What the figures take for granted."""
    costs, wanted = experiment.spec.costs, experiment.spec.validation
    return [
        RULE,
        f"Every change of position costs {costs.fee_bp:g} bp and slippage of {costs.slippage_bp:g} bp; no cost of "
        "borrowing or funding; the last position of a phase is sold in it.",
        "A decision and its trade are both at the close: a real order is later.",
        f"Within the training part: {wanted.folds} refits on all that was known before, and every choice of "
        f"{wanted.tested} of {wanted.groups} blocks, purged, with the split's embargo.",
        "Backtest and forward use one fit, on the training part.",
        "A trial is one seed of one experiment on these bars; who looks at forward figures and goes on has one more.",
    ]


def _over_seeds(figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean of each figure; under `over_seeds` Student's interval of what varies."""
    means: dict[str, Any] = {}
    spread: dict[str, Any] = {}
    for name in (*FIGURES, "sharpe_low", "sharpe_high"):
        values = [figure.get(name) for figure in figures]
        known = [value for value in values if value is not None]
        means[name] = float(np.mean(known)) if known and len(known) == len(values) else None
        if len(known) == len(values) > 1:
            found = over_seeds(np.array(known, np.float64))
            spread[name] = {"deviation": found.deviation, "low": found.low, "high": found.high}
    return {**means, "over_seeds": spread}


def trials_on(table: Table, stage: str) -> str:
    """The name under which trials of a stage on these bars are counted: ratios of other bars are other trials."""
    return f"{table.market}:{stage}"


def _record(registry: Registry, experiment: Experiment, table: Table, runs: Mapping[int, Mapping[str, Any]]) -> None:
    """Every seed and stage once, with its returns."""
    for stage in STAGES:
        named = trials_on(table, stage)
        known = {source.partition(" ")[2] for source in registry.trials.of_dataset(named).sources}
        for seed, run in runs.items():
            made = f"{experiment.hash[:16]} seed {seed} code {code_of()[:12]}"
            if made in known:  # under whatever name
                continue
            source = f"{experiment.name} {made}"
            told = run[stage]
            metrics = {name: told.get(name) for name in FIGURES}
            trial = Trial(
                {"experiment": experiment.hash, "seed": seed}, metrics, told["sharpe_period"], told["sharpe_stderr"]
            )
            registry.trials.record(named, source, [trial])
            registry.studies.keep_result(f"{RETURNS} {named}", {"source": source, "net": told["net"]})


def _verdict(registry: Registry, table: Table, stage: str) -> dict[str, Any] | None:
    named = trials_on(table, stage)
    verdict = judge_dataset(registry.trials, named)
    if verdict is None:
        return None
    return {
        "trials": verdict.trials,
        "best": registry.trials.of_dataset(named).sources[verdict.best],
        "sharpe_per_bar": verdict.sharpe,
        "expected_of_luck": verdict.expected_maximum,
        "deflated": verdict.deflated,
        "convincing": verdict.convincing,
    }


def _overfitting(registry: Registry, table: Table, stage: str) -> dict[str, Any] | None:
    """CSCV over all trials whose returns are of as many bars as most; None for fewer than two, or too few bars."""
    kept = [result.document["net"] for result in registry.studies.results(f"{RETURNS} {trials_on(table, stage)}")]
    lengths = [len(net) for net in kept]
    if not lengths:
        return None
    common = max(set(lengths), key=lengths.count)
    columns = np.array([net for net in kept if len(net) == common], np.float64).T
    distinct = np.unique(columns, axis=1)
    varied = distinct[:, np.ptp(distinct, axis=0) > 0]
    if varied.shape[1] < 2 or len(varied) < 4 * BLOCKS:
        return None
    found = overfitting(varied, blocks=BLOCKS)
    return {
        "trials": found.trials,
        "probability": found.probability,
        "loss": found.loss,
        "slope": found.slope,
        "suspicious": found.suspicious,
    }
