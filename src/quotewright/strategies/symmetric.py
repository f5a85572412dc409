"""The benchmark every model must beat: the same distance on both sides of the mid."""

from __future__ import annotations

from typing import Any

from quotewright.domain.strategy import Param, Strategy
from quotewright.strategies.quoting import ask_at, bid_at, lots_of, room_to_buy, room_to_sell
from quotewright.strategies.shared_params import MAX_INVENTORY_PARAM, ORDER_NOTIONAL_PARAM

ORDER_NOTIONAL, MAX_INVENTORY, HALF_SPREAD = range(3)


def decide(view: Any, params: Any, memory: Any, target: Any) -> None:
    """Quote `half_spread` away from the mid, whatever is held, up to the inventory bound."""
    lots = lots_of(view, params[ORDER_NOTIONAL])
    most = params[MAX_INVENTORY] * lots
    away = params[HALF_SPREAD] * view.mid / 10_000
    bid_at(view, target, view.mid - away, room_to_buy(view, lots, most))
    ask_at(view, target, view.mid + away, room_to_sell(view, lots, most))


STRATEGY = Strategy(
    name="symmetric",
    decide=decide,
    params=(
        ORDER_NOTIONAL_PARAM,
        MAX_INVENTORY_PARAM,
        Param("half_spread", 1.0, 0.0, 1e4, "bp", "Distance of each quote from the mid."),
    ),
    doc="A bid and an ask at the same distance from the mid.",
    source="the symmetric benchmark of Avellaneda & Stoikov (2008), section 3.3",
)
