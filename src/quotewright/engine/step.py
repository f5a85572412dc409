"""The step: event in, state changed, commands out. It reads no clock, draws nothing, and knows no mode.

Four kinds of input, each one function: a market row, a venue's response, a timer, the end of the run.
Time comes with the input (`engine.now` is set by the caller before each call).
"""

from __future__ import annotations

from typing import Any

from quotewright.domain.events import ADD, BEST, CHANGE, CLEAR, DELETE, FUNDING, LAST, LEVEL, NOTE, TRADE
from quotewright.domain.journal import FEE_IN_BASE, FILL_TAKER, MARKOUT_HORIZONS, Record, Refusal
from quotewright.domain.kernel import inlined, kernel, subkernel
from quotewright.domain.money import charge, signed_cash, value_of
from quotewright.domain.quotes import ON_FILL, ON_TIMER, ON_TOUCH, ON_TRADE
from quotewright.engine.commands import cancel_all, flush_refusals
from quotewright.engine.decide import decide_leg
from quotewright.engine.record import next_record
from quotewright.engine.state import MARKOUT_RING
from quotewright.market.book import apply_row, finish_update, usable
from quotewright.market.l3 import L3_DUPLICATE, L3_UNKNOWN, apply_order_row
from quotewright.market.levels import OK
from quotewright.orders.states import OPEN, PENDING, release_order
from quotewright.risk.gate import loss_reached

ACCEPTED = int(Record.ACCEPTED)
REJECTED = int(Record.REJECTED)
CANCELED = int(Record.CANCELED)
AMENDED = int(Record.AMENDED)
CANCEL_REJECTED = int(Record.CANCEL_REJECTED)
FILL = int(Record.FILL)
MARK = int(Record.MARK)
MARKOUT = int(Record.MARKOUT)
HALT = int(Record.HALT)
FUNDED = int(Record.FUNDING)
BOOK_INVALID = int(Record.BOOK_INVALID)
BOOK_VALID = int(Record.BOOK_VALID)
RUN_START = int(Record.RUN_START)
RUN_END = int(Record.RUN_END)
LOSS = int(Refusal.LOSS)
HORIZONS = MARKOUT_HORIZONS
MARKOUTS_FULL = 5  # more fills within the longest markout horizon than the ring holds


@subkernel
def on_start(state: Any) -> None:
    """First event's time is known: start timers and marks, open the journal."""
    engine = state.engine[0]
    engine.start = engine.now
    if engine.mark_interval > 0:
        engine.next_mark = engine.now + engine.mark_interval
    for leg in range(len(state.legs)):
        mine = state.legs[leg]
        row = state.journal[next_record(state, leg, RUN_START)]
        row.cash = mine.cash
        row.position = mine.position
        if mine.strategy >= 0:
            if mine.triggers & ON_TIMER:
                mine.next_decision = engine.now + mine.interval
            if mine.triggers & ON_TOUCH:
                engine.touch_listeners += 1
            if mine.triggers & ON_TRADE:
                engine.trade_listeners += 1
    schedule(state)


@subkernel
def schedule(state: Any) -> None:
    """Recompute when the next timer is due."""
    engine = state.engine[0]
    due = engine.next_mark
    for leg in range(len(state.legs)):
        due = min(due, state.legs[leg].next_decision)
    for h in range(4):
        if engine.markouts_out[h] < engine.markouts_in:
            entry = state.markouts[engine.markouts_out[h] % MARKOUT_RING]
            due = min(due, entry.ts + HORIZONS[h])
    engine.next_timer = due


@inlined
def on_market(state: Any, row: Any) -> int:
    """Apply one row of the feed, and after an update's last row run what it makes due; returns a status.

    The rows that make up nearly all of a feed touch nothing but single records, unless a decision is due.
    """
    kind = row.kind
    if kind not in (LEVEL, BEST, NOTE, TRADE):
        return _on_rare_row(state, row)
    engine = state.engine[0]
    book = state.books[row.instrument]
    engine.events += 1
    before = book.valid
    status = apply_row(book, row)
    if status != OK or not row["flags"] & LAST:
        return status
    bid = book.bid
    ask = book.ask
    bid_qty = book.bid_qty
    ask_qty = book.ask_qty
    status = finish_update(book, row)
    if status == OK and (book.valid != before or engine.touch_listeners or engine.trade_listeners):
        moved = bid != book.bid or ask != book.ask or bid_qty != book.bid_qty or ask_qty != book.ask_qty
        _after_market(state, row, before, moved)
    return status


