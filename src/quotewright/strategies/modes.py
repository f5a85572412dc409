"""Regime and stress block: what the regime makes of the parameters, and when to widen, shrink or halt."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from quotewright.domain.kernel import subkernel
from quotewright.signals.regime import CALM, TRANSITIONAL, TURBULENT
from quotewright.signals.stress import HALT, SHRINK, WIDEN


class Mode(NamedTuple):
    """Port: whether to quote at all, and factors on half-spread, size, risk aversion and signals."""

    halted: bool
    width: float
    size: float
    gamma: float
    signal: float


@subkernel
def mode(regime: float, stress: float, heed: int, sets: Any, wider: float, smaller: float) -> Mode:
    """The factors of a regime, with those of the stress code on top where it is heeded.

    `sets` holds width, size, gamma and signal for transitional, then for turbulent; calm is 1 throughout. A regime that
    is not known counts as transitional, a stress code that is not known as widen and shrink: unknown is not calm.
    """
    known = int(regime) if math.isfinite(regime) and regime >= CALM else TRANSITIONAL
    now = Mode(False, 1.0, 1.0, 1.0, 1.0)
    if known >= TRANSITIONAL:
        at = 0 if known < TURBULENT else 4
        now = Mode(False, sets[at], sets[at + 1], sets[at + 2], sets[at + 3])
    if heed == 0:
        return now
    code = int(stress) if math.isfinite(stress) else WIDEN | SHRINK
    return Mode(
        code & HALT != 0,
        now.width * (wider if code & WIDEN else 1.0),
        now.size * (smaller if code & SHRINK else 1.0),
        now.gamma,
        now.signal,
    )
