"""What worlds took of the recorded quantity at a price, until the venue next reports that price."""

from __future__ import annotations

from typing import Any

from quotewright.domain.kernel import subkernel
from quotewright.market.book import next_price, touch_qty
from quotewright.simulation.own_orders import place_of, reaches
from quotewright.simulation.state import PLACES

TAKEN_FULL = 7  # more levels taken from at once than the table holds


@subkernel
def _find_taken(vs: Any, world: int, instrument: int, side: int, price: int) -> int:
    index = vs.places[place_of(instrument, side, price)].taken - 1
    while index >= 0:
        entry = vs.taken[index]
        if entry.price == price and entry.world == world and entry.instrument == instrument and entry.side == side:
            return index
        index = entry.chain
    return -1


@subkernel
def take_from(vs: Any, world: int, instrument: int, side: int, price: int, qty: int) -> None:
    """Note that a world took lots at a price."""
    venue = vs.venue[0]
    index = _find_taken(vs, world, instrument, side, price)
    if index >= 0:
        vs.taken[index].qty += qty
        return
    index = venue.free_taken
    if index >= 0:
        venue.free_taken = vs.taken[index].chain
    elif venue.taken_used < len(vs.taken):
        index = venue.taken_used
        venue.taken_used += 1
    else:
        venue.status = TAKEN_FULL
        return
    entry = vs.taken[index]
    venue.taken += 1
    venue.interest += 1
    entry.world = world
    entry.instrument = instrument
    entry.side = side
    entry.price = price
    entry.qty = qty
    place = vs.places[place_of(instrument, side, price)]
    entry.chain = place.taken - 1
    place.taken = index + 1
    place.interest += 1


@subkernel
def give_back(vs: Any, instrument: int, side: int, price: int) -> None:
    """The venue reported a level: what was taken there is back."""
    if vs.venue[0].taken > 0:
        _give_back(vs, place_of(instrument, side, price), instrument, side, price)


@subkernel
def give_all_back(vs: Any, instrument: int) -> None:
    """The venue reported the whole book of an instrument."""
    if vs.venue[0].taken > 0:
        for place in range(PLACES):
            _give_back(vs, place, instrument, 0, 0)


@subkernel
def _give_back(vs: Any, at: int, instrument: int, side: int, price: int) -> None:
    """Drop the entries of one place that are of the instrument (side 0), or of its side and price."""
    venue = vs.venue[0]
    place = vs.places[at]
    before = -1
    index = place.taken - 1
    while index >= 0:
        entry = vs.taken[index]
        following = entry.chain
        if entry.instrument == instrument and (side == 0 or (entry.side == side and entry.price == price)):
            if before >= 0:
                vs.taken[before].chain = following
            else:
                place.taken = following + 1
            entry.chain = venue.free_taken
            venue.free_taken = index
            venue.taken -= 1
            venue.interest -= 1
            place.interest -= 1
        else:
            before = index
        index = following


@subkernel
def available(vs: Any, world: int, instrument: int, side: int, price: int) -> int:
    """Recorded lots at a price that the world has not taken yet."""
    index = _find_taken(vs, world, instrument, side, price)
    gone = vs.taken[index].qty if index >= 0 else 0
    return max(0, touch_qty(vs.books[instrument], side, price) - gone)


@subkernel
def available_within(vs: Any, world: int, instrument: int, side: int, limit: int, enough: int) -> int:
    """Sum of what is available on `side` for an opposite order at `limit`; stops counting at `enough`."""
    total = 0
    price = next_price(vs.books[instrument], side, 0)
    while price > 0 and reaches(-side, limit, price) and total < enough:
        total += available(vs, world, instrument, side, price)
        price = next_price(vs.books[instrument], side, price)
    return total
