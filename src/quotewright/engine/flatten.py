"""Taking a leg to a flat position: no quotes, and one take at a time until less than the smallest order is left."""

from __future__ import annotations

from typing import Any

from quotewright.domain.events import ASK, BID
from quotewright.domain.kernel import subkernel
from quotewright.engine.commands import send_cancel, send_take
from quotewright.orders.states import NONE


@subkernel
def flatten_leg(state: Any, leg: int) -> None:
    """Cancel what rests, and once nothing does, take what brings the position to zero, `unwind` ticks at most."""
    mine = state.legs[leg]
    resting = False
    slot = mine.first_order
    while slot != NONE:
        order = state.orders[slot]
        if order.canceling == 0 and order.generation <= 0:
            send_cancel(state, leg, slot)
        resting = True
        slot = order.next
    instrument = state.instruments[mine.instrument]
    lots = abs(mine.position) // instrument.atoms_per_lot
    if resting or lots < max(1, instrument.min_qty):
        return
    touch = state.touches[mine.instrument]
    target = state.targets[0]
    target.take_generation = max(mine.take_generation, 0) + 1
    target.take_qty = min(lots, state.limits[leg].max_order_qty)
    if mine.position > 0:
        target.take_side = ASK
        target.take_limit = max(touch.bid - mine.unwind, instrument.min_price)
    else:
        target.take_side = BID
        target.take_limit = min(touch.ask + mine.unwind, instrument.max_price)
    send_take(state, leg, target)
