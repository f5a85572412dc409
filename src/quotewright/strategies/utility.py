"""Utility block: how averse to risk a maker is at his present wealth, and an estimate of that wealth.

Ports: prices in quote currency, fees in bp, inventory in lots, wealth in orders, gains in bp·orders.
"""

from __future__ import annotations

from typing import Any

from quotewright.domain.kernel import subkernel

CARA, CRRA, HARA = range(3)

BOUND = 1_000.0  # aversion stays within this factor of `gamma`: ruin must not become a division by zero

KNOWN, INVENTORY, MID, BID, ASK, GAIN = range(6)
"""Cells of memory: whether the others are known, lots held, mid, prices last quoted (0: none), bp·orders."""


@subkernel
def risk_aversion(utility: int, gamma: float, slope: float, start: float, gain: float) -> float:
    """Absolute risk aversion −U″/U′ (1/bp an order) at wealth `start` + `gain` (bp·orders).

    HARA: risk tolerance is linear in wealth, 1/a(W) = 1/γ + slope·(W − W₀), so a = γ/(1 + γ·slope·(W − W₀)).
    CARA is slope 0, CRRA is slope 1/(γW₀), a = γW₀/W. Merton (1971), Journal of Economic Theory 3, 373–413,
    section 6. Using a(W) in a formula made for CARA is right for gains that are small next to W: Pratt (1964),
    Econometrica 32, 122–136, (7).
    """
    if utility == CARA:
        return gamma
    grown = gain / start if utility == CRRA else gamma * slope * gain
    return gamma / min(max(1.0 + grown, 1.0 / BOUND), BOUND)


@subkernel
def mark_to_mid(memory: Any, inventory: float, lots: int, mid: float, fee: float) -> float:
    """Gain since the start in bp·orders of `lots`: what is held moves with the mid, fills are at the price last quoted.

    `inventory` is in lots, and it alone tells fills: an order's lots change with the price.
    """
    if memory[KNOWN] != 0.0:
        held = memory[INVENTORY]
        bought = inventory - held
        made = held * (mid - memory[MID])
        quoted = memory[BID] if bought > 0.0 else memory[ASK]
        if bought != 0.0 and quoted > 0.0:
            made += bought * (mid - quoted)
        memory[GAIN] += (made / mid * 10_000 - abs(bought) * fee) / lots
    memory[KNOWN] = 1.0
    memory[INVENTORY] = inventory
    memory[MID] = mid
    return memory[GAIN]
