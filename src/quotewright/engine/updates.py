"""The market as the step hears of it: updates in, and what each makes due.

An update comes as what it left behind (`on_update`), where another book of the same market has been kept already, or
as the rows of a feed (`on_row`), which the step's own book turns into the same.
"""

from __future__ import annotations

from typing import Any

from quotewright.domain.events import ADD, CHANGE, CLEAR, DELETE, FUNDING, LAST, TRADE
from quotewright.domain.journal import Record
from quotewright.domain.kernel import inlined, subkernel
from quotewright.domain.money import charge, value_of
from quotewright.domain.quotes import ON_TOUCH, ON_TRADE
from quotewright.engine.commands import cancel_all
from quotewright.engine.decide import decide_leg
from quotewright.engine.record import next_record
from quotewright.features.binding import AFTER_UPDATE, BEFORE_ROW, call_features
from quotewright.market.book import apply_row, copy_touch, finish_update, take_update
from quotewright.market.l3 import L3_DUPLICATE, L3_UNKNOWN, apply_order_row
from quotewright.market.levels import OK

FUNDED = int(Record.FUNDING)
BOOK_INVALID = int(Record.BOOK_INVALID)
BOOK_VALID = int(Record.BOOK_VALID)


@inlined
def on_update(state: Any, update: Any) -> None:
    """Take in one update, by what it left behind."""
    engine = state.engine[0]
    touch = state.touches[update.instrument]
    engine.events += update.rows
    before = touch.valid
    bid = touch.bid
    ask = touch.ask
    bid_qty = touch.bid_qty
    ask_qty = touch.ask_qty
    take_update(touch, update)
    if touch.valid != before or update.kind == FUNDING or engine.touch_listeners or engine.trade_listeners:
        moved = bid != touch.bid or ask != touch.ask or bid_qty != touch.bid_qty or ask_qty != touch.ask_qty
        engine.now = update.local_ts
        if update.kind == FUNDING:
            _fund(state, update.instrument, update.price, update.qty, update.exch_ts)
        _after_update(state, update.instrument, update.exch_ts, update.kind, before, moved)


@subkernel
def on_row(state: Any, row: Any) -> int:
    """Take in one row of a feed; after an update's last row the step hears of the update; returns a status."""
    book = state.books[row.instrument]
    touch = state.touches[row.instrument]
    engine = state.engine[0]
    engine.events += 1
    kind = row.kind
    if engine.features:
        call_features(state.feature_functions, BEFORE_ROW, state.features[0], 0, book, row)
    status = apply_row(book, row)
    if kind in (ADD, CHANGE, DELETE) or (kind == CLEAR and book.l3):
        status = apply_order_row(state.l3[row.instrument], book, row)
        if status in (L3_UNKNOWN, L3_DUPLICATE):
            status = OK
    if status != OK or not row["flags"] & LAST:
        return status
    status = finish_update(book, row)
    if status != OK:
        return status
    if engine.features:
        call_features(state.feature_functions, AFTER_UPDATE, state.features[0], 0, book, row)
    moved = (
        book.bid != touch.bid or book.ask != touch.ask or book.bid_qty != touch.bid_qty or book.ask_qty != touch.ask_qty
    )
    before = touch.valid
    copy_touch(book, touch)
    if kind == FUNDING:
        _fund(state, row.instrument, row.price, row.qty, row.exch_ts)
    _after_update(state, row.instrument, row.exch_ts, kind, before, moved)
    return OK


@subkernel
def _after_update(state: Any, instrument: int, exch_ts: int, kind: int, before: int, moved: bool) -> None:
    """What an update makes due: judging the book, then decisions on touch and trade."""
    engine = state.engine[0]
    if state.touches[instrument].valid != before:
        _judge_book(state, instrument, exch_ts)
    if engine.touch_listeners and moved:
        _decide_all(state, instrument, ON_TOUCH)
    if engine.trade_listeners and kind == TRADE:
        _decide_all(state, instrument, ON_TRADE)


@subkernel
def _decide_all(state: Any, instrument: int, trigger: int) -> None:
    for leg in range(len(state.legs)):
        mine = state.legs[leg]
        if mine.instrument == instrument and mine.triggers & trigger:
            decide_leg(state, leg)


@subkernel
def _judge_book(state: Any, instrument: int, exch_ts: int) -> None:
    """A book that became invalid has its quotes pulled at once, whatever the timers say."""
    valid = state.touches[instrument].valid
    row = state.journal[next_record(state, -1, BOOK_VALID if valid else BOOK_INVALID)]
    row.instrument = instrument
    row.exch_ts = exch_ts
    if valid:
        return
    for leg in range(len(state.legs)):
        if state.legs[leg].instrument == instrument:
            state.legs[leg].pulled = 1
            cancel_all(state, leg)


@subkernel
def _fund(state: Any, which: int, mark: int, rate: int, exch_ts: int) -> None:
    for leg in range(len(state.legs)):
        mine = state.legs[leg]
        if mine.instrument != which or mine.position == 0:
            continue
        instrument = state.instruments[which]
        paid = charge(value_of(instrument, mine.position, 2 * mark), rate, instrument.fee_quantum)
        mine.cash -= paid
        mine.funding += paid
        row = state.journal[next_record(state, leg, FUNDED)]
        row.exch_ts = exch_ts
        row.price = mark
        row.qty = rate
        row.fee = paid
        row.cash = mine.cash
        row.position = mine.position
        row.mid2 = state.touches[which].mid2
