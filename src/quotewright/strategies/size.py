"""Size block: how many lots to show, for the depth beside them, the chance of a fill, and how sure the price is."""

from __future__ import annotations

import math

from quotewright.domain.kernel import subkernel


@subkernel
def confidence(apart: float, spread: float, doubt: float) -> float:
    """1/(1 + doubt × apart/spread): 1 where fair prices agree, or with no doubt; both distances in one unit."""
    return 1.0 / (1.0 + doubt * apart / spread) if apart > 0.0 else 1.0


@subkernel
def quote_size(lots: int, times: float, beside: float, share: float, fill: float, fill_power: float) -> int:
    """`lots` × `times` × fill^fill_power, at most `share` of the lots at the touch `beside` (share 0: no limit).

    0 where less than half a lot is left.
    """
    wanted = lots * times
    if fill_power > 0.0:
        wanted *= fill**fill_power
    if share > 0.0:
        wanted = min(wanted, share * beside)
    return math.floor(max(0.0, min(wanted + 0.5, 1e15)))
