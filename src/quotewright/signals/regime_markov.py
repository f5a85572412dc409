"""A regime by a hidden Markov model with Gaussian measures: the forward filter, causal, one step an observation.

p_t(j) ∝ N(x_t; m_j, v_j) Σ_i p_{t−1}(i) a_ij, with independent measures. L. R. Rabiner (1989), "A tutorial on hidden
Markov models", Proc. IEEE 77(2), eq. (19)–(20); J. D. Hamilton (1989), Econometrica 57(2), for regimes of a series.
Only the filter runs on the market; `regime_training` fits the parameters on a stretch that lies before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel, records, subkernel
from quotewright.signals.regime import LEVELS, MEASURES, UNKNOWN

Floats = npt.NDArray[np.float64]

MARKOV_RULES = np.dtype(
    [
        ("start", "f8", (LEVELS,)),
        ("moves", "f8", (LEVELS, LEVELS)),  # from, to
        ("means", "f8", (LEVELS, MEASURES)),
        ("precisions", "f8", (LEVELS, MEASURES)),  # 1 / variance; 0: the measure is not used
        ("constants", "f8", (LEVELS, MEASURES)),  # −½ ln variance
        ("switch", "f8"),  # belief that another label needs to replace the present one
    ],
    align=True,
)

MARKOV_STATE = np.dtype(
    [("belief", "f8", (LEVELS,)), ("logs", "f8", (LEVELS,)), ("label", "i8"), ("started", "i8")], align=True
)
LEAST = 1e-300  # of a prior, so that no regime is ruled out for ever


@dataclass(frozen=True)
class MarkovModel:
    """Parameters by regime, calmest first: `start` (3), `moves` (3×3, from × to), `means` and `variances` (3×used).

    `used` are the columns of the measures that the model reads.
    """

    start: Floats
    moves: Floats
    means: Floats
    variances: Floats
    used: tuple[int, ...]

    def rules(self, switch: float = 0.6) -> Any:
        """One MARKOV_RULES record. Raises InputError for a matrix that is no probability or a variance ≤ 0."""
        if not 0 < switch <= 1:
            raise InputError("switch", switch, "is a probability: 0 < switch ≤ 1")
        if not np.allclose(self.moves.sum(axis=1), 1) or not np.isclose(self.start.sum(), 1) or self.moves.min() < 0:
            raise InputError("moves", self.moves.tolist(), "and start must be probabilities that sum to 1")
        if not (self.variances > 0).all():
            raise InputError("variances", self.variances.tolist(), "must be positive")
        rules = records(1, MARKOV_RULES)
        rules["start"], rules["moves"], rules["switch"] = self.start, self.moves, switch
        for place, m in enumerate(self.used):
            rules["means"][0, :, m] = self.means[:, place]
            rules["precisions"][0, :, m] = 1 / self.variances[:, place]
            rules["constants"][0, :, m] = -0.5 * np.log(self.variances[:, place])
        return rules


@subkernel
def _log_density(rules: Any, measures: Any, regime: int) -> float:
    """Up to a constant; measures that are NaN or not used say nothing."""
    density = 0.0
    for m in range(MEASURES):
        if rules.precisions[regime, m] > 0.0 and measures[m] == measures[m]:
            away = measures[m] - rules.means[regime, m]
            density += rules.constants[regime, m] - 0.5 * away * away * rules.precisions[regime, m]
    return density


@subkernel
def markov_step(state: Any, rules: Any, measures: Any) -> int:
    """The label after one observation; the belief of each regime is in the state. A NaN measure says nothing.

    The label is the most probable regime, but a change needs a belief of `switch`.
    """
    best = -math.inf
    for j in range(LEVELS):
        state.logs[j] = _log_density(rules, measures, j)
        best = max(best, state.logs[j])
    total = 0.0
    before0, before1, before2 = state.belief[0], state.belief[1], state.belief[2]
    for j in range(LEVELS):
        prior = rules.start[j]
        if state.started:
            prior = before0 * rules.moves[0, j] + before1 * rules.moves[1, j] + before2 * rules.moves[2, j]
        likelihood = math.exp(state.logs[j] - best) if best > -math.inf else 1.0  # beyond all regimes alike
        state.belief[j] = max(prior, LEAST) * likelihood
        total += state.belief[j]
    likeliest = 0
    for j in range(LEVELS):
        state.belief[j] /= total
        if state.belief[j] > state.belief[likeliest]:
            likeliest = j
    if state.started == 0 or state.belief[likeliest] >= rules.switch:
        state.label = likeliest
    state.started = 1
    return state.label


@kernel
def markov_labels(states: Any, rules: Any, measures: Any, labels: Any, beliefs: Any) -> int:
    """Fold observations × measures into the one state of `states`; writes labels, beliefs; returns the last label."""
    last = UNKNOWN
    for i in range(len(measures)):
        last = markov_step(states[0], rules[0], measures[i])
        labels[i] = last
        for j in range(LEVELS):
            beliefs[i, j] = states[0].belief[j]
    return last
