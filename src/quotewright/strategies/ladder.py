"""Several quotes a side, growing or shrinking with depth, the whole ladder leaning against the inventory."""

from __future__ import annotations

import math
from typing import Any

from quotewright.domain.quotes import MOST_QUOTES
from quotewright.domain.strategy import Param, Strategy
from quotewright.strategies.quoting import MOST_LOTS, ask_at, bid_at, lots_of, room_to_buy, room_to_sell
from quotewright.strategies.shared_params import MAX_INVENTORY_PARAM, ORDER_NOTIONAL_PARAM

ORDER_NOTIONAL, MAX_INVENTORY, LEVELS, HALF_SPREAD, STEP, GROWTH, SKEW = range(7)


def decide(view: Any, params: Any, memory: Any, target: Any) -> None:
    """Level i quotes order_notional × growth^i at half_spread + i × step, shifted by −skew × inventory share."""
    lots = lots_of(view, params[ORDER_NOTIONAL])
    most = params[MAX_INVENTORY] * lots
    point = view.mid / 10_000
    centre = view.mid - params[SKEW] * view.inventory / most * point
    buy = room_to_buy(view, MOST_LOTS, most)
    sell = room_to_sell(view, MOST_LOTS, most)
    size = float(lots)
    for level in range(int(params[LEVELS])):
        away = (params[HALF_SPREAD] + level * params[STEP]) * point
        want = math.floor(max(1.0, min(size + 0.5, MOST_LOTS)))
        bid_at(view, target, centre - away, min(want, buy))
        ask_at(view, target, centre + away, min(want, sell))
        buy -= min(want, buy)
        sell -= min(want, sell)
        size *= params[GROWTH]


STRATEGY = Strategy(
    name="ladder",
    decide=decide,
    params=(
        ORDER_NOTIONAL_PARAM,
        MAX_INVENTORY_PARAM,
        Param("levels", 4.0, 1.0, float(MOST_QUOTES), "quotes", "Quotes a side.", whole=True),
        Param("half_spread", 1.0, 0.0, 1e4, "bp", "Distance of the first level from the centre."),
        Param("step", 1.0, 0.001, 1e4, "bp", "Distance between levels."),
        Param("growth", 1.0, 0.1, 10.0, "×", "Size of each level as a multiple of the one before."),
        Param("skew", 3.0, 0.0, 1e4, "bp", "How far the centre moves away from a full inventory."),
    ),
    doc="A ladder of quotes with a size shape and an inventory skew.",
    source="field practice: depth and skew as stated, no model behind them",
)
