"""Guéant, Lehalle & Fernandez-Tapia 2013: the asymptotic quotes of a maker with bounded inventory."""

from __future__ import annotations

import math
from typing import Any

from quotewright.domain.strategy import Param, Strategy
from quotewright.strategies.quoting import ask_at, bid_at, lots_of, room_to_buy, room_to_sell
from quotewright.strategies.shared_params import MAX_INVENTORY_PARAM, ORDER_NOTIONAL_PARAM

ORDER_NOTIONAL, MAX_INVENTORY, GAMMA, SIGMA, K, A = range(6)


def decide(view: Any, params: Any, memory: Any, target: Any) -> None:
    """The closed-form approximation of the limits of Theorem 2; depths from the mid in basis points of it."""
    gamma = params[GAMMA]
    sigma = params[SIGMA]
    k = params[K]
    lots = lots_of(view, params[ORDER_NOTIONAL])
    most = params[MAX_INVENTORY] * lots
    q = view.inventory / lots

    half_spread = (1 / gamma) * math.log1p(gamma / k)
    power = math.exp((1 + k / gamma) * math.log1p(gamma / k))  # (1 + γ/k)^(1 + k/γ), exact for small γ/k
    lean = math.sqrt(sigma * sigma * gamma / (2 * k * params[A]) * power)
    bid_depth = half_spread + (2 * q + 1) / 2 * lean
    ask_depth = half_spread - (2 * q - 1) / 2 * lean

    point = view.mid / 10_000
    bid_at(view, target, view.mid - bid_depth * point, room_to_buy(view, lots, most))
    ask_at(view, target, view.mid + ask_depth * point, room_to_sell(view, lots, most))


STRATEGY = Strategy(
    name="glft",
    decide=decide,
    params=(
        ORDER_NOTIONAL_PARAM,
        MAX_INVENTORY_PARAM,
        Param("gamma", 0.05, 1e-6, 100.0, "1/bp", "Risk aversion per order held."),
        Param("sigma", 1.0, 1e-6, 1e4, "bp/√s", "Volatility of the mid; `calibrate` estimates it."),
        Param("k", 1.0, 1e-6, 1e4, "1/bp", "Decay of the fill intensity with depth; `calibrate` estimates it."),
        Param("A", 1.0, 1e-9, 1e6, "1/s", "Fill intensity at the mid; `calibrate` estimates it."),
    ),
    doc="Stationary quotes that hold inventory risk forever instead of to a horizon.",
    source="Guéant, Lehalle & Fernandez-Tapia (2013), Mathematics and Financial Economics 7, 477–507, after Theorem 2",
)
