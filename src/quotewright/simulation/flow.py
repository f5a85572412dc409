"""Arrivals: one superposed point process of uninformed, informed and trend-following actions.

Uninformed market orders follow a bivariate Hawkes process with exponential kernel (Hawkes 1971; Bacry,
Mastromatteo & Muzy 2015):

    λ_b(t) = μ + Σ_{buys before t} α_s e^{−β(t−t_i)} + Σ_{sells before t} α_c e^{−β(t−t_j)},   λ_s likewise

where every executed market order excites, whoever sent it. Limit orders and cancels have rates
proportional to activity a(t) = 1 + c·(λ_b + λ_s − 2μ)/2μ. Times are drawn by thinning (Ogata 1981): between
events all rates fall, so the total rate at the last event bounds them until the next.
"""

from __future__ import annotations

import math
from typing import Any

from quotewright.domain.events import ASK, BID
from quotewright.domain.journal import IOC, POST_ONLY
from quotewright.domain.kernel import subkernel
from quotewright.simulation.matching import cancel, is_open, submit
from quotewright.simulation.synthetic_state import (
    FLOW_STREAM,
    INFORMED,
    NOISE,
    TREND,
    exponential,
    lognormal_qty,
    uniform,
)

SECOND = 1e9


@subkernel
def decay_excitation(m: Any, p: Any) -> None:
    """Bring both excitations to the present."""
    kept = math.exp(-p.taker_decay * (m.now - m.excited_at) / SECOND)
    m.excited_buys *= kept
    m.excited_sells *= kept
    m.excited_at = m.now


@subkernel
def excite(m: Any, p: Any, side: int) -> None:
    """A market order on `side` was executed."""
    decay_excitation(m, p)
    if side == BID:
        m.excited_buys += p.taker_self
        m.excited_sells += p.taker_cross
    else:
        m.excited_sells += p.taker_self
        m.excited_buys += p.taker_cross


@subkernel
def _activity(m: Any, p: Any) -> float:
    return 1.0 + p.limit_excitation * (m.excited_buys + m.excited_sells) / (2.0 * p.taker_rate)


@subkernel
def total_rate(m: Any, p: Any) -> float:
    """Rate of all arrivals together, 1/s, with the excitations as they stand."""
    takers = 2.0 * p.taker_rate + m.excited_buys + m.excited_sells
    patient = (p.limit_rate + p.cancel_rate * m.pool) * _activity(m, p)
    return takers + patient + p.informed_rate + p.trend_rate


@subkernel
def schedule(m: Any, p: Any, used: Any, draws: Any) -> None:
    """Draw the next candidate arrival from the present rates."""
    decay_excitation(m, p)
    m.bound = total_rate(m, p)
    m.next_flow = m.now + 1 + int(exponential(used, draws, FLOW_STREAM) / m.bound * SECOND)


@subkernel
def arrive(
    m: Any,
    p: Any,
    used: Any,
    draws: Any,
    pool: Any,
    head: Any,
    orders: Any,
    levels: Any,
    events: Any,
    executions: Any,
) -> int:
    """Carry out the candidate arrival that is due, or none if thinning drops it; a status code of the book."""
    decay_excitation(m, p)
    left = uniform(used, draws, FLOW_STREAM) * m.bound
    activity = _activity(m, p)
    left -= p.taker_rate + m.excited_buys
    if left < 0.0:
        return _market_order(m, p, used, draws, BID, NOISE, p.taker_qty, head, orders, levels, events, executions)
    left -= p.taker_rate + m.excited_sells
    if left < 0.0:
        return _market_order(m, p, used, draws, ASK, NOISE, p.taker_qty, head, orders, levels, events, executions)
    left -= p.limit_rate * activity
    if left < 0.0:
        return _limit_order(m, p, used, draws, pool, head, orders, levels, events, executions)
    left -= p.cancel_rate * m.pool * activity
    if left < 0.0:
        return _cancel_one(m, used, draws, pool, head, orders, levels, events, executions)
    left -= p.informed_rate
    if left < 0.0:
        return _informed(m, p, used, draws, head, orders, levels, events, executions)
    left -= p.trend_rate
    if left < 0.0:
        return _trend(m, p, used, draws, head, orders, levels, events, executions)
    return 0


