"""The compiled parts of `hawkes`: thinning, the log-likelihood with its derivatives, and the compensator.

λ_m(t) = μ_m + Σ_j α_mj R_j(t), with R_j(t) = Σ_{t_k < t, type j} e^{−β(t−t_k)}. One sum a type carries the whole past
(Ogata 1981): it decays between events and jumps by 1 at each.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from quotewright.domain.kernel import kernel


@kernel
def thin(
    mu: Any, alpha: Any, beta: float, horizon: float, uniforms: Any, clock: Any, memory: Any, times: Any, types: Any
) -> int:
    """Simulate until `horizon` or until `uniforms` are used up, two a candidate; the number of events written.

    `clock` holds the time reached and, at the end, a 1 that says the horizon was; `memory` the R_j; both carry over.
    Ogata (1981), algorithm 2: between events every rate falls, so the total at the last candidate bounds it.
    """
    kinds = len(mu)
    written = 0
    for draw in range(0, len(uniforms) - 1, 2):
        bound = 0.0
        for m in range(kinds):
            bound += mu[m]
            for j in range(kinds):
                bound += alpha[m, j] * memory[j]
        gap = -math.log1p(-uniforms[draw]) / bound
        if clock[0] + gap > horizon:
            clock[0] = horizon
            clock[1] = 1.0
            return written
        clock[0] += gap
        kept = math.exp(-beta * gap)
        for j in range(kinds):
            memory[j] *= kept
        left = uniforms[draw + 1] * bound
        chosen = -1
        for m in range(kinds):
            left -= mu[m]
            for j in range(kinds):
                left -= alpha[m, j] * memory[j]
            if left < 0.0:
                chosen = m
                break
        if chosen >= 0:
            times[written] = clock[0]
            types[written] = chosen
            written += 1
            memory[chosen] += 1.0
    return written


@kernel
def likelihood(
    mu: Any, alpha: Any, beta: float, horizon: float, times: Any, types: Any, gradient: Any, hessian: Any
) -> float:
    """ln L = Σ ln λ(t_i) − Σ_m Λ_m(horizon), adding its derivatives to zeroed `gradient` and `hessian`.

    Parameters in the order μ_m, α_mj by rows, β. With S_j = Σ(t−t_k)e^{−β(t−t_k)} and Q_j the same with the square,
    ∂R_j/∂β = −S_j and ∂²R_j/∂β² = Q_j, so one pass gives everything.
    """
    kinds = len(mu)
    last = kinds + kinds * kinds
    R = np.zeros(kinds)
    S = np.zeros(kinds)
    Q = np.zeros(kinds)
    counts = np.zeros(kinds)
    slope = np.zeros(kinds + 2)
    place = np.zeros(kinds + 2, np.int64)
    total = 0.0
    before = 0.0
    for i in range(len(times) + 1):
        now = times[i] if i < len(times) else horizon
        gap = now - before
        before = now
        kept = math.exp(-beta * gap)
        for j in range(kinds):
            Q[j] = kept * (Q[j] + 2.0 * gap * S[j] + gap * gap * R[j])
            S[j] = kept * (S[j] + gap * R[j])
            R[j] = kept * R[j]
        if i == len(times):
            break
        m = types[i]
        rate = mu[m]
        by_beta = 0.0
        by_beta_twice = 0.0
        place[0] = m
        slope[0] = 1.0
        for j in range(kinds):
            rate += alpha[m, j] * R[j]
            by_beta -= alpha[m, j] * S[j]
            by_beta_twice += alpha[m, j] * Q[j]
            place[1 + j] = kinds + m * kinds + j
            slope[1 + j] = R[j]
        place[kinds + 1] = last
        slope[kinds + 1] = by_beta
        total += math.log(rate)
        for a in range(kinds + 2):
            gradient[place[a]] += slope[a] / rate
            for b in range(kinds + 2):
                hessian[place[a], place[b]] -= slope[a] * slope[b] / (rate * rate)
        for j in range(kinds):
            hessian[place[1 + j], last] -= S[j] / rate
            hessian[last, place[1 + j]] -= S[j] / rate
        hessian[last, last] += by_beta_twice / rate
        R[m] += 1.0
        counts[m] += 1.0
    for m in range(kinds):
        total -= mu[m] * horizon
        gradient[m] -= horizon
        for j in range(kinds):
            ended = counts[j] - R[j]
            G = ended / beta
            G1 = S[j] / beta - ended / beta**2
            G2 = -Q[j] / beta - 2.0 * S[j] / beta**2 + 2.0 * ended / beta**3
            at = kinds + m * kinds + j
            total -= alpha[m, j] * G
            gradient[at] -= G
            gradient[last] -= alpha[m, j] * G1
            hessian[at, last] -= G1
            hessian[last, at] -= G1
            hessian[last, last] -= alpha[m, j] * G2
    return total


@kernel
def compensate(mu: Any, alpha: Any, beta: float, times: Any, types: Any, increments: Any) -> None:
    """∫λ_m over the time since the last event of the same type m (or since 0), for each event."""
    kinds = len(mu)
    R = np.zeros(kinds)
    since = np.zeros(kinds)
    before = 0.0
    for i in range(len(times)):
        gap = times[i] - before
        before = times[i]
        kept = math.exp(-beta * gap)
        for m in range(kinds):
            since[m] += mu[m] * gap
            for j in range(kinds):
                since[m] += alpha[m, j] / beta * R[j] * (1.0 - kept)
        for j in range(kinds):
            R[j] *= kept
        m = types[i]
        increments[i] = since[m]
        since[m] = 0.0
        R[m] += 1.0
