"""What a recorded trade does to our orders (docs/reference/replay-venue.md, "A trade is recorded")."""

from __future__ import annotations

from typing import Any

from quotewright.domain.kernel import subkernel
from quotewright.market.l3 import find_order
from quotewright.simulation.fills import fill_resting
from quotewright.simulation.own_orders import part_from_cohort, queue_of, reaches


@subkernel
def on_trade(vs: Any, row: Any) -> None:
    """Fill what the trade reaches: through our prices first, then at its own."""
    instrument = row.instrument
    queue = vs.queues[queue_of(instrument, -row.side)]
    if queue.best < 0 or not reaches(row.side, row.price, queue.best_price):
        return
    venue = vs.venue[0]
    venue.trades += 1
    l3 = vs.books[instrument].l3
    maker_arrival = 0
    if l3 and row.order_id != 0:
        found = find_order(vs.l3[instrument], row.order_id)
        if found >= 0:
            maker_arrival = vs.l3[instrument].arrival[found]
    alone = queue.doubles == 0
    at = queue.best
    while at >= 0:
        level = vs.own_levels[at]
        if not reaches(row.side, row.price, level.price):
            break
        worse = level.worse
        through = level.price != row.price
        index = level.first
        while index >= 0:
            cohort = vs.cohorts[index]
            following = cohort.next
            if through:
                cohort.ahead = 0
                _fill_all(vs, row, index)
            elif l3:
                if maker_arrival == 0 or maker_arrival > cohort.arrival:
                    _fill_all(vs, row, index)
            elif alone:
                _reach(vs, row, index)
            else:
                _reach_each(vs, row, index)
            index = following
        at = worse


@subkernel
def _world_in(vs: Any, row: Any, number: int) -> None:
    """Clear a world's scratch fields when a trade first meets it."""
    world = vs.worlds[number]
    if world.stamp != vs.venue[0].trades:
        world.stamp = vs.venue[0].trades
        world.rest = row.qty
        world.before = 0
        world.eaten = 0


@subkernel
def _fill_all(vs: Any, row: Any, index: int) -> None:
    """Fill a cohort's orders with what the trade has left for their worlds."""
    slot = vs.cohorts[index].first
    while slot >= 0:
        order = vs.resting[slot]
        following = order.next
        _world_in(vs, row, order.world)
        world = vs.worlds[order.world]
        fill = min(world.rest, order.leaves)
        if fill > 0:
            world.rest -= fill
            fill_resting(vs, row.exch_ts, slot, fill)
        slot = following


@subkernel
def _reach(vs: Any, row: Any, index: int) -> None:
    """A trade at the cohort's price, when no world has another order on the side."""
    cohort = vs.cohorts[index]
    foreign = min(row.qty, cohort.ahead)
    cohort.ahead -= foreign
    cohort.traded += row.qty
    rest = row.qty - foreign
    if rest == 0:
        return
    slot = cohort.first
    while slot >= 0:
        order = vs.resting[slot]
        following = order.next
        fill_resting(vs, row.exch_ts, slot, min(rest, order.leaves))
        slot = following


@subkernel
def _reach_each(vs: Any, row: Any, index: int) -> None:
    """A trade at the cohort's price, each order after what the trade has done to its world before."""
    cohort = vs.cohorts[index]
    ahead = cohort.ahead
    slot = cohort.first
    while slot >= 0:
        order = vs.resting[slot]
        _world_in(vs, row, order.world)
        world = vs.worlds[order.world]
        segment = max(0, ahead - world.before)
        world.before = max(world.before, ahead)
        foreign = min(world.rest, segment)
        world.rest -= foreign
        world.eaten += foreign
        order.new_ahead = max(0, ahead - world.eaten)
        order.new_fill = min(world.rest, order.leaves)
        world.rest -= order.new_fill
        slot = order.next
    cohort.traded += row.qty
    cohort.ahead = vs.resting[cohort.first].new_ahead
    slot = cohort.first
    while slot >= 0:
        order = vs.resting[slot]
        following = order.next
        if order.new_ahead != cohort.ahead:
            part_from_cohort(vs, slot, order.new_ahead)
        if order.new_fill > 0:
            fill_resting(vs, row.exch_ts, slot, order.new_fill)
        slot = following
