"""Fair price block: the mid plus a blend of fair-price features, bounded, and how much these disagree."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from quotewright.domain.kernel import subkernel
from quotewright.features.slots import DEPTH, KALMAN, MICROPRICE, WEIGHTED_MID

BLENDED = (WEIGHTED_MID, MICROPRICE, DEPTH, KALMAN)
"""Slots that have a weight, in the order of their parameters."""


class Fair(NamedTuple):
    """Port: where the fair price lies, and how far apart the blended features are, both in ticks."""

    offset: float  # from the mid
    apart: float  # 0 with fewer than two


@subkernel
def fair_price(features: Any, weights: Any, spread: float, reach: float) -> Fair:
    """Σ weight × (feature − mid) in ticks, within `reach` half spreads of the mid.

    A feature that is not known counts as the mid; `spread` is in ticks.
    """
    offset = 0.0
    lowest = math.inf
    highest = -math.inf
    for i in range(len(BLENDED)):
        away = features[BLENDED[i]]
        if weights[i] != 0.0 and math.isfinite(away):
            offset += weights[i] * away
            lowest = min(lowest, away)
            highest = max(highest, away)
    most = reach * 0.5 * spread
    return Fair(min(max(offset, -most), most), max(highest - lowest, 0.0))
