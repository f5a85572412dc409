"""The risk gate: judges the final command, after the diff. A cancel never comes here: it always passes."""

from __future__ import annotations

from typing import Any

from quotewright.domain.events import BID
from quotewright.domain.journal import Refusal
from quotewright.domain.kernel import subkernel
from quotewright.domain.money import equity_of, value_of

POSITION = int(Refusal.POSITION)
ORDER_QTY = int(Refusal.ORDER_QTY)
OPEN_NOTIONAL = int(Refusal.OPEN_NOTIONAL)
PRICE_BAND = int(Refusal.PRICE_BAND)
MESSAGE_RATE = int(Refusal.MESSAGE_RATE)
BOUNDS = int(Refusal.BOUNDS)


@subkernel
def check_place(
    limits: Any,
    instrument: Any,
    side: int,
    price: int,
    qty: int,
    position: int,
    open_side: int,
    open_notional: int,
    mid2: int,
) -> int:
    """0 if a new order may leave, else the Refusal.

    `position` in position atoms, `open_side` the open lots already on that side (cancels in flight
    included), `open_notional` in money units over both sides, `mid2` in half ticks.
    """
    if price < instrument.min_price or price > instrument.max_price:
        return BOUNDS
    if qty < max(1, instrument.min_qty) or qty > instrument.max_qty:
        return BOUNDS
    notional = abs(value_of(instrument, qty * instrument.atoms_per_lot, 2 * price))
    if notional < instrument.min_notional:
        return BOUNDS
    if qty > limits.max_order_qty:
        return ORDER_QTY
    held = position if side == BID else -position
    if held + (open_side + qty) * instrument.atoms_per_lot > limits.max_position * instrument.atoms_per_lot:
        return POSITION
    if open_notional + notional > limits.max_open_notional:
        return OPEN_NOTIONAL
    if abs(2 * price - mid2) * 10_000 > limits.price_band * mid2:
        return PRICE_BAND
    return 0


@subkernel
def spend_message(limits: Any, budget_until: int, now: int) -> int:
    """New end of the used-up message budget if one more message fits at `now`, else -1.

    A leaky bucket in time: each message uses `message_interval`, and at most `message_burst` may be
    used ahead of the clock.
    """
    after = max(budget_until, now) + limits.message_interval
    return after if after <= now + limits.message_burst else -1


@subkernel
def loss_reached(limits: Any, instrument: Any, cash: int, position: int, mid2: int) -> bool:
    """Whether marked equity has fallen to the loss limit."""
    return equity_of(instrument, cash, position, mid2) <= -limits.max_loss
