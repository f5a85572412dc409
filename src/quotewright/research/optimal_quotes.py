"""Optimal quotes in closed form and by the papers' exact equations, for tests and for judging the approximations.

Depths are distances from the mid. Units are the caller's, the same throughout: with prices in basis points of the mid,
σ is in bp/√s, k and γ in 1/bp, A in 1/s and times in seconds. q counts orders.

Sources: Avellaneda & Stoikov (2008), Quantitative Finance 8(3), 217–224; Guéant, Lehalle & Fernandez-Tapia (2013),
Mathematics and Financial Economics 7, 477–507; Cartea, Jaimungal & Penalva (2015), Algorithmic and High-Frequency
Trading, chapter 10.2.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError

Floats = npt.NDArray[np.float64]


class Depths(NamedTuple):
    """Depths of the bid and the ask, for every q from −most to most; infinite where a side is not quoted."""

    bid: Floats
    ask: Floats

    def at(self, q: int) -> tuple[float, float]:
        """The two depths at one inventory."""
        middle = len(self.bid) // 2
        return float(self.bid[middle + q]), float(self.ask[middle + q])


def reservation_price(mid: float, q: float, gamma: float, sigma: float, left: float) -> float:
    """r = s − qγσ²(T − t), Avellaneda & Stoikov, section 3.2, (29); `left` is T − t."""
    return mid - q * gamma * sigma**2 * left


def optimal_spread(gamma: float, sigma: float, k: float, left: float) -> float:
    """γσ²(T − t) + (2/γ) ln(1 + γ/k), Avellaneda & Stoikov, section 3.2, (30); `left` is T − t."""
    return gamma * sigma**2 * left + 2 / gamma * math.log1p(gamma / k)


def asymptotic_depths(q: float, *, sigma: float, A: float, k: float, gamma: float) -> tuple[float, float]:
    """Bid and ask depth far from the horizon: Guéant, Lehalle & Fernandez-Tapia, closed form after Theorem 2."""
    half_spread = math.log1p(gamma / k) / gamma
    lean = math.sqrt(sigma**2 * gamma / (2 * k * A) * math.exp((1 + k / gamma) * math.log1p(gamma / k)))
    return half_spread + (2 * q + 1) / 2 * lean, half_spread - (2 * q - 1) / 2 * lean


def finite_horizon_depths(*, sigma: float, A: float, k: float, gamma: float, left: float, most: int) -> Depths:
    """The exact optimum with `left` seconds to go and |q| ≤ `most`: Guéant, Lehalle & Fernandez-Tapia, Theorem 1.

    v' = αq²v_q − η(v_{q−1} + v_{q+1}), v(T) = 1, α = kγσ²/2, η = A(1 + γ/k)^{−(1 + k/γ)};
    δ_bid = (1/k) ln(v_q/v_{q+1}) + (1/γ) ln(1 + γ/k), the ask with v_{q−1}. Raises InputError for values out of range.
    """
    _check(sigma=sigma, A=A, k=k, gamma=gamma, left=left, most=most)
    q = np.arange(-most, most + 1, dtype=np.float64)
    alpha = k * gamma * sigma**2 / 2
    eta = A * math.exp(-(1 + k / gamma) * math.log1p(gamma / k))
    log_v = _log_solution(-alpha * q**2, eta, eta, np.zeros_like(q), left)
    return _depths(log_v / k, math.log1p(gamma / k) / gamma)


class PenaltyQuotes(NamedTuple):
    """Cartea & Jaimungal's value function h(t, q) for every q, and the depths it leads to."""

    h: Floats
    depths: Depths


def inventory_penalty_quotes(
    *, buys: float, sells: float, kappa: float, phi: float, alpha: float, left: float, most: int
) -> PenaltyQuotes:
    """Quotes of a maker who pays φq² a second and αq² at the end: Cartea, Jaimungal & Penalva, section 10.2.

    `buys` and `sells` (λ⁺, λ⁻) are market orders a second that lift the ask and hit the bid; an order reaches
    depth δ with probability e^{−κδ}. h = ln(w)/κ, w = e^{A(T−t)}z, z_q = e^{−ακq²}, A with diagonal −φκq² and
    λ⁺/e, λ⁻/e beside it; δ⁺ = 1/κ + h(q) − h(q−1). Raises InputError for values out of range.
    """
    _check(buys=buys, sells=sells, kappa=kappa, left=left, most=most)
    if phi < 0 or alpha < 0:
        raise InputError("phi, alpha", (phi, alpha), "must not be negative")
    q = np.arange(-most, most + 1, dtype=np.float64)
    h = _log_solution(-phi * kappa * q**2, buys / math.e, sells / math.e, -alpha * kappa * q**2, left) / kappa
    return PenaltyQuotes(h, _depths(h, 1 / kappa))


def _depths(value: Floats, base: float) -> Depths:
    """What is given up by trading: the value here less the value after the trade, on top of `base`."""
    gain = value[1:] - value[:-1]
    nothing = np.array([np.inf])
    return Depths(np.concatenate([base - gain, nothing]), np.concatenate([nothing, base + gain]))


def _log_solution(diagonal: Floats, from_below: float, from_above: float, log_start: Floats, time: float) -> Floats:
    """ln of e^{Bt}·e^{log_start}, B tridiagonal with `diagonal`, `from_below` under it and `from_above` over it.

    Shifted by its lowest diagonal B has no negative entry, so Taylor's series and the squarings only ever add
    positive numbers: each component is right to many digits, however small it is beside the largest.
    """
    size = len(diagonal)
    shift = float(diagonal.min())
    matrix: Floats = np.diag(diagonal - shift)
    matrix += np.diag(np.full(size - 1, from_below), -1) + np.diag(np.full(size - 1, from_above), 1)
    matrix *= time
    halvings = max(0, math.ceil(math.log2(max(float(matrix.sum(axis=1).max()), 1e-300))) + 1)
    matrix *= 0.5**halvings
    term: Floats = np.eye(size)
    power: Floats = np.eye(size)
    for order in range(1, 20):
        term = np.matmul(term, matrix) / order
        power += term
    log_scale = 0.0
    for _ in range(halvings):
        power = np.matmul(power, power)
        largest = float(power.max())
        power *= 1 / largest
        log_scale = 2 * log_scale + math.log(largest)
    top = float(log_start.max())
    return np.log(power @ np.exp(log_start - top)) + top + log_scale + shift * time


def _check(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value >= (1 if name == "most" else 0)) or (value == 0 and name != "left"):
            raise InputError(name, value, "must be a positive number")