@subkernel
def _on_rare_row(state: Any, row: Any) -> int:
    """Single orders, snapshots, funding and status."""
    book = state.books[row.instrument]
    state.engine[0].events += 1
    before = book.valid
    kind = row.kind
    status = apply_row(book, row)
    if kind in (ADD, CHANGE, DELETE) or (kind == CLEAR and book.l3):
        status = apply_order_row(state.l3[row.instrument], book, row)
        if status in (L3_UNKNOWN, L3_DUPLICATE):
            status = OK
    if status != OK or not row["flags"] & LAST:
        return status
    bid = book.bid
    ask = book.ask
    bid_qty = book.bid_qty
    ask_qty = book.ask_qty
    status = finish_update(book, row)
    if status != OK:
        return status
    if kind == FUNDING:
        _fund(state, row)
    moved = bid != book.bid or ask != book.ask or bid_qty != book.bid_qty or ask_qty != book.ask_qty
    _after_market(state, row, before, moved)
    return OK


@subkernel
def _after_market(state: Any, row: Any, before: int, moved: bool) -> None:
    """What an update makes due: judging the book, then decisions on touch and trade."""
    engine = state.engine[0]
    _judge_book(state, row, before)
    if engine.touch_listeners and moved:
        _decide_all(state, row.instrument, ON_TOUCH)
    if engine.trade_listeners and row.kind == TRADE:
        _decide_all(state, row.instrument, ON_TRADE)


@subkernel
def _decide_all(state: Any, instrument: int, trigger: int) -> None:
    for leg in range(len(state.legs)):
        mine = state.legs[leg]
        if mine.instrument == instrument and mine.triggers & trigger:
            decide_leg(state, leg)


@subkernel
def _judge_book(state: Any, update: Any, before: int) -> None:
    """A book that became invalid has its quotes pulled at once, whatever the timers say."""
    book = state.books[update.instrument]
    if book.valid == before:
        return
    row = state.journal[next_record(state, -1, BOOK_VALID if book.valid else BOOK_INVALID)]
    row.instrument = update.instrument
    row.exch_ts = update.exch_ts
    if book.valid:
        return
    for leg in range(len(state.legs)):
        if state.legs[leg].instrument == update.instrument:
            state.legs[leg].pulled = 1
            cancel_all(state, leg)


@subkernel
def _fund(state: Any, update: Any) -> None:
    for leg in range(len(state.legs)):
        mine = state.legs[leg]
        if mine.instrument != update.instrument or mine.position == 0:
            continue
        instrument = state.instruments[mine.instrument]
        paid = charge(value_of(instrument, mine.position, 2 * update.price), update.qty, instrument.fee_quantum)
        mine.cash -= paid
        mine.funding += paid
        row = state.journal[next_record(state, leg, FUNDED)]
        row.exch_ts = update.exch_ts
        row.price = update.price
        row.qty = update.qty
        row.fee = paid
        row.cash = mine.cash
        row.position = mine.position
        row.mid2 = state.books[mine.instrument].mid2


@subkernel
def on_response(state: Any, response: Any) -> int:
    """Book what the venue answered; returns a status."""
    leg = response.leg
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
    if slot < 0 or slot >= len(state.orders) or state.orders[slot].id != response.order:
        return
    order = state.orders[slot]
    mine = state.legs[response.leg]
    kind = response.kind
    if kind == ACCEPTED:
        if order.state == PENDING:
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
    elif kind == REJECTED:
        release_order(state.orders, state.engine[0], mine, slot)
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
    row["flags"] = FILL_TAKER if taker else 0
    if instrument.fee_in_received and response.side > 0:
        row.fee = charge(atoms, rate, 1)
        mine.position -= row.fee
        row["flags"] |= FEE_IN_BASE
    else:
        row.fee = charge(value_of(instrument, atoms, 2 * response.price), rate, instrument.fee_quantum)
        mine.cash -= row.fee
    mine.fills += 1
    engine.fills += 1
    row.ref = engine.fills
    row.mid2 = state.books[mine.instrument].mid2
    row.cash = mine.cash
    row.position = mine.position


