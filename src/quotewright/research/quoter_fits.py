"""What is learned from training markets before parameters are tried: σ, k, A, what is usual, what signals foretell.

The weights are of a regression of the mid's move over half a second on the weighted mid, the filter and the signals of
`composed`, as it bounds them; a ridge keeps those apart that say the same.
"""

# pyright: basic
# Grids of times and records have no types that a checker could follow.

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.features.matrix import Features, features_of
from quotewright.features.settings import FeatureSettings
from quotewright.features.slots import KALMAN, ORDER_FLOW, SPREAD, VOLATILITY, WEIGHTED_MID
from quotewright.research.calibrating import calibrate_dataset
from quotewright.research.depth_tape import read_depth
from quotewright.storage.feed import windows
from quotewright.storage.store import Dataset
from quotewright.strategies.skew import SIGNALS, USUAL_FLOW

SECOND = 10**9
AHEAD = SECOND // 2
EVERY = SECOND // 5
WARM_UP = 20 * SECOND
RIDGE = 0.01  # share of each regressor's variance
REACH = 2.0  # half-spreads: the bound of the strategy's fair price

FAIR_NAMES = ("fair_weighted", "fair_kalman")
SIGNAL_NAMES = ("signal_queue", "signal_skew", "signal_average", "signal_trades", "signal_flow")

Floats = npt.NDArray[np.float64]


class QuoterFit(NamedTuple):
    """Learned from training markets alone; prices in bp of the mid."""

    sigma: float  # bp/√s
    k: float  # 1/bp
    A: float  # 1/s
    fair: dict[str, float]  # weights of fair prices
    signals: dict[str, float]  # bp
    r_squared: float  # of the regression, in sample
    settings: FeatureSettings


def fit_quoter(datasets: Sequence[Dataset]) -> QuoterFit:
    """Medians of σ, k and A over the markets, and one regression over all of them. InputError as `calibrate`."""
    found = [calibrate_dataset(dataset) for dataset in datasets]
    settings = _usual(datasets[0])
    rows = [_rows(_features(dataset, settings)) for dataset in datasets]
    x, y = np.concatenate([one[0] for one in rows]), np.concatenate([one[1] for one in rows])
    point = float(np.mean([one[2] for one in rows]))
    gram = x.T @ x
    weights = np.linalg.solve(gram + RIDGE * np.diag(np.diag(gram) + 1e-12), x.T @ y)
    left = y - x @ weights
    sigma, k, A = (float(np.median([getattr(one, name).value for one in found])) for name in ("sigma", "k", "A"))
    return QuoterFit(
        sigma=sigma,
        k=k,
        A=A,
        fair=dict(zip(FAIR_NAMES, weights[: len(FAIR_NAMES)].tolist(), strict=True)),
        signals=dict(zip(SIGNAL_NAMES, (weights[len(FAIR_NAMES) :] * point).tolist(), strict=True)),
        r_squared=1.0 - float(left @ left) / float(y @ y),
        settings=settings,
    )


def held_out_r_squared(fit: QuoterFit, datasets: Sequence[Dataset]) -> float:
    """R² of the fitted regression on markets that it was not fitted to; below 0: worse than foretelling nothing."""
    left = total = 0.0
    for dataset in datasets:
        x, y, point = _rows(_features(dataset, fit.settings))
        fair = np.array([fit.fair[name] for name in FAIR_NAMES])
        signals = np.array([fit.signals[name] for name in SIGNAL_NAMES]) / point
        rest = y - x @ np.concatenate([fair, signals])
        left, total = left + float(rest @ rest), total + float(y @ y)
    return 1.0 - left / total


def _features(dataset: Dataset, settings: FeatureSettings) -> Features:
    return features_of((window.local for window in windows([dataset])), settings, l3=bool(dataset.manifest["l3"]))


def _usual(dataset: Dataset) -> FeatureSettings:
    """What is usual on a training market, so that stress and flow are ratios to it."""
    seen = _features(dataset, FeatureSettings())
    spread = seen.values[:, SPREAD]
    moves = seen.values[:, VOLATILITY]
    shown = read_depth((window.local for window in windows([dataset])), l3=bool(dataset.manifest["l3"]))
    books = shown[shown["qty"] == 0]
    return FeatureSettings(
        usual_touch=max(1.0, 0.5 * float(books["bid_qtys"][:, 0].mean() + books["ask_qtys"][:, 0].mean())),
        usual_spread=float(np.nanmean(spread)),
        usual_move=float(np.nanmedian(moves)),
    )


def _rows(seen: Features) -> tuple[Floats, Floats, float]:
    """Regressors, the mid's move in ticks, and bp in a tick."""
    grid = np.arange(seen.times[0] + WARM_UP, seen.times[-1] - AHEAD, EVERY)
    now = np.searchsorted(seen.times, grid, "right") - 1
    then = np.searchsorted(seen.times, grid + AHEAD, "right") - 1
    known = (seen.mid2[now] > 0) & (seen.mid2[then] > 0)
    values: Any = np.nan_to_num(seen.values[now[known]])
    most = 0.5 * REACH * values[:, SPREAD]
    fair = [np.clip(values[:, slot], -most, most) for slot in (WEIGHTED_MID, KALMAN)]
    signals = [np.tanh(values[:, s] / USUAL_FLOW) if s == ORDER_FLOW else np.clip(values[:, s], -1, 1) for s in SIGNALS]
    mid2 = seen.mid2[now[known]]
    return np.stack([*fair, *signals], 1), 0.5 * (seen.mid2[then[known]] - mid2), 2e4 / float(np.mean(mid2))
