"""The synthetic market's clockwork: value steps, makers and arrivals in order of time.

At equal times: the value first, then makers by number, then arrivals.
"""

from __future__ import annotations

from typing import Any

from quotewright.domain.kernel import kernel, subkernel
from quotewright.simulation.flow import arrive, excite, schedule, touch
from quotewright.simulation.synthetic_makers import requote
from quotewright.simulation.synthetic_state import FIRST_MAKER, MOST_DRAWS, STREAMS, VALUE_STEP
from quotewright.simulation.synthetic_value import advance_value

REACHED = 0  # nothing is left to do before the time asked for
ROWS_FULL = 1  # as many rows as asked for are waiting
NEEDS_ROOM = 2  # the book, the pool or an output is nearly full
NEEDS_DRAWS = 3

SPARE = 64  # orders, levels, pool places kept free: more than one action needs


@subkernel
def absorb(m: Any, p: Any, makers: Any, used: Any, draws: Any, head: Any, executions: Any) -> None:
    """Let new executions move inventories, signed volume and excitation, and with it the next arrival."""
    h = head[0]
    found = m.seen < h.executions
    while m.seen < h.executions:
        done = executions[m.seen]
        number = done.maker_owner - FIRST_MAKER
        if number >= 0 and number < makers.shape[0]:
            makers[number].inventory -= done.side * done.qty
        m.signed_volume += done.side * done.qty
        if done.taker != m.last_taker:
            excite(m, p, done.side)
            m.last_taker = done.taker
        m.seen += 1
    if found:
        schedule(m, p, used, draws)


@kernel
def absorb_all(market: Any, params: Any, makers: Any, used: Any, draws: Any, head: Any, executions: Any) -> int:
    """Absorb every execution, so that the caller may take them away: REACHED or NEEDS_DRAWS."""
    if _short(used, draws):
        return NEEDS_DRAWS
    absorb(market[0], params[0], makers, used, draws, head, executions)
    market[0].seen = 0
    return REACHED


@subkernel
def _cramped(m: Any, pool: Any, head: Any, orders: Any, levels: Any, events: Any, executions: Any) -> bool:
    h = head[0]
    rows = 2 * h.open + SPARE
    return (
        h.events + rows > events.shape[0]
        or h.executions + h.open + SPARE > executions.shape[0]
        or h.open + SPARE > orders.shape[0]
        or max(h.bids, h.asks) + SPARE > levels.shape[1]
        or m.pool + SPARE > pool.shape[0]
    )


@subkernel
def _short(used: Any, draws: Any) -> bool:
    most = 0
    for stream in range(STREAMS):
        most = max(most, used[stream])
    return most + MOST_DRAWS > draws.shape[1]


@kernel
def run(
    market: Any,
    params: Any,
    makers: Any,
    used: Any,
    draws: Any,
    history: Any,
    pool: Any,
    wanted: Any,
    head: Any,
    orders: Any,
    levels: Any,
    events: Any,
    executions: Any,
    until: int,
    rows: int,
) -> int:
    """Run to just before `until` (ns) or until `rows` rows wait: REACHED, ROWS_FULL, NEEDS_ROOM, NEEDS_DRAWS.

    A negative code is the book's, and would be a fault of this module: room is made before each action.
    """
    m = market[0]
    p = params[0]
    h = head[0]
    while True:
        if _short(used, draws):
            return NEEDS_DRAWS
        absorb(m, p, makers, used, draws, head, executions)
        if h.events >= rows:
            return ROWS_FULL
        if _cramped(m, pool, head, orders, levels, events, executions):
            return NEEDS_ROOM
        first = 0
        for i in range(1, makers.shape[0]):
            if makers[i].wake < makers[first].wake:
                first = i
        due = min(m.next_value, makers[first].wake, m.next_flow)
        if due >= until:
            m.now = until
            return REACHED
        m.now = due
        status = 0
        if due == m.next_value:
            m.next_value += VALUE_STEP
            bid = touch(head, levels, 1)
            ask = touch(head, levels, -1)
            if bid > 0 and ask > 0:
                m.mid = 0.5 * (bid + ask)
            advance_value(m, p, used, draws, history)
        elif due == makers[first].wake:
            status = requote(
                m, p, makers[first], used, draws, history, wanted, head, orders, levels, events, executions
            )
        else:
            status = arrive(m, p, used, draws, pool, head, orders, levels, events, executions)
            schedule(m, p, used, draws)
        if status < 0:
            return status
