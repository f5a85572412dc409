"""A regime by thresholds with hysteresis: each measure is a Schmitt trigger of three levels, and they vote.

A measure rises a level at `up` and falls back only below `down`. The label is the highest level that `votes` measures
have reached. It rises at once, and falls after the votes have stayed lower for `dwell` observations.
O. H. Schmitt (1938), "A thermionic trigger", J. Sci. Instrum. 15(1).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel, records, subkernel
from quotewright.signals.regime import LEVELS, MEASURES, UNKNOWN

Floats = npt.NDArray[np.float64]

THRESHOLD_RULES = np.dtype(
    [
        ("up", "f8", (LEVELS - 1, MEASURES)),  # to the next level; inf: never
        ("down", "f8", (LEVELS - 1, MEASURES)),
        ("votes", "i8"),
        ("dwell", "i8"),
    ],
    align=True,
)

THRESHOLD_STATE = np.dtype(
    [("levels", "i8", (MEASURES,)), ("label", "i8"), ("lower", "i8"), ("started", "i8")], align=True
)


def threshold_rules(up: Any, down: Any, *, votes: int = 1, dwell: int = 10) -> Any:
    """One THRESHOLD_RULES record from two (levels − 1) × measures tables.

    Raises InputError unless every `down` is at most its `up`, the levels ascend, and votes and dwell are possible.
    """
    high, low = np.asarray(up, np.float64), np.asarray(down, np.float64)
    shape = (LEVELS - 1, MEASURES)
    if high.shape != shape or low.shape != shape:
        raise InputError("up", (high.shape, low.shape), f"and down must both have the shape {shape}")
    if not (low <= high).all() or not (high[:-1] <= high[1:]).all() or not (low[:-1] <= low[1:]).all():
        raise InputError("down", low.tolist(), f"must not be above {high.tolist()}, and both must ascend by level")
    if not 1 <= votes <= MEASURES:
        raise InputError("votes", votes, f"must be 1 to {MEASURES}")
    if dwell < 1:
        raise InputError("dwell", dwell, "must be at least one observation")
    rules = records(1, THRESHOLD_RULES)
    rules["up"], rules["down"], rules["votes"], rules["dwell"] = high, low, votes, dwell
    return rules


def learn_thresholds(
    measures: Floats,
    *,
    middle: float = 0.5,
    high: float = 0.85,
    gap: float = 0.1,
    use: tuple[bool, ...] = (True,) * MEASURES,
    votes: int = 1,
    dwell: int = 10,
) -> Any:
    """THRESHOLD_RULES from a training stretch: `up` at the quantiles `middle` and `high`, `down` a `gap` of them below.

    `measures` are observations × measures; a measure that `use` leaves out never reaches a level.
    """
    if not 0 < gap < middle < high < 1:
        raise InputError("middle", (gap, middle, high), "must be quantiles: 0 < gap < middle < high < 1")
    up = np.quantile(measures, [middle, high], axis=0)
    down = np.quantile(measures, [middle - gap, high - gap], axis=0)
    for m, used in enumerate(use):
        if not used:
            up[:, m] = down[:, m] = np.inf
    return threshold_rules(up, down, votes=votes, dwell=dwell)


@subkernel
def threshold_step(state: Any, rules: Any, measures: Any) -> int:
    """The label after one observation; a measure that is NaN stays on its level."""
    for m in range(MEASURES):
        level = state.levels[m]
        while level < LEVELS - 1 and measures[m] >= rules.up[level, m]:
            level += 1
        while level > 0 and measures[m] < rules.down[level - 1, m]:
            level -= 1
        state.levels[m] = level
    voted = 0
    for level in range(1, LEVELS):
        reached = 0
        for m in range(MEASURES):
            if state.levels[m] >= level:
                reached += 1
        if reached >= rules.votes:
            voted = level
    if state.started == 0 or voted >= state.label:
        state.started = 1
        state.label = voted
        state.lower = 0
    else:
        state.lower += 1
        if state.lower >= rules.dwell:
            state.label = voted
            state.lower = 0
    return state.label


@kernel
def threshold_labels(states: Any, rules: Any, measures: Any, labels: Any) -> int:
    """Fold observations × measures into the one state of `states`; writes a label each and returns the last."""
    last = UNKNOWN
    for i in range(len(measures)):
        last = threshold_step(states[0], rules[0], measures[i])
        labels[i] = last
    return last
