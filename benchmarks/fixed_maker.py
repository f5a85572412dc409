"""The maker of the comparison: one quote a side at a fixed number of ticks from the mid, on a timer alone."""

from __future__ import annotations

from typing import Any

from quotewright.domain.quotes import ON_TIMER
from quotewright.domain.strategy import Param, Strategy

LOTS, MOST_LOTS, HALF_SPREAD = range(3)
INTERVAL = 100_000_000  # ns


def decide(view: Any, params: Any, memory: Any, target: Any) -> None:
    """Bid at floor(mid) − half_spread and ask at ceil(mid) + half_spread, while the inventory allows."""
    lots = int(params[LOTS])
    most = params[MOST_LOTS]
    away = int(params[HALF_SPREAD])
    if view.inventory + lots <= most:
        target.bids = 1
        target.bid_price[0] = (view.bid + view.ask) // 2 - away
        target.bid_qty[0] = lots
    if view.inventory - lots >= -most:
        target.asks = 1
        target.ask_price[0] = (view.bid + view.ask + 1) // 2 + away
        target.ask_qty[0] = lots


STRATEGY = Strategy(
    name="fixed_maker",
    decide=decide,
    params=(
        Param("lots", 1.0, 1.0, 1e9, "lots", "Size of one quote.", whole=True),
        Param("most_lots", 50.0, 1.0, 1e9, "lots", "Inventory at which a side is no longer quoted.", whole=True),
        Param("half_spread", 1.0, 0.0, 1e6, "ticks", "Distance of each quote from the mid.", whole=True),
    ),
    doc="A bid and an ask at a fixed number of ticks from the mid.",
    source="made for the benchmark",
    triggers=ON_TIMER,
    interval=INTERVAL,
)
