"""A decision: fill the view, call the strategy, diff its target, send what risk lets pass."""

from __future__ import annotations

from typing import Any

from quotewright.domain.instrument import INVERSE
from quotewright.domain.journal import Record, Refusal
from quotewright.domain.kernel import counted, subkernel
from quotewright.domain.quotes import MOST_QUOTES
from quotewright.engine.commands import cancel_all, refuse, send_amend, send_cancel, send_place, send_take
from quotewright.engine.record import next_record
from quotewright.market.book import usable
from quotewright.orders.diff import CANCEL_ORDER, PLACE_ORDER, diff_quotes

DECISION = int(Record.DECISION)
BOUNDS = int(Refusal.BOUNDS)


@subkernel
def _fill_view(state: Any, leg: int) -> None:
    view = state.views[0]
    mine = state.legs[leg]
    book = state.books[mine.instrument]
    instrument = state.instruments[mine.instrument]
    engine = state.engine[0]
    view.time = engine.now
    view.start = engine.start
    view.bid = book.bid
    view.ask = book.ask
    view.bid_qty = book.bid_qty
    view.ask_qty = book.ask_qty
    view.last_price = book.last_price
    view.last_qty = book.last_qty
    view.last_side = book.last_side
    view.instrument = mine.instrument
    view.agent = mine.agent
    view.fills = mine.fills
    view.mid = 0.5 * (book.bid + book.ask) * instrument.tick
    view.inventory = mine.position / instrument.atoms_per_lot
    view.tick = instrument.tick
    view.lot = instrument.lot
    view.lot_value = instrument.contract_lot if instrument.kind == INVERSE else instrument.contract_lot * view.mid


@subkernel
def _drop_impossible(state: Any, leg: int, target: Any) -> None:
    """A count out of range or a price or quantity below 1 is a strategy's slip: refused and journaled."""
    if target.bids < 0 or target.bids > MOST_QUOTES or target.asks < 0 or target.asks > MOST_QUOTES:
        refuse(state, leg, 0, target.bids, target.asks, BOUNDS)
        target.bids = min(max(target.bids, 0), MOST_QUOTES)
        target.asks = min(max(target.asks, 0), MOST_QUOTES)
    for i in range(target.bids):
        if target.bid_price[i] < 1 or target.bid_qty[i] < 1:
            if target.bid_qty[i] != 0:
                refuse(state, leg, 1, target.bid_price[i], target.bid_qty[i], BOUNDS)
            target.bid_qty[i] = 0
    for i in range(target.asks):
        if target.ask_price[i] < 1 or target.ask_qty[i] < 1:
            if target.ask_qty[i] != 0:
                refuse(state, leg, -1, target.ask_price[i], target.ask_qty[i], BOUNDS)
            target.ask_qty[i] = 0


@counted
def decide_leg(state: Any, leg: int) -> None:
    """One decision of one leg, now; quotes are pulled instead if the book cannot be trusted."""
    mine = state.legs[leg]
    if mine.strategy < 0:
        return
    book = state.books[mine.instrument]
    if mine.halted or not usable(book):
        mine.pulled = 1
        cancel_all(state, leg)
        return
    mine.pulled = 0
    _fill_view(state, leg)
    view = state.views[0]
    target = state.targets[0]
    target.bids = 0
    target.asks = 0
    target.take_generation = mine.take_generation
    target.take_qty = 0
    target.take_side = 0
    target.take_limit = 0
    decide = state.decide[mine.strategy]
    decide(view, state.params[mine.params_from : mine.params_to], state.memory[leg], target)
    mine.decisions += 1
    row = state.journal[next_record(state, leg, DECISION)]
    row.price = book.bid
    row.qty = book.ask
    row.position = mine.position
    row.ref = mine.decisions
    _drop_impossible(state, leg, target)
    count = diff_quotes(state.orders, mine.first_order, target, mine, state.actions)
    for i in range(count):
        if state.actions[i].kind == CANCEL_ORDER:
            send_cancel(state, leg, state.actions[i].slot)
    for i in range(count):
        action = state.actions[i]
        if action.kind == PLACE_ORDER:
            send_place(state, leg, action.side, action.price, action.qty, mine.order_flags, 0)
        elif action.kind != CANCEL_ORDER:
            send_amend(state, leg, action.slot, action.qty)
    if target.take_qty > 0:
        send_take(state, leg, target)
