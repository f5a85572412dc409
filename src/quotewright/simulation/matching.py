"""A price-time matching engine on integers: orders and cancels in, L3 EVENT rows and executions out.

The book is four arrays, grown by `MatchingEngine` and passed to every kernel in this order:

    head        one HEAD record: counters and the free list
    orders      ORDER slots; an order id is `serial << SLOT_BITS | slot`, so a look-up is one comparison
    levels      LEVEL, shape (2, n): row 0 bids, row 1 asks, each sorted so that the best price is last;
                a sorted list has no window, so no price is ever out of range
    events, executions   the outputs, drained by the caller

A kernel that lacks room for everything it might write returns NO_ROOM and has changed nothing: make room and
call it again. Each call that changes the book is one update, its last row flagged LAST; TRADE rows come before the
CHANGE or DELETE of the maker they hit; a DELETE carries the lots that the book held for the order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.events import ADD, ASK, BID, CHANGE, CLEAR, DELETE, LAST, TRADE
from quotewright.domain.journal import FOK, IOC, POST_ONLY, Reject
from quotewright.domain.kernel import INTERPRETED, kernel, subkernel

SLOT_BITS = 20
MOST_OPEN = 1 << SLOT_BITS  # open orders that ids can address
SLOT_MASK = MOST_OPEN - 1

DONE = 0
REJECT_POST_ONLY = int(Reject.POST_ONLY)
REJECT_UNKNOWN = int(Reject.UNKNOWN_ORDER)
REJECT_FOK = int(Reject.FOK)
NO_ROOM = -1
BAD_ORDER = -2  # side, price or quantity out of range

HEAD = np.dtype(
    [
        ("now", "i8"),  # venue time of the last call, ns; never goes back
        ("serial", "i8"),  # orders numbered so far
        ("updates", "i8"),
        ("trades", "i8"),
        ("free", "i8"),  # first free slot, -1 if none
        ("open", "i8"),  # resting orders
        ("bids", "i8"),  # price levels a side
        ("asks", "i8"),
        ("events", "i8"),  # rows written to the outputs
        ("executions", "i8"),
        ("order_id", "i8"),  # of the last submit; 0 if it was refused
        ("filled", "i8"),  # lots the last submit took
        ("resting", "i8"),  # lots the last submit left in the book
    ],
    align=True,
)
ORDER = np.dtype(
    [
        ("id", "i8"),  # 0: free slot
        ("side", "i8"),
        ("price", "i8"),
        ("qty", "i8"),  # open lots
        ("owner", "i8"),
        ("before", "i8"),  # neighbours in the queue, -1 at its ends
        ("after", "i8"),  # also links the free list
    ],
    align=True,
)
LEVEL_RECORD = np.dtype(
    [("price", "i8"), ("qty", "i8"), ("count", "i8"), ("first", "i8"), ("last", "i8")],
    align=True,
)
EXECUTION = np.dtype(
    [
        ("ts", "i8"),
        ("trade", "i8"),
        ("side", "i8"),  # taker's side
        ("price", "i8"),
        ("qty", "i8"),
        ("maker", "i8"),  # order ids
        ("taker", "i8"),
        ("maker_owner", "i8"),
        ("taker_owner", "i8"),
        ("maker_leaves", "i8"),
    ],
    align=True,
)


def records(shape: Any, dtype: np.dtype[Any]) -> Any:
    """Zeroed records; with jitting off as a recarray, whose items have their fields as attributes too."""
    return as_records(np.zeros(shape, dtype=dtype))


def as_records(array: Any) -> Any:
    """The same memory in the form that kernels take."""
    return array.view(np.recarray) if INTERPRETED else array


@subkernel
def _find(levels: Any, row: int, count: int, side: int, price: int) -> int:
    """Index of the first level at `price` or better; `count` if all are worse."""
    low = 0
    high = count
    while low < high:
        middle = (low + high) // 2
        if levels[row, middle].price * side < price * side:
            low = middle + 1
        else:
            high = middle
    return low


@subkernel
def _write(h: Any, events: Any, kind: int, side: int, price: int, qty: int, order_id: int, seq: int) -> None:
    # `flags` is written by item everywhere: interpreted, the attribute is numpy's own.
    row = events[h.events]
    row.exch_ts = h.now
    row.local_ts = h.now
    row.seq = seq
    row.order_id = order_id
    row.price = price
    row.qty = qty
    row.kind = kind
    row.side = side
    row["flags"] = 0
    row.instrument = 0
    h.events += 1


@subkernel
def _enqueue(h: Any, orders: Any, levels: Any, side: int, price: int, qty: int, owner: int, order_id: int) -> None:
    slot = order_id & SLOT_MASK
    order = orders[slot]
    row = 0 if side == BID else 1
    count = h.bids if side == BID else h.asks
    at = _find(levels, row, count, side, price)
    if at == count or levels[row, at].price != price:
        for i in range(count, at, -1):
            levels[row, i] = levels[row, i - 1]
        level = levels[row, at]
        level.price = price
        level.qty = 0
        level.count = 0
        level.first = -1
        level.last = -1
        if side == BID:
            h.bids += 1
        else:
            h.asks += 1
    level = levels[row, at]
    order.id = order_id
    order.side = side
    order.price = price
    order.qty = qty
    order.owner = owner
    order.before = level.last
    order.after = -1
    if level.last >= 0:
        orders[level.last].after = slot
    else:
        level.first = slot
    level.last = slot
    level.qty += qty
    level.count += 1
    h.open += 1


@subkernel
def _unlink(h: Any, orders: Any, levels: Any, slot: int) -> None:
    """Take the order in `slot` out of its queue, and its level out of the book if it was the last there."""
    order = orders[slot]
    row = 0 if order.side == BID else 1
    count = h.bids if row == 0 else h.asks
    at = _find(levels, row, count, order.side, order.price)
    level = levels[row, at]
    if order.before >= 0:
        orders[order.before].after = order.after
    else:
        level.first = order.after
    if order.after >= 0:
        orders[order.after].before = order.before
    else:
        level.last = order.before
    level.qty -= order.qty
    level.count -= 1
    if level.count == 0:
        for i in range(at, count - 1):
            levels[row, i] = levels[row, i + 1]
        if row == 0:
            h.bids -= 1
        else:
            h.asks -= 1
    order.id = 0
    order.after = h.free
    h.free = slot
    h.open -= 1


@subkernel
def _reachable(h: Any, orders: Any, levels: Any, side: int, price: int, qty: int) -> tuple[int, int]:
    """What an order would take: (makers it would hit, lots it would fill)."""
    row = 1 if side == BID else 0
    at = (h.asks if side == BID else h.bids) - 1
    hits = 0
    taken = 0
    while at >= 0 and taken < qty and (price - levels[row, at].price) * side >= 0:
        slot = levels[row, at].first
        while slot >= 0 and taken < qty:
            taken += min(orders[slot].qty, qty - taken)
            hits += 1
            slot = orders[slot].after
        at -= 1
    return hits, taken


@subkernel
def _take(
    h: Any, orders: Any, levels: Any, events: Any, executions: Any, owner: int, side: int, price: int, qty: int
) -> int:
    """Match against the other side, best price first, oldest first; the lots left over."""
    row = 1 if side == BID else 0
    while qty > 0:
        count = h.asks if side == BID else h.bids
        if count == 0 or (price - levels[row, count - 1].price) * side < 0:
            break
        level = levels[row, count - 1]
        slot = level.first
        maker = orders[slot]
        fill = min(maker.qty, qty)
        qty -= fill
        h.trades += 1
        _write(h, events, TRADE, side, maker.price, fill, maker.id, h.trades)
        done = executions[h.executions]
        done.ts = h.now
        done.trade = h.trades
        done.side = side
        done.price = maker.price
        done.qty = fill
        done.maker = maker.id
        done.taker = h.order_id
        done.maker_owner = maker.owner
        done.taker_owner = owner
        done.maker_leaves = maker.qty - fill
        h.executions += 1
        if fill == maker.qty:
            _write(h, events, DELETE, maker.side, maker.price, fill, maker.id, h.updates)
            _unlink(h, orders, levels, slot)
        else:
            maker.qty -= fill
            level.qty -= fill
            _write(h, events, CHANGE, maker.side, maker.price, maker.qty, maker.id, h.updates)
    return qty


@kernel
def submit(
    head: Any,
    orders: Any,
    levels: Any,
    events: Any,
    executions: Any,
    now: int,
    owner: int,
    side: int,
    price: int,
    qty: int,
    flags: int,
) -> int:
    """A new order: `price` ticks (its limit), `qty` lots, `flags` of POST_ONLY, IOC, FOK; a status code.

    A market order is an IOC at a limit that reaches what it may. After DONE the head has `order_id`, `filled`,
    `resting`; what an IOC could not fill is gone, and an IOC that meets nothing writes no row.
    Refused without a row: REJECT_POST_ONLY (would have taken), REJECT_FOK (could not be filled whole), BAD_ORDER.
    """
    h = head[0]
    h.order_id = 0
    h.filled = 0
    h.resting = 0
    if (side != BID and side != ASK) or qty <= 0 or price <= 0:
        return BAD_ORDER
    hits, fills = _reachable(h, orders, levels, side, price, qty)
    if flags & POST_ONLY and hits > 0:
        return REJECT_POST_ONLY
    if flags & FOK and fills < qty:
        return REJECT_FOK
    rests = fills < qty and not flags & (IOC | FOK)
    sides = h.bids if side == BID else h.asks
    if h.events + 2 * hits + 1 > events.shape[0] or h.executions + hits > executions.shape[0]:
        return NO_ROOM
    if rests and (h.free < 0 or sides == levels.shape[1]):
        return NO_ROOM
    h.now = max(h.now, now)
    h.serial += 1
    if rests:
        slot = h.free
        h.free = orders[slot].after
        h.order_id = (h.serial << SLOT_BITS) | slot
    else:  # it needs no slot: its id only names the taker
        h.order_id = (h.serial << SLOT_BITS) | SLOT_MASK
    if hits == 0 and not rests:
        return DONE
    h.updates += 1
    left = _take(h, orders, levels, events, executions, owner, side, price, qty)
    h.filled = qty - left
    if rests:
        _enqueue(h, orders, levels, side, price, left, owner, h.order_id)
        _write(h, events, ADD, side, price, left, h.order_id, h.updates)
        h.resting = left
    events[h.events - 1]["flags"] = LAST
    return DONE


@kernel
def is_open(orders: Any, order_id: int) -> bool:
    """Whether the order with this id rests in the book."""
    slot = order_id & SLOT_MASK
    return order_id > 0 and slot < orders.shape[0] and orders[slot].id == order_id


@kernel
def cancel(head: Any, orders: Any, levels: Any, events: Any, executions: Any, now: int, order_id: int) -> int:
    """Take a resting order off the book: DONE, REJECT_UNKNOWN or NO_ROOM."""
    h = head[0]
    if not is_open(orders, order_id):
        return REJECT_UNKNOWN
    if h.events == events.shape[0]:
        return NO_ROOM
    h.now = max(h.now, now)
    h.updates += 1
    slot = order_id & SLOT_MASK
    order = orders[slot]
    _write(h, events, DELETE, order.side, order.price, order.qty, order_id, h.updates)
    events[h.events - 1]["flags"] = LAST
    _unlink(h, orders, levels, slot)
    return DONE


@kernel
def reduce(head: Any, orders: Any, levels: Any, events: Any, executions: Any, now: int, order_id: int, qty: int) -> int:
    """Shrink a resting order to `qty` lots; it keeps its place. 0 or less cancels; growing is BAD_ORDER."""
    h = head[0]
    if not is_open(orders, order_id):
        return REJECT_UNKNOWN
    if qty <= 0:
        return cancel(head, orders, levels, events, executions, now, order_id)
    order = orders[order_id & SLOT_MASK]
    if qty >= order.qty:
        return BAD_ORDER
    if h.events == events.shape[0]:
        return NO_ROOM
    h.now = max(h.now, now)
    h.updates += 1
    row = 0 if order.side == BID else 1
    at = _find(levels, row, h.bids if row == 0 else h.asks, order.side, order.price)
    levels[row, at].qty -= order.qty - qty
    order.qty = qty
    _write(h, events, CHANGE, order.side, order.price, qty, order_id, h.updates)
    events[h.events - 1]["flags"] = LAST
    return DONE


@kernel
def snapshot(head: Any, orders: Any, levels: Any, events: Any, executions: Any, now: int) -> int:
    """Write the book as CLEAR and ADD rows, best prices first, queues in their order: DONE or NO_ROOM."""
    h = head[0]
    if h.events + h.open + 1 > events.shape[0]:
        return NO_ROOM
    h.now = max(h.now, now)
    _write(h, events, CLEAR, 0, 0, 0, 0, h.updates)
    for row in range(2):
        for at in range((h.bids if row == 0 else h.asks) - 1, -1, -1):
            slot = levels[row, at].first
            while slot >= 0:
                order = orders[slot]
                _write(h, events, ADD, order.side, order.price, order.qty, order.id, h.updates)
                slot = order.after
    events[h.events - 1]["flags"] = LAST
    return DONE
