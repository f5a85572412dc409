"""What the venue does to one of our orders: answer, fill, take off the book, walk the other side."""

from __future__ import annotations

from typing import Any

from quotewright.domain.journal import FILL_TAKER, Record
from quotewright.domain.kernel import subkernel
from quotewright.market.book import next_price
from quotewright.simulation.flight import IN_FLIGHT_FULL, RESPONSES, latency_of, send_off
from quotewright.simulation.own_orders import reaches, unrest_order
from quotewright.simulation.taken import available, take_from

CANCELED = int(Record.CANCELED)
FILL = int(Record.FILL)


@subkernel
def respond(vs: Any, now: int, kind: int, order: int, slot: int, leg: int, side: int, reason: int) -> int:
    """Send a response on its way home; the caller fills in what the kind needs, at the index returned."""
    mine = vs.legs[leg]
    mine.responses += 1
    due = now + latency_of(vs, vs.response, now, mine.responses)
    index = send_off(vs.flights[RESPONSES], vs.responses, vs.response_heap, due)
    if index < 0:
        vs.venue[0].status = IN_FLIGHT_FULL
        index = 0
    response = vs.responses[index]
    response.exch_ts = now
    response.order = order
    response.price = 0
    response.qty = 0
    response.leaves = 0
    response.ahead = 0
    response.slot = slot
    response.leg = leg
    response.kind = kind
    response.side = side
    response.reason = reason
    response["flags"] = 0
    return index


@subkernel
def _fill(vs: Any, now: int, slot: int, price: int, qty: int, taker: int) -> None:
    order = vs.resting[slot]
    order.leaves -= qty
    order.filled += qty
    vs.legs[order.leg].position += order.side * qty
    response = vs.responses[respond(vs, now, FILL, order.id, slot, order.leg, order.side, 0)]
    response.price = price
    response.qty = qty
    response.leaves = order.leaves
    response.ahead = order.ahead_at_entry
    response["flags"] = FILL_TAKER if taker else 0


@subkernel
def fill_resting(vs: Any, now: int, slot: int, qty: int) -> None:
    """A maker fill at the order's own price; a filled order leaves the book."""
    order = vs.resting[slot]
    _fill(vs, now, slot, order.price, qty, 0)
    if order.leaves == 0:
        unrest_order(vs, slot)


@subkernel
def take_off(vs: Any, now: int, slot: int, reason: int) -> None:
    """Take an order off the book and tell its owner."""
    order = vs.resting[slot]
    response = vs.responses[respond(vs, now, CANCELED, order.id, slot, order.leg, order.side, reason)]
    response.leaves = order.leaves
    response.qty = order.filled
    unrest_order(vs, slot)


@subkernel
def walk(vs: Any, now: int, slot: int, taker: int) -> None:
    """Take from the opposite levels within the order's price: a fill a level as taker, one at our price as maker."""
    order = vs.resting[slot]
    opposite = -order.side
    book = vs.books[order.instrument]
    price = next_price(book, opposite, 0)
    wanted = order.leaves
    while wanted > 0 and price > 0 and reaches(order.side, order.price, price):
        qty = min(wanted, available(vs, order.world, order.instrument, opposite, price))
        if qty > 0:
            take_from(vs, order.world, order.instrument, opposite, price, qty)
            wanted -= qty
            if taker:
                _fill(vs, now, slot, price, qty, 1)
        price = next_price(book, opposite, price)
    if not taker and wanted < order.leaves:
        fill_resting(vs, now, slot, order.leaves - wanted)
