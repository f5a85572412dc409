"""Several experiments on the same bars, compared bar by bar and seed by seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.lineage.documents import plain
from quotewright.research.study_page import Notes, Table, write_study
from quotewright.storage.writer import replace_file
from quotewright.studies.experiment import Experiment
from quotewright.studies.experiment_page import TITLES, write_validation_page
from quotewright.studies.experiment_validate import STAGES, validate
from quotewright.studies.parts import Engine
from quotewright.validation.bootstrap import stationary_rows
from quotewright.validation.seeds import mean_over_deviation, paired_difference, ranks_over_periods

Floats = npt.NDArray[np.float64]

DRAWS = 1_000


def compare(
    experiments: Sequence[Experiment],
    out: Path,
    *,
    registry: Path | None = None,
    engine: Engine | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Validate each (in `out`/NAME, what is done is read again) and compare them; also `out`/comparison.json.

    Ranks are by the Sharpe ratio, with intervals over bars drawn again in blocks. Differences are to the first: of the
    mean net return of a bar, with the same draws for both, and of the annual Sharpe ratio over equal seeds, with
    Student's interval. Raises InputError for fewer than two, equal names, or other bars or another split.
    """
    names = [each.name for each in experiments]
    if len(names) < 2 or len(set(names)) < len(names):
        raise InputError("experiments", names, "give two or more, each with a name of its own")
    tables = [each.table() for each in experiments]
    for table, name in zip(tables, names, strict=True):
        if (table.market, table.split) != (tables[0].market, tables[0].split):
            raise InputError("experiments", name, f"has other bars or another split than {names[0]}")
    shared = registry or out / "registry"
    documents: list[dict[str, Any]] = []
    for each in experiments:
        found = validate(each, out / each.name, registry=shared, engine=engine, progress=progress)
        write_validation_page(found, out / each.name / "validation.html")
        documents.append(found)
    stages = {stage: _stage(names, documents, stage) for stage in STAGES}
    compared = plain(
        {
            "experiments": names,
            "market": tables[0].market,
            "stages": stages,
            "verdicts": documents[-1]["verdicts"],
        }
    )
    replace_file(out / "comparison.json", json.dumps(compared, indent=1).encode())
    return compared


def headers() -> tuple[str, ...]:
    """Of the columns that `rows` gives."""
    return (
        "experiment",
        "PnL %",
        "Sharpe",
        "rank",
        "95 %",
        "bp a bar, less the first",
        "95 %",
        "Sharpe, less the first",
    )


def rows(document: Mapping[str, Any], stage: str) -> list[tuple[str, ...]]:
    """A row an experiment, the best first."""
    ordered = sorted(document["stages"][stage], key=lambda one: one["rank"])
    return [
        (
            one["name"],
            _number(one["pnl_pct"]),
            _number(one["sharpe"]),
            f"{one['rank']:g}",
            f"{one['rank_low']:g} … {one['rank_high']:g}",
            _number(one["difference_bp"], 4),
            "–" if one["low_bp"] is None else f"{_number(one['low_bp'], 4)} … {_number(one['high_bp'], 4)}",
            _paired(one["over_seeds"]),
        )
        for one in ordered
    ]


def write_comparison_page(document: Mapping[str, Any], path: Path) -> None:
    """Write the page of a document of `compare`."""
    numbers = frozenset(range(1, len(headers())))
    blocks: list[Table | Notes] = [
        Table(f"{TITLES[stage].capitalize()}, after costs.", headers(), rows(document, stage), numbers)
        for stage in STAGES
    ]
    said = [
        "Ranks by Sharpe ratio; their intervals are over bars drawn again in blocks, the same for all.",
        "Differences of the mean net return of a bar are paired: both trade the same drawn bars.",
        "Differences over seeds say what another seed would do, not what another market would.",
    ]
    write_study("Experiments compared", [*blocks, Notes("How to read it", said)], path)


def _stage(names: Sequence[str], documents: Sequence[Mapping[str, Any]], stage: str) -> list[dict[str, Any]]:
    every = [np.array(document["returns"][stage], np.float64) for document in documents]
    length = min(map(len, every))  # a walk-forward begins where its first fold does
    returns = np.array([each[len(each) - length :] for each in every])
    ranks = ranks_over_periods(returns, mean_over_deviation, seed=1)
    drawn = stationary_rows(length, DRAWS, seed=1)
    found: list[dict[str, Any]] = []
    for place, (name, document) in enumerate(zip(names, documents, strict=True)):
        apart = returns[place] - returns[0]
        means = np.sort(apart[drawn].mean(axis=1))
        low, high = float(means[round(0.025 * DRAWS)]), float(means[round(0.975 * DRAWS) - 1])
        found.append(
            {
                "name": name,
                "pnl_pct": document[stage]["pnl_pct"],
                "sharpe": document[stage]["sharpe"],
                "rank": ranks.rank[place],
                "rank_low": ranks.low[place],
                "rank_high": ranks.high[place],
                "first": ranks.first[place],
                "difference_bp": 1e4 * float(apart.mean()),
                "low_bp": 1e4 * low if place else None,
                "high_bp": 1e4 * high if place else None,
                "over_seeds": _over_seeds(document["sharpes"][stage], documents[0]["sharpes"][stage], place),
            }
        )
    return found


def _over_seeds(mine: Sequence[float | None], first: Sequence[float | None], place: int) -> dict[str, float] | None:
    """None for the first itself, one seed, different seeds or ratios that do not exist."""
    both = [(a, b) for a, b in zip(mine, first, strict=False) if a is not None and b is not None]
    if not place or len(mine) != len(first) or len(both) != len(mine) or len(both) < 2:
        return None
    one, other = (np.array(side, np.float64) for side in zip(*both, strict=True))
    told = paired_difference(one, other)
    return {"mean": told.mean, "low": told.low, "high": told.high}


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:+.{digits}f}".replace("-", "−")


def _paired(told: Mapping[str, float] | None) -> str:
    return "–" if told is None else f"{_number(told['mean'])} ({_number(told['low'])} … {_number(told['high'])})"
