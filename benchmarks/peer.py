"""hftbacktest's side: the same events, maker and latency through its compiled interface, with either depth type."""

from __future__ import annotations

from typing import Any

import numpy as np
from feed import LOT, TICK, Feed
from fixed_maker import INTERVAL
from hftbacktest import (
    GTX,
    LIMIT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
)
from numba import njit
from outcome import Outcome

DEPTHS = {"HashMap": HashMapMarketDepthBacktest, "ROIVector": ROIVectorMarketDepthBacktest}
END_OF_DATA = 1
MARGIN = 1_000  # ticks that the ROI vector spans beyond the feed's prices


class Peer:
    """One pass of hftbacktest over a feed; `params` are the maker's, None replays without orders."""

    def __init__(self, feed: Feed, events: Any, depth: str, params: dict[str, float] | None, latency_ns: int) -> None:
        asset = (
            BacktestAsset()
            .data(events)
            .parallel_load(False)
            .linear_asset(1.0)
            .constant_order_latency(latency_ns, latency_ns)
            .risk_adverse_queue_model()
            .no_partial_fill_exchange()
            .trading_value_fee_model(0.0002, 0.0005)
            .tick_size(TICK)
            .lot_size(LOT)
            .roi_lb((feed.lowest - MARGIN) * TICK)
            .roi_ub((feed.highest + MARGIN) * TICK)
        )
        self._events = events  # the asset holds only their address
        self._backtest = DEPTHS[depth]([asset])
        self._params = params
        self._span = feed.span + 1
        # Its clock starts at the first venue time; ours with the first event received. The same decision times:
        self._first = int(feed.events["local_ts"][0] - feed.events["exch_ts"][0]) + INTERVAL
        self._result = np.zeros(5)

    def run(self) -> None:
        """What is timed."""
        if self._params is None:
            _replay(self._backtest, self._span, self._result)
        else:
            given = self._params
            status = _make(
                self._backtest,
                self._first,
                INTERVAL,
                int(given["lots"]),
                int(given["most_lots"]),
                int(given["half_spread"]),
                self._result,
            )
            if status != END_OF_DATA:
                raise RuntimeError(f"hftbacktest stopped with status {status} before the end of the data")

    def outcome(self) -> Outcome:
        """Where the pass ended; closes the backtest."""
        self._backtest.close()
        return Outcome(*(round(value) for value in self._result))


@njit
def _note(hbt: Any, result: Any, sent: int) -> None:
    depth = hbt.depth(0)
    values = hbt.state_values(0)
    result[0] = depth.best_bid_tick
    result[1] = depth.best_ask_tick
    result[2] = values.num_trades
    result[3] = hbt.position(0) / LOT
    result[4] = sent


@njit
def _replay(hbt: Any, span: int, result: Any) -> None:
    hbt.elapse(span)
    _note(hbt, result, 0)


@njit
def _make(hbt: Any, first: int, interval: int, lots: int, most: int, away: int, result: Any) -> int:
    """`fixed_maker`, with the orders managed as its users do: what does not fit is cancelled, what is missing sent."""
    order_id = 0
    status = hbt.elapse(first)
    while status == 0:
        hbt.clear_inactive_orders(0)
        depth = hbt.depth(0)
        both = depth.best_bid_tick + depth.best_ask_tick
        position = round(hbt.position(0) / LOT)
        bid = both // 2 - away if position + lots <= most else 0
        ask = (both + 1) // 2 + away if position - lots >= -most else 0
        has_bid = False
        has_ask = False
        orders = hbt.orders(0).values()
        while orders.has_next():
            order = orders.get()
            wanted = bid if order.side == 1 else ask
            if order.price_tick == wanted and abs(order.leaves_qty - lots * LOT) < LOT / 2:
                if order.side == 1:
                    has_bid = True
                else:
                    has_ask = True
            elif order.cancellable:
                hbt.cancel(0, order.order_id, False)
        if bid > 0 and not has_bid:
            order_id += 1
            hbt.submit_buy_order(0, order_id, bid * TICK, lots * LOT, GTX, LIMIT, False)
        if ask > 0 and not has_ask:
            order_id += 1
            hbt.submit_sell_order(0, order_id, ask * TICK, lots * LOT, GTX, LIMIT, False)
        status = hbt.elapse(interval)
    _note(hbt, result, order_id)
    return status
