"""Out-of-sample decisions of an experiment, part by part: folds within the training part, then the later phases."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.studies.experiment import Experiment
from quotewright.studies.experiment_fit import fit_rows
from quotewright.studies.experiment_rule import leans
from quotewright.studies.experiment_table import Table
from quotewright.studies.parts import Work
from quotewright.validation.combinatorial import Combinatorial, combinatorial
from quotewright.validation.splits import Fold, walk_forward

Integers = npt.NDArray[np.int64]

WALK, PATHS, FINAL = "walk", "paths", "final"
PHASES = ("backtest", "forward")


def walk_folds(experiment: Experiment, table: Table) -> list[Fold]:
    """Refits over the training part, each on all that was known before: `validation.folds` tests of equal length.

    Row numbers are of the table. Raises InputError for too few rows.
    """
    rows = table.part("train")
    count = experiment.spec.validation.folds
    every = len(rows) // (count + 1)
    if every < 1:
        raise InputError("validation.folds", count, f"are too many for {len(rows)} training rows")
    first = len(rows) - count * every
    folds = walk_forward(table.times[rows], table.ends[rows], first=first, every=every, embargo=table.split.embargo)
    return [Fold(rows[fold.train], rows[fold.test]) for fold in folds]


def path_folds(experiment: Experiment, table: Table) -> Combinatorial:
    """Every choice of tested blocks of the training part; row numbers are of the training rows, not of the table."""
    rows, wanted = table.part("train"), experiment.spec.validation
    return combinatorial(
        table.times[rows], table.ends[rows], groups=wanted.groups, tested=wanted.tested, embargo=table.split.embargo
    )


def tasks_of(experiment: Experiment, table: Table) -> list[dict[str, Any]]:
    """One task a fit: walk-forward folds, combinatorial folds, and the final fit, at every seed."""
    walks, paths = len(walk_folds(experiment, table)), len(path_folds(experiment, table).folds)
    return [
        {"seed": seed, "stage": stage, "fold": fold}
        for seed in experiment.seeds
        for stage, count in ((FINAL, 1), (WALK, walks), (PATHS, paths))
        for fold in range(count)
    ]


def work_of(experiment: Experiment, table: Table) -> Work:
    """The function that does a task wherever it runs; on a worker it makes the table again and compares its hash."""
    return partial(_done, experiment.packed(), table.dataset)


def _done(packed: tuple[str, str, str], dataset: str, task: Mapping[str, Any]) -> dict[str, Any]:
    experiment = Experiment.unpacked(packed)
    table = experiment.table()
    if table.dataset != dataset:
        raise InputError("data", experiment.data, f"holds other data on a worker than {dataset[:12]}: share the folder")
    train, tested = _rows(experiment, table, task)
    fitted = fit_rows(experiment.spec, table, train, task["seed"])
    told = {name: leans(fitted, table.X[rows]).tolist() for name, rows in tested.items()}
    return {"leans": told, "warnings": list(fitted.warnings), "seconds": fitted.seconds}


def _rows(experiment: Experiment, table: Table, task: Mapping[str, Any]) -> tuple[Integers, dict[str, Integers]]:
    if task["stage"] == FINAL:
        return table.part("train"), {phase: table.part(phase) for phase in PHASES}
    if task["stage"] == WALK:
        walk = walk_folds(experiment, table)[int(task["fold"])]
        return walk.train, {"test": walk.test}
    path = path_folds(experiment, table).folds[int(task["fold"])]
    rows = table.part("train")
    return rows[path.train], {"test": rows[path.test]}
