"""The parameters of `composed`, block by block, and where each stands."""

from __future__ import annotations

from quotewright.domain.strategy import Param
from quotewright.strategies.shared_params import MAX_INVENTORY_PARAM, ORDER_NOTIONAL_PARAM


def _weight(name: str, unit: str, doc: str) -> Param:
    return Param(name, 0.0, -1e3, 1e3, unit, doc)


def _factor(name: str, default: float, doc: str) -> Param:
    return Param(name, default, 0.0, 100.0, "×", doc)


_MODEL = (
    Param("gamma", 0.05, 1e-6, 100.0, "1/bp", "Risk aversion per order held, at the wealth of the start."),
    Param("sigma", 1.0, 1e-6, 1e4, "bp/√s", "Volatility of the mid; `calibrate` estimates it."),
    Param("k", 1.0, 1e-6, 1e4, "1/bp", "Decay of the fill intensity with depth; the exponent of a power law."),
    Param("A", 1.0, 1e-9, 1e6, "1/s", "Fill intensity at the mid; at a depth of 1 bp of a power law."),
    Param("form", 0.0, 0.0, 1.0, "choice", "Fill intensity: 0 is A·e^(−kδ), 1 is A·δ^(−k).", whole=True),
)
_UTILITY = (
    Param("utility", 0.0, 0.0, 2.0, "choice", "0 is CARA, 1 CRRA, 2 HARA.", whole=True),
    Param("wealth", 100.0, 1e-3, 1e9, "orders", "What it owns at the start, for CRRA and HARA."),
    Param("slope", 0.0, 0.0, 1e6, "1/order", "HARA: how fast risk tolerance grows with gains; 0 is CARA."),
)
_COSTS = (
    Param("fee", 0.0, -100.0, 100.0, "bp", "What a maker pays the venue; a rebate is negative."),
    Param("least_edge", 0.0, 0.0, 1e3, "bp", "What the fee must leave of the best depth without one."),
    Param("dear", 0.0, 0.0, 1.0, "choice", "Where it leaves less: 0 quotes wider by it, 1 stands down.", whole=True),
    Param("toxicity", 0.0, 0.0, 1e3, "bp", "Half-spread added at a VPIN of 1."),
    Param("measured", 0.0, 0.0, 1.0, "share", "Of the variance that is taken from the volatility feature."),
)
_FAIR = (
    _weight("fair_weighted", "×", "Weight of the weighted mid, as a distance from the mid, in the fair price."),
    _weight("fair_micro", "×", "Weight of the micro-price."),
    _weight("fair_depth", "×", "Weight of the depth-integrated price."),
    _weight("fair_kalman", "×", "Weight of the filter."),
    Param("fair_reach", 2.0, 0.0, 100.0, "half-spreads", "How far from the mid the fair price may lie."),
)
_SKEW = (
    Param("target", 0.0, -1e6, 1e6, "orders", "Inventory wanted, for a long-term view."),
    _weight("signal_queue", "bp", "How far the quotes move at a queue imbalance of 1."),
    _weight("signal_skew", "bp", "The same for the book skew."),
    _weight("signal_average", "bp", "The same for its average."),
    _weight("signal_trades", "bp", "The same for takers' imbalance."),
    _weight("signal_flow", "bp", "The same for order flow, by its tanh."),
    Param("signal_most", 10.0, 0.0, 1e3, "bp", "How far all signals together may move the quotes."),
)
_MERGED = (
    _weight("signal_model", "bp", "How far the quotes move at a compiled model's answer of 1."),
    Param("model_middle", 0.0, -1e6, 1e6, "its own", "The model's answer that says nothing: 0.5 of a probability."),
    _weight("view_target", "orders", "Inventory wanted for a slow view of 1, besides `target`."),
)
_SIZE = (
    Param("doubt", 0.0, 0.0, 100.0, "×", "Size is over 1 + this × (fair prices' disagreement / spread)."),
    Param("depth_share", 0.0, 0.0, 100.0, "×", "Most lots as a share of those at the touch; 0: no limit."),
    Param("fill_power", 0.0, 0.0, 10.0, "×", "Size is times (chance of a fill)^this."),
    Param("hold", 1.0, 1e-3, 1e4, "s", "The time that the chance of a fill is for."),
    Param("least_fill", 0.0, 0.0, 1.0, "share", "No quote with a smaller chance of a fill."),
)
_MODES = (
    _factor("transitional_width", 1.0, "Half-spread in the transitional regime, as a multiple."),
    _factor("transitional_size", 1.0, "Size there."),
    _factor("transitional_gamma", 1.0, "Risk aversion there; at least a millionth is taken."),
    _factor("transitional_signal", 1.0, "Signals there."),
    _factor("turbulent_width", 1.0, "Half-spread in the turbulent regime."),
    _factor("turbulent_size", 1.0, "Size there."),
    _factor("turbulent_gamma", 1.0, "Risk aversion there."),
    _factor("turbulent_signal", 1.0, "Signals there."),
    Param("heed_stress", 1.0, 0.0, 1.0, "choice", "1: halt, widen and shrink as the stress rules say.", whole=True),
    _factor("stress_width", 2.0, "Half-spread when they say widen."),
    _factor("stress_size", 0.5, "Size when they say shrink."),
)
_QUEUE = (
    Param("queue", 0.0, 0.0, 1.0, "choice", "1: join, improve or stay by the value of the place.", whole=True),
    Param("keep", 0.0, 0.0, 1e4, "ticks", "A quote this close to the wished price stays."),
    Param("queue_unit", 1.0, 1.0, 1e9, "lots", "A typical trade: the unit of the queue."),
    Param("queue_trades", 0.5, 1e-6, 1e4, "1/s", "Trades into a side's best queue."),
    Param("queue_cancels", 0.05, 0.0, 1e4, "1/s", "Cancels, for each unit ahead."),
    Param("queue_jumps", 0.1, 1e-6, 1e4, "1/s", "Jumps of the price."),
    Param("queue_jump", 1.0, 0.0, 1e6, "ticks", "How far it jumps."),
    Param("queue_impact", 0.0, 0.0, 1e6, "ticks", "How far a typical trade moves the price."),
)

