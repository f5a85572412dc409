"""The page of the study of daily BTC: every model with its ranks and intervals, and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from quotewright.research.study_page import Figure, Notes, Table, write_study
from quotewright.studies.daily_models import PHASES

HEADERS = ("model", "kind", "MAE", "RMSE", "accuracy", "PnL %", "Sharpe", "95 % interval", "rank", "95 % interval")


def write_daily_page(study: Mapping[str, Any], path: Path) -> None:
    """Write the page of a document of `run_daily`."""
    blocks: list[Figure | Table | Notes] = [Notes("What it says", findings(study)), _scatter(study)]
    for phase in PHASES:
        ordered = sorted(study["models"], key=lambda model: model["ranks"][phase]["rank"])
        rows = [_row(model, model[phase], model["ranks"][phase]) for model in ordered]
        held = study["buy_and_hold"][phase]
        rows.append(
            ("buy and hold", "", "", "", "", _pct(held["pnl_pct"]), _two(held["sharpe"]), _between(held), "", "")
        )
        caption = (
            f"{phase.capitalize()}: {study['rows'][phase]} days, after fees and slippage. Ranks are by Sharpe ratio, "
            "their intervals from days drawn again in blocks."
        )
        blocks.append(Table(caption, HEADERS, rows, frozenset(range(2, len(HEADERS)))))
    blocks.append(_fees(study))
    blocks.append(Notes("Assumptions", study["assumptions"]))
    write_study("41 models on daily BTC", blocks, path)


def findings(study: Mapping[str, Any]) -> list[str]:
    """What the figures say, in sentences, the verdict on luck first."""
    said: list[str] = []
    for phase in PHASES:
        verdict = study["verdicts"][phase]
        if verdict is not None:
            outcome = "more than luck" if verdict["convincing"] else "no more than luck explains"
            best = verdict["best"].partition(" code")[0]
            said.append(
                f"{phase.capitalize()}: the best of {verdict['trials']} trials ({best}) has a Sharpe ratio of "
                f"{verdict['sharpe_per_day']:.3f} a day; the best of as many without any skill would have "
                f"{verdict['expected_of_luck']:.3f}. Deflated Sharpe {verdict['deflated']:.2f}: {outcome}."
            )
    if study["agreement"] is not None:
        said.append(
            f"Ranks in backtest and forward correlate {study['agreement']:+.2f} (Spearman): "
            "near 0, the best of the one says nothing of the other."
        )
    for name in ("RandomForest", "SGD"):
        for kind in ("classifier", "regressor"):
            found = [model for model in study["models"] if model["name"] == f"{name}:{kind}"]
            said += [f"{name} ({kind}) ranks {_ranked(model, len(study['models']))}." for model in found]
    for phase in PHASES:
        held = study["buy_and_hold"][phase]["pnl_pct"]
        above = sum(model[phase]["pnl_pct"] > held for model in study["models"])
        said.append(
            f"{phase.capitalize()}: {above} of {len(study['models'])} models beat buying and holding ({held:.1f} %)."
        )
    return said


def _ranked(model: Mapping[str, Any], count: int) -> str:
    return " and ".join(
        f"{model['ranks'][phase]['rank']:.0f} of {count} in {phase} "
        f"({model['ranks'][phase]['low']:.0f} … {model['ranks'][phase]['high']:.0f})"
        for phase in PHASES
    )


def _row(model: Mapping[str, Any], figures: Mapping[str, Any], rank: Mapping[str, float]) -> Sequence[str]:
    return (
        model["name"].partition(":")[0],
        model["kind"],
        f"{figures['mae']:.4f}",
        f"{figures['rmse']:.4f}",
        _two(figures["accuracy"]),
        _pct(figures["pnl_pct"]),
        _two(figures["sharpe"]),
        _between(figures),
        f"{rank['rank']:.0f}",
        f"{rank['low']:.0f} … {rank['high']:.0f}",
    )


def _scatter(study: Mapping[str, Any]) -> Figure:
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": kind,
            "x": [model["backtest"]["sharpe"] for model in study["models"] if model["kind"] == kind],
            "y": [model["forward"]["sharpe"] for model in study["models"] if model["kind"] == kind],
            "text": [model["name"].partition(":")[0] for model in study["models"] if model["kind"] == kind],
        }
        for kind in ("classifier", "regressor")
    ]
    layout = {"xaxis": {"title": {"text": "Sharpe, backtest"}}, "yaxis": {"title": {"text": "Sharpe, forward"}}}
    return Figure("Each model's Sharpe ratio a year, backtest against forward, after fees.", traces, layout)


def _fees(study: Mapping[str, Any]) -> Table:
    rows = [
        (
            model["name"].partition(":")[0],
            model["kind"],
            *(_pct(model[phase]["pnl_pct"]) for phase in PHASES),
            *(_pct(model["without_fees"][phase]["pnl_pct"]) for phase in PHASES),
            *(f"{model[phase]['turnover']:.0f}" for phase in PHASES),
        )
        for model in study["models"]
    ]
    headers = (
        "model",
        "kind",
        "PnL %, backtest",
        "forward",
        "without fees, backtest",
        "forward",
        "turnover a year",
        "",
    )
    return Table("What fees and slippage take.", headers, rows, frozenset(range(2, 8)))


def _two(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-", "−")


def _pct(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def _between(figures: Mapping[str, float | None]) -> str:
    return f"{_two(figures['sharpe_low'])} … {_two(figures['sharpe_high'])}"
