"""GARCH(1,1) with normal or Student's innovations: volatility that clusters, and the heavy tails that come of it.

T. Bollerslev (1986), J. Econometrics 31, eq. 1–4; with Student's t: Bollerslev (1987), Rev. Econ. Stat. 69. Tail index:
T. Mikosch & C. Stărică (2000), Ann. Statist. 28(5), section 3, after Kesten (1973).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from quotewright.montecarlo.estimates import Likelihood, maximise_likelihood
from quotewright.montecarlo.garch_kernels import garch_likelihood, garch_paths
from quotewright.montecarlo.numerics import Floats, scipy

BURN_IN = 500  # steps
MOST_INDEX = 200.0  # a tail index above it is no power tail in any sample there will be


@dataclass(frozen=True)
class Garch:
    """r_t = μ + √h_t·z_t, h_t = ω + α(r_{t−1} − μ)² + βh_{t−1}; ν = 0 for normal z, else t_ν of unit variance.

    Paths set out from variance `first`; 0: from the mean variance.
    """

    mu: float
    omega: float
    alpha: float
    beta: float
    nu: float = 0.0
    first: float = 0.0

    @property
    def mean_variance(self) -> float:
        """ω/(1 − α − β)."""
        return self.omega / (1 - self.alpha - self.beta)

    @property
    def tail_index(self) -> float:
        """κ > 0 with E[(αz² + β)^{κ/2}] = 1: P(|r| > x) ~ x^−κ. Below ν, whatever the rest; infinite beyond 200."""
        most = self.nu - 1e-6 if self.nu > 0 else MOST_INDEX
        if self._growth(most) <= 0:
            return self.nu if self.nu > 0 else math.inf
        return float(scipy("optimize").brentq(self._growth, min(2.0, most), most))

    def _growth(self, kappa: float) -> float:
        """ln E[(αz² + β)^{κ/2}], by the trapezoid rule in ln z, which power tails are smooth in."""
        y = np.linspace(-16.0, 80.0 if self.nu > 0 else 4.0, 6000)
        z = np.exp(y)
        if self.nu > 0:
            nu, scale = self.nu, math.sqrt((self.nu - 2) / self.nu)
            density = -0.5 * (nu + 1) * np.log1p((z / scale) ** 2 / nu) - math.log(scale)
            density += math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(nu * math.pi)
        else:
            density = -0.5 * z * z - 0.5 * math.log(2 * math.pi)
        logs = density + y + 0.5 * kappa * np.log(self.alpha * z * z + self.beta)
        return float(scipy("special").logsumexp(logs)) + math.log(2 * (y[1] - y[0]))

    def draw(self, rng: np.random.Generator, paths: int, steps: int) -> Floats:
        """Paths that begin 500 steps after their first variance, so not all in the same weather."""
        shape = (paths, steps + BURN_IN)
        if self.nu > 0:
            z = rng.standard_t(self.nu, shape) * math.sqrt((self.nu - 2) / self.nu)
        else:
            z = rng.standard_normal(shape)
        garch_paths(z, self.mu, self.omega, self.alpha, self.beta, self.first or self.mean_variance)
        return np.ascontiguousarray(z[:, BURN_IN:])


def fit_garch(returns: Floats, *, student: bool) -> tuple[Garch, Likelihood]:
    """Maximum likelihood with α, β ≥ 0 and α + β < 1; the first variance is the sample's.

    Errors take the innovations as they are assumed: normal ones on heavy-tailed data have larger errors than stated.
    """
    unit = float(returns.std())
    y = returns / unit
    n = len(y)
    special = scipy("special")
    first = float(y.var())
    gradient = np.zeros(5)

    def evaluate(point: Floats) -> tuple[float, Floats]:
        mu, omega, alpha, beta, nu = _natural(point, student)
        value = garch_likelihood(y, mu, omega, alpha, beta, nu, first, gradient)
        p, s = _logistic(point[2]), _logistic(point[3])
        slope = [
            gradient[0],
            omega * gradient[1],
            p * (1 - p) * (s * gradient[2] + (1 - s) * gradient[3]),
            p * s * (1 - s) * (gradient[2] - gradient[3]),
        ]
        if not student:
            return value - 0.5 * n * math.log(2 * math.pi), np.array(slope)
        by_nu = 0.5 * n * (special.digamma((nu + 1) / 2) - special.digamma(nu / 2) - 1 / (nu - 2))
        constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log((nu - 2) * math.pi)
        return value + n * constant, np.array([*slope, (nu - 2) * (gradient[4] + by_nu)])

    def natural(point: Floats) -> dict[str, float]:
        mu, omega, alpha, beta, nu = _natural(point, student)
        found = {"mu": unit * mu, "omega": unit * unit * omega, "alpha": alpha, "beta": beta}
        return {**found, "nu": nu} if student else found

    start = np.array([float(np.median(y)), math.log(0.05), math.log(19.0), math.log(0.1 / 0.9), math.log(3.0)])
    top = maximise_likelihood(evaluate, start if student else start[:4], natural)
    law = Garch(**{name: one.value for name, one in top.parameters.items()}, first=unit * unit)
    return law, top._replace(value=top.value - n * math.log(unit))


def _natural(point: Floats, student: bool) -> tuple[float, float, float, float, float]:
    """μ, ω, α, β, ν from free coordinates: μ, ln ω, logit(α + β), logit(α/(α + β)), ln(ν − 2)."""
    p, s = _logistic(point[2]), _logistic(point[3])
    nu = 2 + math.exp(min(float(point[4]), 20.0)) if student else 0.0
    return float(point[0]), math.exp(float(point[1])), p * s, p * (1 - s), nu


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0
