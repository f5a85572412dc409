"""How much of the best Sharpe ratio of many trials is luck: the deflated Sharpe ratio.

Bailey and López de Prado, "The Deflated Sharpe Ratio: Correcting for Selection Bias, Backtest Overfitting, and
Non-Normality", Journal of Portfolio Management 40 (5), 2014. All ratios are per interval, not annualised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, variance

EULER_MASCHERONI = 0.577_215_664_901_532_9
CONVINCING = 0.95

_NORMAL = NormalDist()


@dataclass(frozen=True)
class Verdict:
    """What a number of trials says of the best of them.

    `expected_maximum` is the Sharpe ratio that the best would have if none was better than zero; `deflated` the
    probability, given the trials, that the best one's true ratio is above that. `best` is its index.
    """

    trials: int
    best: int
    sharpe: float
    expected_maximum: float
    deflated: float

    @property
    def convincing(self) -> bool:
        """Whether luck alone would rarely (1 in 20) have done as well."""
        return self.deflated >= CONVINCING


def judge(sharpes: Sequence[float | None], stderrs: Sequence[float | None]) -> Verdict | None:
    """The verdict on the best of several trials' ratios, each with its standard error.

    Trials without a ratio (they never traded) do not count. None if no trial has one.
    """
    found = [
        (ratio, stderr, n)
        for n, (ratio, stderr) in enumerate(zip(sharpes, stderrs, strict=True))
        if ratio is not None and stderr is not None
    ]
    if not found:
        return None
    ratio, stderr, best = max(found, key=lambda each: each[0])
    ratios = [each[0] for each in found]
    threshold = math.sqrt(variance(ratios)) * expected_maximum(len(found)) if len(found) > 1 else 0.0
    return Verdict(len(found), best, ratio, threshold, deflated_sharpe(ratio, stderr, threshold))


def expected_maximum(trials: int) -> float:
    """Expected largest of `trials` independent standard normal values, approximately.

    (1 − γ) Z⁻¹(1 − 1/N) + γ Z⁻¹(1 − 1/(N e)), with γ the Euler–Mascheroni constant: eq. 1 of the paper. Within 5 % of
    the exact value for 5 trials or more. 0 for one trial. Trials that resemble each other count as fewer, so that N
    taken as their number makes the threshold too high rather than too low.
    """
    if trials < 1:
        raise ValueError(f"{trials} trials")
    if trials == 1:
        return 0.0
    gamma = EULER_MASCHERONI
    return (1 - gamma) * _NORMAL.inv_cdf(1 - 1 / trials) + gamma * _NORMAL.inv_cdf(1 - 1 / (trials * math.e))


def deflated_sharpe(sharpe: float, stderr: float, threshold: float) -> float:
    """Probability that a true Sharpe ratio is above a threshold, given its estimate: eq. 2 of the paper.

    Z((estimate − threshold) / stderr), with `stderr` = √((1 − γ₃ SR + (γ₄ − 1)/4 SR²) / (n − 1)), where γ₃ and γ₄ are
    skewness and kurtosis of the n returns.
    """
    if stderr <= 0:
        return float(sharpe > threshold)
    return _NORMAL.cdf((sharpe - threshold) / stderr)
