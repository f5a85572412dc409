"""What a regime is told from: realised variance, spread and thinness on a regular clock, incrementally.

Labels go from CALM to TURBULENT; every measure is oriented so that more of it means more stress:

    log variance    ln of the exponentially weighted realised variance of the mid, bp²/s
    log spread      ln of the spread, bp
    thinness        −ln of the depth, in whatever unit the caller counts it

The clock ticks every `step`; a tick uses what was known strictly before the event that makes it due, and ticks that no
event fell between are made up for in one go. Nothing here looks ahead.
Realised variance: T. G. Andersen, T. Bollerslev, F. X. Diebold & P. Labys (2003), "Modeling and forecasting realized
volatility", Econometrica 71(2); the weights are those of RiskMetrics (1996).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel, records, subkernel

UNKNOWN = -1
CALM = 0
TRANSITIONAL = 1
TURBULENT = 2
REGIMES = ("calm", "transitional", "turbulent")
LEVELS = 3
MEASURES = 3
VARIANCE, SPREAD, THINNESS = 0, 1, 2

CLOCK_RULES = np.dtype(
    [
        ("step", "i8"),  # ns
        ("max_gap", "i8"),  # ns; a longer silence starts afresh
        ("keep", "f8"),  # share of the variance that a step keeps
        ("floor", "f8"),  # bp²/s; the least variance, for its logarithm
        ("warm_up", "i8"),  # steps before the first observation
    ],
    align=True,
)

CLOCK = np.dtype(
    [
        ("due", "i8"),  # the next tick; 0: not started
        ("seen", "i8"),
        ("steps", "i8"),
        ("mid_then", "f8"),  # the mid at the last tick
        ("mid", "f8"),  # the last known
        ("spread", "f8"),  # bp
        ("depth", "f8"),
        ("variance", "f8"),  # bp²/s
    ],
    align=True,
)

QUOTE = np.dtype([("time", "i8"), ("mid", "f8"), ("spread", "f8"), ("depth", "f8")], align=True)
OBSERVATION = np.dtype([("time", "i8"), ("measures", "f8", (MEASURES,))], align=True)


def clock_rules(
    *, step: float = 1.0, half_life: float = 30.0, max_gap: float = 60.0, floor: float = 1e-4, warm_up: int = 30
) -> Any:
    """One CLOCK_RULES record; step, half-life of the variance and longest gap in seconds, the floor in bp²/s.

    Raises InputError for anything not positive.
    """
    for field, value in (("step", step), ("half_life", half_life), ("max_gap", max_gap), ("floor", floor)):
        if not 0 < value < 1e9:
            raise InputError(field, value, "must be positive and finite")
    if warm_up < 1:
        raise InputError("warm_up", warm_up, "must be at least one step")
    rules = records(1, CLOCK_RULES)
    rules["step"], rules["max_gap"] = round(step * 1e9), round(max_gap * 1e9)
    rules["keep"], rules["floor"], rules["warm_up"] = 0.5 ** (step / half_life), floor, warm_up
    return rules


@subkernel
def observe(clock: Any, rules: Any, quote: Any, observation: Any) -> int:
    """Take in one quote, in order of time; 1 if a tick was due before it, which is then in `observation`, else 0.

    A quote without a mid, spread or depth above zero counts as news of nothing: the last known stay.
    """
    ticked = 0
    if clock.due != 0 and quote.time - clock.seen > rules.max_gap:
        clock.due = 0
    if clock.due != 0 and quote.time >= clock.due:
        passed = 1 + (quote.time - clock.due) // rules.step
        rate = 1e4 * math.log(clock.mid / clock.mid_then)
        seconds = rules.step * 1e-9
        late = math.pow(rules.keep, float(passed - 1))  # the steps after the first saw no move
        clock.variance = late * (rules.keep * clock.variance + (1.0 - rules.keep) * rate * rate / seconds)
        clock.mid_then = clock.mid
        clock.steps += passed
        clock.due += passed * rules.step
        if clock.steps >= rules.warm_up:
            unbiased = 1.0 - math.pow(rules.keep, float(clock.steps))  # the average began at zero
            observation.time = clock.due - rules.step
            observation.measures[VARIANCE] = math.log(clock.variance / unbiased + rules.floor)
            observation.measures[SPREAD] = math.log(clock.spread)
            observation.measures[THINNESS] = -math.log(clock.depth)
            ticked = 1
    if quote.mid > 0.0 and quote.spread > 0.0 and quote.depth > 0.0:
        if clock.due == 0:
            clock.due = quote.time + rules.step
            clock.mid_then = quote.mid
            clock.variance = 0.0
            clock.steps = 0
        clock.mid = quote.mid
        clock.spread = quote.spread
        clock.depth = quote.depth
        clock.seen = quote.time
    return ticked


@kernel
def observations(clocks: Any, rules: Any, quotes: Any, out: Any) -> int:
    """Fold QUOTE rows into the one clock of `clocks`; writes OBSERVATION rows and returns how many (≤ quotes)."""
    count = 0
    for i in range(len(quotes)):
        count += observe(clocks[0], rules[0], quotes[i], out[count])
    return count
