"""Drought and spike rules: what to do with one's quotes when liquidity leaves or the price runs. One pure function.

Inputs are ratios to what is usual, so that one set of rules serves every instrument: the spread over its usual, the
usual depth over the present one, the move of a short window over its usual size, and the age of the data over the
longest that may be quoted on. A measure that is not a number, or a ratio that is not positive, halts: unknown is not
calm.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel, records, subkernel
from quotewright.signals.regime import TURBULENT, UNKNOWN

KEEP = 0
WIDEN = 1  # quote further out
SHRINK = 2  # quote less
HALT = 4  # quote nothing; alone when it is set

STRESS_RULES = np.dtype(
    [
        ("widen_spread", "f8"),
        ("halt_spread", "f8"),
        ("shrink_depth", "f8"),  # usual depth over present depth
        ("halt_depth", "f8"),
        ("widen_move", "f8"),
        ("halt_move", "f8"),
        ("release", "f8"),  # share of a threshold below which what it set is lifted
        ("widen_from", "i8"),  # the regime from which quotes are widened anyway; 3: none
        ("shrink_from", "i8"),
    ],
    align=True,
)


def stress_rules(
    *,
    widen_spread: float = 3.0,
    halt_spread: float = 10.0,
    shrink_depth: float = 3.0,
    halt_depth: float = 20.0,
    widen_move: float = 4.0,
    halt_move: float = 10.0,
    release: float = 0.7,
    widen_from: int = TURBULENT,
    shrink_from: int = TURBULENT,
) -> Any:
    """One STRESS_RULES record, thresholds as ratios to the usual.

    Raises InputError for a threshold not above 1, a halt below its milder rule, or a release outside (0, 1].
    """
    given = {
        "widen_spread": widen_spread,
        "halt_spread": halt_spread,
        "shrink_depth": shrink_depth,
        "halt_depth": halt_depth,
        "widen_move": widen_move,
        "halt_move": halt_move,
    }
    for field, value in given.items():
        if not 1 < value <= math.inf:
            raise InputError(field, value, "is a ratio to the usual: above 1")
    for mild, hard in (("widen_spread", "halt_spread"), ("shrink_depth", "halt_depth"), ("widen_move", "halt_move")):
        if given[hard] < given[mild]:
            raise InputError(hard, given[hard], f"must not be below {mild}")
    if not 0 < release <= 1:
        raise InputError("release", release, "is a share of the threshold: 0 < release ≤ 1")
    for field, value in (("widen_from", widen_from), ("shrink_from", shrink_from)):
        if not 0 <= value <= TURBULENT + 1:
            raise InputError(field, value, f"must be a regime, 0 to {TURBULENT}, or {TURBULENT + 1} for none")
    rules = records(1, STRESS_RULES)
    for field, value in given.items():
        rules[field] = value
    rules["release"], rules["widen_from"], rules["shrink_from"] = release, widen_from, shrink_from
    return rules


@subkernel
def _beyond(value: float, threshold: float, release: float, was_set: int) -> bool:
    return value >= (threshold * release if was_set else threshold)


@subkernel
def stress_action(rules: Any, regime: int, spread: float, thin: float, move: float, age: float, before: int) -> int:
    """The action code for these ratios, `before` being the last code: HALT alone, else WIDEN and SHRINK added up.

    What a threshold has set is lifted only below `release` of it.
    """
    if not (spread > 0.0 and thin > 0.0 and move >= 0.0 and 0.0 <= age <= 1.0) or regime == UNKNOWN:
        return HALT
    halted = before & HALT
    if (
        _beyond(spread, rules.halt_spread, rules.release, halted)
        or _beyond(thin, rules.halt_depth, rules.release, halted)
        or _beyond(move, rules.halt_move, rules.release, halted)
    ):
        return HALT
    widened, shrunk = before & (WIDEN | HALT), before & (SHRINK | HALT)  # after a halt, both are lifted as if set
    action = KEEP
    if (
        regime >= rules.widen_from
        or _beyond(spread, rules.widen_spread, rules.release, widened)
        or _beyond(move, rules.widen_move, rules.release, widened)
    ):
        action |= WIDEN
    if regime >= rules.shrink_from or _beyond(thin, rules.shrink_depth, rules.release, shrunk):
        action |= SHRINK
    return action


@kernel
def stress_actions(rules: Any, regimes: Any, ratios: Any, before: int, actions: Any) -> int:
    """Fold ratios (n × spread, thin, move, age) and regimes; writes an action each, returns the last."""
    last = before
    for i in range(len(ratios)):
        last = stress_action(rules[0], regimes[i], ratios[i, 0], ratios[i, 1], ratios[i, 2], ratios[i, 3], last)
        actions[i] = last
    return last
