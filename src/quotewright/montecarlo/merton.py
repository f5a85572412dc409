"""Jump diffusion: normal returns, and a Poisson number of normal jumps a step.

R. C. Merton (1976), J. Financial Economics 3, section 2: r = μ + σZ + Σ_{i≤N} (m + sZ_i), N ~ Poisson(λ). Given N = k a
return is N(μ + km, σ² + ks²), so the density is a Poisson mixture of normals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from quotewright.montecarlo.estimates import Likelihood, maximise_likelihood
from quotewright.montecarlo.numerics import Floats, scipy, spread_of

MISSED = 1e-9  # mass of the Poisson law left out of the mixture
MOST_JUMPS = 40  # in a step
MOST_RATE = 5.0  # fitted jumps a step: the sum of more is as good as normal, and no data tell it from diffusion
STARTS = (0.03, 0.15, 0.6)  # jumps a step


@dataclass(frozen=True)
class Merton:
    """μ, σ of the diffusion; λ jumps a step of mean m and deviation s. Tails fall faster than any power."""

    mu: float
    sigma: float
    jump_rate: float
    jump_mean: float
    jump_deviation: float
    tail_index: float = math.inf

    def draw(self, rng: np.random.Generator, paths: int, steps: int) -> Floats:
        """Independent returns."""
        jumps = rng.poisson(self.jump_rate, (paths, steps))
        deviation = np.sqrt(self.sigma**2 + jumps * self.jump_deviation**2)
        return self.mu + jumps * self.jump_mean + deviation * rng.standard_normal((paths, steps))

    def _parts(self) -> tuple[Floats, Floats, Floats]:
        """Weights, means and deviations of the mixture."""
        k = _counts(self.jump_rate)
        weights = np.exp(_log_poisson(k, self.jump_rate))
        return (
            weights / weights.sum(),
            self.mu + k * self.jump_mean,
            np.sqrt(self.sigma**2 + k * self.jump_deviation**2),
        )

    def cdf(self, x: Floats) -> Floats:
        """The mixture of normal distribution functions."""
        weights, means, deviations = self._parts()
        parts = (w * scipy("special").ndtr((x - m) / d) for w, m, d in zip(weights, means, deviations, strict=True))
        return np.asarray(sum(parts), np.float64)

    def quantile(self, u: Floats) -> Floats:
        """Its inverse, by bisection to the last bit."""
        _, means, deviations = self._parts()
        far = scipy("special").ndtri(np.clip(u, 1e-300, 1 - 1e-16))
        edges = means[:, None] + deviations[:, None] * np.atleast_1d(far)
        low, high = edges.min(axis=0), edges.max(axis=0)  # each part's own quantiles hold the mixture's between them
        for _ in range(80):
            middle = (low + high) / 2
            below = self.cdf(middle) < u
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return ((low + high) / 2).reshape(np.shape(u))


def fit_merton(returns: Floats) -> tuple[Merton, Likelihood]:
    """The local maximum of the likelihood that the best of a few starts leads to.

    The likelihood has no bound as σ → 0 on a value that repeats (Honoré 1998, "Pitfalls in estimating jump-diffusion
    models"); the starts keep away from there, and interpolated returns or ones rounded to a grid should be left out.
    At most MOST_RATE jumps a step; a rate there has no error (NaN).
    """
    centre, unit = float(np.median(returns)), spread_of(returns)
    y = (returns - centre) / unit
    variance = float(y.var())

    def natural(point: Floats) -> dict[str, float]:
        return {
            "mu": centre + unit * float(point[0]),
            "sigma": unit * math.exp(point[1]),
            "jump_rate": _rate(float(point[2])),
            "jump_mean": unit * float(point[3]),
            "jump_deviation": unit * math.exp(point[4]),
        }

    start = max((_start(rate, variance) for rate in STARTS), key=lambda point: _log_likelihood(y, point)[0])
    top = maximise_likelihood(lambda point: _log_likelihood(y, point), start, natural)
    law = Merton(**{name: one.value for name, one in top.parameters.items()})
    return law, top._replace(value=top.value - len(y) * math.log(unit))


def _start(rate: float, variance: float) -> Floats:
    """A diffusion of most of the middle's width, and jumps that make up the rest of the variance."""
    odds = math.log(rate / (MOST_RATE - rate))
    return np.array([0.0, math.log(0.8), odds, 0.0, 0.5 * math.log(max(variance - 0.64, 0.2) / rate)])


def _rate(coordinate: float) -> float:
    """From any number into (0, MOST_RATE]."""
    return MOST_RATE / (1 + math.exp(-max(coordinate, -700.0)))


def _log_likelihood(y: Floats, point: Floats) -> tuple[float, Floats]:
    """ln L and its gradient in μ, ln σ, logit(λ/MOST_RATE), m, ln s."""
    mu, m = float(point[0]), float(point[3])
    sigma2, rate, s2 = math.exp(2 * point[1]), _rate(float(point[2])), math.exp(2 * point[4])
    k = _counts(rate)
    variance = (sigma2 + k * s2)[:, None]
    away = y - mu - (k * m)[:, None]
    logs = _log_poisson(k, rate)[:, None] - 0.5 * (np.log(2 * math.pi * variance) + away**2 / variance)
    top = logs.max(axis=0)
    parts = np.exp(logs - top)
    total = parts.sum(axis=0)
    chance = parts / total  # of k jumps, given the return
    pull = chance * away / variance
    by_variance = 0.5 * chance * (away**2 / variance - 1) / variance
    gradient = np.array(
        [
            pull.sum(),
            2 * sigma2 * by_variance.sum(),
            (1 - rate / MOST_RATE) * (chance * (k - rate)[:, None]).sum(),
            (pull * k[:, None]).sum(),
            2 * s2 * (by_variance * k[:, None]).sum(),
        ]
    )
    return float((top + np.log(total)).sum()), gradient


def _counts(rate: float) -> Floats:
    """0, 1, … up to where the Poisson law has no mass left worth counting."""
    most, mass, term = 0, math.exp(-rate), math.exp(-rate)
    while 1 - mass > MISSED and most < MOST_JUMPS:
        most += 1
        term *= rate / most
        mass += term
    return np.arange(most + 2, dtype=np.float64)


def _log_poisson(k: Floats, rate: float) -> Floats:
    return k * math.log(rate) - rate - np.asarray(scipy("special").gammaln(k + 1), np.float64)
