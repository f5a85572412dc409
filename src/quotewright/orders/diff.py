"""From target to actions: the fewest messages, the least queue lost.

- An open order at a wanted price (or within the price tolerance) stays, and so does its place in the queue.
- Wanted more there: the difference is one more order behind it. Wanted less: amended down where the venue keeps
  priority, otherwise replaced; differences within the quantity tolerance are left alone.
- Everything else is cancelled. Cancels come before places.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.events import ASK, BID
from quotewright.domain.kernel import subkernel
from quotewright.domain.quotes import MOST_QUOTES
from quotewright.orders.states import NONE, OPEN

CANCEL_ORDER = 1
AMEND_ORDER = 2
PLACE_ORDER = 3

ACTION = np.dtype(
    [("kind", "i8"), ("slot", "i8"), ("side", "i8"), ("price", "i8"), ("qty", "i8")],
    align=True,
)


@subkernel
def _find_target(target: Any, side: int, price: int, tolerance: int) -> int:
    """Index of the nearest wanted price within tolerance that still wants quantity, or -1."""
    found = -1
    nearest = tolerance + 1
    for i in range(target.bids if side == BID else target.asks):
        wanted = target.bid_price[i] if side == BID else target.ask_price[i]
        rest = target.bid_qty[i] if side == BID else target.ask_qty[i]
        distance = abs(wanted - price)
        if rest > 0 and distance < nearest:
            found = i
            nearest = distance
    return found


@subkernel
def _want(target: Any, side: int, i: int, rest: int) -> None:
    """Note what a wanted price still lacks."""
    if side == BID:
        target.bid_qty[i] = rest
    else:
        target.ask_qty[i] = rest


@subkernel
def _keep_or_cancel(orders: Any, slot: int, target: Any, rules: Any, actions: Any, used: int) -> int:
    order = orders[slot]
    side = order.side
    i = _find_target(target, side, order.price, rules.price_tolerance)
    if i < 0:
        actions[used].kind = CANCEL_ORDER
        actions[used].slot = slot
        return used + 1
    rest = target.bid_qty[i] if side == BID else target.ask_qty[i]
    expected = order.qty - order.filled
    if expected <= rest:
        missing = rest - expected
        _want(target, side, i, 0 if missing * 1000 <= rest * rules.qty_tolerance else missing)
        return used
    surplus = expected - rest
    if surplus * 1000 <= expected * rules.qty_tolerance or order.amending == 1:
        _want(target, side, i, 0)
        return used
    if rules.amend_keeps_priority == 1 and order.state == OPEN:
        actions[used].kind = AMEND_ORDER
        actions[used].slot = slot
        actions[used].qty = order.filled + rest
        _want(target, side, i, 0)
        return used + 1
    actions[used].kind = CANCEL_ORDER
    actions[used].slot = slot
    return used + 1


@subkernel
def diff_quotes(orders: Any, first_order: int, target: Any, rules: Any, actions: Any) -> int:
    """Fill `actions` with what turns the open quotes into the target; returns how many.

    `rules` has price_tolerance (ticks), qty_tolerance (1e-3) and amend_keeps_priority (0/1). The
    target's quantities are used up. Orders with a cancel in flight, and takes, are not touched.
    """
    used = 0
    slot = first_order
    while slot != NONE:
        order = orders[slot]
        if order.canceling == 0 and order.generation == 0:
            used = _keep_or_cancel(orders, slot, target, rules, actions, used)
        slot = order.next
    for i in range(min(target.bids, MOST_QUOTES)):
        if target.bid_qty[i] > 0:
            used = _place(actions, used, BID, target.bid_price[i], target.bid_qty[i])
    for i in range(min(target.asks, MOST_QUOTES)):
        if target.ask_qty[i] > 0:
            used = _place(actions, used, ASK, target.ask_price[i], target.ask_qty[i])
    return used


@subkernel
def _place(actions: Any, used: int, side: int, price: int, qty: int) -> int:
    actions[used].kind = PLACE_ORDER
    actions[used].slot = NONE
    actions[used].side = side
    actions[used].price = price
    actions[used].qty = qty
    return used + 1
