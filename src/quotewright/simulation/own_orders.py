"""Our resting orders at the venue: by instrument, side, price and arrival, in cohorts; and by account.

An order joins the last cohort at its price if that has the same place in the queue and holds no order of its world.
So a cohort's orders are alike in all that the market does to them, until a trade reaches a world that it has already
taken from: that order then goes on in a cohort of its own.
"""

from __future__ import annotations

from typing import Any

from quotewright.domain.events import BID
from quotewright.domain.kernel import inlined, subkernel
from quotewright.market.levels import side_index
from quotewright.simulation.state import PLACES

NONE = -1


@inlined
def queue_of(instrument: int, side: int) -> int:
    """Index of the queue of our orders on one side of an instrument."""
    return 2 * instrument + side_index(side)


@inlined
def place_of(instrument: int, side: int, price: int) -> int:
    """Index of the place where a price is looked up."""
    return (price * 2 + side_index(side) + instrument * 1_031) & (PLACES - 1)


@subkernel
def reaches(side: int, price: int, other: int) -> bool:
    """Whether an order on `side` at `price` reaches an opposite price."""
    return price >= other if side == BID else price <= other


@subkernel
def find_level(vs: Any, instrument: int, side: int, price: int) -> int:
    """Our level at a price, or NONE."""
    index = vs.places[place_of(instrument, side, price)].level - 1
    while index >= 0:
        level = vs.own_levels[index]
        if level.price == price and level.side == side and level.instrument == instrument:
            return index
        index = level.chain
    return NONE


@subkernel
def _new_level(vs: Any, instrument: int, side: int, price: int) -> int:
    """A level at a price that has none, in its place among the others."""
    venue = vs.venue[0]
    index = venue.free_level
    level = vs.own_levels[index]
    venue.free_level = level.chain
    level.price = price
    level.instrument = instrument
    level.side = side
    level.first = NONE
    level.last = NONE
    level.stirred = 0
    place = vs.places[place_of(instrument, side, price)]
    level.chain = place.level - 1
    place.level = index + 1
    place.interest += 1
    venue.interest += 1
    queue = vs.queues[queue_of(instrument, side)]
    better = queue.worst
    if queue.best >= 0 and (price - queue.best_price) * side > 0:
        better = NONE
    while better >= 0 and (vs.own_levels[better].price - price) * side < 0:
        better = vs.own_levels[better].better
    level.better = better
    if better >= 0:
        level.worse = vs.own_levels[better].worse
        vs.own_levels[better].worse = index
    else:
        level.worse = queue.best
        queue.best = index
        queue.best_price = price
    if level.worse >= 0:
        vs.own_levels[level.worse].better = index
    else:
        queue.worst = index
    return index


@subkernel
def _drop_level(vs: Any, index: int) -> None:
    venue = vs.venue[0]
    level = vs.own_levels[index]
    queue = vs.queues[queue_of(level.instrument, level.side)]
    if level.better >= 0:
        vs.own_levels[level.better].worse = level.worse
    else:
        queue.best = level.worse
        queue.best_price = vs.own_levels[level.worse].price if level.worse >= 0 else 0
    if level.worse >= 0:
        vs.own_levels[level.worse].better = level.better
    else:
        queue.worst = level.better
    place = vs.places[place_of(level.instrument, level.side, level.price)]
    place.interest -= 1
    venue.interest -= 1
    if place.level == index + 1:
        place.level = level.chain + 1
    else:
        before = place.level - 1
        while vs.own_levels[before].chain != index:
            before = vs.own_levels[before].chain
        vs.own_levels[before].chain = level.chain
    level.chain = venue.free_level
    venue.free_level = index


@subkernel
def _new_cohort(vs: Any, at: int, behind: int) -> int:
    """An empty cohort at a level, right behind another of its cohorts (NONE: at the front)."""
    venue = vs.venue[0]
    index = venue.free_cohort
    cohort = vs.cohorts[index]
    venue.free_cohort = cohort.next
    level = vs.own_levels[at]
    cohort.level = at
    cohort.first = NONE
    cohort.last = NONE
    cohort.previous = behind
    if behind >= 0:
        cohort.next = vs.cohorts[behind].next
        vs.cohorts[behind].next = index
    else:
        cohort.next = level.first
        level.first = index
    if cohort.next >= 0:
        vs.cohorts[cohort.next].previous = index
    else:
        level.last = index
    return index


