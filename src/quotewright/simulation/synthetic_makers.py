"""Competing makers: quotes about a delayed, noisy estimate of the value, replaced when they no longer fit.

    fair = V(t − delay) + error + flow · signed volume − skew · inventory / quantity
    half = half spread + risk · σ_t · √delay

A maker's protection grows with how far the value may move before it can react, as in Glosten & Milgrom (1985), and
leaning on signed volume is Kyle's (1985) price impact. A penny-jumper shows one tick better than the others'
best while that is no worse than the price it would pay at most.
"""

from __future__ import annotations

import math
from typing import Any

from quotewright.domain.events import ASK, BID
from quotewright.domain.journal import POST_ONLY
from quotewright.domain.kernel import subkernel
from quotewright.simulation.flow import touch
from quotewright.simulation.matching import SLOT_MASK, cancel, is_open, submit
from quotewright.simulation.synthetic_state import MAKER_STREAM, VALUE_STEP, normal, uniform
from quotewright.simulation.synthetic_value import value_seen

ERROR_KEPT = 0.9  # correlation of a maker's error from one decision to the next


@subkernel
def requote(
    m: Any,
    p: Any,
    maker: Any,
    used: Any,
    draws: Any,
    history: Any,
    wanted: Any,
    head: Any,
    orders: Any,
    levels: Any,
    events: Any,
    executions: Any,
) -> int:
    """One decision of one maker: cancel what no longer fits, then place what is missing; a status code."""
    maker.wake = m.now + int(p.maker_interval * 1e6 * (0.5 + uniform(used, draws, MAKER_STREAM)))
    innovation = math.sqrt(1.0 - ERROR_KEPT * ERROR_KEPT) * p.maker_error
    maker.error = ERROR_KEPT * maker.error + innovation * normal(used, draws, MAKER_STREAM)
    fair = value_seen(m, history, maker.delay_steps) + maker.error + p.maker_flow * m.signed_volume
    fair -= p.maker_skew * maker.inventory / p.maker_qty
    half = maker.half_spread + p.maker_risk * m.sigma * math.sqrt(maker.delay_steps * VALUE_STEP * 1e-9)
    layers = int(p.maker_layers)
    for side in (BID, ASK):
        for layer in range(layers):
            edge = half + layer * p.maker_gap
            price = math.floor(fair - edge) if side == BID else math.ceil(fair + edge)
            if layer == 0 and maker.jumper == 1:
                price = _jump(head, orders, levels, maker.owner, side, price)
            if maker.inventory * side >= p.maker_most:
                price = 0
            wanted[0 if side == BID else 1, layer] = price
    for side in (BID, ASK):
        ids = maker.bid_ids if side == BID else maker.ask_ids
        for layer in range(layers):
            price = wanted[0 if side == BID else 1, layer]
            if is_open(orders, ids[layer]) and not _fits(p, orders[ids[layer] & SLOT_MASK], price):
                status = cancel(head, orders, levels, events, executions, m.now, ids[layer])
                if status < 0:
                    return status
    for side in (BID, ASK):
        ids = maker.bid_ids if side == BID else maker.ask_ids
        for layer in range(layers):
            price = wanted[0 if side == BID else 1, layer]
            if price <= 0 or is_open(orders, ids[layer]):
                continue
            opposite = touch(head, levels, -side)
            if opposite > 0 and (price - opposite) * side >= 0:
                price = opposite - side
            status = submit(
                head, orders, levels, events, executions, m.now, maker.owner, side, price, int(p.maker_qty), POST_ONLY
            )
            if status < 0:
                return status
            ids[layer] = head[0].order_id
    return 0


@subkernel
def _fits(p: Any, order: Any, price: int) -> bool:
    return price > 0 and abs(order.price - price) <= p.maker_tolerance and 2 * order.qty >= p.maker_qty


@subkernel
def _jump(head: Any, orders: Any, levels: Any, owner: int, side: int, price: int) -> int:
    """One tick better than the best price of others, but no better than `price`."""
    h = head[0]
    row = 0 if side == BID else 1
    at = (h.bids if side == BID else h.asks) - 1
    if at >= 0 and levels[row, at].count == 1 and orders[levels[row, at].first].owner == owner:
        at -= 1
    if at < 0:
        return price
    better = levels[row, at].price + side
    return better if (price - better) * side > 0 else price