@subkernel
def touch(head: Any, levels: Any, side: int) -> int:
    """Best price of a side, 0 if it is empty."""
    h = head[0]
    if side == BID:
        return levels[0, h.bids - 1].price if h.bids > 0 else 0
    return levels[1, h.asks - 1].price if h.asks > 0 else 0


@subkernel
def _market_order(
    m: Any,
    p: Any,
    used: Any,
    draws: Any,
    side: int,
    owner: int,
    median: float,
    head: Any,
    orders: Any,
    levels: Any,
    events: Any,
    executions: Any,
) -> int:
    qty = lognormal_qty(used, draws, FLOW_STREAM, median, p.taker_qty_spread)
    opposite = touch(head, levels, -side)
    if opposite == 0:
        return 0
    limit = max(1, opposite + side * int(p.taker_reach))
    return submit(head, orders, levels, events, executions, m.now, owner, side, limit, qty, IOC)


@subkernel
def _limit_order(
    m: Any,
    p: Any,
    used: Any,
    draws: Any,
    pool: Any,
    head: Any,
    orders: Any,
    levels: Any,
    events: Any,
    executions: Any,
) -> int:
    side = BID if uniform(used, draws, FLOW_STREAM) < 0.5 else ASK
    where = uniform(used, draws, FLOW_STREAM)
    how_far = uniform(used, draws, FLOW_STREAM)
    qty = lognormal_qty(used, draws, FLOW_STREAM, p.limit_qty, p.limit_qty_spread)
    own = touch(head, levels, side)
    opposite = touch(head, levels, -side)
    if own == 0:
        own = (opposite if opposite > 0 else round(m.value)) - side
    room = (opposite - own) * side - 1 if opposite > 0 else 0
    if where < p.limit_improve and room > 0:
        price = own + side * (1 + int(how_far * room))
    elif where < p.limit_improve + p.limit_join:
        price = own
    else:
        depth = p.limit_scale * ((1.0 - how_far) ** (-1.0 / p.limit_tail) - 1.0)
        price = own - side * (1 + int(min(depth, p.limit_deepest)))
    if price <= 0:
        return 0
    status = submit(head, orders, levels, events, executions, m.now, NOISE, side, price, qty, POST_ONLY)
    if status == 0:
        pool[m.pool] = head[0].order_id
        m.pool += 1
    return min(status, 0)


@subkernel
def _cancel_one(
    m: Any, used: Any, draws: Any, pool: Any, head: Any, orders: Any, levels: Any, events: Any, executions: Any
) -> int:
    """Cancel a uniformly chosen uninformed order; one that is gone already only leaves the pool."""
    at = int(uniform(used, draws, FLOW_STREAM) * m.pool)
    order_id = pool[at]
    m.pool -= 1
    pool[at] = pool[m.pool]
    if not is_open(orders, order_id):
        return 0
    return cancel(head, orders, levels, events, executions, m.now, order_id)


@subkernel
def _informed(
    m: Any, p: Any, used: Any, draws: Any, head: Any, orders: Any, levels: Any, events: Any, executions: Any
) -> int:
    """Take what is mispriced by more than fee and edge (Glosten & Milgrom 1985), at prices that leave the edge."""
    qty = 1 + int(uniform(used, draws, FLOW_STREAM) * (2.0 * p.informed_qty - 1.0))
    cost = p.informed_edge + p.taker_fee * m.value
    ask = touch(head, levels, ASK)
    bid = touch(head, levels, BID)
    highest = math.floor(m.value - cost)
    lowest = math.ceil(m.value + cost)
    if ask > 0 and ask <= highest:
        return submit(head, orders, levels, events, executions, m.now, INFORMED, BID, highest, qty, IOC)
    if bid > 0 and bid >= lowest:
        return submit(head, orders, levels, events, executions, m.now, INFORMED, ASK, lowest, qty, IOC)
    return 0


@subkernel
def _trend(
    m: Any, p: Any, used: Any, draws: Any, head: Any, orders: Any, levels: Any, events: Any, executions: Any
) -> int:
    """Buy when the fast average of the mid is above the slow one by the threshold, sell when below."""
    signal = m.fast - m.slow
    if abs(signal) <= p.trend_threshold:
        return 0
    side = BID if signal > 0.0 else ASK
    return _market_order(m, p, used, draws, side, TREND, p.trend_qty, head, orders, levels, events, executions)
