"""hftbacktest's side: the same events, maker and latency through its compiled interface, with either depth type."""

from __future__ import annotations

from typing import Any

import numpy as np
from feed import LOT, TICK, Feed
from fixed_maker import INTERVAL
from hftbacktest import (
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
)
from outcome import Outcome
from peer_loops import make_market, replay

DEPTHS = {"HashMap": HashMapMarketDepthBacktest, "ROIVector": ROIVectorMarketDepthBacktest}
END_OF_DATA = 1
MARGIN = 1_000  # ticks that the ROI vector spans beyond the feed's prices


class Peer:
    """One pass of hftbacktest over a feed; `params` are the maker's, None replays without orders.

    `events` are an array, or the path of an npz file, which is read during the run. Without `jitted` the maker is
    plain Python, which calls the compiled interface; hftbacktest has no way without numba altogether (its orders
    cannot be walked with NUMBA_DISABLE_JIT=1).
    """

    def __init__(
        self,
        feed: Feed,
        events: Any,
        depth: str,
        params: dict[str, float] | None,
        latency_ns: int,
        jitted: bool = True,
    ) -> None:
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
        self._make = make_market if jitted else make_market.py_func
        self._span = feed.span + 1
        # Its clock starts at the first venue time; ours with the first event received. The same decision times:
        self._first = int(feed.events["local_ts"][0] - feed.events["exch_ts"][0]) + INTERVAL
        self._result = np.zeros(5)

    def run(self) -> None:
        """What is timed."""
        if self._params is None:
            replay(self._backtest, self._span, (TICK, LOT), self._result)
        else:
            given = self._params
            status = self._make(
                self._backtest,
                self._first,
                INTERVAL,
                int(given["lots"]),
                int(given["most_lots"]),
                int(given["half_spread"]),
                (TICK, LOT),
                self._result,
            )
            if status != END_OF_DATA:
                raise RuntimeError(f"hftbacktest stopped with status {status} before the end of the data")

    def outcome(self) -> Outcome:
        """Where the pass ended; closes the backtest."""
        self._backtest.close()
        return Outcome(*(round(value) for value in self._result))
