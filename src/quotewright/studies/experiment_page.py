"""The page of a validation: verdicts first, then phases, paths, and what was taken for granted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quotewright.research.study_page import Figure, Notes, Table, write_study
from quotewright.studies.experiment_validate import STAGES

ROWS = (
    ("PnL %", "pnl_pct", "{:+.2f}"),
    ("Sharpe, a year", "sharpe", "{:.2f}"),
    ("… 95 %, low", "sharpe_low", "{:.2f}"),
    ("… 95 %, high", "sharpe_high", "{:.2f}"),
    ("largest drawdown", "max_drawdown", "{:.2%}"),
    ("VaR 95 % of a bar", "var_95", "{:.3%}"),
    ("ES 95 % of a bar", "es_95", "{:.3%}"),
    ("turnover a year", "turnover", "{:.4g}"),
    ("costs, % of equity", "costs_pct", "{:.2f}"),
    ("bars in the market that gained", "hit_rate", "{:.1%}"),
    ("MAE", "mae", "{:.4g}"),
    ("RMSE", "rmse", "{:.4g}"),
    ("right direction", "accuracy", "{:.1%}"),
    ("log loss", "log_loss", "{:.4f}"),
    ("calibration error", "calibration_error", "{:.3f}"),
)
TITLES = {"train": "walk-forward", "backtest": "backtest", "forward": "forward"}


def write_validation_page(document: Mapping[str, Any], path: Path) -> None:
    """Write the page of a document of `validate`."""
    headers = ("figure", *(TITLES[stage] for stage in STAGES))
    blocks: list[Figure | Table | Notes] = [
        Notes("What it says", findings(document)),
        Table("After costs, the mean over seeds.", headers, figure_rows(document), frozenset({1, 2, 3})),
        _equity(document),
        _paths(document),
        Table("The same, traded without costs.", headers, _without(document), frozenset({1, 2, 3})),
        Notes("Assumptions", document["assumptions"]),
        Notes("What made it", _made_of(document)),
    ]
    if document["warnings"]:
        blocks.append(Notes("What the libraries said", document["warnings"]))
    write_study(f"Validation of {document['experiment']['name']}", blocks, path)


def findings(document: Mapping[str, Any]) -> list[str]:
    """What the figures say in sentences: verdicts on luck, overfitting, paths, against holding."""
    said: list[str] = []
    for stage in STAGES:
        verdict = document["verdicts"][stage]
        if verdict is not None:
            outcome = "more than luck" if verdict["convincing"] else "no more than luck explains"
            said.append(
                f"{TITLES[stage].capitalize()}: the best of {verdict['trials']} trial(s) on these bars "
                f"({verdict['best'].partition(' ')[0]}) has a Sharpe ratio of {verdict['sharpe_per_bar']:.4f} a bar; "
                f"the best of as many without skill would have {verdict['expected_of_luck']:.4f}. Deflated Sharpe "
                f"{verdict['deflated']:.2f}: {outcome}."
            )
        found = document["overfitting"][stage]
        if found is not None:
            said.append(
                f"{TITLES[stage].capitalize()}: probability of backtest overfitting {found['probability']:.2f} over "
                f"{found['trials']} trials{', suspicious' if found['suspicious'] else ''}."
            )
    if all(found is None for found in document["overfitting"].values()):
        said.append("Probability of backtest overfitting: needs at least two trials that differ, on enough bars.")
    paths = document["paths"]
    if paths["number"]:
        said.append(
            f"Of {paths['number']} combinatorial paths through the training part {paths['below_0']:.0%} have a Sharpe "
            f"ratio below 0; the mean is {paths['mean']:.2f}, the worst {paths['worst']:.2f}."
        )
    for stage in STAGES:
        made, held = document[stage]["pnl_pct"], document["buy_and_hold"][stage]["pnl_pct"]
        said.append(f"{TITLES[stage].capitalize()}: {made:+.2f} % after costs; buying and holding made {held:+.2f} %.")
    return [line.replace(" -", " −") for line in said]


def figure_rows(document: Mapping[str, Any], *, within: str = "") -> list[tuple[str, ...]]:
    """A row a figure, a column a stage; figures that do not exist are dashes, rows of nothing else are left out."""
    told = document[within] if within else document
    rows = [(title, *(_shown(told[stage].get(name), form) for stage in STAGES)) for title, name, form in ROWS]
    return [row for row in rows if any(cell != "–" for cell in row[1:])]


def _without(document: Mapping[str, Any]) -> Sequence[Sequence[str]]:
    return [row for row in figure_rows(document, within="without_costs") if not row[0].startswith("costs")]


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value).replace("-", "−")


def _equity(document: Mapping[str, Any]) -> Figure:
    traces: list[dict[str, Any]] = []
    begun = 0
    for stage in STAGES:
        net = np.array(document["returns"][stage], np.float64)
        path = 100 * (np.cumprod(1 + net) - 1)
        x = np.arange(begun, begun + len(net))
        traces.append({"type": "scatter", "mode": "lines", "name": TITLES[stage], "x": x, "y": path})
        begun += len(net)
    layout = {"xaxis": {"title": {"text": "bars"}}, "yaxis": {"title": {"text": "net profit, %"}}}
    return Figure("Compounded net profit, each phase from 0; the mean over seeds.", traces, layout)


def _paths(document: Mapping[str, Any]) -> Figure:
    trace = {"type": "histogram", "x": document["paths"]["sharpes"], "name": "paths"}
    return Figure(
        "Sharpe ratios a year of the combinatorial paths through the training part.",
        [trace],
        {"xaxis": {"title": {"text": "Sharpe ratio, a year"}}},
    )


def _made_of(document: Mapping[str, Any]) -> list[str]:
    counts = ", ".join(f"{value:,} {name}" for name, value in document["rows"].items())
    hashes = ", ".join(f"{name} {document[name][:16]}" for name in ("hash", "dataset", "market", "features"))
    return [f"Rows: {counts}.", f"Hashes: {hashes}.", f"Seeds: {', '.join(map(str, document['seeds']))}."]
