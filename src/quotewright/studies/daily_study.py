"""The study of 41 models on daily BTC: every model at several seeds, judged on days that it was not fitted to.

After I. Jabbar & A. Jalil (2024), arXiv 2407.18334. Their list, rule and fees are not published; ours are in
`ASSUMPTIONS`, so rankings can be compared and figures cannot.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from quotewright.datasets.splits import PAPER_41
from quotewright.domain.errors import InputError
from quotewright.lineage.code import code_of
from quotewright.lineage.registry import Registry
from quotewright.lineage.trials import Trial
from quotewright.models.catalogue import MODELS, model_named
from quotewright.models.model import CHEAP, DEAR, MEDIUM
from quotewright.storage.writer import replace_file
from quotewright.studies.daily_models import FEES_ON, PHASES, buy_and_hold, fit_daily, judge_daily
from quotewright.studies.daily_table import DailyTable, daily_btc, daily_table
from quotewright.studies.parts import Engine, all_parts
from quotewright.validation.seeds import Ranks, mean_over_deviation, over_seeds, ranks_over_periods
from quotewright.validation.trials import judge_dataset

NAME = "btc-daily-41"
FIGURES = ("mae", "rmse", "accuracy", "log_loss", "pnl_pct", "sharpe", "max_drawdown", "es_95", "turnover")
_ORDER = {DEAR: 0, MEDIUM: 1, CHEAP: 2}  # the long ones first, so that all cores end together

ASSUMPTIONS = (
    "The list of models, their settings and the features are ours: 21 classifiers, 20 regressors, at stated defaults.",
    "Features: Accumulation/Distribution over its volume, Money Flow Index, Bollinger and Keltner width, place in the "
    "Bollinger bands, distance to the Parabolic SAR, Δ log price, at windows of 1, 7, 14, 21 and 28 days.",
    "Label: the log return from one close to the next; classifiers learn whether it is above 0.",
    "Rule: at each close, long the whole equity if a rise is foretold, short it if a fall is, until the next close.",
    f"Fees: {FEES_ON.fee_bp:g} bp and slippage of {FEES_ON.slippage_bp:g} bp on every change of position; no cost of "
    "borrowing or funding a short. The figures without fees have neither.",
    "The decision and its trade are both at the close: a real order would be some seconds later.",
    "MAE and RMSE are of log returns for regressors, of the probability of a rise for classifiers: not comparable.",
    "Models are fitted once, on the training days, and not again during backtest and forward days.",
)


@dataclass(frozen=True)
class DailySpec:
    """How much of the study: which models, at how many seeds."""

    seeds: int = 5
    models: tuple[str, ...] = tuple(MODELS)

    def __post_init__(self) -> None:
        if not 1 <= self.seeds <= 1000:
            raise InputError("seeds", self.seeds, "must lie between 1 and 1000")
        if not self.models:
            raise InputError("models", (), "name at least one")
        for name in self.models:
            model_named(name)


def run_daily(
    data: Path,
    out: Path,
    spec: DailySpec,
    *,
    engine: Engine | None = None,
    registry: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Do what is missing of the study and return it as a document for JSON; also written to `out`/study.json.

    A run that was killed goes on where it was. Every model and seed counts as a trial on the dataset in the registry
    (`registry`, or `out`/registry), and the verdict on the best is over all trials that were ever made on it. Raises
    InputError for data that are not there.
    """
    table = _table(str(data))
    facts = {"dataset": table.dataset, "features": table.feature_hash, "split": PAPER_41.to_dict()}
    tasks: list[dict[str, Any]] = [
        {"model": name, "seed": seed} for name in spec.models for seed in _seeds(name, spec.seeds)
    ]
    tasks.sort(key=lambda task: _ORDER[model_named(task["model"]).cost])
    work = partial(_one, str(data), table.dataset)
    done = all_parts(work, tasks, out / "parts", facts, engine=engine, progress=progress)
    by_model: dict[str, list[dict[str, Any]]] = {}
    for task, result in zip(tasks, done, strict=True):
        runs = by_model.setdefault(task["model"], [])
        if all(result["returns"] != run["returns"] for run in runs):  # else the seed made no difference: no trial
            runs.append({"seed": task["seed"], **result})
    study = _document(table, spec, by_model)
    study["verdicts"] = _verdicts(registry or out / "registry", table.dataset, by_model)
    replace_file(out / "study.json", json.dumps(study, indent=1).encode())
    return study


def _seeds(name: str, count: int) -> range:
    """A model that draws nothing at random is the same at every seed, and fitted once."""
    draws = "random_state" in model_named(name).estimator(1).get_params()
    return range(1, count + 1 if draws else 2)


@lru_cache(maxsize=2)
def _table(data: str) -> DailyTable:
    return daily_table(daily_btc(Path(data)), PAPER_41)


