"""Kyle's λ: what a unit of signed volume moves the price, estimated and in equilibrium.

Kyle (1985), "Continuous auctions and insider trading", Econometrica 53.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.signals.least_squares import Regression, regress

Floats = npt.NDArray[np.float64]


class SingleAuction(NamedTuple):
    """Theorem 1: the insider orders β(v − p₀), the price moves λ a unit of all flow."""

    beta: float
    impact: float
    profit: float  # expected, of the insider


class Auctions(NamedTuple):
    """Theorem 2, by auction 1…N."""

    impact: Floats  # λ_n
    beta: Floats  # β_n·Δt: the share of v − p_{n−1} that the insider orders
    variance: Floats  # Σ_n: what is left to learn after the auction
    profit: float  # expected, of the insider, of all auctions


def price_impact(price_changes: Floats, signed_volumes: Floats, lags: int = 0) -> Regression:
    """λ̂ = coefficients[1] of ΔP = a + λ·(signed volume), over trades or intervals.

    The pricing rule of Kyle (1985), section 2, as a regression; Newey–West errors with `lags` > 0.
    """
    return regress(np.asarray(price_changes, np.float64), np.asarray(signed_volumes, np.float64), lags)


def single_auction(variance: float, noise: float) -> SingleAuction:
    """β = σ_u/√Σ₀, λ = ½√Σ₀/σ_u, profit ½σ_u√Σ₀: Σ₀ the variance of the value, σ_u the noise traders' deviation."""
    if not (variance > 0 and noise > 0):
        raise InputError("variance, noise", (variance, noise), "give positive numbers")
    deviation = math.sqrt(variance)
    return SingleAuction(noise / deviation, 0.5 * deviation / noise, 0.5 * noise * deviation)


def sequential_auctions(auctions: int, variance: float = 1.0, noise: float = 1.0) -> Auctions:
    """The linear equilibrium of `auctions` rounds in [0, 1], noise variance σ_u²/N each (Theorem 2).

    Backwards from α_N = δ_N = 0 and a guess of Σ_N: λ_n is the root of (1 − λ_n²σ_u²Δt/Σ_n)(1 − α_nλ_n) = ½ with
    α_nλ_n < 1, β_nΔt = λ_nσ_u²Δt/Σ_n, Σ_{n−1} = Σ_n/(1 − λ_nβ_nΔt), α_{n−1} = 1/4λ_n(1 − α_nλ_n) and δ_{n−1} = δ_n +
    α_nλ_n²σ_u²Δt. λ scales with √Σ, so the guess is put right at the end.
    """
    if auctions < 1 or not (variance > 0 and noise > 0):
        raise InputError("auctions, variance, noise", (auctions, variance, noise), "give positive numbers")
    flow = noise * noise / auctions
    impact, beta, left = np.empty(auctions), np.empty(auctions), np.empty(auctions)
    alpha, delta, sigma = 0.0, 0.0, 1.0
    for n in range(auctions - 1, -1, -1):
        lam = _impact_of(alpha, sigma, flow)
        impact[n], left[n] = lam, sigma
        beta[n] = lam * flow / sigma
        delta += alpha * lam * lam * flow
        sigma = sigma / (1 - lam * lam * flow / sigma)
        alpha = 1 / (4 * lam * (1 - alpha * lam))
    scale = math.sqrt(variance / sigma)
    return Auctions(impact * scale, beta / scale, left * scale**2, (alpha * sigma + delta) * scale)


def _impact_of(alpha: float, sigma: float, flow: float) -> float:
    """The root in (0, limit), where both brackets are positive and fall from 1 to 0, by bisection."""
    low, high = 0.0, math.sqrt(sigma / flow)
    if alpha > 0:
        high = min(high, 1 / alpha)
    for _ in range(200):
        middle = 0.5 * (low + high)
        if (1 - middle * middle * flow / sigma) * (1 - alpha * middle) > 0.5:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
