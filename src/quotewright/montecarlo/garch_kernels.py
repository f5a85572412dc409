"""GARCH(1,1): the likelihood with its gradient in one pass, and paths from given innovations."""

# pyright: basic
# numba has no type stubs.

from __future__ import annotations

import math
from typing import Any

from quotewright.domain.kernel import kernel


@kernel
def garch_likelihood(
    returns: Any, mu: float, omega: float, alpha: float, beta: float, nu: float, first: float, gradient: Any
) -> float:
    """ln L without its constants in ν, and `gradient` in μ, ω, α, β, ν; ν = 0 means normal innovations.

    h₀ = `first`, h_t = ω + α(r_{t−1} − μ)² + βh_{t−1}; Student's innovations are scaled to unit variance.
    """
    h = first
    h_mu = h_omega = h_alpha = h_beta = 0.0
    value = by_mu = by_omega = by_alpha = by_beta = by_nu = 0.0
    for t in range(len(returns)):
        e = returns[t] - mu
        q = e * e / h
        if nu > 0.0:
            inner = 1.0 + q / (nu - 2.0)
            value -= 0.5 * (math.log(h) + (nu + 1.0) * math.log(inner))
            weight = (nu + 1.0) / (nu - 2.0 + q)
            by_nu += 0.5 * (weight * q / (nu - 2.0) - math.log(inner))
        else:
            value -= 0.5 * (math.log(h) + q)
            weight = 1.0
        by_h = 0.5 * (weight * q - 1.0) / h
        by_mu += by_h * h_mu + weight * e / h
        by_omega += by_h * h_omega
        by_alpha += by_h * h_alpha
        by_beta += by_h * h_beta
        h_mu = beta * h_mu - 2.0 * alpha * e
        h_omega = beta * h_omega + 1.0
        h_alpha = beta * h_alpha + e * e
        h_beta = beta * h_beta + h
        h = omega + alpha * e * e + beta * h
    gradient[0] = by_mu
    gradient[1] = by_omega
    gradient[2] = by_alpha
    gradient[3] = by_beta
    gradient[4] = by_nu
    return value


@kernel
def garch_paths(innovations: Any, mu: float, omega: float, alpha: float, beta: float, first: float) -> None:
    """Turn rows of innovations of unit variance into returns, in place; every path begins with variance `first`."""
    for path in range(innovations.shape[0]):
        h = first
        for t in range(innovations.shape[1]):
            e = math.sqrt(h) * innovations[path, t]
            innovations[path, t] = mu + e
            h = omega + alpha * e * e + beta * h
