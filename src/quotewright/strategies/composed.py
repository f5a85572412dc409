"""A quoter put together from blocks: fair price, half-spread, skew, size, regime and stress, queue.

Each block is a pure function in a file of its own, with the ports that its file names; here they are only joined.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from quotewright.domain.kernel import subkernel
from quotewright.domain.strategy import Strategy
from quotewright.features.slots import MODEL, REGIME, STRESS, VIEW, VOLATILITY, VPIN
from quotewright.strategies import composed_params as at
from quotewright.strategies import utility
from quotewright.strategies.fair_price import BLENDED, Fair, fair_price
from quotewright.strategies.half_spread import Width, best_depth, fee_too_high, fill_probability, volatility, width
from quotewright.strategies.modes import Mode, mode
from quotewright.strategies.queueing import PLACES, note_place, place, solve_places, stay
from quotewright.strategies.quoting import ask_at, bid_at, lots_of, room_to_buy, room_to_sell
from quotewright.strategies.size import confidence, quote_size
from quotewright.strategies.skew import SIGNALS, inventory_skew, modelled_skew, signal_skew, wanted_inventory

SECOND = 1_000_000_000
LEAST_GAMMA = 1e-6

# Memory: the wealth's cells from 0, each side's place in its queue, whether the tables are solved, and the tables.
BID_PLACE, ASK_PLACE, SOLVED = 6, 8, 10
FILL_TABLE = 16
ADVERSE_TABLE = FILL_TABLE + PLACES


class Plan(NamedTuple):
    """What the blocks before size and queue come to, prices in quote currency."""

    quoting: bool
    centre: float
    away: float  # half-spread
    times: float  # factor on size


@subkernel
def _aversion(view: Any, params: Any, memory: Any, lots: int, now: Mode) -> float:
    """Risk aversion at the wealth of now, as the regime has it."""
    gain = utility.mark_to_mid(memory, view.inventory, lots, view.mid, params[at.FEE])
    start = params[at.WEALTH] * 10_000
    slope = params[at.SLOPE] / 10_000
    aversion = utility.risk_aversion(int(params[at.UTILITY]), params[at.GAMMA], slope, start, gain)
    return max(aversion * now.gamma, LEAST_GAMMA)


@subkernel
def _width(view: Any, params: Any, gamma: float, now: Mode) -> Width:
    """The half-spread block, in bp; an infinite width where the fee is too high and it is to stand down."""
    point = view.mid / 10_000
    form = int(params[at.FORM])
    k = params[at.K]
    A = params[at.A]
    fee = params[at.FEE]
    touch = 0.5 * (view.ask - view.bid) * view.tick / point
    sigma = volatility(params[at.SIGMA], params[at.MEASURED], view.features[VOLATILITY])
    found = width(form, gamma, sigma, k, A, fee, touch)
    bare = best_depth(form, gamma, k, 0.0, touch).depth
    if params[at.DEAR] != 0.0 and fee_too_high(bare, fee, params[at.LEAST_EDGE]):
        return Width(math.inf, found.lean)
    toxic = view.features[VPIN]
    if not toxic >= 0.0:
        toxic = 0.0
    return Width((found.half + params[at.TOXICITY] * min(toxic, 1.0)) * now.width, found.lean)


@subkernel
def _plan(view: Any, params: Any, memory: Any, lots: int, fair: Fair, now: Mode) -> Plan:
    """Fair price, half-spread and skew together."""
    point = view.mid / 10_000
    q = view.inventory / lots
    gamma = _aversion(view, params, memory, lots, now)
    found = _width(view, params, gamma, now)
    most = params[at.MAX_INVENTORY]
    wanted = wanted_inventory(params[at.TARGET_INVENTORY], view.features[VIEW], params[at.VIEW_TARGET], most)
    modelled = modelled_skew(view.features[MODEL], params[at.MODEL_MIDDLE], params[at.SIGNAL_MODEL])
    signals = params[at.SIGNAL_WEIGHTS : at.SIGNAL_WEIGHTS + len(SIGNALS)]
    shift = inventory_skew(q, wanted, found.lean)
    shift += now.signal * signal_skew(view.features, signals, modelled, params[at.SIGNAL_MOST])
    centre = view.mid + fair.offset * view.tick + shift * point
    spread = float(view.ask - view.bid)
    times = now.size * confidence(fair.apart, spread, params[at.DOUBT])
    away = max(found.half * point, 0.5 * view.tick)  # a rebate must not make our own quotes meet
    return Plan(not now.halted and math.isfinite(found.half), centre, away, times)


@subkernel
def _lots(view: Any, params: Any, lots: int, times: float, price: float, beside: float) -> int:
    """The size block, for one side's wished price."""
    depth = abs(view.mid - price) / view.mid * 10_000
    chance = fill_probability(int(params[at.FORM]), params[at.K], params[at.A], depth, params[at.HOLD])
    if chance < params[at.LEAST_FILL]:
        return 0
    return quote_size(lots, times, beside, params[at.DEPTH_SHARE], chance, params[at.FILL_POWER])


