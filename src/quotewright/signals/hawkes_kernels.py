"""The compiled parts of `hawkes`: thinning, the log-likelihood with its derivatives, and the compensator.

λ_m(t) = μ_m + Σ_jp α_mjp R_jp(t), with R_jp(t) = Σ_{t_k < t, type j} e^{−β_p(t−t_k)}. One sum a type and decay carries
the whole past (Ogata 1981): it decays between events and jumps by 1 at each.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from quotewright.domain.kernel import kernel, subkernel


@subkernel
def _rate(mu: Any, alpha: Any, R: Any, m: int) -> float:
    rate = mu[m]
    for j in range(R.shape[0]):
        for p in range(R.shape[1]):
            rate += alpha[m, j, p] * R[j, p]
    return rate


@subkernel
def _decay(beta: Any, gap: float, R: Any) -> None:
    for p in range(R.shape[1]):
        kept = math.exp(-beta[p] * gap)
        for j in range(R.shape[0]):
            R[j, p] *= kept


@subkernel
def _take_in(R: Any, waiting: Any) -> None:
    """Let the events of the last moment excite: they do so after it, not each other (t_k < t)."""
    for j in range(R.shape[0]):
        for p in range(R.shape[1]):
            R[j, p] += waiting[j]
        waiting[j] = 0.0


@kernel
def thin(
    mu: Any, alpha: Any, beta: Any, horizon: float, uniforms: Any, clock: Any, memory: Any, times: Any, types: Any
) -> int:
    """Simulate until `horizon` or until `uniforms` are used up, two a candidate; the number of events written.

    `clock` holds the time reached and, at the end, a 1 that says the horizon was; `memory` the R_jp; both carry over.
    Ogata (1981), algorithm 2: between events every rate falls, so the total at the last candidate bounds it.
    """
    kinds = len(mu)
    written = 0
    for draw in range(0, len(uniforms) - 1, 2):
        bound = 0.0
        for m in range(kinds):
            bound += _rate(mu, alpha, memory, m)
        gap = -math.log1p(-uniforms[draw]) / bound
        if clock[0] + gap > horizon:
            clock[0] = horizon
            clock[1] = 1.0
            return written
        clock[0] += gap
        _decay(beta, gap, memory)
        left = uniforms[draw + 1] * bound
        chosen = -1
        for m in range(kinds):
            left -= _rate(mu, alpha, memory, m)
            if left < 0.0:
                chosen = m
                break
        if chosen >= 0:
            times[written] = clock[0]
            types[written] = chosen
            written += 1
            for p in range(len(beta)):
                memory[chosen, p] += 1.0
    return written


@kernel
def likelihood(
    mu: Any, alpha: Any, beta: Any, horizon: float, times: Any, types: Any, gradient: Any, hessian: Any
) -> float:
    """ln L = Σ ln λ(t_i) − Σ_m Λ_m(horizon), adding its derivatives to zeroed `gradient` and `hessian`.

    Parameters in the order μ_m, α_mjp (the last index runs fastest), β_p. With S_jp = Σ(t−t_k)e^{−β_p(t−t_k)} and
    Q_jp the same with the square, ∂R/∂β = −S and ∂²R/∂β² = Q, so one pass gives everything.
    """
    kinds, decays = len(mu), len(beta)
    block = kinds * decays
    last = kinds + kinds * block
    R = np.zeros((kinds, decays))
    S = np.zeros((kinds, decays))
    Q = np.zeros((kinds, decays))
    counts = np.zeros(kinds)
    waiting = np.zeros(kinds)
    width = 1 + block + decays
    slope = np.zeros(width)
    place = np.zeros(width, np.int64)
    slope[0] = 1.0
    for p in range(decays):
        place[1 + block + p] = last + p
    total = 0.0
    before = 0.0
    for i in range(len(times) + 1):
        now = times[i] if i < len(times) else horizon
        gap = now - before
        before = now
        if gap > 0.0 or i == len(times):
            _take_in(R, waiting)
        for p in range(decays):
            kept = math.exp(-beta[p] * gap)
            for j in range(kinds):
                Q[j, p] = kept * (Q[j, p] + 2.0 * gap * S[j, p] + gap * gap * R[j, p])
                S[j, p] = kept * (S[j, p] + gap * R[j, p])
                R[j, p] = kept * R[j, p]
        if i == len(times):
            break
        m = types[i]
        rate = _rate(mu, alpha, R, m)
        place[0] = m
        for p in range(decays):
            by_beta = 0.0
            by_beta_twice = 0.0
            for j in range(kinds):
                at = kinds + m * block + j * decays + p
                place[1 + j * decays + p] = at
                slope[1 + j * decays + p] = R[j, p]
                by_beta -= alpha[m, j, p] * S[j, p]
                by_beta_twice += alpha[m, j, p] * Q[j, p]
                hessian[at, last + p] -= S[j, p] / rate
                hessian[last + p, at] -= S[j, p] / rate
            slope[1 + block + p] = by_beta
            hessian[last + p, last + p] += by_beta_twice / rate
        total += math.log(rate)
        for a in range(width):
            gradient[place[a]] += slope[a] / rate
            for b in range(width):
                hessian[place[a], place[b]] -= slope[a] * slope[b] / (rate * rate)
        waiting[m] += 1.0
        counts[m] += 1.0
    for m in range(kinds):
        total -= mu[m] * horizon
        gradient[m] -= horizon
        for j in range(kinds):
            for p in range(decays):
                b = beta[p]
                ended = counts[j] - R[j, p]
                G = ended / b
                G1 = S[j, p] / b - ended / b**2
                G2 = -Q[j, p] / b - 2.0 * S[j, p] / b**2 + 2.0 * ended / b**3
                at = kinds + m * block + j * decays + p
                total -= alpha[m, j, p] * G
                gradient[at] -= G
                gradient[last + p] -= alpha[m, j, p] * G1
                hessian[at, last + p] -= G1
                hessian[last + p, at] -= G1
                hessian[last + p, last + p] -= alpha[m, j, p] * G2
    return total


@kernel
def compensate(mu: Any, alpha: Any, beta: Any, times: Any, types: Any, increments: Any) -> None:
    """∫λ_m over the time since the last event of the same type m (or since 0), for each event."""
    kinds, decays = len(mu), len(beta)
    R = np.zeros((kinds, decays))
    waiting = np.zeros(kinds)
    since = np.zeros(kinds)
    before = 0.0
    for i in range(len(times)):
        gap = times[i] - before
        before = times[i]
        if gap > 0.0:
            _take_in(R, waiting)
        for m in range(kinds):
            since[m] += mu[m] * gap
            for p in range(decays):
                passed = -math.expm1(-beta[p] * gap) / beta[p]
                for j in range(kinds):
                    since[m] += alpha[m, j, p] * R[j, p] * passed
        _decay(beta, gap, R)
        m = types[i]
        increments[i] = since[m]
        since[m] = 0.0
        waiting[m] += 1.0
