"""Change points of one measure, online: the run-length filter of Adams & MacKay, and a regime from the present run.

R. P. Adams & D. J. C. MacKay (2007), "Bayesian Online Changepoint Detection", arXiv:0710.3742, algorithm 1: with a
constant hazard H, growth P(r + 1) ∝ P(r) π(x) (1 − H) and change P(0) ∝ Σ P(r) π(x) H. Within a run values are normal
with unknown mean and variance (normal-inverse-gamma prior μ₀, κ₀, α₀, β₀), so π is a Student t with 2α degrees of
freedom: K. P. Murphy (2007), "Conjugate Bayesian analysis of the Gaussian distribution", sec. 3 and (110).

A run is counted from the value after the change, so that run r rests on the last r values. Runs of RUNS − 1 and more
are one, and rest on the last RUNS − 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel, records, subkernel
from quotewright.signals.regime import LEVELS, UNKNOWN

RUNS = 256

CHANGE_RULES = np.dtype(
    [
        ("hazard", "f8"),  # chance of a change before a value
        ("prior", "f8"),  # expected mean of a new run
        ("kappa", "f8"),
        ("alpha", "f8"),
        ("beta", "f8"),
        ("gammas", "f8", (RUNS,)),  # ln Γ(α + ½) − ln Γ(α) after r values
        ("up", "f8", (LEVELS - 1,)),  # of the run's mean, to the next label
        ("down", "f8", (LEVELS - 1,)),
        ("recent", "i8"),  # runs up to here count as a change just seen
    ],
    align=True,
)

CHANGE_STATE = np.dtype(
    [
        ("runs", "f8", (RUNS,)),  # probability of each run length
        ("means", "f8", (RUNS,)),
        ("betas", "f8", (RUNS,)),
        ("level", "f8"),  # expected mean of the present run
        ("length", "f8"),  # expected run length
        ("changed", "f8"),  # probability that the run is at most `recent`
        ("log_evidence", "f8"),  # Σ ln P(x_t | before)
        ("label", "i8"),
        ("started", "i8"),
    ],
    align=True,
)


def change_rules(
    *,
    expected_run: float,
    mean: float,
    spread: float,
    noise: float,
    up: tuple[float, float],
    down: tuple[float, float],
    strength: float = 2.0,
    recent: int = 5,
) -> Any:
    """One CHANGE_RULES record; a change comes every `expected_run` values on average.

    Levels of runs scatter by `spread` about `mean`; values scatter by `noise` about their level, a guess worth
    2 × `strength` values. `up` and `down` are the levels between the labels, with hysteresis.
    Raises InputError for what is not positive, and for thresholds out of order.
    """
    for field, value in (("spread", spread), ("noise", noise), ("strength", strength)):
        if not 0 < value < math.inf:
            raise InputError(field, value, "must be positive and finite")
    if not expected_run > 1:
        raise InputError("expected_run", expected_run, "must be more than one value")
    if not (down[0] <= up[0] <= up[1] and down[0] <= down[1] <= up[1]):
        raise InputError("down", (up, down), "must not be above up, and both must ascend")
    if not 0 <= recent < RUNS:
        raise InputError("recent", recent, f"must be 0 to {RUNS - 1} values")
    rules = records(1, CHANGE_RULES)
    rules["hazard"], rules["prior"], rules["recent"] = 1 / expected_run, mean, recent
    rules["kappa"], rules["alpha"], rules["beta"] = (noise / spread) ** 2, strength, strength * noise**2
    rules["gammas"] = [math.lgamma(strength + (r + 1) / 2) - math.lgamma(strength + r / 2) for r in range(RUNS)]
    rules["up"], rules["down"] = up, down
    return rules


@subkernel
def _density(state: Any, rules: Any, run: int, x: float) -> float:
    kappa, alpha = rules.kappa + run, rules.alpha + 0.5 * run
    width = 2.0 * state.betas[run] * (kappa + 1.0) / kappa  # 2α times the squared scale
    away = x - state.means[run]
    return math.exp(
        rules.gammas[run] - 0.5 * math.log(math.pi * width) - (alpha + 0.5) * math.log1p(away * away / width)
    )


@subkernel
def _start(state: Any, rules: Any) -> None:
    for run in range(RUNS):
        state.runs[run] = 0.0
    state.runs[0] = 1.0
    state.means[0] = rules.prior
    state.betas[0] = rules.beta
    state.started = 1


@subkernel
def _learn(state: Any, rules: Any, x: float) -> None:
    """Move the statistics of each run on by one value: those of run r become those of r + 1."""
    for run in range(RUNS - 2, -1, -1):
        kappa = rules.kappa + run
        away = x - state.means[run]
        state.betas[run + 1] = state.betas[run] + 0.5 * kappa * away * away / (kappa + 1.0)
        state.means[run + 1] = state.means[run] + away / (kappa + 1.0)
    state.means[0] = rules.prior
    state.betas[0] = rules.beta


@subkernel
def change_step(state: Any, rules: Any, x: float) -> int:
    """The label after one value; run lengths, level and evidence are in the state. NaN leaves everything as it was."""
    if x != x:
        return state.label if state.started else UNKNOWN
    first = state.started == 0
    if first:
        _start(state, rules)
    total = 0.0
    for run in range(RUNS):
        if state.runs[run] > 0.0:
            state.runs[run] *= _density(state, rules, run, x)
            total += state.runs[run]
    if total <= 0.0:  # a value beyond all that doubles can weigh is an error of the data: learn nothing, start afresh
        _start(state, rules)
        return state.label
    state.log_evidence += math.log(total)
    _learn(state, rules, x)
    grown = 1.0 - rules.hazard
    state.runs[RUNS - 1] = (state.runs[RUNS - 1] + state.runs[RUNS - 2]) * grown / total
    for run in range(RUNS - 2, 0, -1):
        state.runs[run] = state.runs[run - 1] * grown / total
    state.runs[0] = rules.hazard
    _summarise(state, rules)
    _relabel(state, rules, first)
    return state.label


@subkernel
def _summarise(state: Any, rules: Any) -> None:
    """A run of 0 has no value yet: it says that the next one belongs to another run, so the level leaves it out."""
    level, length, changed = 0.0, 0.0, 0.0
    for run in range(1, RUNS):
        share = state.runs[run] / (1.0 - rules.hazard)
        level += share * state.means[run]
        length += share * run
        if run <= rules.recent:
            changed += share
    state.level = level
    state.length = length
    state.changed = changed


@subkernel
def _relabel(state: Any, rules: Any, first: bool) -> None:
    label = 0 if first else state.label
    while label < LEVELS - 1 and state.level >= rules.up[label]:
        label += 1
    while label > 0 and state.level < rules.down[label - 1]:
        label -= 1
    state.label = label


@kernel
def change_labels(states: Any, rules: Any, values: Any, labels: Any, levels: Any, changed: Any) -> int:
    """Fold values into the one state of `states`; writes label, level and P(recent change), returns the last label."""
    last = UNKNOWN
    for i in range(len(values)):
        last = change_step(states[0], rules[0], values[i])
        labels[i] = last
        levels[i] = states[0].level
        changed[i] = states[0].changed
    return last
