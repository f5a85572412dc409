"""Large returns that set each other off: a Hawkes process for when they come, Pareto tails for how large they are.

V. Chavez-Demoulin, A. C. Davison & A. J. McNeil (2005), Quantitative Finance 5(2): peaks over a threshold whose times
excite each other. Here two types, up and down, and the returns between the thresholds are drawn from those seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.montecarlo.estimates import Estimate, Likelihood, maximise_likelihood
from quotewright.montecarlo.numerics import Floats
from quotewright.signals import hawkes

SHARE = 0.1  # of returns that count as large, half on each side
FEWEST = 20  # large returns on a side
BURN_IN = 500  # steps


@dataclass(frozen=True, eq=False)
class Pareto:
    """Excess over a threshold: P(excess > y) = (1 + ξy/σ)^{−1/ξ}. Pickands (1975), Ann. Statist. 3."""

    threshold: float
    shape: float
    scale: float

    def draw(self, u: Floats) -> Floats:
        """Sizes, threshold included, from uniforms."""
        if abs(self.shape) < 1e-9:
            return self.threshold - self.scale * np.log1p(-u)
        return self.threshold + self.scale * np.expm1(-self.shape * np.log1p(-u)) / self.shape


@dataclass(frozen=True, eq=False)
class HawkesReturns:
    """Times of large returns (type 0 up, 1 down; time in steps), their sizes about `centre`, and all others."""

    model: hawkes.Hawkes
    sizes: tuple[Pareto, Pareto]
    others: Floats
    centre: float

    @property
    def tail_index(self) -> float:
        """1/ξ of the heavier side."""
        heaviest = max(side.shape for side in self.sizes)
        return 1 / heaviest if heaviest > 0 else math.inf

    def draw(self, rng: np.random.Generator, paths: int, steps: int) -> Floats:
        """Paths; a step holds one large return at most, later ones wait for the next step that is free."""
        returns = self.others[rng.integers(0, len(self.others), (paths, steps))]
        for path in range(paths):
            times, types = hawkes.simulate(self.model, float(steps + BURN_IN), rng.random)
            order = np.arange(len(times))
            place = np.maximum.accumulate(np.floor(times).astype(np.int64) - order) + order - BURN_IN
            inside = (place >= 0) & (place < steps)
            place, types = place[inside], types[inside]
            u = rng.random(len(place))
            size = np.where(types == 0, self.sizes[0].draw(u), -self.sizes[1].draw(u))
            returns[path, place] = self.centre + size
        return returns


def fit_hawkes_returns(returns: Floats) -> tuple[HawkesReturns, Likelihood]:
    """Thresholds at the outer 5 % of each side; the two processes symmetric in their types, each side its own sizes.

    ln L is that of times and sizes of the large returns alone, so not comparable with that of other laws. A step holds
    one large return, which a process in continuous time does not know: the decay is too fast to be told from a step
    where it exceeds one a step. Where no stationary process is the likeliest (large returns that become more frequent
    throughout, if only by chance, look like an excitement that never fades) there is none in the law, and `converged`
    is false. Raises InputError where fewer than 100 returns would be large.
    """
    if SHARE * len(returns) < 100:
        raise InputError("returns", len(returns), f"are too few for times of large ones: give {round(100 / SHARE)}")
    centre = float(np.median(returns))
    low, high = (float(q) for q in np.quantile(returns, (SHARE / 2, 1 - SHARE / 2)))
    up, down = returns > high, returns < low
    at = np.flatnonzero(up | down)
    if min(up.sum(), down.sum()) < FEWEST:
        fix = f"large ones on a side are too few: give at least {FEWEST} that differ from the rest"
        raise InputError("returns", int(min(up.sum(), down.sum())), fix)
    found = hawkes.fit(
        np.asarray(at + 0.5, np.float64), down[at].astype(np.int64), float(len(returns)), form="symmetric", kinds=2
    )
    sides = [fit_pareto(returns[up] - high, high - centre), fit_pareto(low - returns[down], centre - low)]
    if found.branching >= 1:
        found = _unexcited(found, len(at), len(returns))
    parameters = {
        "mu": Estimate(float(found.model.mu[0]), float(found.mu_error[0])),
        "alpha_own": Estimate(float(found.model.alpha[0, 0, 0]), float(found.alpha_error[0, 0, 0])),
        "alpha_other": Estimate(float(found.model.alpha[0, 1, 0]), float(found.alpha_error[0, 1, 0])),
        "beta": Estimate(float(found.model.beta[0]), float(found.beta_error[0])),
        "branching": Estimate(found.branching, found.branching_error),
    }
    for name, (_, top) in zip(("up", "down"), sides, strict=True):
        parameters |= {f"{key}_{name}": value for key, value in top.parameters.items()}
    law = HawkesReturns(found.model, (sides[0][0], sides[1][0]), returns[~(up | down)], centre)
    value = found.log_likelihood + sum(top.value for _, top in sides)
    return law, Likelihood(parameters, value, found.converged and all(top.converged for _, top in sides))


def _unexcited(found: hawkes.HawkesFit, events: int, steps: int) -> hawkes.HawkesFit:
    """The Poisson process of as many events, both types alike."""
    rate = events / 2 / steps
    nothing = np.zeros((2, 2, 1))
    return found._replace(
        model=hawkes.Hawkes(np.full(2, rate), nothing, np.ones(1)),
        mu_error=np.full(2, rate / math.sqrt(events)),
        alpha_error=np.full_like(nothing, math.nan),
        beta_error=np.full(1, math.nan),
        branching=0.0,
        branching_error=math.nan,
        log_likelihood=events * (math.log(rate) - 1),
        converged=False,
    )


def fit_pareto(excesses: Floats, threshold: float) -> tuple[Pareto, Likelihood]:
    """Shape ξ > −½ and scale σ by maximum likelihood. R. L. Smith (1985), Biometrika 72, for where errors hold."""
    unit = float(excesses.mean())
    y = excesses / unit

    def evaluate(point: Floats) -> tuple[float, Floats]:
        shape, scale = math.exp(float(point[0])) - 0.5, math.exp(float(point[1]))
        if abs(shape) < 1e-7:
            shape = 1e-7
        inner = 1 + shape * y / scale
        if float(inner.min()) <= 0:
            return -math.inf, np.zeros(2)
        logs, ratio = np.log(inner), y / scale / inner
        value = -len(y) * point[1] - (1 + 1 / shape) * float(logs.sum())
        by_shape = float(logs.sum()) / shape**2 - (1 + 1 / shape) * float(ratio.sum())
        by_scale = -len(y) + (1 + shape) * float(ratio.sum())
        return value, np.array([(shape + 0.5) * by_shape, by_scale])

    def natural(point: Floats) -> dict[str, float]:
        return {"shape": math.exp(float(point[0])) - 0.5, "scale": unit * math.exp(float(point[1]))}

    top = maximise_likelihood(evaluate, np.array([math.log(0.6), math.log(0.9)]), natural)
    law = Pareto(threshold, top.parameters["shape"].value, top.parameters["scale"].value)
    return law, top._replace(value=top.value - len(y) * math.log(unit))
