"""How our orders move up in their queues when the recorded quantity at their price changes (L2)."""

from __future__ import annotations

import math
from typing import Any

from quotewright.domain.kernel import subkernel
from quotewright.market.book import touch_qty
from quotewright.simulation.state import LOG, POWER, RISK_AVERSE


@subkernel
def advance_level(vs: Any, at: int) -> None:
    """Move every cohort at one of our levels after the recorded quantity there may have changed."""
    level = vs.own_levels[at]
    now = touch_qty(vs.books[level.instrument], level.side, level.price)
    index = level.first
    while index >= 0:
        cohort = vs.cohorts[index]
        if now != cohort.seen:
            _advance(vs, cohort, now)
        index = cohort.next


@subkernel
def _advance(vs: Any, cohort: Any, now: int) -> None:
    venue = vs.venue[0]
    change = cohort.seen - now - cohort.traded
    base = max(0, cohort.seen - cohort.traded)
    cohort.seen = now
    cohort.traded = 0
    if change > 0 and venue.queue_model != RISK_AVERSE:
        back = max(0, base - cohort.ahead)
        behind = cancel_was_behind(venue.queue_model, venue.power, cohort.ahead, back)
        moved = cohort.ahead - (1.0 - behind) * change + min(0.0, back - behind * change)
        cohort.ahead = max(0, math.ceil(moved))
    cohort.ahead = min(cohort.ahead, now)


@subkernel
def cancel_was_behind(model: int, power: float, ahead: int, back: int) -> float:
    """Probability that a cancel at the level was behind our order (see the table in the rules)."""
    if ahead + back == 0:
        return 1.0
    if model == LOG:
        return math.log(1.0 + back) / (math.log(1.0 + back) + math.log(1.0 + ahead))
    n = power if model == POWER else 1.0
    weight = float(back) ** n
    return weight / (weight + float(ahead) ** n)
