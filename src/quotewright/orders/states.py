"""Open orders as the engine knows them, in a slab with one linked list a leg, oldest order first."""

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.kernel import kernel, subkernel

FREE = 0
PENDING = 1  # sent, not yet answered
OPEN = 2  # accepted by the venue
UNKNOWN = 3  # in doubt: counts as open until the venue says otherwise
NONE = -1

ORDER = np.dtype(
    [
        ("id", "i8"),
        ("price", "i8"),
        ("qty", "i8"),  # total quantity, as last asked for
        ("filled", "i8"),
        ("leaves", "i8"),  # open quantity, as the venue last told
        ("ahead", "i8"),  # queue ahead at entry
        ("generation", "i8"),  # of the take it belongs to; 0 for quotes
        ("leg", "i8"),
        ("side", "i8"),
        ("state", "i8"),
        ("canceling", "i8"),  # a cancel is in flight
        ("amending", "i8"),  # an amend is in flight
        ("flags", "i8"),
        ("next", "i8"),
        ("previous", "i8"),
    ],
    align=True,
)


@kernel
def free_all(orders: Any, engine: Any) -> None:
    """Chain every slot into the free list."""
    for slot in range(len(orders)):
        orders[slot].state = FREE
        orders[slot].next = slot + 1 if slot + 1 < len(orders) else NONE
    engine.free_order = 0


@subkernel
def append_order(orders: Any, engine: Any, leg: Any) -> int:
    """Take a free slot and put it at the end of the leg's list; returns the slot, or NONE."""
    slot = engine.free_order
    if slot == NONE:
        return NONE
    order = orders[slot]
    engine.free_order = order.next
    order.next = NONE
    order.previous = leg.last_order
    if leg.last_order == NONE:
        leg.first_order = slot
    else:
        orders[leg.last_order].next = slot
    leg.last_order = slot
    leg.open_orders += 1
    return slot


@subkernel
def release_order(orders: Any, engine: Any, leg: Any, slot: int) -> None:
    """Take an order out of its leg's list and free its slot."""
    order = orders[slot]
    if order.previous == NONE:
        leg.first_order = order.next
    else:
        orders[order.previous].next = order.next
    if order.next == NONE:
        leg.last_order = order.previous
    else:
        orders[order.next].previous = order.previous
    order.state = FREE
    order.id = 0
    order.previous = NONE
    order.next = engine.free_order
    engine.free_order = slot
    leg.open_orders -= 1


@subkernel
def find_order(orders: Any, leg: Any, order_id: int) -> int:
    """Slot of a leg's open order by its id, or NONE."""
    slot = leg.first_order
    while slot != NONE:
        if orders[slot].id == order_id:
            return slot
        slot = orders[slot].next
    return NONE