PARAMS = (
    ORDER_NOTIONAL_PARAM,
    MAX_INVENTORY_PARAM,
    *_MODEL,
    *_UTILITY,
    *_COSTS,
    *_FAIR,
    *_SKEW,
    *_SIZE,
    *_MODES,
    *_QUEUE,
    *_MERGED,
)
_AT = {param.name: at for at, param in enumerate(PARAMS)}

ORDER_NOTIONAL, MAX_INVENTORY = 0, 1
GAMMA, SIGMA, K, A, FORM = (_AT[param.name] for param in _MODEL)
UTILITY, WEALTH, SLOPE = (_AT[param.name] for param in _UTILITY)
FEE, LEAST_EDGE, DEAR, TOXICITY, MEASURED = (_AT[param.name] for param in _COSTS)
FAIR_WEIGHTS, FAIR_REACH = _AT["fair_weighted"], _AT["fair_reach"]
TARGET_INVENTORY, SIGNAL_WEIGHTS, SIGNAL_MOST = _AT["target"], _AT["signal_queue"], _AT["signal_most"]
SIGNAL_MODEL, MODEL_MIDDLE, VIEW_TARGET = (_AT[param.name] for param in _MERGED)
DOUBT, DEPTH_SHARE, FILL_POWER, HOLD, LEAST_FILL = (_AT[param.name] for param in _SIZE)
REGIME_SETS, HEED_STRESS = _AT["transitional_width"], _AT["heed_stress"]
STRESS_WIDTH, STRESS_SIZE = _AT["stress_width"], _AT["stress_size"]
QUEUE, KEEP, QUEUE_UNIT, QUEUE_TRADES, QUEUE_CANCELS, QUEUE_JUMPS, QUEUE_JUMP, QUEUE_IMPACT = (
    _AT[param.name] for param in _QUEUE
)