@subkernel
def _drop_cohort(vs: Any, index: int) -> None:
    venue = vs.venue[0]
    cohort = vs.cohorts[index]
    level = vs.own_levels[cohort.level]
    if cohort.previous >= 0:
        vs.cohorts[cohort.previous].next = cohort.next
    else:
        level.first = cohort.next
    if cohort.next >= 0:
        vs.cohorts[cohort.next].previous = cohort.previous
    else:
        level.last = cohort.previous
    if level.first < 0:
        _drop_level(vs, cohort.level)
    cohort.next = venue.free_cohort
    venue.free_cohort = index


@subkernel
def _join(vs: Any, slot: int, index: int) -> None:
    order = vs.resting[slot]
    cohort = vs.cohorts[index]
    order.cohort = index
    order.next = NONE
    order.previous = cohort.last
    if cohort.last >= 0:
        vs.resting[cohort.last].next = slot
    else:
        cohort.first = slot
    cohort.last = slot


@subkernel
def _leave(vs: Any, slot: int) -> None:
    """Take an order out of its cohort; an empty cohort goes, and so does an empty level."""
    order = vs.resting[slot]
    cohort = vs.cohorts[order.cohort]
    if order.previous >= 0:
        vs.resting[order.previous].next = order.next
    else:
        cohort.first = order.next
    if order.next >= 0:
        vs.resting[order.next].previous = order.previous
    else:
        cohort.last = order.previous
    if cohort.first < 0:
        _drop_cohort(vs, order.cohort)


@subkernel
def _is_at(vs: Any, account: int, side: int, level: int) -> bool:
    """Whether an account has an order at one of our levels."""
    slot = vs.accounts[account].first[side_index(side)]
    while slot >= 0:
        if vs.cohorts[vs.resting[slot].cohort].level == level:
            return True
        slot = vs.resting[slot].account_next
    return False


@subkernel
def rest_order(vs: Any, slot: int, seen: int) -> None:
    """Put an order behind every other at its price, `seen` recorded lots included."""
    order = vs.resting[slot]
    side = order.side
    at = find_level(vs, order.instrument, side, order.price)
    if at < 0:
        at = _new_level(vs, order.instrument, side, order.price)
    l3 = vs.books[order.instrument].l3
    arrivals = vs.l3[order.instrument].arrivals if l3 else 0
    index = vs.own_levels[at].last
    if index >= 0:
        cohort = vs.cohorts[index]
        alike = cohort.ahead == seen and cohort.seen == seen and cohort.traded == 0 and cohort.arrival == arrivals
        if not alike or _is_at(vs, order.account, side, at):
            index = NONE
    if index < 0:
        index = _new_cohort(vs, at, vs.own_levels[at].last)
        cohort = vs.cohorts[index]
        cohort.ahead = seen
        cohort.seen = seen
        cohort.traded = 0
        cohort.arrival = 0
        if l3:
            vs.l3[order.instrument].arrivals += 1
            cohort.arrival = vs.l3[order.instrument].arrivals
    _join(vs, slot, index)
    account = vs.accounts[order.account]
    s = side_index(side)
    order.account_previous = NONE
    order.account_next = account.first[s]
    if account.first[s] >= 0:
        vs.resting[account.first[s]].account_previous = slot
    account.first[s] = slot
    account.orders[s] += 1
    if account.orders[s] == 2:
        vs.queues[queue_of(order.instrument, side)].doubles += 1


@subkernel
def unrest_order(vs: Any, slot: int) -> None:
    """Take an order off the book."""
    order = vs.resting[slot]
    _leave(vs, slot)
    account = vs.accounts[order.account]
    s = side_index(order.side)
    if order.account_previous >= 0:
        vs.resting[order.account_previous].account_next = order.account_next
    else:
        account.first[s] = order.account_next
    if order.account_next >= 0:
        vs.resting[order.account_next].account_previous = order.account_previous
    account.orders[s] -= 1
    if account.orders[s] == 1:
        vs.queues[queue_of(order.instrument, order.side)].doubles -= 1
    order.id = 0


@subkernel
def part_from_cohort(vs: Any, slot: int, ahead: int) -> None:
    """Let an order go on in a cohort of its own, right behind, with its own lots ahead."""
    order = vs.resting[slot]
    of = order.cohort
    index = _new_cohort(vs, vs.cohorts[of].level, of)
    cohort = vs.cohorts[index]
    cohort.ahead = ahead
    cohort.seen = vs.cohorts[of].seen
    cohort.traded = vs.cohorts[of].traded
    cohort.arrival = vs.cohorts[of].arrival
    _leave(vs, slot)
    _join(vs, slot, index)


@subkernel
def meets_own(vs: Any, account: int, side: int, price: int) -> bool:
    """Whether an order would meet one of its own account."""
    slot = vs.accounts[account].first[side_index(-side)]
    while slot >= 0:
        if reaches(side, price, vs.resting[slot].price):
            return True
        slot = vs.resting[slot].account_next
    return False
