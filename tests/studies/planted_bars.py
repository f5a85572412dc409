"""Daily bars in which a slow series leads the close, and an experiment on them as plain tables."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np

DAYS = 260


def bars_csv(path: Path, *, days: int = DAYS, seed: int = 3) -> Path:
    """Daily bars with a slow series `flow` that leads the close by a day, and `oracle`, which is the day after's."""
    rng = np.random.default_rng(seed)
    flow = rng.normal(size=days + 2)
    moves = 0.02 * flow[:-2] + 0.01 * rng.normal(size=days)
    close = 100 * np.exp(np.cumsum(moves))
    lines = ["time,open,high,low,close,volume,flow,oracle"]
    for k in range(days):
        day = np.datetime64("2022-01-01") + k
        opened = close[k - 1] if k else 100.0
        high, low = 1.001 * max(opened, close[k]), 0.999 * min(opened, close[k])
        told = (opened, high, low, close[k], 10 + k % 7, flow[k + 1], moves[k + 1] if k + 1 < days else 0.0)
        lines.append(",".join([str(day), *(f"{value:.10g}" for value in told)]))
    path.write_text("\n".join(lines) + "\n")
    return path


def tables(**changes: Any) -> dict[str, Any]:
    """A whole experiment on `bars.csv` as plain tables; `changes` replace whole tables."""
    given: dict[str, Any] = {
        "name": "planted",
        "periods_per_year": 365,
        "dataset": {
            "file": {
                "path": "bars.csv",
                "name": "bars",
                "kind": "bars",
                "stamp": "time",
                "stamps": "start",
                "period": "1d",
                "floats": dict.fromkeys(("open", "high", "low", "close", "volume", "flow", "oracle"), "1"),
                "licence": "made",
            }
        },
        "series": [{"name": "flow", "column": "flow"}],
        "features": {"names": ["flow:ewm_1", "log_return_1", "volatility_7"]},
        "label": {"kind": "return", "bars": 1},
        "split": {"shares": [0.6, 0.2]},
        "model": {"name": "Ridge:regressor"},
    }
    return copy.deepcopy({**given, **changes})
