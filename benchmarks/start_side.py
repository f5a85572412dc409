"""hftbacktest's way from nothing to a result: `start_side.py EVENTS.npz LOWEST HIGHEST FIRST LATENCY`.

The same maker over the same events as `quotewright replay`, whole process. LOWEST and HIGHEST are the feed's prices,
FIRST the ns from the first venue time to the first decision. Imports hftbacktest alone.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from hftbacktest import BacktestAsset, ROIVectorMarketDepthBacktest
from peer_loops import make_market

INTERVAL = 100_000_000
TICK, LOT = 0.1, 0.001


def main() -> None:
    """Load, make the market, say how it went."""
    events, lowest, highest, first, latency = sys.argv[1], *map(float, sys.argv[2:])
    asset = (
        BacktestAsset()
        .data([events])
        .linear_asset(1.0)
        .constant_order_latency(int(latency), int(latency))
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0002, 0.0005)
        .tick_size(TICK)
        .lot_size(LOT)
        .roi_lb(lowest)
        .roi_ub(highest)
    )
    backtest = ROIVectorMarketDepthBacktest([asset])
    result = np.zeros(5)
    make_market(backtest, int(first), INTERVAL, 1, 50, 1, (TICK, LOT), result)
    backtest.close()
    print(json.dumps({"fills": result[2], "orders": result[4]}))


if __name__ == "__main__":
    main()
