"""Hawkes processes with exponential kernels: simulation, maximum likelihood with standard errors, tests of fit.

λ_m(t) = μ_m + Σ_j Σ_{t_k < t, type j} Σ_p α_mjp e^{−β_p(t−t_k)}: one type (all market orders) or several (buys 0, sells
1) that excite themselves and each other, with one decay β or a few that all share. Hawkes (1971), Biometrika 58; Bacry,
Mastromatteo & Muzy (2015), "Hawkes processes in finance". "Time" is any clock: seconds, or volume traded.

Times are floats in the clock's unit from the beginning of observation, ascending; events at one time do not excite each
other. Merge the prints of one market order first, by the venue's own time (`market_orders`), or the fit finds the
microseconds between its parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.signals.goodness import Fit, chi_squared_tail, exponential_fit
from quotewright.signals.hawkes_kernels import compensate, likelihood, thin
from quotewright.signals.newton import Evaluation, covariance_of, maximise

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

BLOCK = 8192  # uniforms drawn at a time
FORMS = ("full", "symmetric", "own")
FEWEST = 20  # events a free parameter
MOST_DECAYS = 3
DECAYS = (100.0, 10.0, 1.0, 0.1, 0.01)  # starts for β, in events a unit of time


@dataclass(frozen=True, eq=False)
class Hawkes:
    """Base rates μ (> 0), jumps α (≥ 0) and decays β (> 0), as arrays of one, three and one dimensions.

    α[m, j, p] raises type m at an event of type j and fades with β[p]. With one type or one decay plain numbers
    and matrices will do.
    """

    mu: Floats
    alpha: Floats
    beta: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "mu", np.atleast_1d(np.asarray(self.mu, np.float64)))
        object.__setattr__(self, "beta", np.atleast_1d(np.asarray(self.beta, np.float64)))
        form = (len(self.mu), len(self.mu), len(self.beta))
        if np.size(self.alpha) != math.prod(form):
            raise InputError("alpha", np.shape(self.alpha), "give one for each pair of types and each decay")
        object.__setattr__(self, "alpha", np.asarray(self.alpha, np.float64).reshape(form))
        if not (self.mu > 0).all() or not (self.alpha >= 0).all() or not (self.beta > 0).all():
            raise InputError("μ, α, β", (self.mu, self.alpha, self.beta), "give μ > 0, α ≥ 0 and β > 0")

    @property
    def branching(self) -> float:
        """Events that one event causes at first hand: the spectral radius of `caused`; below 1 if stationary."""
        return float(np.abs(np.linalg.eigvals(self.caused)).max())

    @property
    def caused(self) -> Floats:
        """Σ_p α_p/β_p: events of each type (rows) that one event of each type (columns) causes at first hand."""
        return (self.alpha / self.beta).sum(axis=2)

    @property
    def mean_rates(self) -> Floats:
        """(1 − caused)⁻¹μ, events of each type a unit of time; NaN if not stationary. Hawkes (1971)."""
        if self.branching >= 1:
            return np.full(len(self.mu), math.nan)
        return np.asarray(np.linalg.solve(np.eye(len(self.mu)) - self.caused, self.mu), np.float64)


class HawkesFit(NamedTuple):
    """What maximum likelihood found. Standard errors are from the inverse observed information, 0 < α assumed."""

    model: Hawkes
    mu_error: Floats
    alpha_error: Floats
    beta_error: Floats
    branching: float
    branching_error: float  # by the delta method
    covariance: Floats  # of μ, α, β, flattened in this order; NaN where the likelihood has no proper maximum
    log_likelihood: float
    poisson_log_likelihood: float
    likelihood_ratio: float  # 2(ln L − ln L of a Poisson process for each type)
    p_value: float  # of that ratio, by χ² with a degree for each α and β: see `fit`
    converged: bool


def simulate(model: Hawkes, horizon: float, draw: Callable[[int], Floats]) -> tuple[Floats, Integers]:
    """Times in (0, horizon] and types of a process that starts with an empty past.

    `draw(n)` gives n independent uniforms of [0, 1), such as `numpy.random.default_rng(seed).random`; the result is a
    function of them alone. A model with branching ≥ 1 is refused: it would explode.
    """
    if model.branching >= 1:
        raise InputError("branching", model.branching, "give α and β with a branching ratio below 1")
    clock, memory = np.zeros(2), np.zeros((len(model.mu), len(model.beta)))
    times: list[Floats] = []
    types: list[Integers] = []
    while clock[1] == 0:
        at, kind = np.empty(BLOCK // 2), np.empty(BLOCK // 2, np.int64)
        written = thin(model.mu, model.alpha, model.beta, float(horizon), draw(BLOCK), clock, memory, at, kind)
        times.append(at[:written])
        types.append(kind[:written])
    return np.concatenate(times), np.concatenate(types)


def log_likelihood(
    model: Hawkes, times: Floats, types: Integers | None, horizon: float
) -> tuple[float, Floats, Floats]:
    """ln L with its gradient and Hessian in μ, α, β, flattened in this order. Ozaki (1979); Ogata (1981)."""
    times, types = _events(times, types, horizon, len(model.mu))
    size = len(model.mu) + model.alpha.size + len(model.beta)
    gradient, hessian = np.zeros(size), np.zeros((size, size))
    value = likelihood(model.mu, model.alpha, model.beta, float(horizon), times, types, gradient, hessian)
    return float(value), gradient, hessian


def fit(
    times: Floats, types: Integers | None, horizon: float, form: str = "full", kinds: int = 1, decays: int = 1
) -> HawkesFit:
    """Maximum likelihood over `kinds` types (given by `types`, or None for one type) and 1 to 3 decays.

    `form`: "full" frees every α and μ; "symmetric" has one μ, one α for the own type and one for the others; "own"
    excites no other type. Parameters move as logarithms, Newton steps from the best of a few starts; of several
    decays the fastest comes first.

    The Poisson process is on the edge of the model (α = 0) where β has no meaning, so the ratio's p-value is a
    guide, not exact: at 5 % it rejected a true Poisson process about as often (measured in the tests). So is a
    model with a decay less; compare those by Akaike's criterion, 2·parameters − 2 ln L.
    """
    if form not in FORMS:
        raise InputError("form", form, f"choose one of {', '.join(FORMS)}")
    if not 1 <= decays <= MOST_DECAYS:
        raise InputError("decays", decays, f"choose 1 to {MOST_DECAYS}")
    times, types = _events(times, types, horizon, kinds)
    ties = _ties(form, kinds, decays)
    counts = np.bincount(types, minlength=kinds).astype(np.float64)
    if counts.min() < 2 or len(times) < FEWEST * ties.shape[1]:
        raise InputError("times", len(times), f"give at least {FEWEST * ties.shape[1]} events, and 2 of each type")

    def evaluate(logs: Floats) -> Evaluation:
        free = np.exp(logs)
        value, gradient, hessian = log_likelihood(_model(ties @ free, kinds, decays), times, types, horizon)
        slope = free * (ties.T @ gradient)
        return value, slope, np.outer(free, free) * (ties.T @ hessian @ ties) + np.diag(slope)

    fast = combinations(DECAYS, decays)
    starts = [_start(ties, form, kinds, len(times) / horizon, np.array(several)) for several in fast]
    best = maximise(evaluate, max(starts, key=lambda start: evaluate(start)[0]))
    free = np.exp(best.point)
    model = _model(ties @ free, kinds, decays)
    _, _, hessian = log_likelihood(model, times, types, horizon)
    covariance = ties @ covariance_of(-ties.T @ hessian @ ties) @ ties.T
    order = _order(model)
    model, covariance = _model((ties @ free)[order], kinds, decays), covariance[np.ix_(order, order)]
    errors = np.sqrt(np.diag(covariance))
    poisson = float((counts * (np.log(counts / horizon) - 1)).sum())
    ratio = 2 * (best.value - poisson)
    added = ties.shape[1] - (1 if form == "symmetric" else kinds)
    slope = _branching_slope(model)
    return HawkesFit(
        model,
        errors[:kinds],
        errors[kinds:-decays].reshape(model.alpha.shape),
        errors[-decays:],
        model.branching,
        math.sqrt(float(slope @ covariance @ slope)),
        covariance,
        best.value,
        poisson,
        ratio,
        chi_squared_tail(ratio, added),
        best.converged,
    )


def residuals(model: Hawkes, times: Floats, types: Integers | None, horizon: float) -> Floats:
    """∫λ_m between neighbouring events of one type, at the later one: Exp(1) if the model is true.

    Papangelou's (1972) time change; Ogata (1988).
    """
    times, types = _events(times, types, horizon, len(model.mu))
    increments = np.empty(len(times))
    compensate(model.mu, model.alpha, model.beta, times, types, increments)
    return increments


def residual_test(model: Hawkes, times: Floats, types: Integers | None, horizon: float) -> Fit:
    """Whether the residuals of all types together are Exp(1)."""
    return exponential_fit(residuals(model, times, types, horizon))


def fano(model: Hawkes, window: float) -> float:
    """Var N / E N over a window, of a stationary process of one type and decay; → 1/(1−n)² for long windows.

    From the covariance density c·e^{−(β−α)u}, c/rate = α(2β−α)/2(β−α) (Hawkes 1971, section 3).
    """
    if model.alpha.size != 1 or model.branching >= 1:
        raise InputError("model", model, "give a stationary model of one type and one decay")
    alpha, beta = float(model.alpha[0, 0, 0]), float(model.beta[0])
    gone = beta - alpha
    density = alpha * (2 * beta - alpha) / (2 * gone)
    return 1 + 2 * density * (1 / gone + math.expm1(-gone * window) / (gone * gone * window))


def sample_fano(times: Floats, horizon: float, window: float) -> float:
    """Variance over mean of the counts in the whole windows of an observation."""
    number = math.floor(horizon / window)
    if number < 2:
        raise InputError("window", window, "choose one that fits into the observation at least twice")
    place = np.floor(np.asarray(times) / window).astype(np.int64)
    counts = np.bincount(place[place < number], minlength=number)
    return float(counts.var(ddof=1) / counts.mean()) if counts.any() else math.nan


def _events(times: Any, types: Any, horizon: float, kinds: int) -> tuple[Floats, Integers]:
    at = np.ascontiguousarray(times, np.float64)
    kind = np.zeros(len(at), np.int64) if types is None else np.ascontiguousarray(types, np.int64)
    if len(kind) != len(at):
        raise InputError("types", len(kind), f"give one for each of the {len(at)} times")
    if len(at) and (not np.isfinite(at).all() or at[0] < 0 or at[-1] > horizon or (np.diff(at) < 0).any()):
        raise InputError("times", (float(at[0]), float(at[-1])), f"give ascending times from 0 to {horizon}")
    if len(kind) and (kind.min() < 0 or kind.max() >= kinds):
        raise InputError("types", (int(kind.min()), int(kind.max())), f"number the types 0 to {kinds - 1}")
    return at, kind


def _ties(form: str, kinds: int, decays: int) -> Floats:
    """The 0/1 matrix that spreads free parameters over μ, α, β as `likelihood` orders them."""
    size = kinds + kinds * kinds * decays + decays
    if form == "full" or kinds == 1:
        return np.eye(size)
    own = np.eye(kinds).reshape(-1)
    fade = np.eye(decays)
    if form == "symmetric":
        base = np.ones((kinds, 1))
        jumps = np.column_stack([np.kron(own[:, None], fade), np.kron(1 - own[:, None], fade)])
    else:
        base = np.eye(kinds)
        jumps = np.kron(np.eye(kinds * kinds)[:, own > 0], fade)
    ties = np.zeros((size, base.shape[1] + jumps.shape[1] + decays))
    ties[:kinds, : base.shape[1]] = base
    ties[kinds:-decays, base.shape[1] : -decays] = jumps
    ties[-decays:, -decays:] = fade
    return ties


def _model(values: Floats, kinds: int, decays: int) -> Hawkes:
    return Hawkes(values[:kinds], values[kinds:-decays], values[-decays:])


def _start(ties: Floats, form: str, kinds: int, rate: float, decays: Floats) -> Floats:
    """Logarithms of free parameters for which half of the events are caused by others, at all decays alike."""
    excited = 1 if form == "own" else kinds
    beta = decays * rate
    alpha = np.tile(0.5 * beta / excited / len(beta), kinds * kinds)
    full = np.concatenate([np.full(kinds, 0.5 * rate / kinds), alpha, beta])
    return np.log((ties.T @ full) / ties.sum(axis=0))


def _order(model: Hawkes) -> Integers:
    """Places of the flattened parameters with the decays from fast to slow."""
    kinds = len(model.mu)
    faster = np.argsort(-model.beta, kind="stable")
    jumps = kinds + np.arange(model.alpha.size).reshape(model.alpha.shape)[:, :, faster].reshape(-1)
    return np.concatenate([np.arange(kinds), jumps, kinds + model.alpha.size + faster]).astype(np.int64)


def _branching_slope(model: Hawkes) -> Floats:
    """Derivatives of the spectral radius in μ, α, β: ∂ρ = u'∂(caused)v / u'v (Perron vectors)."""
    values, right = np.linalg.eig(model.caused)
    back, left = np.linalg.eig(model.caused.T)
    v = np.abs(np.real(right[:, np.argmax(np.real(values))]))
    u = np.abs(np.real(left[:, np.argmax(np.real(back))]))
    pair = np.outer(u, v)[:, :, None] / (u @ v)
    by_alpha = pair / model.beta
    by_beta = -(pair * model.alpha / model.beta**2).sum(axis=(0, 1))
    return np.concatenate([np.zeros(len(model.mu)), by_alpha.reshape(-1), by_beta])
