"""What the operator and the session ask of a running step: inputs like any other, journaled, and repeated with it.

They come as responses whose kind is ADOPTED or above, at a time of their own.
"""

from __future__ import annotations

from typing import Any

from quotewright.domain.journal import POST_ONLY, Record
from quotewright.domain.kernel import subkernel
from quotewright.domain.quotes import ON_TIMER, ON_TOUCH, ON_TRADE
from quotewright.engine.commands import ORDER_IDS_PER_LEG, cancel_all, send_place
from quotewright.engine.decide import decide_leg
from quotewright.engine.record import next_record
from quotewright.engine.state import ORDERS_PER_LEG
from quotewright.engine.timers import start_timer
from quotewright.orders.states import UNKNOWN, append_order

ADOPTED = int(Record.ADOPTED)
PARAM = int(Record.PARAM)
PAUSED = int(Record.PAUSED)
RESUMED = int(Record.RESUMED)
FLATTEN = int(Record.FLATTEN)
MANUAL = int(Record.MANUAL)
ADJUSTED = int(Record.ADJUSTED)
ACTIVATED = int(Record.ACTIVATED)
RUN_START = int(Record.RUN_START)

BY_HAND = -1  # generation of an order by hand: neither quote nor take, so that no diff touches it


@subkernel
def on_control(state: Any, control: Any) -> None:
    """Journal what is asked of a leg, and do it."""
    leg = control.leg
    mine = state.legs[leg]
    kind = control.kind
    if kind == ACTIVATED:
        _begin(state, leg, control.order)
    if kind == ADJUSTED:
        mine.cash += control.fee
        mine.position += control.qty
    row = state.journal[next_record(state, leg, kind)]
    row.exch_ts = control.exch_ts
    row.order = control.order
    row.side = control.side
    row.price = control.price
    row.qty = control.qty
    row.leaves = control.leaves
    row.reason = control.reason
    row.fee = control.fee
    row["flags"] = control["flags"]
    row.cash = mine.cash
    row.position = mine.position
    if kind == ADJUSTED:
        row.mid2 = state.touches[mine.instrument].mid2
    if kind == ADOPTED:
        _adopt(state, control)
    elif kind == PARAM:
        if 0 <= control.qty < mine.params_to - mine.params_from:
            state.params[mine.params_from + control.qty] = control.price * 2.0**control.leaves
    elif kind == PAUSED:
        mine.held |= control.reason
        cancel_all(state, leg)
    elif kind == RESUMED:
        mine.held &= ~control.reason
    elif kind == FLATTEN:
        mine.unwind = control.price
        decide_leg(state, leg)
    elif kind == MANUAL:
        send_place(state, leg, control.side, control.price, control.qty, control["flags"], BY_HAND)
    elif kind == ACTIVATED:
        mine.strategy = control.qty
        if mine.triggers & ON_TIMER:
            start_timer(state, leg)


@subkernel
def _begin(state: Any, leg: int, agent: int) -> None:
    """Open the books of an agent that begins in mid-run."""
    mine = state.legs[leg]
    mine.agent = agent
    row = state.journal[next_record(state, leg, RUN_START)]
    row.cash = mine.cash
    row.position = mine.position
    row.mid2 = state.touches[mine.instrument].mid2
    if mine.triggers & ON_TOUCH:
        state.engine[0].touch_listeners += 1
    if mine.triggers & ON_TRADE:
        state.engine[0].trade_listeners += 1


@subkernel
def _adopt(state: Any, control: Any) -> None:
    """Take an order from before this run's start into the leg's open orders, its state in doubt."""
    mine = state.legs[control.leg]
    if mine.open_orders >= ORDERS_PER_LEG:
        return
    slot = append_order(state.orders, state.engine[0], mine)
    order = state.orders[slot]
    order.id = control.order
    order.price = control.price
    order.qty = control.qty
    order.filled = control.qty - control.leaves
    order.leaves = control.leaves
    order.ahead = 0
    order.generation = 0 if control["flags"] & POST_ONLY else BY_HAND
    order.leg = control.leg
    order.side = control.side
    order.state = UNKNOWN
    order.canceling = 0
    order.amending = 0
    order["flags"] = control["flags"]
    mine.orders_sent = max(mine.orders_sent, control.order - (control.leg + 1) * ORDER_IDS_PER_LEG)
