"""Probability of backtest overfitting: how often the best of many trials in one half is below the median in the other.

D. H. Bailey, J. M. Borwein, M. López de Prado & Q. J. Zhu (2015), "The probability of backtest overfitting", J.
Computational Finance 20(4): combinatorially symmetric cross-validation (CSCV), section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.validation.labels import Floats, Integers

MOST_HALVES = 20_000
AT_ONCE = 4_000_000  # ratios in memory


@dataclass(frozen=True)
class Overfitting:
    """What `halves` ways to cut the periods in two equal halves say of choosing the best of `trials` on one of them.

    `probability` (PBO) is the share in which the chosen one ranks at or below the median of the other half: ½ if
    choosing tells nothing. `logits` ln(ω/(1 − ω)) hold its relative rank ω there, `chosen` and `after` its ratios in
    both halves, `slope` that of `after` on `chosen` (None if all are alike), and `loss` the share with `after` below 0.
    """

    trials: int
    halves: int
    probability: float
    loss: float
    slope: float | None
    logits: Floats
    chosen: Floats
    after: Floats

    @property
    def suspicious(self) -> bool:
        """Whether the chosen one is so often (1 in 5) no better than the median that choosing says little; our rule."""
        return self.probability >= 0.2


def overfitting(returns: Floats, *, blocks: int = 16) -> Overfitting:
    """CSCV of the Sharpe ratio over [periods, trials] of returns in an even number of blocks, C(S, S/2) halves.

    The oldest periods that do not fill the blocks are left out. Trials that never vary do not count; ties rank in the
    middle. Within a half, a trial without variation has ratio 0. Raises InputError for fewer than 2 trials that vary,
    or 2 periods a block.
    """
    _check(returns, blocks)
    used = returns[len(returns) % blocks :]
    used = used[:, np.ptp(used, axis=0) > 0]
    trials = used.shape[1]
    if trials < 2:
        raise InputError("returns", trials, "trials vary: give at least 2 that do")
    centre = used.mean(axis=0)
    parts = (used - centre).reshape(blocks, len(used) // blocks, trials)
    sums, squares = parts.sum(axis=1), (parts**2).sum(axis=1)
    inside = _halves(blocks)
    count = len(used) // 2
    best_of = np.empty((3, len(inside)))  # its ratio, its ratio in the other half, its relative rank there
    step = max(1, AT_ONCE // trials)
    for begin in range(0, len(inside), step):
        among = inside[begin : begin + step].astype(np.float64)
        within = _ratios(among @ sums, among @ squares, count, centre)
        without = _ratios((1 - among) @ sums, (1 - among) @ squares, count, centre)
        best = within.argmax(axis=1)[:, None]
        there = np.take_along_axis(without, best, axis=1)
        ranks = (without < there).sum(axis=1) + ((without == there).sum(axis=1) + 1) / 2
        found = np.take_along_axis(within, best, axis=1)[:, 0], there[:, 0], ranks / (trials + 1)
        best_of[:, begin : begin + step] = found
    chosen, after, ranked = best_of
    spread = float(np.var(chosen))
    return Overfitting(
        trials=trials,
        halves=len(inside),
        probability=float((ranked <= 0.5).mean()),
        loss=float((after < 0).mean()),
        slope=float(((chosen - chosen.mean()) * (after - after.mean())).mean()) / spread if spread > 0 else None,
        logits=np.log(ranked / (1 - ranked)),
        chosen=chosen,
        after=after,
    )


def _halves(blocks: int) -> Integers:
    """[C(S, S/2), S]: 1 for the blocks of each half."""
    choices = np.array(list(combinations(range(blocks), blocks // 2)), np.int64)
    inside = np.zeros((len(choices), blocks), np.int64)
    np.put_along_axis(inside, choices, 1, axis=1)
    return inside


def _ratios(sums: Floats, squares: Floats, count: int, centre: Floats) -> Floats:
    """Sharpe ratios from sums of what is centred; 0 where returns do not vary."""
    means = sums / count
    variances = (squares - count * means**2) / (count - 1)
    still = variances <= 1e-14 * squares / count
    return np.where(still, 0.0, (means + centre) / np.sqrt(np.where(still, 1.0, variances)))


def _check(returns: Floats, blocks: int) -> None:
    if returns.ndim != 2 or not np.isfinite(returns).all():
        raise InputError("returns", returns.shape, "give finite returns, periods × trials")
    if blocks < 2 or blocks % 2 or comb(blocks, blocks // 2) > MOST_HALVES:
        raise InputError("blocks", blocks, "give an even number, 2 to 16")
    if len(returns) < 2 * blocks:
        raise InputError("returns", len(returns), f"give at least {2 * blocks} periods for {blocks} blocks")
