"""The recorded market at the replay venue, and what it does to our resting orders.

Written from docs/reference/replay-venue.md, rule by rule.
"""

from __future__ import annotations

from typing import Any

from quotewright.domain.events import ADD, BEST, BID, CHANGE, CLEAR, DELETE, FUNDING, LAST, LEVEL, NOTE, STATUS, TRADE
from quotewright.domain.kernel import inlined, subkernel
from quotewright.market.book import apply_row, copy_touch, finish_update, note_update, touch_qty
from quotewright.market.l3 import L3_DUPLICATE, L3_UNKNOWN, apply_order_row
from quotewright.market.levels import OK, set_level_here
from quotewright.market.streams import STREAM_OF_KIND, STREAMS
from quotewright.simulation.fills import walk
from quotewright.simulation.flight import RESPONSES
from quotewright.simulation.own_orders import find_level, place_of, queue_of, reaches
from quotewright.simulation.queue_models import advance_level
from quotewright.simulation.taken import give_all_back, give_back
from quotewright.simulation.trades import on_trade

STREAM_COUNT = len(STREAMS)

REACHED = 0  # nothing recorded is left up to the limit
STOPPED = 101  # an update concerned an agent: what is due next must be looked at again
NO_ROOM = 102  # as many updates are on their way home as there is room for


@inlined
def way_of(one_order: int, instrument: int, kind: int) -> int:
    """Which way an update goes home: all one way if none overtakes another, else one for each stream."""
    return 0 if one_order else instrument * STREAM_COUNT + STREAM_OF_KIND[kind]


@inlined
def _has_room(vs: Any, one_order: int, ring: int, instrument: int) -> bool:
    """Whether an update of any kind can be sent home: which kind it is, only its last row tells."""
    if one_order:
        return vs.ways[0].tail - vs.ways[0].head < ring
    for number in range(instrument * STREAM_COUNT, (instrument + 1) * STREAM_COUNT):
        if vs.ways[number].tail - vs.ways[number].head >= ring:
            return False
    return True


@inlined
def market_until(vs: Any, exch: Any, limit: int) -> int:
    """Apply whole recorded updates up to `limit`; returns REACHED, STOPPED, NO_ROOM, or an error status.

    The rows that make up nearly all of a feed touch nothing but the book, unless a place of ours is concerned.
    """
    venue = vs.venue[0]
    at = venue.exch_next
    end = len(exch)
    one_order = venue.one_order
    ring = venue.ring
    status = REACHED
    while at < end and exch[at].exch_ts <= limit:
        first = at
        row = exch[at]
        if not _has_room(vs, one_order, ring, row.instrument):
            status = NO_ROOM
            break
        book = vs.books[row.instrument]
        concerned = venue.interest > 0  # a fill may leave us none by the update's end
        answers = vs.flights[RESPONSES].seq
        while True:
            row = exch[at]
            at += 1
            if row.kind == LEVEL:
                status = max(status, set_level_here(book, row.side, row.price, row.qty))
                if concerned:
                    place = place_of(row.instrument, row.side, row.price)
                    if vs.places[place].interest:
                        _stir(vs, place, row.instrument, row.side, row.price)
            else:
                status = max(status, _on_other_row(vs, book, row))
            if row["flags"] & LAST:
                break
        bid = book.bid
        ask = book.ask
        from_best = book.touch_from_best
        snapshot = book.clearing
        printed = book.printed
        status = max(status, finish_update(book, row))
        venue.time = row.exch_ts
        number = way_of(one_order, row.instrument, row.kind)
        way = vs.ways[number]
        update = vs.updates[number * ring + (way.tail & (ring - 1))]
        note_update(book, row, at - first, snapshot, printed, update)
        way.tail += 1
        if concerned:
            if _is_concerned(vs, book, row, from_best):
                _concern(vs, row, bid, ask, from_best)
            if status == OK:
                status = venue.status
            if status == OK and vs.flights[RESPONSES].seq != answers:
                status = STOPPED
        if snapshot or row.kind in (STATUS, FUNDING):
            venue.rare += 1
            venue.snapshot = 0
            status = STOPPED if status == OK else status
        if status != OK:
            break
    venue.exch_next = at
    return status


@inlined
def quiet_until(state: Any, vs: Any, exch: Any, limit: int) -> None:
    """Apply recorded updates that are home by `limit`, at the venue and at home at once.

    Only where nothing of ours rests or is under way, no update either, and nobody is told of updates: then nobody can
    look before the last of them is home.
    """
    venue = vs.venue[0]
    at = venue.exch_next
    first = at
    end = len(exch)
    while at < end and exch[at].local_ts <= limit:
        begin = at
        row = exch[at]
        book = vs.books[row.instrument]
        status = OK
        while row.kind in (LEVEL, TRADE, BEST, NOTE):
            if row.kind == LEVEL:
                status = max(status, set_level_here(book, row.side, row.price, row.qty))
            else:
                apply_row(book, row)
            at += 1
            if row["flags"] & LAST:
                break
            row = exch[at]
        if status == OK and row.kind in (LEVEL, TRADE, BEST, NOTE):
            status = finish_update(book, row)
        else:
            at = begin
            break
    if at > first:
        venue.exch_next = at
        venue.time = exch[at - 1].exch_ts
        state.engine[0].events += at - first
        for instrument in range(len(vs.books)):
            copy_touch(vs.books[instrument], state.touches[instrument])


