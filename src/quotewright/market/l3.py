"""The compiled L3 book: orders by id, in order of arrival; its levels are kept in a depth book.

Orders sit in an open-addressing table by venue id. `apply_order_row` also reports what left the queue
(`gone_*`), which is what an own order's exact queue position is advanced by.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.events import ADD, CHANGE, CLEAR, DELETE
from quotewright.domain.kernel import subkernel
from quotewright.market.levels import OK, level_qty, set_level

SLOTS = 262_144
MOST = SLOTS * 8 // 10

L3_FULL = 2  # more than MOST orders rest at once
L3_UNKNOWN = 3  # a change or delete of an order that is not in the book
L3_DUPLICATE = 4  # an id added twice

ORDER_BOOK = np.dtype(
    [
        ("used", "i8"),
        ("arrivals", "i8"),  # counts every order that ever joined the back of a queue, ours included
        ("gone_qty", "i8"),  # lots that the last row took out of a queue, 0 if none
        ("gone_price", "i8"),
        ("gone_side", "i8"),
        ("gone_arrival", "i8"),
        ("id", "i8", (SLOTS,)),  # 0 is free
        ("price", "i8", (SLOTS,)),
        ("qty", "i8", (SLOTS,)),
        ("side", "i8", (SLOTS,)),
        ("arrival", "i8", (SLOTS,)),
    ],
    align=True,
)


@subkernel
def _home(order_id: int) -> int:
    return ((((order_id >> 30) ^ order_id) & 0x3FFFFFFF) * 0x9E3779B1 >> 13) & (SLOTS - 1)


@subkernel
def find_order(orders: Any, order_id: int) -> int:
    """Slot of an order, or -1."""
    slot = _home(order_id)
    while orders.id[slot] != 0:
        if orders.id[slot] == order_id:
            return slot
        slot = (slot + 1) & (SLOTS - 1)
    return -1


@subkernel
def _remove(orders: Any, slot: int) -> None:
    orders.used -= 1
    hole = slot
    probe = slot
    while True:
        probe = (probe + 1) & (SLOTS - 1)
        order_id = orders.id[probe]
        if order_id == 0:
            break
        if ((probe - _home(order_id)) & (SLOTS - 1)) >= ((probe - hole) & (SLOTS - 1)):
            orders.id[hole] = order_id
            orders.price[hole] = orders.price[probe]
            orders.qty[hole] = orders.qty[probe]
            orders.side[hole] = orders.side[probe]
            orders.arrival[hole] = orders.arrival[probe]
            hole = probe
    orders.id[hole] = 0


@subkernel
def _add(orders: Any, book: Any, row: Any) -> int:
    if orders.used >= MOST:
        return L3_FULL
    slot = _home(row.order_id)
    while orders.id[slot] != 0:
        if orders.id[slot] == row.order_id:
            return L3_DUPLICATE
        slot = (slot + 1) & (SLOTS - 1)
    orders.used += 1
    orders.arrivals += 1
    orders.id[slot] = row.order_id
    orders.price[slot] = row.price
    orders.qty[slot] = row.qty
    orders.side[slot] = row.side
    orders.arrival[slot] = orders.arrivals
    return set_level(book, row.side, row.price, level_qty(book, row.side, row.price) + row.qty)


@subkernel
def apply_order_row(orders: Any, book: Any, row: Any) -> int:
    """Apply a CLEAR, ADD, CHANGE or DELETE row to the orders and to the levels of the depth book."""
    orders.gone_qty = 0
    kind = row.kind
    if kind == CLEAR:
        if orders.used > 0:
            orders.id[:] = 0
        orders.used = 0
        return OK
    if kind == ADD:
        return _add(orders, book, row)
    slot = find_order(orders, row.order_id)
    if slot < 0:
        return L3_UNKNOWN
    price = orders.price[slot]
    side = orders.side[slot]
    before = orders.qty[slot]
    orders.gone_price = price
    orders.gone_side = side
    orders.gone_arrival = orders.arrival[slot]
    if kind == DELETE:
        orders.gone_qty = before
        _remove(orders, slot)
        return set_level(book, side, price, level_qty(book, side, price) - before)
    if kind == CHANGE:
        if row.qty <= before:
            orders.gone_qty = before - row.qty
        else:
            orders.gone_qty = before
            orders.arrivals += 1
            orders.arrival[slot] = orders.arrivals
        orders.qty[slot] = row.qty
        return set_level(book, side, price, level_qty(book, side, price) + row.qty - before)
    return OK
