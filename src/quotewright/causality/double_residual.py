"""Does B act on C, or do both only follow A? What is left of B and of C after A has explained what it can.

R. Frisch & F. V. Waugh (1933), Econometrica 1(4); P. M. Robinson (1988), "Root-n-consistent semiparametric
regression", Econometrica 56(4); V. Chernozhukov et al. (2018), Econometrics Journal 21(1). What A leaves out is not
controlled for: `robustness` says how much of it would do.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.causality.independence import FEWEST
from quotewright.causality.inputs import Floats, column, table
from quotewright.causality.long_run import Estimate, estimate, lags_of, long_run_variance
from quotewright.causality.residuals import Learner, LearnerName, residuals, something_left

Verdict = Literal["effect", "masked", "none", "spurious", "unclear"]


class Effect(NamedTuple):
    """The effect of one more unit of the cause on the outcome, in units of the outcome.

    `raw` ignores the controls, `controlled` has removed them from both. `cause_explained` and `outcome_explained` are
    the shares of variance that the controls explain (out of sample where cross-fitted, so perhaps below 0).
    `robustness`, 0 … 1: the share of the residual variance of both cause and outcome that an unobserved confounder
    would have to explain to bring the controlled effect to 0.
    """

    raw: Estimate
    controlled: Estimate
    cause_explained: float
    outcome_explained: float
    robustness: float
    rows: int

    def verdict(self, *, alpha: float = 0.05) -> Verdict:
        """One of: `effect`, `masked` (significant only with controls), `none`, `spurious`, `unclear`.

        Spurious is what was significant and is not, where the 95 % interval with controls leaves the raw effect out;
        where it holds both 0 and the raw effect, the controls have left too little of the cause to tell: unclear.
        """
        before, after = self.raw.p_value < alpha, self.controlled.p_value < alpha
        if after:
            return "effect" if before else "masked"
        if not before:
            return "none"
        return "unclear" if self.controlled.low <= self.raw.value <= self.controlled.high else "spurious"


def double_residual(
    cause: npt.ArrayLike,
    outcome: npt.ArrayLike,
    controls: npt.ArrayLike,
    *,
    learner: LearnerName | Learner = "linear",
    folds: int = 5,
    gap: int = 0,
    lags: int | None = None,
) -> Effect:
    """The effect of `cause` [n] on `outcome` [n] with `controls` [n, k] removed from both.

    θ = Σ ṽ ũ / Σ ṽ² of the cross-fitted residuals ṽ of the cause and ũ of the outcome (Chernozhukov et al., eq. 4.4);
    its variance is that of ψ = (ũ − θṽ)ṽ over (mean ṽ²)², with Newey & West's long-run variance over `lags` rows
    (None: automatic) and the factor n / (n − k − 2). With `learner` linear and `folds` 1 θ is the coefficient of least
    squares of the outcome on the cause and the controls. A causal effect only if the controls block every back door
    (`adjustment_set`) and none of them is an effect of the cause. Raises InputError for fewer than 20 rows, values that
    are not finite, or a cause that the controls determine.
    """
    b = column("cause", cause, fewest=FEWEST)
    c = column("outcome", outcome, length=len(b))
    a = table("controls", controls, length=len(b))
    used = lags_of(lags, len(b))
    v = something_left("cause", residuals(b, a, learner=learner, folds=folds, gap=gap), b)
    u = something_left("outcome", residuals(c, a, learner=learner, folds=folds, gap=gap), c)
    controlled = _slope(v, u, used, a.shape[1] + 2)
    return Effect(
        raw=_slope(b - b.mean(), c - c.mean(), used, 2),
        controlled=controlled,
        cause_explained=1 - float((v**2).mean() / b.var()),
        outcome_explained=1 - float((u**2).mean() / c.var()),
        robustness=robustness_value(v, u, controlled.value),
        rows=len(b),
    )


def robustness_value(cause: Floats, outcome: Floats, slope: float) -> float:
    """Partial R² with both cause and outcome that a confounder needs to explain the slope away, from residuals.

    ½ (√(f⁴ + 4f²) − f²), f² = R²/(1 − R²) of the outcome on the cause: C. Cinelli & C. Hazlett (2020), "Making sense of
    sensitivity", Journal of the Royal Statistical Society B 82(1), eq. 18 with q = 1.
    """
    total = float(outcome @ outcome)
    explained = min(max(slope**2 * float(cause @ cause) / total, 0.0), 1.0)
    if explained >= 1 - 1e-12:
        return 1.0
    f2 = explained / (1 - explained)
    return 0.5 * (math.sqrt(f2**2 + 4 * f2) - f2)


def _slope(v: Floats, u: Floats, lags: int, parameters: int) -> Estimate:
    n = len(v)
    power = float((v**2).mean())
    slope = float((v * u).mean()) / power
    scores = (u - slope * v) * v
    # The scores sum to zero up to rounding, so the centring inside changes nothing.
    variance = long_run_variance(scores, lags) * n / max(n - parameters, 1)
    return estimate(slope, math.sqrt(variance / n) / power if np.isfinite(power) else math.nan)
