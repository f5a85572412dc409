"""One door to all laws of returns: fit by name, sample paths, compare.

fitted = fit("garch_t", returns)      # log returns, one a bar
paths = fitted.sample(1000, 30, seed=1)  # float64[1000, 30] of log returns; prices are S₀·exp(cumsum)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.montecarlo.bootstrap import Bootstrap, length_for_returns
from quotewright.montecarlo.distances import anderson_darling, kolmogorov
from quotewright.montecarlo.estimates import Estimate, Likelihood
from quotewright.montecarlo.garch import fit_garch
from quotewright.montecarlo.hawkes_paths import fit_hawkes_returns
from quotewright.montecarlo.hill import hill
from quotewright.montecarlo.laws import Law, Marginal, fit_cauchy, fit_normal, fit_student
from quotewright.montecarlo.merton import fit_merton
from quotewright.montecarlo.numerics import Floats, checked_returns
from quotewright.montecarlo.stable_fit import fit_stable

DRAWN = 400_000  # returns that stand for a marginal without a formula
MARGINAL_SEED = 0
NO_DENSITY = ("stationary", "block", "hawkes")  # no likelihood that compares with the others'


@dataclass(frozen=True, eq=False)
class Drawn:
    """The distribution of single returns as a large sample of them shows it."""

    ordered: Floats

    def cdf(self, x: Floats) -> Floats:
        """Share at or below x, kept off 0 and 1 by half a draw."""
        n = len(self.ordered)
        return np.clip(np.searchsorted(self.ordered, x, side="right") / n, 0.5 / n, 1 - 0.5 / n)

    def quantile(self, u: Floats) -> Floats:
        """Interpolated between the draws."""
        return np.interp(u, (np.arange(len(self.ordered)) + 0.5) / len(self.ordered), self.ordered)


@dataclass(frozen=True, eq=False)
class FittedPaths:
    """A law fitted to log returns of one bar length.

    `log_likelihood`, `aic` and `bic` are of all returns, or None where the law has no density of them (bootstraps; the
    Hawkes law has one of large returns only). `ks` and `ad` are the Kolmogorov–Smirnov and Anderson–Darling distances
    of single returns from the law; both were fitted on the same returns, so they rank and do not test. `tail_index` is
    the law's own κ in P(|r| > x) ~ x^−κ (for the bootstraps Hill's estimate: beyond what was seen they have no tail).
    """

    kind: str
    law: Law
    returns: Floats
    parameters: dict[str, Estimate]
    log_likelihood: float | None
    converged: bool

    @property
    def aic(self) -> float | None:
        """2·parameters − 2 ln L. Akaike (1974)."""
        return None if self.log_likelihood is None else 2 * len(self.parameters) - 2 * self.log_likelihood

    @property
    def bic(self) -> float | None:
        """parameters·ln n − 2 ln L. Schwarz (1978)."""
        if self.log_likelihood is None:
            return None
        return len(self.parameters) * math.log(len(self.returns)) - 2 * self.log_likelihood

    @cached_property
    def tail_index(self) -> float:
        """κ of the heavier tail; infinite where tails fall faster than any power."""
        return float(self.law.tail_index)

    @cached_property
    def marginal(self) -> Marginal:
        """The distribution of single returns: the law's own formula, or 400,000 draws with a seed of their own."""
        if isinstance(self.law, Marginal):
            return self.law
        steps = min(max(len(self.returns), 1000), 20_000)
        drawn = self.law.draw(np.random.default_rng(MARGINAL_SEED), max(DRAWN // steps, 1), steps)
        return Drawn(np.sort(drawn.reshape(-1)))

    @cached_property
    def ks(self) -> float:
        """sup |F_n − F|."""
        return kolmogorov(self.returns, self.marginal)

    @cached_property
    def ad(self) -> float:
        """Anderson & Darling's A²/n: squared distances weighted by 1/F(1 − F), so that the tails count."""
        return anderson_darling(self.returns, self.marginal)

    def sample(self, paths: int, steps: int, seed: int) -> Floats:
        """float64[paths, steps] of log returns, a function of the fit and the three numbers alone."""
        if paths < 1 or steps < 1:
            raise InputError("paths, steps", (paths, steps), "must be at least 1")
        if seed < 0:
            raise InputError("seed", seed, "must be 0 or more")
        return self.law.draw(np.random.default_rng(seed), paths, steps)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what is not finite is None."""
        return {
            "kind": self.kind,
            "observations": len(self.returns),
            "parameters": {name: {"value": _plain(v), "error": _plain(e)} for name, (v, e) in self.parameters.items()},
            "log_likelihood": self.log_likelihood,
            "aic": self.aic,
            "bic": self.bic,
            "ks": self.ks,
            "ad": self.ad,
            "tail_index": _plain(self.tail_index),
            "converged": self.converged,
        }


def fit(kind: str, returns: npt.ArrayLike) -> FittedPaths:
    """Fit one of KINDS to log returns in their order (at least 50; for `hawkes` 1000).

    Raises InputError for another kind, too few returns, ones that are not finite or never change.
    """
    if kind not in KINDS:
        raise InputError("kind", kind, f"must be one of {', '.join(KINDS)}")
    checked = checked_returns(returns)
    law, found = KINDS[kind](checked)
    value = None if kind in NO_DENSITY else found.value
    return FittedPaths(kind, law, checked, found.parameters, value, found.converged)


def _fit_bootstrap(returns: Floats, *, stationary: bool) -> tuple[Law, Likelihood]:
    length = length_for_returns(returns, stationary=stationary)
    index = hill(np.abs(returns - np.median(returns))).value
    law = Bootstrap(returns, length if stationary else float(round(length)), stationary, index)
    return law, Likelihood({"block": Estimate(law.length, math.nan)}, math.nan, True)


def _fit_stable(returns: Floats) -> tuple[Law, Likelihood]:
    law, parameters, converged = fit_stable(returns)
    return law, Likelihood(parameters, float(law.log_density(returns).sum()), converged)


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


KINDS: dict[str, Callable[[Floats], tuple[Law, Likelihood]]] = {
    "stationary": lambda returns: _fit_bootstrap(returns, stationary=True),
    "block": lambda returns: _fit_bootstrap(returns, stationary=False),
    "normal": fit_normal,
    "student": fit_student,
    "cauchy": fit_cauchy,
    "stable": _fit_stable,
    "garch": lambda returns: fit_garch(returns, student=False),
    "garch_t": lambda returns: fit_garch(returns, student=True),
    "merton": fit_merton,
    "hawkes": fit_hawkes_returns,
}


def fits_markdown(fits: Sequence[FittedPaths]) -> str:
    """A table of fits: parameters with standard errors, criteria, distances, tail index."""
    lines = ["| law | parameters ± standard error | ln L | AIC | KS | A²/n | tail index |", f"|{' --- |' * 7}"]
    for one in fits:
        parts = [
            f"{name} {v:.4g}{f' ± {e:.1g}' if math.isfinite(e) else ''}" for name, (v, e) in one.parameters.items()
        ]
        value = "–" if one.log_likelihood is None else f"{one.log_likelihood:.1f}"
        aic = "–" if one.aic is None else f"{one.aic:.1f}"
        index = f"{one.tail_index:.2f}" if math.isfinite(one.tail_index) else "∞"
        told = "" if one.converged else " (not converged)"
        lines.append(
            f"| {one.kind} | {', '.join(parts)}{told} | {value} | {aic} | {one.ks:.4f} | {one.ad:.5f} | {index} |"
        )
    return "\n".join(lines)
