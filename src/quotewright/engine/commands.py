"""Sending: every place and amend passes the risk gate here and nowhere else; cancels always leave."""

from __future__ import annotations

from typing import Any

from quotewright.domain.events import BID
from quotewright.domain.journal import IOC, Record, Refusal
from quotewright.domain.kernel import subkernel
from quotewright.domain.messages import AMEND, CANCEL, PLACE
from quotewright.domain.money import value_of
from quotewright.engine.record import next_record
from quotewright.engine.state import ORDERS_PER_LEG
from quotewright.orders.states import NONE, PENDING, append_order
from quotewright.risk.gate import check_place, spend_message

REFUSED = int(Record.REFUSED)
PLACED = int(Record.PLACE)
CANCELLED = int(Record.CANCEL)
AMENDED = int(Record.AMEND)
CAPACITY = int(Refusal.CAPACITY)
MESSAGE_RATE = int(Refusal.MESSAGE_RATE)

ORDER_IDS_PER_LEG = 1 << 32


@subkernel
def _outgoing(state: Any, leg: int, slot: int) -> int:
    """Index of the next outbox row, filled in for an order."""
    engine = state.engine[0]
    index = engine.outbox_rows
    message = state.outbox[index]
    engine.outbox_rows += 1
    order = state.orders[slot]
    message.ts = engine.now
    message.seq = 0
    message.order = order.id
    message.price = order.price
    message.qty = 0
    message.slot = slot
    message.leg = leg
    message["flags"] = 0
    message.side = order.side
    return index


@subkernel
def refuse(state: Any, leg: int, side: int, price: int, qty: int, reason: int) -> None:
    """Journal a refusal; the same reason on the same side again and again is counted, not repeated."""
    mine = state.legs[leg]
    if mine.refused_reason == reason and mine.refused_side == side:
        mine.refused_repeats += 1
        return
    flush_refusals(state, leg)
    mine.refused_reason = reason
    mine.refused_side = side
    row = state.journal[next_record(state, leg, REFUSED)]
    row.side = side
    row.price = price
    row.qty = qty
    row.reason = reason


@subkernel
def flush_refusals(state: Any, leg: int) -> None:
    """Journal how often the last refusal was repeated, and forget it."""
    mine = state.legs[leg]
    if mine.refused_repeats > 0:
        row = state.journal[next_record(state, leg, REFUSED)]
        row.side = mine.refused_side
        row.reason = mine.refused_reason
        row.ref = mine.refused_repeats
    mine.refused_reason = 0
    mine.refused_side = 0
    mine.refused_repeats = 0


@subkernel
def _exposure(state: Any, leg: int, side: int) -> Any:
    """Open lots on one side, and open notional of both; orders with a cancel in flight still count."""
    mine = state.legs[leg]
    instrument = state.instruments[mine.instrument]
    lots = 0
    notional = 0
    slot = mine.first_order
    while slot != NONE:
        order = state.orders[slot]
        if order.side == side:
            lots += order.leaves
        notional += abs(value_of(instrument, order.leaves * instrument.atoms_per_lot, 2 * order.price))
        slot = order.next
    return lots, notional


@subkernel
def send_place(state: Any, leg: int, side: int, price: int, qty: int, flags: int, generation: int) -> None:
    """Ask risk, then journal and send a new order."""
    mine = state.legs[leg]
    limits = state.limits[leg]
    instrument = state.instruments[mine.instrument]
    engine = state.engine[0]
    lots, notional = _exposure(state, leg, side)
    mid2 = state.touches[mine.instrument].mid2
    reason = check_place(limits, instrument, side, price, qty, mine.position, lots, notional, mid2)
    if reason == 0 and mine.open_orders >= ORDERS_PER_LEG:
        reason = CAPACITY
    if reason == 0:
        budget = spend_message(limits, mine.budget_until, engine.now)
        if budget < 0:
            reason = MESSAGE_RATE
        else:
            mine.budget_until = budget
    if reason != 0:
        refuse(state, leg, side, price, qty, reason)
        return
    if mine.refused_reason != 0 and mine.refused_side == side:
        flush_refusals(state, leg)
    slot = append_order(state.orders, engine, mine)
    mine.orders_sent += 1
    order = state.orders[slot]
    order.id = (leg + 1) * ORDER_IDS_PER_LEG + mine.orders_sent
    order.price = price
    order.qty = qty
    order.filled = 0
    order.leaves = qty
    order.ahead = 0
    order.generation = generation
    order.leg = leg
    order.side = side
    order.state = PENDING
    order.canceling = 0
    order.amending = 0
    order["flags"] = flags
    row = state.journal[next_record(state, leg, PLACED)]
    row.order = order.id
    row.side = side
    row.price = price
    row.qty = qty
    row["flags"] = flags
    message = state.outbox[_outgoing(state, leg, slot)]
    message.kind = PLACE
    message.qty = qty
    message["flags"] = flags


@subkernel
def send_cancel(state: Any, leg: int, slot: int) -> None:
    """Journal and send a cancel; nothing can hold it back."""
    order = state.orders[slot]
    order.canceling = 1
    row = state.journal[next_record(state, leg, CANCELLED)]
    row.order = order.id
    row.side = order.side
    row.price = order.price
    row.leaves = order.leaves
    message = state.outbox[_outgoing(state, leg, slot)]
    message.kind = CANCEL


@subkernel
def send_amend(state: Any, leg: int, slot: int, total: int) -> None:
    """Ask for a smaller total quantity in place; an amend only ever lowers risk, so only the rate can refuse it.

    Then the order is cancelled, as a cancel always passes: too much must not stay because too much was said.
    """
    mine = state.legs[leg]
    order = state.orders[slot]
    engine = state.engine[0]
    budget = spend_message(state.limits[leg], mine.budget_until, engine.now)
    if budget < 0:
        refuse(state, leg, order.side, order.price, total, MESSAGE_RATE)
        send_cancel(state, leg, slot)
        return
    mine.budget_until = budget
    order.amending = 1
    order.qty = total
    row = state.journal[next_record(state, leg, AMENDED)]
    row.order = order.id
    row.side = order.side
    row.price = order.price
    row.qty = total
    row.leaves = order.leaves
    message = state.outbox[_outgoing(state, leg, slot)]
    message.kind = AMEND
    message.qty = total


@subkernel
def cancel_all(state: Any, leg: int) -> None:
    """Cancel every open order of the leg that has no cancel in flight."""
    slot = state.legs[leg].first_order
    while slot != NONE:
        order = state.orders[slot]
        if order.canceling == 0:
            send_cancel(state, leg, slot)
        slot = order.next


@subkernel
def send_take(state: Any, leg: int, target: Any) -> None:
    """Send what a take still lacks: goal − filled − worst case in flight; an old generation is never repeated."""
    mine = state.legs[leg]
    if target.take_generation < max(mine.take_generation, 1):
        return
    if target.take_generation != mine.take_generation:
        mine.take_generation = target.take_generation
        mine.take_filled = 0
    in_flight = 0
    slot = mine.first_order
    while slot != NONE:
        order = state.orders[slot]
        if order.generation == mine.take_generation:
            in_flight += order.leaves
        slot = order.next
    lacking = target.take_qty - mine.take_filled - in_flight
    if lacking > 0:
        side = BID if target.take_side == BID else -BID
        send_place(state, leg, side, target.take_limit, lacking, IOC, mine.take_generation)
