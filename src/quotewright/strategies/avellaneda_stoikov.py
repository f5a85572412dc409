"""Avellaneda & Stoikov 2008: quotes around a reservation price that leans against the inventory."""

from __future__ import annotations

import math
from typing import Any

from quotewright.domain.strategy import Param, Strategy
from quotewright.strategies.quoting import ask_at, bid_at, lots_of, room_to_buy, room_to_sell
from quotewright.strategies.shared_params import MAX_INVENTORY_PARAM, ORDER_NOTIONAL_PARAM

ORDER_NOTIONAL, MAX_INVENTORY, GAMMA, SIGMA, K, HORIZON = range(6)

SECOND = 1_000_000_000


def decide(view: Any, params: Any, memory: Any, target: Any) -> None:
    """Section 3.2, equations (29) and (30); prices in basis points of the mid.

    The paper's day ends at T; a market that never closes has no T, so T − t here runs from `horizon` down to
    nothing, again and again from the session's start.
    """
    gamma = params[GAMMA]
    sigma = params[SIGMA]
    k = params[K]
    horizon = params[HORIZON]
    lots = lots_of(view, params[ORDER_NOTIONAL])
    most = params[MAX_INVENTORY] * lots

    elapsed = (view.time - view.start) / SECOND
    left = horizon - elapsed % horizon
    q = view.inventory / lots
    variance = sigma * sigma

    reservation = -q * gamma * variance * left
    spread = gamma * variance * left + (2 / gamma) * math.log1p(gamma / k)

    point = view.mid / 10_000
    bid_at(view, target, view.mid + (reservation - spread / 2) * point, room_to_buy(view, lots, most))
    ask_at(view, target, view.mid + (reservation + spread / 2) * point, room_to_sell(view, lots, most))


STRATEGY = Strategy(
    name="avellaneda_stoikov",
    decide=decide,
    params=(
        ORDER_NOTIONAL_PARAM,
        MAX_INVENTORY_PARAM,
        Param("gamma", 0.05, 1e-6, 100.0, "1/bp", "Risk aversion per order held: higher leans harder on inventory."),
        Param("sigma", 1.0, 1e-6, 1e4, "bp/√s", "Volatility of the mid; `calibrate` estimates it."),
        Param("k", 1.0, 1e-6, 1e4, "1/bp", "Decay of the fill intensity with depth; `calibrate` estimates it."),
        Param(
            "horizon",
            30.0,
            0.1,
            86_400.0,
            "s",
            "T: inventory is priced to the end of a window of this length; windows follow each other.",
        ),
    ),
    doc="Reservation price and optimal spread for an inventory-averse maker.",
    source="Avellaneda & Stoikov (2008), Quantitative Finance 8(3), 217–224, equations (29) and (30)",
)
