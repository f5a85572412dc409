"""Which law forecasts the tails best: a loss that only the true VaR and ES minimise together.

FZ0 of A. Patton, J. Ziegel & R. Chen (2019), J. Econometrics 211, eq. 6, after T. Fissler & J. Ziegel (2016), Ann.
Statist. 44: L(y, v, e) = −1{y ≤ v}(v − y)/(pe) + v/e + ln(−e) − 1 for a level p, quantile v and mean beyond it e < 0.
Differences of it do not depend on the unit of returns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from quotewright.montecarlo.bootstrap import block_indices
from quotewright.montecarlo.intervals import Interval, middle_of
from quotewright.montecarlo.numerics import Floats
from quotewright.montecarlo.paths import FittedPaths
from quotewright.montecarlo.tail_figures import expected_shortfall

LEVELS = (0.025, 0.01)
SIDES = ("down", "up")


class Ranked(NamedTuple):
    """A law's mean loss, how far it is behind the best, and in what share of bootstraps it is itself the best."""

    kind: str
    loss: float
    behind: Interval
    wins: float

    @property
    def told_apart(self) -> bool:
        """Whether the data say that it is worse than the best."""
        return self.behind.low > 0


def joint_loss(returns: Floats, quantile: float, shortfall: float, level: float) -> Floats:
    """FZ0 of each return, for a lower quantile and the mean below it (< 0); infinite for an infinite shortfall."""
    if not shortfall < 0 or math.isinf(shortfall):
        return np.full(len(returns), math.inf)
    beyond = np.maximum(quantile - returns, 0.0)
    return -beyond / (level * shortfall) + quantile / shortfall + math.log(-shortfall) - 1


def rank_tails(
    fits: Sequence[FittedPaths], returns: Floats, rng: np.random.Generator, draws: int, length: float
) -> list[Ranked]:
    """The laws by mean loss over both sides and two levels, the best first.

    Intervals come from stationary bootstraps of `returns`, the same for all laws, which are not fitted again.
    """
    losses = np.array([_losses(one, returns) for one in fits])
    means = losses.mean(axis=1)
    best = int(np.argmin(means))
    drawn = np.empty((draws, len(fits)))
    for draw in range(draws):
        counts = np.bincount(block_indices(rng, len(returns), 1, len(returns), length)[0], minlength=len(returns))
        with np.errstate(invalid="ignore"):
            drawn[draw] = [one @ counts / len(returns) if math.isfinite(one[0]) else math.inf for one in losses]
    winners = np.argmin(drawn, axis=1)
    found: list[Ranked] = []
    for i, one in enumerate(fits):
        if not math.isfinite(means[i]):
            behind = Interval(math.inf, math.inf, math.inf)
        else:
            behind = middle_of(float(means[i] - means[best]), drawn[:, i] - drawn[:, best])
        found.append(Ranked(one.kind, float(means[i]), behind, float((winners == i).mean())))
    return sorted(found, key=lambda one: one.loss)


def _losses(fitted: FittedPaths, returns: Floats) -> Floats:
    total = np.zeros(len(returns))
    for side in SIDES:
        mirrored = returns if side == "down" else -returns
        for level in LEVELS:
            at = np.array([level if side == "down" else 1 - level])
            quantile = float(np.asarray(fitted.marginal.quantile(at))[0]) * (1 if side == "down" else -1)
            shortfall = -expected_shortfall(fitted.marginal, fitted.tail_index, level, side)
            total += joint_loss(mirrored, quantile, shortfall, level)
    return total / (len(SIDES) * len(LEVELS))
