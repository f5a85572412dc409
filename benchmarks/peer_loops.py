"""The loops that hftbacktest's side runs: compiled, or as plain Python by their `py_func`."""

from __future__ import annotations

from typing import Any

from hftbacktest import GTX, LIMIT
from numba import njit


@njit
def note(hbt: Any, result: Any, lot: float, sent: int) -> None:
    """Best prices, fills, position in lots and orders sent, into `result`."""
    depth = hbt.depth(0)
    values = hbt.state_values(0)
    result[0] = depth.best_bid_tick
    result[1] = depth.best_ask_tick
    result[2] = values.num_trades
    result[3] = hbt.position(0) / lot
    result[4] = sent


@njit
def replay(hbt: Any, span: int, steps: Any, result: Any) -> None:
    """`span` ns without orders; `steps` are tick and lot."""
    hbt.elapse(span)
    note(hbt, result, steps[1], 0)


@njit
def make_market(hbt: Any, first: int, interval: int, lots: int, most: int, away: int, steps: Any, result: Any) -> int:
    """`fixed_maker`, with the orders managed as its users do: what does not fit is cancelled, what is missing sent."""
    tick, lot = steps
    order_id = 0
    status = hbt.elapse(first)
    while status == 0:
        hbt.clear_inactive_orders(0)
        depth = hbt.depth(0)
        both = depth.best_bid_tick + depth.best_ask_tick
        position = round(hbt.position(0) / lot)
        bid = both // 2 - away if position + lots <= most else 0
        ask = (both + 1) // 2 + away if position - lots >= -most else 0
        has_bid = False
        has_ask = False
        orders = hbt.orders(0).values()
        while orders.has_next():
            order = orders.get()
            wanted = bid if order.side == 1 else ask
            if order.price_tick == wanted and abs(order.leaves_qty - lots * lot) < lot / 2:
                if order.side == 1:
                    has_bid = True
                else:
                    has_ask = True
            elif order.cancellable:
                hbt.cancel(0, order.order_id, False)
        if bid > 0 and not has_bid:
            order_id += 1
            hbt.submit_buy_order(0, order_id, bid * tick, lots * lot, GTX, LIMIT, False)
        if ask > 0 and not has_ask:
            order_id += 1
            hbt.submit_sell_order(0, order_id, ask * tick, lots * lot, GTX, LIMIT, False)
        status = hbt.elapse(interval)
    note(hbt, result, lot, order_id)
    return status