@subkernel
def _await_markouts(state: Any, response: Any) -> int:
    engine = state.engine[0]
    if engine.markouts_in - engine.markouts_out[3] >= MARKOUT_RING:
        return MARKOUTS_FULL
    entry = state.markouts[engine.markouts_in % MARKOUT_RING]
    engine.markouts_in += 1
    entry.ts = engine.now
    entry.number = engine.fills
    entry.leg = response.leg
    entry.side = response.side
    entry.price = response.price
    engine.next_timer = min(engine.next_timer, engine.now + HORIZONS[0])
    return OK


@subkernel
def check_loss(state: Any, leg: int) -> None:
    """Halt the leg, and cancel everything it has, once marked equity reaches the loss limit."""
    mine = state.legs[leg]
    if mine.halted or mine.strategy < 0:
        return
    book = state.books[mine.instrument]
    if loss_reached(state.limits[leg], state.instruments[mine.instrument], mine.cash, mine.position, book.mid2):
        mine.halted = 1
        row = state.journal[next_record(state, leg, HALT)]
        row.reason = LOSS
        row.mid2 = book.mid2
        row.cash = mine.cash
        row.position = mine.position
        cancel_all(state, leg)


@subkernel
def on_timer(state: Any) -> None:
    """Run one thing that is due now: markouts first, then marks, then one leg's decision."""
    engine = state.engine[0]
    if _markouts_due(state) or _marks_due(state):
        schedule(state)
        return
    for leg in range(len(state.legs)):
        mine = state.legs[leg]
        if mine.next_decision <= engine.now:
            mine.next_decision += mine.interval
            decide_leg(state, leg)
            break
    schedule(state)


@subkernel
def _markouts_due(state: Any) -> bool:
    engine = state.engine[0]
    for h in range(4):
        if engine.markouts_out[h] >= engine.markouts_in:
            continue
        entry = state.markouts[engine.markouts_out[h] % MARKOUT_RING]
        if entry.ts + HORIZONS[h] <= engine.now:
            engine.markouts_out[h] += 1
            row = state.journal[next_record(state, entry.leg, MARKOUT)]
            row.ref = entry.number
            row.qty = HORIZONS[h]
            row.side = entry.side
            row.price = entry.price
            row.mid2 = state.books[state.legs[entry.leg].instrument].mid2
            return True
    return False


@subkernel
def _marks_due(state: Any) -> bool:
    engine = state.engine[0]
    if engine.next_mark > engine.now:
        return False
    engine.next_mark += engine.mark_interval
    for leg in range(len(state.legs)):
        mine = state.legs[leg]
        row = state.journal[next_record(state, leg, MARK)]
        row.mid2 = state.books[mine.instrument].mid2
        row.cash = mine.cash
        row.position = mine.position
        row.fee = mine.funding
        row["flags"] = _sides_at_touch(state, leg)
        check_loss(state, leg)
    return True


@subkernel
def _sides_at_touch(state: Any, leg: int) -> int:
    mine = state.legs[leg]
    book = state.books[mine.instrument]
    flags = 0
    if not usable(book):
        return 0
    slot = mine.first_order
    while slot >= 0:
        order = state.orders[slot]
        if order.state == OPEN:
            if order.side > 0 and order.price >= book.bid:
                flags |= 1
            elif order.side < 0 and order.price <= book.ask:
                flags |= 2
        slot = order.next
    return flags


@kernel
def on_end(state: Any) -> None:
    """Close the journal with every leg's final cash, position and mark."""
    for leg in range(len(state.legs)):
        flush_refusals(state, leg)
        mine = state.legs[leg]
        row = state.journal[next_record(state, leg, RUN_END)]
        row.mid2 = state.books[mine.instrument].mid2
        row.cash = mine.cash
        row.position = mine.position
        row.fee = mine.funding
