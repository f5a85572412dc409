"""Independent returns: normal, Student's t and Cauchy, by maximum likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from quotewright.montecarlo.estimates import Estimate, Likelihood, maximise_likelihood
from quotewright.montecarlo.numerics import Floats, scipy, spread_of


class Law(Protocol):
    """What a fitted law can do; `tail_index` is κ in P(|r| > x) ~ x^−κ, infinite where tails fall faster."""

    @property
    def tail_index(self) -> float:
        """κ of the heavier tail."""
        ...

    def draw(self, rng: np.random.Generator, paths: int, steps: int) -> Floats:
        """float64[paths, steps] of log returns, a path a row."""
        ...


@runtime_checkable
class Marginal(Protocol):
    """A distribution function of single returns and its inverse."""

    def cdf(self, x: Floats) -> Floats:
        """P(r ≤ x)."""
        ...

    def quantile(self, u: Floats) -> Floats:
        """The inverse of `cdf` on (0, 1)."""
        ...


@dataclass(frozen=True)
class Normal:
    """N(μ, σ²) a step."""

    mu: float
    sigma: float
    tail_index: float = math.inf

    def draw(self, rng: np.random.Generator, paths: int, steps: int) -> Floats:
        """Independent normal returns."""
        return rng.normal(self.mu, self.sigma, (paths, steps))

    def cdf(self, x: Floats) -> Floats:
        """Φ((x − μ)/σ)."""
        return scipy("special").ndtr((x - self.mu) / self.sigma)

    def quantile(self, u: Floats) -> Floats:
        """μ + σ Φ⁻¹(u)."""
        return self.mu + self.sigma * scipy("special").ndtri(u)


@dataclass(frozen=True)
class StudentT:
    """μ + σ·t_ν a step; ν = 1 is the Cauchy law. The variance σ²ν/(ν − 2) is finite for ν > 2 only."""

    mu: float
    sigma: float
    nu: float

    @property
    def tail_index(self) -> float:
        """ν."""
        return self.nu

    def draw(self, rng: np.random.Generator, paths: int, steps: int) -> Floats:
        """Independent returns."""
        return self.mu + self.sigma * rng.standard_t(self.nu, (paths, steps))

    def cdf(self, x: Floats) -> Floats:
        """The distribution function."""
        return scipy("special").stdtr(self.nu, (x - self.mu) / self.sigma)

    def quantile(self, u: Floats) -> Floats:
        """Its inverse."""
        return self.mu + self.sigma * scipy("stats").t.ppf(u, self.nu)


def fit_normal(returns: Floats) -> tuple[Normal, Likelihood]:
    """Mean and standard deviation (divided by n), errors σ/√n and σ/√2n."""
    n = len(returns)
    mu, sigma = float(returns.mean()), float(returns.std())
    value = -n * (0.5 * math.log(2 * math.pi) + math.log(sigma) + 0.5)
    found = {"mu": Estimate(mu, sigma / math.sqrt(n)), "sigma": Estimate(sigma, sigma / math.sqrt(2 * n))}
    return Normal(mu, sigma), Likelihood(found, value, True)


def fit_student(returns: Floats) -> tuple[StudentT, Likelihood]:
    """Location, scale and degrees of freedom. Lange, Little & Taylor (1989), JASA 84, section 3, for the likelihood."""
    return _fit_t(returns, None)


def fit_cauchy(returns: Floats) -> tuple[StudentT, Likelihood]:
    """Location (the median's neighbour) and scale (half of the quartiles' distance for an exact Cauchy law)."""
    return _fit_t(returns, 1.0)


def _fit_t(returns: Floats, fixed: float | None) -> tuple[StudentT, Likelihood]:
    special = scipy("special")
    centre, unit = float(np.median(returns)), spread_of(returns)
    y = (returns - centre) / unit
    n = len(y)

    def evaluate(point: Floats) -> tuple[float, Floats]:
        mu, sigma = point[0], math.exp(point[1])
        nu = math.exp(point[2]) if fixed is None else fixed
        z = (y - mu) / sigma
        inner = np.log1p(z * z / nu)
        constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2) - 0.5 * math.log(nu * math.pi) - point[1]
        weight = (nu + 1) / (nu + z * z)
        slope = [float((weight * z).sum()) / sigma, float((weight * z * z).sum()) - n]
        if fixed is None:
            by_nu = special.digamma((nu + 1) / 2) - special.digamma(nu / 2) - 1 / nu
            slope.append(0.5 * nu * (n * by_nu - float(inner.sum()) + float((weight * z * z).sum()) / nu))
        return n * float(constant) - 0.5 * (nu + 1) * float(inner.sum()), np.array(slope)

    def natural(point: Floats) -> dict[str, float]:
        found = {"mu": centre + unit * float(point[0]), "sigma": unit * math.exp(point[1])}
        return found if fixed is not None else {**found, "nu": math.exp(point[2])}

    start = [0.0, math.log(0.7)] + ([math.log(4.0)] if fixed is None else [])
    top = maximise_likelihood(evaluate, np.array(start), natural)
    found = {name: one.value for name, one in top.parameters.items()}
    return StudentT(found["mu"], found["sigma"], found.get("nu", 1.0)), top._replace(
        value=top.value - n * math.log(unit)
    )
