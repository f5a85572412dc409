"""The recorded market at the replay venue, and what it does to our resting orders.

Written from docs/reference/replay-venue.md, rule by rule.
"""

from __future__ import annotations

import math
from typing import Any

from quotewright.domain.events import ADD, BEST, BID, CHANGE, CLEAR, DELETE, FUNDING, LAST, LEVEL, NOTE, STATUS, TRADE
from quotewright.domain.kernel import inlined, subkernel
from quotewright.market.book import apply_row, finish_update, touch_qty
from quotewright.market.l3 import L3_DUPLICATE, L3_UNKNOWN, apply_order_row, find_order
from quotewright.market.levels import OK
from quotewright.simulation.fills import fill_resting, walk
from quotewright.simulation.queues import queue_of, reaches, refresh
from quotewright.simulation.state import LOG, POWER, RISK_AVERSE


@inlined
def on_event(vs: Any, row: Any) -> int:
    """Apply one recorded row at the venue, and after an update's last row what it does to our orders.

    The rows that make up nearly all of a feed touch nothing but single records, unless an order of ours is concerned.
    """
    kind = row.kind
    if kind not in (LEVEL, BEST, NOTE):
        return _on_rare_event(vs, row)
    book = vs.books[row.instrument]
    bids = vs.queues[2 * row.instrument]
    asks = vs.queues[2 * row.instrument + 1]
    status = apply_row(book, row)
    if kind == LEVEL or (kind == BEST and book.l3 == 0):
        if row.side == BID:
            if bids.best and row.price >= bids.worst:
                bids.stirred = 1
        elif asks.best and row.price <= asks.worst:
            asks.stirred = 1
        if vs.venue[0].consumed:
            refresh(vs, row.instrument, row.side, row.price)
    if status != OK or not row["flags"] & LAST:
        return status
    bid = book.bid
    ask = book.ask
    bid_qty = book.bid_qty
    ask_qty = book.ask_qty
    status = finish_update(book, row)
    if bids.first < 0 and asks.first < 0:
        return status
    moved = book.bid != bid or book.bid_qty != bid_qty or book.ask != ask or book.ask_qty != ask_qty
    met = (bids.best > 0 and 0 < book.ask <= bids.best) or (asks.best > 0 and book.bid >= asks.best)
    if status == OK and (moved or met or bids.stirred or asks.stirred):
        _after_update(vs, row, moved)
        status = vs.venue[0].status
    return status


@subkernel
def _on_rare_event(vs: Any, row: Any) -> int:
    """Trades, single orders, snapshots, funding and status."""
    book = vs.books[row.instrument]
    kind = row.kind
    status = apply_row(book, row)
    if kind == TRADE:
        if row.side != 0:  # a bar's print has no aggressor
            _on_trade(vs, row)
    elif kind in (ADD, CHANGE, DELETE, CLEAR):
        status = _on_orders(vs, row, book)
    if status == OK and row["flags"] & LAST:
        bid = book.bid
        ask = book.ask
        bid_qty = book.bid_qty
        ask_qty = book.ask_qty
        status = finish_update(book, row)
        if kind not in (TRADE, STATUS, FUNDING):
            moved = book.bid != bid or book.bid_qty != bid_qty or book.ask != ask or book.ask_qty != ask_qty
            _after_update(vs, row, moved)
    return status if status != OK else vs.venue[0].status


@subkernel
def _on_orders(vs: Any, row: Any, book: Any) -> int:
    instrument = row.instrument
    if row.kind == CLEAR:
        if vs.venue[0].consumed:
            refresh(vs, instrument, 0, 0)
        vs.queues[2 * instrument].stirred = 1
        vs.queues[2 * instrument + 1].stirred = 1
        if not book.l3:
            return OK
    if vs.venue[0].consumed and row.kind != CLEAR:
        refresh(vs, instrument, row.side, row.price)
    orders = vs.l3[instrument]
    status = apply_order_row(orders, book, row)
    if status in (L3_UNKNOWN, L3_DUPLICATE):
        return OK
    if orders.gone_qty > 0:
        slot = vs.queues[queue_of(instrument, orders.gone_side)].first
        while slot >= 0:
            order = vs.resting[slot]
            if order.price == orders.gone_price and order.arrival > orders.gone_arrival:
                order.ahead = max(0, order.ahead - orders.gone_qty)
            slot = order.next
    return status


