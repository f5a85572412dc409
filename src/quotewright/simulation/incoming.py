"""Messages that arrive at the replay venue: place, cancel, amend (docs/reference/replay-venue.md)."""

from __future__ import annotations

from typing import Any

from quotewright.domain.events import BID
from quotewright.domain.journal import FOK, IOC, POST_ONLY, REDUCE_ONLY, Record, Reject
from quotewright.domain.kernel import subkernel
from quotewright.domain.messages import CANCEL, PLACE
from quotewright.market.book import touch_qty
from quotewright.simulation.fills import respond, take_off, walk
from quotewright.simulation.own_orders import meets_own, reaches, rest_order
from quotewright.simulation.taken import available_within

ACCEPTED = int(Record.ACCEPTED)
REJECTED = int(Record.REJECTED)
CANCELED = int(Record.CANCELED)
AMENDED = int(Record.AMENDED)
CANCEL_REJECTED = int(Record.CANCEL_REJECTED)
R_POST_ONLY = int(Reject.POST_ONLY)
R_UNKNOWN = int(Reject.UNKNOWN_ORDER)
R_REDUCE_ONLY = int(Reject.REDUCE_ONLY)
R_FOK = int(Reject.FOK)
R_IOC = int(Reject.IOC)
R_SELF_TRADE = int(Reject.SELF_TRADE)
R_NO_BOOK = int(Reject.NO_BOOK)


@subkernel
def on_message(vs: Any, message: Any, now: int) -> None:
    """A place, cancel or amend arrives."""
    if message.kind == PLACE:
        _on_place(vs, message, now)
        return
    slot = message.slot
    known = 0 <= slot < len(vs.resting) and vs.resting[slot].id == message.order
    if message.kind == CANCEL:
        if known:
            take_off(vs, now, slot, 0)
        else:
            respond(vs, now, CANCEL_REJECTED, message.order, slot, message.leg, message.side, R_UNKNOWN)
        return
    left = message.qty - vs.resting[slot].filled if known else 0
    if known and left <= 0:
        take_off(vs, now, slot, 0)
    elif known and left <= vs.resting[slot].leaves:
        order = vs.resting[slot]
        order.qty = message.qty
        order.leaves = left
        response = vs.responses[respond(vs, now, AMENDED, order.id, slot, order.leg, order.side, 0)]
        response.qty = left
    else:
        respond(vs, now, CANCEL_REJECTED, message.order, slot, message.leg, message.side, R_UNKNOWN)


@subkernel
def _refusal(vs: Any, message: Any, world: int, instrument: int, price: int) -> int:
    """Why a new order is rejected, or 0; `price` is after any repricing."""
    book = vs.books[instrument]
    side = message.side
    if book.valid == 0:
        return R_NO_BOOK
    if message["flags"] & REDUCE_ONLY:
        position = vs.legs[message.leg].position
        if side * position >= 0 or message.qty > abs(position):
            return R_REDUCE_ONLY
    touch = book.ask if side == BID else book.bid
    if message["flags"] & POST_ONLY and touch > 0 and reaches(side, price, touch):
        return R_POST_ONLY
    if meets_own(vs, vs.legs[message.leg].account, side, price):
        return R_SELF_TRADE
    if message["flags"] & FOK and available_within(vs, world, instrument, -side, price, message.qty) < message.qty:
        return R_FOK
    return 0


@subkernel
def _on_place(vs: Any, message: Any, now: int) -> None:
    leg = message.leg
    world = vs.legs[leg].world
    instrument = vs.legs[leg].instrument
    book = vs.books[instrument]
    side = message.side
    slot = message.slot
    price = message.price
    touch = book.ask if side == BID else book.bid
    reprice = message["flags"] & POST_ONLY and vs.instruments[instrument].reprice_post_only
    if reprice and touch > 0 and reaches(side, price, touch):
        price = touch - side
    reason = _refusal(vs, message, world, instrument, price)
    if reason != 0:
        respond(vs, now, REJECTED, message.order, slot, leg, side, reason)
        return
    order = vs.resting[slot]
    vs.venue[0].placed += 1
    order.number = vs.venue[0].placed
    order.id = message.order
    order.price = price
    order.qty = message.qty
    order.filled = 0
    order.leaves = message.qty
    order.ahead_at_entry = touch_qty(book, side, price)
    order.leg = leg
    order.world = world
    order.account = vs.legs[leg].account
    order.instrument = instrument
    order.side = side
    response = vs.responses[respond(vs, now, ACCEPTED, order.id, slot, leg, side, 0)]
    response.price = price
    response.qty = message.qty
    response.ahead = order.ahead_at_entry
    if not message["flags"] & POST_ONLY:
        walk(vs, now, slot, 1)
    if order.leaves == 0:
        order.id = 0
    elif message["flags"] & (IOC | FOK):
        response = vs.responses[respond(vs, now, CANCELED, order.id, slot, leg, side, R_IOC)]
        response.leaves = order.leaves
        response.qty = order.filled
        order.id = 0
    else:
        rest_order(vs, slot, order.ahead_at_entry)
