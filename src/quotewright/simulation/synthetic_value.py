"""The latent value: a geometric random walk with stochastic volatility and jumps.

    d ln V = σ_t dW + J dN,   σ_t = σ exp(x_t − v),   dx = −κ x dt + ξ dW',   v = ξ²/2κ

so that E[σ_t²] = σ²; J is Laplace, N Poisson. Stochastic volatility as in Scott (1987), jumps as
in Kou (2002). The step is VALUE_STEP.
"""

from __future__ import annotations

import math
from typing import Any

from quotewright.domain.kernel import subkernel
from quotewright.simulation.synthetic_state import HISTORY, VALUE_STEP, VALUE_STREAM, exponential, normal, uniform

STEP_SECONDS = VALUE_STEP * 1e-9
BASIS_POINT = 1e-4


@subkernel
def advance_value(m: Any, p: Any, used: Any, draws: Any, history: Any) -> None:
    """One step of volatility and value, and of the trend followers' averages of the mid."""
    kept = math.exp(-p.volatility_reversion * STEP_SECONDS)
    variance = p.volatility_of_volatility * p.volatility_of_volatility / (2.0 * p.volatility_reversion)
    shock = math.sqrt(variance * (1.0 - kept * kept))
    m.log_volatility = kept * m.log_volatility + shock * normal(used, draws, VALUE_STREAM)
    relative = p.volatility * BASIS_POINT * math.exp(m.log_volatility - variance)
    change = relative * math.sqrt(STEP_SECONDS) * normal(used, draws, VALUE_STREAM)
    if uniform(used, draws, VALUE_STREAM) < p.jump_rate * STEP_SECONDS:
        size = p.jump_size * BASIS_POINT * exponential(used, draws, VALUE_STREAM)
        change += size if uniform(used, draws, VALUE_STREAM) < 0.5 else -size
    m.value *= math.exp(change)
    m.sigma = m.value * relative
    m.steps += 1
    history[m.steps % HISTORY] = m.value
    m.fast += (m.mid - m.fast) * (1.0 - math.exp(-STEP_SECONDS / p.trend_fast))
    m.slow += (m.mid - m.slow) * (1.0 - math.exp(-STEP_SECONDS / p.trend_slow))
    m.signed_volume *= math.exp(-STEP_SECONDS / p.flow_memory)


@subkernel
def value_seen(m: Any, history: Any, steps_ago: int) -> float:
    """The value as it was `steps_ago` steps before now, or the oldest known."""
    return history[max(m.steps - min(steps_ago, HISTORY - 1), 0) % HISTORY]