@subkernel
def _after_update(vs: Any, row: Any, touch_moved: bool) -> None:
    """Move our orders in their queues, then let the market cross them."""
    instrument = row.instrument
    book = vs.books[instrument]
    now = row.exch_ts
    for side in (BID, -BID):
        queue = vs.queues[queue_of(instrument, side)]
        if queue.first >= 0 and (queue.stirred or touch_moved):
            if book.l3:
                if queue.stirred and row.kind in (ADD, CLEAR):
                    _behind_snapshot(vs, queue, book)
            else:
                _advance(vs, queue, book)
        queue.stirred = 0
    if book.valid:
        for side in (BID, -BID):
            queue = vs.queues[queue_of(instrument, side)]
            touch = book.ask if side == BID else book.bid
            if queue.first >= 0 and touch > 0 and reaches(side, queue.best, touch):
                _cross(vs, now, queue, touch)


@subkernel
def _behind_snapshot(vs: Any, queue: Any, book: Any) -> None:
    slot = queue.first
    while slot >= 0:
        order = vs.resting[slot]
        order.ahead = touch_qty(book, order.side, order.price)
        vs.l3[order.instrument].arrivals += 1
        order.arrival = vs.l3[order.instrument].arrivals
        slot = order.next


@subkernel
def _cross(vs: Any, now: int, queue: Any, touch: int) -> None:
    """Recorded orders reached ours: ours would have traded with them."""
    slot = queue.first
    while slot >= 0:
        order = vs.resting[slot]
        following = order.next
        if not reaches(order.side, order.price, touch):
            break
        walk(vs, now, slot, 0)
        slot = following


@subkernel
def _advance(vs: Any, queue: Any, book: Any) -> None:
    """Move every order's place in its queue after its level may have changed (L2)."""
    venue = vs.venue[0]
    slot = queue.first
    while slot >= 0:
        order = vs.resting[slot]
        now = touch_qty(book, order.side, order.price)
        if now != order.seen:
            change = order.seen - now - order.traded
            base = max(0, order.seen - order.traded)
            order.seen = now
            order.traded = 0
            if change > 0 and venue.queue_model != RISK_AVERSE:
                back = max(0, base - order.ahead)
                behind = cancel_was_behind(venue.queue_model, venue.power, order.ahead, back)
                moved = order.ahead - (1.0 - behind) * change + min(0.0, back - behind * change)
                order.ahead = max(0, math.ceil(moved))
            order.ahead = min(order.ahead, now)
        slot = order.next


@subkernel
def cancel_was_behind(model: int, power: float, ahead: int, back: int) -> float:
    """Probability that a cancel at the level was behind our order (see the table in the rules)."""
    if ahead + back == 0:
        return 1.0
    if model == LOG:
        return math.log(1.0 + back) / (math.log(1.0 + back) + math.log(1.0 + ahead))
    n = power if model == POWER else 1.0
    weight = float(back) ** n
    return weight / (weight + float(ahead) ** n)


@subkernel
def _on_trade(vs: Any, row: Any) -> None:
    instrument = row.instrument
    queue = vs.queues[queue_of(instrument, -row.side)]
    if queue.first < 0 or not reaches(row.side, row.price, queue.best):
        return
    venue = vs.venue[0]
    venue.trades += 1
    book = vs.books[instrument]
    maker_arrival = 0
    if book.l3 and row.order_id != 0:
        found = find_order(vs.l3[instrument], row.order_id)
        if found >= 0:
            maker_arrival = vs.l3[instrument].arrival[found]
    slot = queue.first
    while slot >= 0:
        order = vs.resting[slot]
        following = order.next
        if not reaches(row.side, row.price, order.price):
            break
        world = vs.worlds[order.world]
        if world.stamp != venue.trades:
            world.stamp = venue.trades
            world.rest = row.qty
            world.before = 0
            world.eaten = 0
        fill = 0
        if order.price != row.price:
            order.ahead = 0
            fill = min(world.rest, order.leaves)
        elif book.l3:
            if maker_arrival == 0 or maker_arrival > order.arrival:
                fill = min(world.rest, order.leaves)
        else:
            segment = max(0, order.ahead - world.before)
            world.before = max(world.before, order.ahead)
            foreign = min(world.rest, segment)
            world.rest -= foreign
            world.eaten += foreign
            order.ahead = max(0, order.ahead - world.eaten)
            order.traded += row.qty
            fill = min(world.rest, order.leaves)
        if fill > 0:
            world.rest -= fill
            fill_resting(vs, row.exch_ts, slot, fill)
        slot = following
