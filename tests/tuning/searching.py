"""A search whose answer is known: a bowl with its least value at (0.3, −0.5), a little different on each fold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from quotewright.lineage.registry import Registry
from quotewright.tuning.folds import Fold, InnerFolds
from quotewright.tuning.search import Search
from quotewright.tuning.space import space_of
from quotewright.tuning.study import tune
from quotewright.tuning.table import Tuned

SPACE = space_of(
    [
        {"name": "x", "low": -1.0, "high": 1.0},
        {"name": "y", "low": -1.0, "high": 1.0},
        {"name": "n", "low": 0, "high": 3, "whole": True},
    ]
)
FOLDS = InnerFolds(np.arange(90), [(np.arange(30 * k), np.arange(30 * k, 30 * k + 30)) for k in (1, 2)])
DATASET = "d" * 64


def bowl(params: dict[str, Any], fold: Fold) -> dict[str, float]:
    """Metrics of one set: `loss` with its least value at (0.3, −0.5, 2), and `size`, which is least at x = −1."""
    loss = (params["x"] - 0.3) ** 2 + (params["y"] + 0.5) ** 2 + 0.1 * abs(params["n"] - 2) + 0.01 * fold.number
    return {"loss": loss, "size": params["x"] + 1, "sharpe": 1 - loss, "sharpe_stderr": 0.3}


def search_of(**changed: Any) -> Search:
    return Search(**{"space": SPACE, "objectives": {"loss": "min"}, "seed": 5, **changed})


def tuned(folder: Path, name: str = "bowl", trials: int = 30, **given: Any) -> Tuned:
    """A search in a registry of the folder; settings of the search, or arguments of `tune`."""
    rest = {key: given.pop(key) for key in ("workers", "progress") if key in given}
    evaluate, folds = given.pop("evaluate", bowl), given.pop("folds", FOLDS)
    with Registry(folder) as registry:
        return tune(registry, name, search_of(**given), evaluate, folds, dataset=DATASET, trials=trials, **rest)
