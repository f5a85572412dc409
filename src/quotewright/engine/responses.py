"""What a venue answers: fills booked exactly, orders brought up to date."""

from __future__ import annotations

from typing import Any

from quotewright.domain.journal import (
    FEE_ELSEWHERE,
    FEE_IN_BASE,
    FEE_TOLD,
    FILL_TAKER,
    LATE,
    MARKOUT_HORIZONS,
    Record,
    Refusal,
)
from quotewright.domain.kernel import subkernel
from quotewright.domain.money import charge, signed_cash, value_of
from quotewright.domain.quotes import ON_FILL
from quotewright.engine.controls import on_control
from quotewright.engine.decide import decide_leg
from quotewright.engine.loss import check_loss
from quotewright.engine.record import next_record
from quotewright.engine.state import NEVER
from quotewright.market.levels import OK
from quotewright.orders.states import OPEN, PENDING, UNKNOWN, find_order, release_order

ACCEPTED = int(Record.ACCEPTED)
REJECTED = int(Record.REJECTED)
CANCELED = int(Record.CANCELED)
AMENDED = int(Record.AMENDED)
CANCEL_REJECTED = int(Record.CANCEL_REJECTED)
FILL = int(Record.FILL)
MARKOUT = int(Record.MARKOUT)
DENIED = int(Record.DENIED)
IN_DOUBT = int(Record.UNKNOWN)
BUDGET = int(Refusal.BUDGET)
AFTER_DENIAL = 500_000_000  # ns without places once the venue's message budget was found used up
ADOPTED = int(Record.ADOPTED)
HORIZONS = MARKOUT_HORIZONS
MARKOUTS_FULL = 5  # more fills within the longest markout horizon than the ring holds


@subkernel
def on_response(state: Any, response: Any) -> int:
    """Book what the venue answered, or do what the operator asks; returns a status."""
    leg = response.leg
    if response.kind >= ADOPTED:
        on_control(state, response)
        return OK
    row = state.journal[next_record(state, leg, response.kind)]
    row.exch_ts = response.exch_ts
    row.order = response.order
    row.side = response.side
    row.price = response.price
    row.qty = response.qty
    row.leaves = response.leaves
    row.ahead = response.ahead
    row.reason = response.reason
    status = OK
    if response.kind == FILL:
        _book_fill(state, response, row)
        status = _await_markouts(state, response)
    _update_order(state, response)
    if response.kind == FILL:
        check_loss(state, leg)
        if state.legs[leg].triggers & ON_FILL:
            decide_leg(state, leg)
    return status


@subkernel
def _update_order(state: Any, response: Any) -> None:
    slot = response.slot
    if slot < 0:  # whoever answers does not know our slots
        slot = find_order(state.orders, state.legs[response.leg], response.order)
    if slot < 0 or slot >= len(state.orders) or state.orders[slot].id != response.order:
        return
    order = state.orders[slot]
    mine = state.legs[response.leg]
    kind = response.kind
    if kind == ACCEPTED:
        if order.state in (PENDING, UNKNOWN):
            order.state = OPEN
        order.price = response.price
        order.ahead = response.ahead
    elif kind == FILL:
        order.filled += response.qty
        order.leaves -= response.qty
        if order.generation != 0 and order.generation == mine.take_generation:
            mine.take_filled += response.qty
        if order.leaves <= 0:
            release_order(state.orders, state.engine[0], mine, slot)
    elif kind == IN_DOUBT:
        order.state = UNKNOWN
    elif kind in (REJECTED, DENIED):
        release_order(state.orders, state.engine[0], mine, slot)
        if kind == DENIED and response.reason == BUDGET:  # others share it: ask again after a while, not at once
            wait = state.limits[response.leg].message_burst + AFTER_DENIAL
            mine.budget_until = max(mine.budget_until, state.engine[0].now + wait)
    elif kind == CANCELED:
        unseen = response.qty - order.filled
        if unseen <= 0:
            release_order(state.orders, state.engine[0], mine, slot)
        else:  # fills the venue sent before are still on their way: keep counting them as exposure
            order.leaves = unseen
            order.canceling = 1
    elif kind == AMENDED:
        order.amending = 0
        order.leaves = order.qty - order.filled
        if order.leaves <= 0:  # the fill that completed it overtook this answer
            release_order(state.orders, state.engine[0], mine, slot)
    elif kind == CANCEL_REJECTED:
        order.canceling = 0
        order.amending = 0


@subkernel
def _book_fill(state: Any, response: Any, row: Any) -> None:
    engine = state.engine[0]
    mine = state.legs[response.leg]
    instrument = state.instruments[mine.instrument]
    taker = response["flags"] & FILL_TAKER
    rate = instrument.taker_rate if taker else instrument.maker_rate
    atoms = response.qty * instrument.atoms_per_lot
    mine.cash += signed_cash(instrument, response.side, response.qty, response.price)
    mine.position += response.side * atoms
    row["flags"] = response["flags"] & (FILL_TAKER | FEE_TOLD | FEE_IN_BASE | FEE_ELSEWHERE | LATE)
    value = value_of(instrument, atoms, 2 * response.price)
    if response["flags"] & FEE_TOLD:
        row.fee = response.fee
        if response["flags"] & FEE_IN_BASE:
            mine.position -= row.fee
            mine.base_fees += row.fee
        elif not response["flags"] & FEE_ELSEWHERE:
            mine.cash -= row.fee
            mine.fees += row.fee
    elif instrument.fee_in_received and response.side > 0:
        row.fee = charge(atoms, rate, 1)
        mine.position -= row.fee
        mine.base_fees += row.fee
        row["flags"] |= FEE_IN_BASE
    else:
        row.fee = charge(value, rate, instrument.fee_quantum)
        mine.cash -= row.fee
        mine.fees += row.fee
    mine.traded += response.qty
    mine.turnover += value
    mine.fills += 1
    engine.fills += 1
    row.ref = engine.fills
    row.mid2 = state.touches[mine.instrument].mid2
    row.cash = mine.cash
    row.position = mine.position


@subkernel
def _await_markouts(state: Any, response: Any) -> int:
    engine = state.engine[0]
    if not (engine.keep >> MARKOUT) & 1:
        return OK
    if engine.markouts_in - engine.markouts_out[3] >= len(state.markouts):
        return MARKOUTS_FULL
    entry = state.markouts[engine.markouts_in % len(state.markouts)]
    engine.markouts_in += 1
    entry.ts = engine.now
    entry.number = engine.fills
    entry.leg = response.leg
    entry.side = response.side
    entry.price = response.price
    for h in range(4):
        if engine.markouts_due[h] == NEVER:
            engine.markouts_due[h] = engine.now + HORIZONS[h]
            engine.next_markout = min(engine.next_markout, engine.markouts_due[h])
    return OK
