"""Skew block: how far the centre of the quotes lies from the fair price, for the inventory and for what is coming."""

from __future__ import annotations

import math
from typing import Any

from quotewright.domain.kernel import subkernel
from quotewright.features.slots import AVERAGE_SKEW, ORDER_FLOW, QUEUE_IMBALANCE, SKEW, TRADE_FLOW

SIGNALS = (QUEUE_IMBALANCE, SKEW, AVERAGE_SKEW, TRADE_FLOW, ORDER_FLOW)
"""Slots that have a weight, in the order of their parameters."""

USUAL_FLOW = 8.0  # usual touches: an order flow of this much counts tanh 1


@subkernel
def inventory_skew(inventory: float, wanted: float, lean: float) -> float:
    """−lean × (inventory − wanted), both in orders: bp."""
    return -lean * (inventory - wanted)


@subkernel
def signal_skew(features: Any, weights: Any, modelled: float, most: float) -> float:
    """Σ weight (bp) × signal, each within ±1, and the model's part, within ±`most`; what is not known counts 0.

    Order flow, which has no bounds, enters as the tanh of it over USUAL_FLOW.
    """
    total = modelled
    for i in range(len(SIGNALS)):
        signal = features[SIGNALS[i]]
        if math.isfinite(signal):
            bounded = math.tanh(signal / USUAL_FLOW) if SIGNALS[i] == ORDER_FLOW else min(max(signal, -1.0), 1.0)
            total += weights[i] * bounded
    return min(max(total, -most), most)


@subkernel
def modelled_skew(answer: float, middle: float, weight: float) -> float:
    """weight (bp) × (a compiled model's answer − the answer that says nothing); 0 where it has no answer."""
    return weight * (answer - middle) if math.isfinite(answer) else 0.0


@subkernel
def wanted_inventory(target: float, view: float, weight: float, most: float) -> float:
    """target + weight × a slow view (orders), within ±`most`; a view that is not known counts 0."""
    wanted = target + weight * view if math.isfinite(view) else target
    return min(max(wanted, -most), most)
