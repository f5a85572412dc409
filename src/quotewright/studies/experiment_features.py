"""What an experiment's features are worth, judged on its training part, with their drift up to the backtest's end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.research.study_page import Figure, Notes, Table, write_study
from quotewright.selection.report import feature_report
from quotewright.selection.table import FeatureReport
from quotewright.studies.experiment import Experiment
from quotewright.studies.experiment_fit import fit_rows
from quotewright.studies.experiment_rule import leans, target
from quotewright.validation.leakage import suspicions

Floats = npt.NDArray[np.float64]


def features_of(experiment: Experiment, *, importance: bool = True, draws: int = 99) -> FeatureReport:
    """The report of `selection.feature_report`; forward rows are not looked at.

    With `importance` the experiment's model is fitted on purged folds of the training part, at seed 1.
    """
    table = experiment.table()
    rows = np.flatnonzero(table.train | table.backtest)
    bars = max(experiment.spec.label.bars, 1)

    def fit(X: Floats, y: Floats) -> Callable[[Floats], Floats]:
        times = np.arange(len(X), dtype=np.int64)
        small = replace(table, X=X, y=y, times=times, ends=times + bars)
        fitted = fit_rows(experiment.spec, small, times, 1)
        return partial(leans, fitted)

    def score(said: Floats, y: Floats) -> float:
        return -float(((said - target(experiment.spec, y)) ** 2).mean())

    return feature_report(
        table.X[rows],
        table.features,
        table.y[rows],
        table.times[rows],
        table.ends[rows],
        table.train[rows],
        fit=fit if importance else None,
        score=score,
        discrete=experiment.spec.label.kind != "return",
        draws=draws,
        block_rows=int(min(90, max(20, table.backtest.sum() // 4))),
        seed=1,
    )


def features_document(experiment: Experiment, report: FeatureReport) -> dict[str, Any]:
    """The report as a document for JSON, with features that look too good (`leakage.suspicions`)."""
    table = experiment.table()
    rows = table.part("train")
    found = suspicions(table.X[rows], target(experiment.spec, table.y[rows]), table.features)
    headers, cells = report.table()
    return {
        "experiment": experiment.name,
        "dataset": table.dataset,
        "features": table.feature_hash,
        "rows": table.counts(),
        "kept": list(report.kept),
        "table": {"headers": list(headers), "rows": [list(row) for row in cells]},
        "report": report.to_dict(),
        "suspicions": [each._asdict() for each in found],
    }


def write_features_page(document: Mapping[str, Any], path: Path) -> None:
    """Write the page of a document of `features_document`."""
    report, told = document["report"], document["table"]
    names = report["names"]
    numbers = frozenset(range(1, len(told["headers"]) - 1))
    blocks: list[Figure | Table | Notes] = [
        Notes("What it says", _findings(document)),
        Table("Kept features first, the most telling before others.", told["headers"], told["rows"], numbers),
        Figure(
            "Rank correlations over the training rows.",
            [{"type": "heatmap", "z": report["correlations"], "x": names, "y": names, "zmin": -1, "zmax": 1}],
            {"yaxis": {"automargin": True}, "xaxis": {"automargin": True}},
        ),
        Table(
            "Stationarity over the training rows.",
            ("feature", "verdict", "half-life, rows"),
            [
                (row["name"], str(row["stationarity"].get("verdict", "")), _number(row["stationarity"]["half_life"]))
                for row in report["rows"]
            ],
            frozenset({2}),
        ),
    ]
    clusters = sorted({row["cluster"] for row in report["rows"]})
    together = [(str(k + 1), ", ".join(r["name"] for r in report["rows"] if r["cluster"] == k)) for k in clusters]
    blocks.append(Table("Clusters of features that move together.", ("cluster", "features"), together))
    if report["left_out"]:
        blocks.append(Notes("Left out", [f"{name} {reason}." for name, reason in report["left_out"].items()]))
    write_study(f"Features of {document['experiment']}", blocks, path)


def _findings(document: Mapping[str, Any]) -> list[str]:
    report = document["report"]
    said = [
        f"{len(document['kept'])} of {len(report['names'])} features are kept: {', '.join(document['kept']) or '–'}."
    ]
    said.append(f"Judged on {report['training']:,} training rows; drift on {report['later']:,} later ones.")
    said += [
        f"{each['feature']} tells too much of the label ({each['reason']} {each['figure']:.2f}): look for a leak."
        for each in document["suspicions"]
    ]
    pruned = [row for row in report["rows"] if row["decay"].get("pruned") is not None]
    said += [f"{row['name']} has decayed: {row['verdict']}." for row in pruned]
    return said


def _number(value: float | None) -> str:
    return "∞" if value is None else f"{value:.1f}"