@subkernel
def _on_other_row(vs: Any, book: Any, row: Any) -> int:
    """Trades, best prices, single orders, snapshots, funding and status."""
    kind = row.kind
    status = apply_row(book, row)
    if kind == TRADE:
        if row.side != 0:  # a bar's print has no aggressor
            on_trade(vs, row)
    elif kind == BEST:
        place = place_of(row.instrument, row.side, row.price)
        if book.l3 == 0 and vs.places[place].interest:
            _stir(vs, place, row.instrument, row.side, row.price)
    elif kind in (ADD, CHANGE, DELETE, CLEAR):
        status = _on_orders(vs, row, book)
    return status


@subkernel
def _stir(vs: Any, place: int, instrument: int, side: int, price: int) -> None:
    """The venue reported a price: look at our level there at the update's end, and give back what was taken."""
    venue = vs.venue[0]
    if venue.taken > 0:
        give_back(vs, instrument, side, price)
    at = vs.places[place].level - 1
    while at >= 0:
        level = vs.own_levels[at]
        if level.price == price and level.side == side and level.instrument == instrument:
            if level.stirred == 0:
                level.stirred = 1
                vs.stirred[venue.stirred] = at
                venue.stirred += 1
            return
        at = level.chain


@subkernel
def _on_orders(vs: Any, row: Any, book: Any) -> int:
    instrument = row.instrument
    if row.kind == CLEAR:
        give_all_back(vs, instrument)
        vs.venue[0].snapshot = 1
        if not book.l3:
            return OK
    else:
        give_back(vs, instrument, row.side, row.price)
    orders = vs.l3[instrument]
    status = apply_order_row(orders, book, row)
    if status in (L3_UNKNOWN, L3_DUPLICATE):
        return OK
    if orders.gone_qty > 0 and vs.venue[0].interest:
        at = find_level(vs, instrument, orders.gone_side, orders.gone_price)
        index = vs.own_levels[at].first if at >= 0 else -1
        while index >= 0:
            cohort = vs.cohorts[index]
            if cohort.arrival > orders.gone_arrival:
                cohort.ahead = max(0, cohort.ahead - orders.gone_qty)
            index = cohort.next
    return status


@inlined
def _is_concerned(vs: Any, book: Any, row: Any, from_best: int) -> bool:
    """Whether an update can have changed the place of an order of ours, or reaches one."""
    venue = vs.venue[0]
    bids = vs.queues[2 * row.instrument].best_price
    asks = vs.queues[2 * row.instrument + 1].best_price
    met = (0 < book.ask <= bids) | (0 < asks <= book.bid)
    return venue.stirred > 0 or met or venue.snapshot > 0 or from_best > 0 or book.touch_from_best > 0


@subkernel
def _concern(vs: Any, row: Any, bid: int, ask: int, from_best: int) -> None:
    """Move our orders in their queues, then let the market cross them; the touch before is given."""
    kind = row.kind
    if kind in (TRADE, STATUS, FUNDING):
        return
    venue = vs.venue[0]
    instrument = row.instrument
    book = vs.books[instrument]
    if venue.snapshot:
        _look_at_all(vs, instrument, book)
    elif not book.l3:
        for i in range(venue.stirred):
            advance_level(vs, vs.stirred[i])
        if from_best or book.touch_from_best:
            _look_at_touch(vs, instrument, BID, bid, book.bid)
            _look_at_touch(vs, instrument, -BID, ask, book.ask)
    for i in range(venue.stirred):
        vs.own_levels[vs.stirred[i]].stirred = 0
    venue.stirred = 0
    if book.valid:
        for side in (BID, -BID):
            queue = vs.queues[queue_of(instrument, side)]
            touch = book.ask if side == BID else book.bid
            if queue.best >= 0 and touch > 0 and reaches(side, queue.best_price, touch):
                _cross(vs, row.exch_ts, queue, touch)


@subkernel
def _look_at_touch(vs: Any, instrument: int, side: int, before: int, after: int) -> None:
    """A touch that a BEST pair set, or ends: what rests at it or better may read differently (no touch: everything)."""
    worst = 0
    if before > 0 and after > 0:
        worst = min(before, after) if side == BID else max(before, after)
    at = vs.queues[queue_of(instrument, side)].best
    while at >= 0:
        level = vs.own_levels[at]
        if worst > 0 and (level.price - worst) * side < 0:
            break
        advance_level(vs, at)
        at = level.worse


@subkernel
def _look_at_all(vs: Any, instrument: int, book: Any) -> None:
    """After a snapshot: an L3 book's orders are all ahead of ours now; an L2 book's levels may all have changed."""
    for side in (BID, -BID):
        at = vs.queues[queue_of(instrument, side)].best
        while at >= 0:
            level = vs.own_levels[at]
            if book.l3:
                index = level.first
                while index >= 0:
                    cohort = vs.cohorts[index]
                    cohort.ahead = touch_qty(book, side, level.price)
                    vs.l3[instrument].arrivals += 1
                    cohort.arrival = vs.l3[instrument].arrivals
                    index = cohort.next
            else:
                advance_level(vs, at)
            at = level.worse


@subkernel
def _cross(vs: Any, now: int, queue: Any, touch: int) -> None:
    """Every order that the opposite touch reaches meets the recorded orders, best price first, then by arrival."""
    at = queue.best
    while at >= 0:
        level = vs.own_levels[at]
        worse = level.worse
        if not reaches(level.side, level.price, touch):
            break
        index = level.first
        while index >= 0:
            following_cohort = vs.cohorts[index].next
            slot = vs.cohorts[index].first
            while slot >= 0:
                following = vs.resting[slot].next
                walk(vs, now, slot, 0)
                slot = following
            index = following_cohort
        at = worse
