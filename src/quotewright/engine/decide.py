"""A decision: fill the view, call the strategy, diff its target, send what risk lets pass."""

from __future__ import annotations

from typing import Any

from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import INVERSE
from quotewright.domain.journal import Record, Refusal
from quotewright.domain.kernel import subkernel
from quotewright.domain.quotes import MOST_FEATURES, MOST_QUOTES
from quotewright.engine.commands import cancel_all, refuse, send_amend, send_cancel, send_place, send_take
from quotewright.engine.flatten import flatten_leg
from quotewright.engine.functions import call_decision
from quotewright.engine.record import next_record
from quotewright.engine.state import MEMORY_CELLS
from quotewright.features.binding import LAY_OUT, call_features
from quotewright.features.slots import SLOTS
from quotewright.market.book import usable
from quotewright.orders.diff import CANCEL_ORDER, PLACE_ORDER, diff_quotes
from quotewright.orders.states import NONE, OPEN

DECISION = int(Record.DECISION)
FEATURE_COUNT = len(SLOTS)
BOUNDS = int(Refusal.BOUNDS)
IN_PYTHON = -2  # index of a decision function that compiled code cannot call


@subkernel
def _view_market(state: Any, which: int) -> None:
    """Fill in what every leg on an instrument sees alike."""
    view = state.views[0]
    touch = state.touches[which]
    instrument = state.instruments[which]
    engine = state.engine[0]
    view.time = engine.now
    view.start = engine.start
    view.bid = touch.bid
    view.ask = touch.ask
    view.bid_qty = touch.bid_qty
    view.ask_qty = touch.ask_qty
    if engine.in_feed:
        view.bid_qty = max(0, touch.bid_qty - _ours_at(state, which, BID, touch.bid))
        view.ask_qty = max(0, touch.ask_qty - _ours_at(state, which, ASK, touch.ask))
    view.last_price = touch.last_price
    view.last_qty = touch.last_qty
    view.last_side = touch.last_side
    view.instrument = which
    view.mid = 0.5 * (touch.bid + touch.ask) * instrument.tick
    view.tick = instrument.tick
    view.lot = instrument.lot
    view.lot_value = instrument.contract_lot if instrument.kind == INVERSE else instrument.contract_lot * view.mid


@subkernel
def _ours_at(state: Any, which: int, side: int, price: int) -> int:
    """Lots of ours that the feed shows at a price: a strategy must not take its own size for someone else's."""
    ours = 0
    for leg in range(len(state.legs)):
        mine = state.legs[leg]
        if mine.instrument != which or mine.in_feed == 0:
            continue
        slot = mine.first_order
        while slot != NONE:
            order = state.orders[slot]
            if order.side == side and order.price == price and order.state == OPEN:
                ours += order.leaves
            slot = order.next
    return ours


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


@subkernel
def decide_leg(state: Any, leg: int) -> None:
    """One decision of one leg, now; quotes are pulled instead if the book cannot be trusted.

    While a strategy in plain Python is asked every other decision waits, so that the order stays what it is.
    """
    mine = state.legs[leg]
    engine = state.engine[0]
    if mine.strategy == -1:
        return
    if engine.due_leg >= 0:
        state.waiting[engine.waiting] = leg
        engine.waiting += 1
        return
    if mine.unwind > 0 and usable(state.touches[mine.instrument]):
        flatten_leg(state, leg)
        return
    if mine.halted or mine.held or not usable(state.touches[mine.instrument]):
        mine.pulled = 1
        cancel_all(state, leg)
        return
    mine.pulled = 0
    ask_strategy(state, leg)
    if mine.strategy == IN_PYTHON:
        engine.due_leg = leg
        return
    params = state.params[mine.params_from : mine.params_to]
    memory = state.memory[leg * MEMORY_CELLS : (leg + 1) * MEMORY_CELLS]
    call_decision(state.decide, mine.strategy, state.views[0], params, memory, state.targets[0])
    follow_target(state, leg)


@subkernel
def ask_strategy(state: Any, leg: int) -> None:
    """Lay out what the strategy reads, and clear what it writes."""
    mine = state.legs[leg]
    instrument = state.instruments[mine.instrument]
    _view_market(state, mine.instrument)
    view = state.views[0]
    view.agent = mine.agent
    view.fills = mine.fills
    view.inventory = mine.position / instrument.atoms_per_lot
    if state.engine[0].features:
        book = state.books[mine.instrument]
        call_features(state.feature_functions, LAY_OUT, state.features[0], mine.instrument, book, state.no_row[0])
        for slot in range(FEATURE_COUNT):
            view.features[slot] = state.feature_values[mine.instrument * MOST_FEATURES + slot]
    target = state.targets[0]
    target.bids = 0
    target.asks = 0
    target.take_generation = mine.take_generation
    target.take_qty = 0
    target.take_side = 0
    target.take_limit = 0


@subkernel
def follow_target(state: Any, leg: int) -> None:
    """Journal the decision, and send what turns the open quotes into the target."""
    mine = state.legs[leg]
    target = state.targets[0]
    touch = state.touches[mine.instrument]
    mine.decisions += 1
    row = state.journal[next_record(state, leg, DECISION)]
    row.price = touch.bid
    row.qty = touch.ask
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


@subkernel
def go_on_deciding(state: Any) -> None:
    """Follow the target that a strategy in plain Python has written, then make the decisions that wait."""
    engine = state.engine[0]
    leg = engine.due_leg
    engine.due_leg = -1
    follow_target(state, leg)
    while engine.waited < engine.waiting:
        engine.waited += 1
        decide_leg(state, state.waiting[engine.waited - 1])
        if engine.due_leg >= 0:
            return
    engine.waiting = 0
    engine.waited = 0
