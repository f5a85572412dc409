"""Our resting orders at the venue, per instrument and side by price and arrival, and what worlds consumed."""

from __future__ import annotations

from typing import Any

from quotewright.domain.events import BID
from quotewright.domain.kernel import subkernel
from quotewright.market.book import next_price, touch_qty
from quotewright.simulation.state import CONSUMED_MOST

CONSUMED_FULL = 7  # more levels taken from at once than the table holds


@subkernel
def queue_of(instrument: int, side: int) -> int:
    """Index of the queue of our orders on one side of an instrument."""
    return 2 * instrument + (0 if side == BID else 1)


@subkernel
def reaches(side: int, price: int, other: int) -> bool:
    """Whether an order on `side` at `price` reaches an opposite price."""
    return price >= other if side == BID else price <= other


@subkernel
def rest_order(vs: Any, slot: int) -> None:
    """Put an order into its queue behind every order at the same or a better price."""
    order = vs.resting[slot]
    queue = vs.queues[queue_of(order.instrument, order.side)]
    behind = queue.last
    while behind >= 0 and (vs.resting[behind].price - order.price) * order.side < 0:
        behind = vs.resting[behind].previous
    order.previous = behind
    if behind >= 0:
        order.next = vs.resting[behind].next
        vs.resting[behind].next = slot
    else:
        order.next = queue.first
        queue.first = slot
    if order.next >= 0:
        vs.resting[order.next].previous = slot
    else:
        queue.last = slot
    _note_range(vs, queue)


@subkernel
def unrest_order(vs: Any, slot: int) -> None:
    """Take an order out of its queue."""
    order = vs.resting[slot]
    queue = vs.queues[queue_of(order.instrument, order.side)]
    if order.previous >= 0:
        vs.resting[order.previous].next = order.next
    else:
        queue.first = order.next
    if order.next >= 0:
        vs.resting[order.next].previous = order.previous
    else:
        queue.last = order.previous
    order.id = 0
    _note_range(vs, queue)


@subkernel
def _note_range(vs: Any, queue: Any) -> None:
    if queue.first < 0:
        queue.best = 0
        queue.worst = 0
    else:
        queue.best = vs.resting[queue.first].price
        queue.worst = vs.resting[queue.last].price


@subkernel
def consumed_at(vs: Any, world: int, instrument: int, side: int, price: int) -> int:
    """Lots that a world took at a price since the venue last reported it."""
    for i in range(vs.venue[0].consumed):
        entry = vs.consumed[i]
        if entry.price == price and entry.world == world and entry.instrument == instrument and entry.side == side:
            return entry.qty
    return 0


@subkernel
def consume(vs: Any, world: int, instrument: int, side: int, price: int, qty: int) -> None:
    """Note that a world took lots at a price."""
    venue = vs.venue[0]
    for i in range(venue.consumed):
        entry = vs.consumed[i]
        if entry.price == price and entry.world == world and entry.instrument == instrument and entry.side == side:
            entry.qty += qty
            return
    if venue.consumed >= CONSUMED_MOST:
        venue.status = CONSUMED_FULL
        return
    entry = vs.consumed[venue.consumed]
    venue.consumed += 1
    entry.world = world
    entry.instrument = instrument
    entry.side = side
    entry.price = price
    entry.qty = qty


@subkernel
def refresh(vs: Any, instrument: int, side: int, price: int) -> None:
    """The venue reported a level (side 0: all levels of the instrument): what was taken there is back."""
    venue = vs.venue[0]
    i = 0
    while i < venue.consumed:
        entry = vs.consumed[i]
        if entry.instrument == instrument and (side == 0 or (entry.side == side and entry.price == price)):
            venue.consumed -= 1
            vs.consumed[i] = vs.consumed[venue.consumed]
        else:
            i += 1


@subkernel
def available(vs: Any, world: int, instrument: int, side: int, price: int) -> int:
    """Recorded lots at a price that the world has not taken yet."""
    return max(0, touch_qty(vs.books[instrument], side, price) - consumed_at(vs, world, instrument, side, price))


@subkernel
def available_within(vs: Any, world: int, instrument: int, side: int, limit: int, enough: int) -> int:
    """Sum of what is available on `side` for an opposite order at `limit`; stops counting at `enough`."""
    total = 0
    price = next_price(vs.books[instrument], side, 0)
    while price > 0 and reaches(-side, limit, price) and total < enough:
        total += available(vs, world, instrument, side, price)
        price = next_price(vs.books[instrument], side, price)
    return total
