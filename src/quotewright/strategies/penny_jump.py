"""One tick better than the best of the others, down to a floor; beyond it second place, one tick behind whoever won.

Needs to know what is its own in the book that it sees, which a view does not say. A best level that stands where it
last wanted its quote, with no more lots than it wanted, is taken for its own; then the others' best is hidden
behind it, and is found by stepping back a tick whenever nobody was seen for `patience`.
"""

from __future__ import annotations

from typing import Any

from quotewright.domain.kernel import subkernel
from quotewright.domain.strategy import Param, Strategy
from quotewright.strategies.quoting import ask_at, bid_at, lots_of, room_to_buy, room_to_sell
from quotewright.strategies.shared_params import MAX_INVENTORY_PARAM, ORDER_NOTIONAL_PARAM

ORDER_NOTIONAL, MAX_INVENTORY, FLOOR, FEE, BEHIND, MICRO, SKEW, PATIENCE = range(8)

# A side's cells of memory, ticks, lots and seconds; bids from 0, asks from SIDE.
LAST, BEFORE, CHANGED, LOTS, OTHER, OTHER_LOTS, SEEN = range(7)
SIDE = 7

SECOND = 1_000_000_000
SETTLING = 1.0  # s that a quote just moved may still stand where it was


@subkernel
def _see_others(memory: Any, at: int, side: int, price: float, lots: float, now: float, patience: float) -> None:
    """Keep the others' best price and lots in memory, from a side's best level of a book that may hold our quote."""
    here = price == memory[at + LAST]
    was_here = price == memory[at + BEFORE] and now - memory[at + CHANGED] < SETTLING
    if not (here or was_here) or lots > memory[at + LOTS]:
        memory[at + OTHER] = price
        memory[at + OTHER_LOTS] = lots - memory[at + LOTS] if here else lots
        memory[at + SEEN] = now
        return
    behind_us = price - side
    if side * (memory[at + OTHER] - behind_us) > 0 or memory[at + OTHER] == 0:
        memory[at + OTHER] = behind_us
    if now - memory[at + SEEN] >= patience:
        memory[at + OTHER] -= side
        memory[at + SEEN] = now


@subkernel
def _remember(memory: Any, at: int, quotes: int, first: int, lots: int, now: float) -> None:
    price = first if quotes > 0 else 0
    if price != memory[at + LAST]:
        memory[at + BEFORE] = memory[at + LAST]
        memory[at + LAST] = price
        memory[at + CHANGED] = now
    memory[at + LOTS] = lots if quotes > 0 else 0


def decide(view: Any, params: Any, memory: Any, target: Any) -> None:
    """Improve while the edge over the fair price, less the fee, is at least the floor; prices below in ticks."""
    now = (view.time - view.start) / SECOND
    _see_others(memory, 0, 1, view.bid, view.bid_qty, now, params[PATIENCE])
    _see_others(memory, SIDE, -1, view.ask, view.ask_qty, now, params[PATIENCE])
    bid = memory[OTHER]
    ask = memory[SIDE + OTHER]
    bid_lots = memory[OTHER_LOTS]
    ask_lots = memory[SIDE + OTHER_LOTS]
    lots = lots_of(view, params[ORDER_NOTIONAL])
    most = params[MAX_INVENTORY] * lots

    fair = 0.5 * (bid + ask)
    if bid_lots + ask_lots > 0:
        fair += params[MICRO] * 0.5 * (ask - bid) * (bid_lots - ask_lots) / (bid_lots + ask_lots)
    fair -= params[SKEW] / 10_000 * fair * view.inventory / most
    edge = (params[FLOOR] + params[FEE]) / 10_000 * fair
    dearest = fair - edge
    cheapest = fair + edge

    one_seat = ask - bid == 2  # between the touches: taken by the side that sheds inventory
    better = bid + 1 if bid + 1 < view.ask and not (one_seat and view.inventory >= 0) else bid
    price = better + 0.5 if better <= dearest else min(bid - params[BEHIND] + 0.5, dearest)
    bid_at(view, target, price * view.tick, room_to_buy(view, lots, most))
    better = ask - 1 if ask - 1 > view.bid and not (one_seat and view.inventory <= 0) else ask
    price = better - 0.5 if better >= cheapest else max(ask + params[BEHIND] - 0.5, cheapest)
    ask_at(view, target, price * view.tick, room_to_sell(view, lots, most))

    _remember(memory, 0, target.bids, target.bid_price[0], target.bid_qty[0], now)
    _remember(memory, SIDE, target.asks, target.ask_price[0], target.ask_qty[0], now)


STRATEGY = Strategy(
    name="penny_jump",
    decide=decide,
    params=(
        ORDER_NOTIONAL_PARAM,
        MAX_INVENTORY_PARAM,
        Param("floor", 0.0, -1e3, 1e3, "bp", "Least edge over the fair price, after the fee, at which it quotes."),
        Param("fee", 0.0, -100.0, 100.0, "bp", "What a maker pays the venue; a rebate is negative."),
        Param("behind", 1.0, 0.0, 1e4, "ticks", "How far behind the winner second place is; 0 joins it.", whole=True),
        Param("micro", 0.0, 0.0, 1.0, "×", "Fair price: 0 is the mid, 1 the mid weighted by the queues at the touch."),
        Param("skew", 1.0, 0.0, 1e4, "bp", "How far the fair price moves away from a full inventory."),
        Param("patience", 1.0, 0.0, 3_600.0, "s", "How long it stays at a best price that is its own alone."),
    ),
    doc="The penny-jumper's game: first by one tick down to a floor, then second.",
    source="field practice: undercutting by a tick down to one's own capitulation price; no model behind it",
)
