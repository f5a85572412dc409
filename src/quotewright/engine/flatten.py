"""Taking a leg to a flat position: no quotes, and one take at a time until less than the smallest order is left."""

from __future__ import annotations

from typing import Any

from quotewright.domain.events import ASK, BID
from quotewright.domain.kernel import kernel, subkernel
from quotewright.domain.money import value_of
from quotewright.engine.commands import send_cancel, send_take
from quotewright.market.book import usable
from quotewright.orders.states import NONE


@subkernel
def take_price(state: Any, leg: int) -> int:
    """Limit of a take: `unwind` ticks beyond the touch, but no further from the mid than risk lets an order be."""
    mine = state.legs[leg]
    instrument = state.instruments[mine.instrument]
    touch = state.touches[mine.instrument]
    middle = 10_000 * touch.mid2
    room = state.limits[leg].price_band * touch.mid2
    if mine.position > 0:
        lowest = -((room - middle) // 20_000)
        return max(touch.bid - mine.unwind, lowest, instrument.min_price)
    return min(touch.ask + mine.unwind, (middle + room) // 20_000, instrument.max_price)


@subkernel
def takeable_lots(state: Any, leg: int) -> int:
    """Lots of the position that one order can take, a usable book given; 0 if they are less than the smallest order."""
    mine = state.legs[leg]
    limits = state.limits[leg]
    instrument = state.instruments[mine.instrument]
    lots = min(abs(mine.position) // instrument.atoms_per_lot, limits.max_order_qty)
    price2 = 2 * take_price(state, leg)
    of_one = abs(value_of(instrument, instrument.atoms_per_lot, price2))
    if of_one > 0:
        lots = min(lots, limits.max_open_notional // of_one)
    notional = abs(value_of(instrument, lots * instrument.atoms_per_lot, price2))
    if lots < max(1, instrument.min_qty) or notional < instrument.min_notional:
        return 0
    return lots


@kernel
def is_flat(state: Any, leg: int) -> bool:
    """Whether nothing is left that an order could take; without a usable book only if there is no lot at all."""
    mine = state.legs[leg]
    if usable(state.touches[mine.instrument]):
        return takeable_lots(state, leg) == 0
    instrument = state.instruments[mine.instrument]
    return abs(mine.position) // instrument.atoms_per_lot < max(1, instrument.min_qty)


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
    if resting:
        return
    lots = takeable_lots(state, leg)
    if lots == 0:
        return
    target = state.targets[0]
    target.take_generation = max(mine.take_generation, 0) + 1
    target.take_qty = lots
    target.take_side = ASK if mine.position > 0 else BID
    target.take_limit = take_price(state, leg)
    send_take(state, leg, target)
