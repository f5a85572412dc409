"""Rows that a model can learn from: daily-return sized targets, features of very different scales."""

from __future__ import annotations

from typing import Any

import numpy as np


def planted(rows: int, features: int = 8, *, seed: int = 1, missing: float = 0.0) -> tuple[Any, Any, Any]:
    """(X, returns, ups): the return leans on the first two features, one of them by its sign."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(rows, features))
    returns = 0.04 * (0.6 * z[:, 0] + 0.4 * np.sign(z[:, 1]) + 0.6 * rng.normal(size=rows))
    X = 3.0 + z * 10.0 ** np.linspace(-4, 5, features)
    X[rng.random(X.shape) < missing] = np.nan
    return X, returns, (returns > 0).astype(np.float64)