@subkernel
def _placed(view: Any, params: Any, memory: Any, side: int, wish: float, centre: float) -> float:
    """The queue block, for one side's wished price (quote currency)."""
    where = BID_PLACE if side > 0 else ASK_PLACE
    mine = memory[where : where + 2]
    ticks = wish / view.tick
    if params[at.QUEUE] != 0.0:
        fill = memory[FILL_TABLE : FILL_TABLE + PLACES]
        adverse = memory[ADVERSE_TABLE : ADVERSE_TABLE + PLACES]
        if memory[SOLVED] == 0.0:
            solve_places(
                fill,
                adverse,
                params[at.QUEUE_TRADES],
                params[at.QUEUE_CANCELS],
                params[at.QUEUE_JUMPS],
                params[at.QUEUE_JUMP],
                params[at.QUEUE_IMPACT],
            )
            memory[SOLVED] = 1.0
        touch = float(view.bid if side > 0 else view.ask)
        lots = float(view.bid_qty if side > 0 else view.ask_qty)
        wide = float(view.ask - view.bid)
        middle = centre / view.tick
        ticks = place(fill, adverse, mine, side, ticks, middle, touch, lots, wide, params[at.QUEUE_UNIT])
    return stay(mine, side, ticks, params[at.KEEP]) * view.tick


@subkernel
def _remember(view: Any, memory: Any, target: Any) -> None:
    bid = float(target.bid_price[0]) if target.bids > 0 else 0.0
    ask = float(target.ask_price[0]) if target.asks > 0 else 0.0
    note_place(memory[BID_PLACE : BID_PLACE + 2], bid, float(view.bid), float(view.bid_qty))
    note_place(memory[ASK_PLACE : ASK_PLACE + 2], ask, float(view.ask), float(view.ask_qty))
    if bid > 0.0:  # else an order pulled just now may still be filled, at the price before
        memory[utility.BID] = bid * view.tick
    if ask > 0.0:
        memory[utility.ASK] = ask * view.tick


def decide(view: Any, params: Any, memory: Any, target: Any) -> None:
    """Join the blocks; with weights of 0, CARA and no stress, the quotes of `glft`, unless within half a tick."""
    features = view.features
    sets = params[at.REGIME_SETS : at.REGIME_SETS + 8]
    heed = int(params[at.HEED_STRESS])
    now = mode(features[REGIME], features[STRESS], heed, sets, params[at.STRESS_WIDTH], params[at.STRESS_SIZE])
    lots = lots_of(view, params[at.ORDER_NOTIONAL])
    most = params[at.MAX_INVENTORY] * lots
    spread = float(view.ask - view.bid)
    weights = params[at.FAIR_WEIGHTS : at.FAIR_WEIGHTS + len(BLENDED)]
    fair = fair_price(features, weights, spread, params[at.FAIR_REACH])
    plan = _plan(view, params, memory, lots, fair, now)
    if plan.quoting:
        bid = _placed(view, params, memory, 1, plan.centre - plan.away, plan.centre)
        ask = _placed(view, params, memory, -1, plan.centre + plan.away, plan.centre)
        if bid >= ask - 0.5 * view.tick:  # what stayed for its place must not meet the other side
            bid = min(bid, plan.centre - plan.away)
            ask = max(ask, plan.centre + plan.away)
        bid_lots = _lots(view, params, lots, plan.times, bid, float(view.bid_qty))
        ask_lots = _lots(view, params, lots, plan.times, ask, float(view.ask_qty))
        bid_at(view, target, bid, room_to_buy(view, bid_lots, most))
        ask_at(view, target, ask, room_to_sell(view, ask_lots, most))
    _remember(view, memory, target)


STRATEGY = Strategy(
    name="composed",
    decide=decide,
    params=at.PARAMS,
    doc="Fair price, half-spread, skew, size, regime and queue as separate blocks, on the shared features.",
    source="Guéant, Lehalle & Fernandez-Tapia (2013), Pratt (1964), Merton (1971), Moallemi & Yuan (2017)",
    features=True,
)