def _one(data: str, dataset: str, task: Mapping[str, Any]) -> dict[str, Any]:
    """One model at one seed, wherever this runs."""
    table = _table(data)
    if table.dataset != dataset:
        raise InputError("data", data, f"holds other data on a worker than {dataset[:12]}: share the folder")
    fitted = fit_daily(table, task["model"], task["seed"])
    return {**judge_daily(table, fitted), "warnings": list(fitted.warnings), "seconds": fitted.seconds}


def _document(
    table: DailyTable, spec: DailySpec, by_model: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, Any]:
    names = list(spec.models)
    models: list[dict[str, Any]] = []
    ranks = {phase: _ranks(names, by_model, phase) for phase in PHASES}
    for place, name in enumerate(names):
        runs = by_model[name]
        models.append(
            {
                "name": name,
                "kind": model_named(name).kind,
                "seeds": len(runs),
                **{phase: _over_seeds([run[phase] for run in runs]) for phase in PHASES},
                "without_fees": {phase: _over_seeds([run["without_fees"][phase] for run in runs]) for phase in PHASES},
                "ranks": {
                    phase: {
                        "rank": float(found.rank[place]),
                        "low": float(found.low[place]),
                        "high": float(found.high[place]),
                        "first": float(found.first[place]),
                    }
                    for phase, found in ranks.items()
                },
                "seconds": sum(run["seconds"] for run in runs),
                "warnings": sorted({warning for run in runs for warning in run["warnings"]}),
            }
        )
    return {
        "study": NAME,
        "dataset": table.dataset,
        "features": list(table.features),
        "feature_hash": table.feature_hash,
        "dropped": table.dropped,
        "rows": {part: int(getattr(table, part).sum()) for part in ("train", *PHASES)},
        "left_out": table.left_out,
        "split": PAPER_41.to_dict(),
        "assumptions": list(ASSUMPTIONS),
        "buy_and_hold": buy_and_hold(table),
        "models": models,
        "agreement": _agreement(models),
    }


def _over_seeds(figures: Sequence[Mapping[str, float | None]]) -> dict[str, Any]:
    """The mean of each figure over seeds, and under `over_seeds` its deviation and Student's 95 % interval."""
    means: dict[str, Any] = {}
    spread: dict[str, Any] = {}
    for name in (*FIGURES, "sharpe_low", "sharpe_high", "var_95", "hit_rate", "calibration_error"):
        values = [figure[name] for figure in figures]
        known = [value for value in values if value is not None]
        means[name] = float(np.mean(known)) if len(known) == len(values) else None
        if name in FIGURES and len(known) == len(values) > 1:
            found = over_seeds(np.array(known))
            spread[name] = {"deviation": found.deviation, "low": found.low, "high": found.high}
    return {**means, "over_seeds": spread}


def _ranks(names: Sequence[str], by_model: Mapping[str, Sequence[Mapping[str, Any]]], phase: str) -> Ranks:
    """Ranks by the Sharpe ratio of the mean over seeds of the daily returns, days drawn again in blocks."""
    returns = np.array([np.mean([run["returns"][phase] for run in by_model[name]], axis=0) for name in names])
    return ranks_over_periods(returns, mean_over_deviation, seed=1)


def _agreement(models: Sequence[Mapping[str, Any]]) -> float | None:
    """Spearman's correlation of the ranks in backtest and forward: near 0, the one says nothing of the other."""
    if len(models) < 3:
        return None
    first, second = (np.array([model["ranks"][phase]["rank"] for model in models]) for phase in PHASES)
    return float(np.corrcoef(first, second)[0, 1]) if np.ptp(first) > 0 and np.ptp(second) > 0 else None


def _verdicts(folder: Path, dataset: str, by_model: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """What all trials on the dataset say of the best of each phase; trials of this study are recorded once."""
    found: dict[str, Any] = {}
    with Registry(folder) as registry:
        for phase in PHASES:
            named = f"{dataset}:{phase}"  # ratios of other days are other trials
            source = f"{NAME} {phase}"
            known = set(registry.trials.of_dataset(named).sources)
            for name, runs in by_model.items():
                for run in runs:
                    each = f"{source} {name} seed {run['seed']} code {code_of()[:12]}"
                    if each not in known:
                        figures = run[phase]
                        trial = Trial(
                            {"model": name, "seed": run["seed"]},
                            {key: figures[key] for key in FIGURES},
                            figures["sharpe_period"],
                            figures["sharpe_stderr"],
                        )
                        registry.trials.record(named, each, [trial])
            verdict = judge_dataset(registry.trials, named)
            every = registry.trials.of_dataset(named)
            found[phase] = (
                None
                if verdict is None
                else {
                    "trials": verdict.trials,
                    "best": every.sources[verdict.best].removeprefix(f"{source} "),
                    "sharpe_per_day": verdict.sharpe,
                    "expected_of_luck": verdict.expected_maximum,
                    "deflated": verdict.deflated,
                    "convincing": verdict.convincing,
                }
            )
    return found
