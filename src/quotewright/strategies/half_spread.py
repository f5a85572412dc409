"""Half-spread block: how far from the fair price to quote, for the risk, the flow, the fee and the volatility.

Ports: depths, costs and 1/k in bp of the mid, σ in bp/√s, A in 1/s, risk aversion in 1/bp an order.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from quotewright.domain.kernel import subkernel

EXPONENTIAL, POWER = range(2)

DOUBLINGS = 64
HALVINGS = 64
TINY = 1e-300  # a rate below it counts as it, so that nothing is divided by 0
SWING = 10.0  # a measured volatility counts within this factor of the one given


class Width(NamedTuple):
    """Port: distance of both quotes from the centre (bp), and how far it moves for an order of inventory (bp)."""

    half: float
    lean: float


class Peak(NamedTuple):
    """A depth (bp) and whether the expected gain has one peak there; False: it falls from the least depth on."""

    depth: float
    inside: bool


@subkernel
def best_depth(form: int, gamma: float, k: float, cost: float, least: float) -> Peak:
    """The depth that maximises λ(δ)·(1 − e^{−γ(δ − cost)})/γ: fill intensity × expected gain in utility.

    λ = A·e^{−kδ}: δ = cost + (1/γ)·ln(1 + γ/k), with the limit cost + 1/k for γ → 0 (Avellaneda & Stoikov 2008, (3.15);
    Guéant, Lehalle & Fernandez-Tapia 2013). λ = A·δ^{−k}, k the exponent: the root of γδ − k(e^{γ(δ − cost)} − 1),
    which is concave and positive at δ = cost > 0, so there is one root and it is the only peak. Without a cost that
    holds for k < 1; for k ≥ 1 the gain falls from 0 on, and the answer is `least`, the depth from which the fit holds.
    """
    if form == EXPONENTIAL:
        return Peak(cost + (1 / gamma) * math.log1p(gamma / k), True)
    low = max(least, cost)
    if not _slope(gamma, k, cost, low) > 0.0:
        return Peak(low, False)
    step = max(low, 1e-9)
    high = low + step
    for _ in range(DOUBLINGS):
        if _slope(gamma, k, cost, high) <= 0.0:
            break
        step *= 2
        high = low + step
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if _slope(gamma, k, cost, middle) > 0.0:
            low = middle
        else:
            high = middle
    return Peak(0.5 * (low + high), True)


@subkernel
def _slope(gamma: float, k: float, cost: float, depth: float) -> float:
    """Of the sign of the derivative of the expected gain, power law."""
    return gamma * depth - k * math.expm1(min(gamma * (depth - cost), 700.0))


@subkernel
def inventory_lean(gamma: float, sigma: float, k: float, A: float) -> float:
    """√(σ²γ/(2kA)·(1 + γ/k)^(1 + k/γ)): Guéant, Lehalle & Fernandez-Tapia (2013), after Theorem 2."""
    power = math.exp((1 + k / gamma) * math.log1p(gamma / k))
    return math.sqrt(sigma * sigma * gamma / (2 * k * A) * power)


@subkernel
def width(form: int, gamma: float, sigma: float, k: float, A: float, cost: float, least: float) -> Width:
    """Best depth + half the lean, and the lean, when each fill costs `cost` (fee).

    A cost shifts every depth by itself and leaves A·e^{−k·cost} of the flow. A power law is replaced by the exponential
    that has its value and slope at the best depth.
    """
    depth = best_depth(form, gamma, k, cost, least).depth
    decay, rate = k, A
    if form == POWER:
        at = max(depth, 1e-9)
        rate = A * math.exp(min(k - k * math.log(at), 700.0))
        decay = k / at
    lean = inventory_lean(gamma, sigma, decay, max(rate * math.exp(min(-decay * cost, 700.0)), TINY))
    return Width(depth + 0.5 * lean, lean)


@subkernel
def volatility(sigma: float, share: float, measured: float) -> float:
    """√((1 − share)·σ² + share·measured²) in bp/√s; σ where nothing is measured."""
    if not measured >= 0.0:
        return sigma
    seen = min(max(measured, sigma / SWING), sigma * SWING)
    return math.sqrt((1.0 - share) * sigma * sigma + share * seen * seen)


@subkernel
def fill_probability(form: int, k: float, A: float, depth: float, seconds: float) -> float:
    """1 − e^{−λ(depth)·seconds}: that flow reaches a quote within a time."""
    if form == POWER:
        rate = A * math.exp(min(-k * math.log(max(depth, 1e-9)), 700.0))
    else:
        rate = A * math.exp(min(-k * depth, 700.0))
    return -math.expm1(-rate * seconds)


@subkernel
def fee_too_high(bare: float, fee: float, least_edge: float) -> bool:
    """Whether the fee leaves less than `least_edge` of what the best depth without a fee would earn (bp)."""
    return fee > 0.0 and bare - fee < least_edge
