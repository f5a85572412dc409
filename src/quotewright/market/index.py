"""A price index of several venues, netted of fees, that one venue gone mad cannot carry away.

Each print is worth its fair price (`fee_netted`). A venue's price is the volume-weighted mean of its recent fair
prices, held inside its netted touch while that is fresh. Venues weigh by recent volume, less for each half-life
without news, none above `most_share`; then less again with the distance d from the weighted median: 1 / (1 + (d/k)²)
(the Cauchy weight; P. J. Huber & E. M. Ronchetti, *Robust Statistics*, 2nd ed., 2009, ch. 4.8).

The bound: where the other venues' prices lie within a range of width R, a venue at any price and any volume leaves
the index within k/2 · (1 + (R/k)²) of that range. No venue has half the weight, so the median stays in the range, and
the Cauchy weight times the distance never exceeds k/2. It needs three venues with weight: of two, neither can be
outvoted.
"""

# pyright: basic
# numba has no type stubs.

from __future__ import annotations

import math
from typing import Any

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BEST, BID, TRADE
from quotewright.domain.kernel import kernel, records, subkernel

LOW, MID, HIGH = 0, 1, 2  # over the tiers that a venue's traders may be on

INDEX_RULES = np.dtype(
    [
        ("price_memory", "f8"),  # ns, half-life of prints in a venue's price
        ("volume_memory", "f8"),  # ns, half-life of its volume
        ("idle_memory", "f8"),  # ns without news that halve its weight
        ("max_age", "i8"),  # ns without news after which it has none, and a quote no longer binds
        ("tolerance", "f8"),  # k, as a share of the median price
        ("most_share", "f8"),  # of the weight, before distance
    ],
    align=True,
)

INDEX_VENUE = np.dtype(
    [
        ("clock_offset", "i8"),  # ns, venue clock minus ours
        ("news", "i8"),  # our clock, ns: the last print or quote; 0: none yet
        ("quoted", "i8"),  # the last quote
        ("priced", "i8"),  # the last print
        ("bid", "f8", (3,)),  # the touch as fair prices, price units; 0: no quote
        ("ask", "f8", (3,)),
        ("fair", "f8", (3,)),  # mean of the prints
        ("recent", "f8"),  # volume behind the mean, decayed
        ("volume", "f8"),  # volume behind the weight, decayed
    ],
    align=True,
)

INDEX_WORK = np.dtype([("price", "f8", (3,)), ("weight", "f8"), ("final", "f8"), ("capped", "i8")], align=True)

INDEX = np.dtype(
    [
        ("time", "i8"),
        ("venues", "i8"),  # with weight; 0: there is no index
        ("price", "f8"),  # price units, as all prices here
        ("low", "f8"),  # the same with every tier where it makes the prices lowest
        ("high", "f8"),
        ("centre", "f8"),  # the weighted median
        ("dispersion", "f8"),  # weighted standard deviation of the venues about the index
        ("error", "f8"),  # dispersion over the root of the effective number of venues
        ("effective", "f8"),  # 1 / Σ share²
        ("farthest", "i8"),  # the venue furthest from the median
        ("distance", "f8"),  # how far, as a share of the median; signed
    ],
    align=True,
)

LN2 = math.log(2.0)
SECOND = 10**9


def index_rules(
    *,
    price_memory: float = 5.0,
    volume_memory: float = 600.0,
    idle_memory: float = 30.0,
    max_age: float = 300.0,
    tolerance: float = 0.0010,
    most_share: float = 0.45,
) -> Any:
    """One INDEX_RULES record; memories (half-lives) and age in seconds, tolerance and share as fractions.

    Raises InputError for anything not positive, and for a share of a half or more: one venue would be the median.
    """
    given = {
        "price_memory": price_memory * SECOND,
        "volume_memory": volume_memory * SECOND,
        "idle_memory": idle_memory * SECOND,
        "max_age": round(max_age * SECOND),
        "tolerance": tolerance,
        "most_share": most_share,
    }
    rules = records(1, INDEX_RULES)
    for field, value in given.items():
        if not (0 < value < 2**62):
            raise InputError(field, value, "must be positive and finite")
        rules[0][field] = value
    if most_share >= 0.5:
        raise InputError("most_share", most_share, "must be below 0.5, or one venue is the median")
    return rules


def index_venues(clock_offsets: list[int]) -> Any:
    """Venues without news, with their clock offsets (ns, venue clock minus ours)."""
    venues = records(len(clock_offsets), INDEX_VENUE)
    for venue, offset in zip(venues, clock_offsets, strict=True):
        venue["clock_offset"] = offset
    return venues


@subkernel
def _halved(span: int, half_life: float) -> float:
    return math.exp(-LN2 * max(span, 0) / half_life)


@subkernel
def _take_print(venue: Any, terms: Any, rules: Any, time: int, side: int, ticks: int, lots: int) -> None:
    quantity = float(lots) * terms.quantity
    price = float(ticks)  # no integer product: a venue at an absurd price must not wrap around
    passed = time - venue.priced if venue.priced != 0 else 0
    venue.recent = venue.recent * _halved(passed, rules.price_memory) + quantity
    venue.volume = venue.volume * _halved(passed, rules.volume_memory) + quantity
    share = quantity / venue.recent
    low, mid, high = terms.hit_low, terms.plain, terms.lifted_high  # the taker's side is not known
    if side == BID:
        low, mid, high = terms.lifted_low, terms.lifted_mid, terms.lifted_high
    elif side == ASK:
        low, mid, high = terms.hit_low, terms.hit_mid, terms.hit_high
    venue.fair[LOW] += share * (price * low - venue.fair[LOW])
    venue.fair[MID] += share * (price * mid - venue.fair[MID])
    venue.fair[HIGH] += share * (price * high - venue.fair[HIGH])
    venue.priced = max(time, venue.priced)


@subkernel
def _take_quote(venue: Any, terms: Any, time: int, side: int, ticks: int) -> None:
    price = float(ticks)
    if side == BID:
        venue.bid[LOW] = price * terms.hit_low
        venue.bid[MID] = price * terms.hit_mid
        venue.bid[HIGH] = price * terms.hit_high
    else:
        venue.ask[LOW] = price * terms.lifted_low
        venue.ask[MID] = price * terms.lifted_mid
        venue.ask[HIGH] = price * terms.lifted_high
    venue.quoted = max(time, venue.quoted)


@subkernel
def index_event(venues: Any, netting: Any, rules: Any, event: Any) -> None:
    """Take one event in: prints (TRADE) and touches (BEST), `instrument` being the venue; others are passed over.

    The event's time is the venue's stamp on our clock, but never later than when we received it.
    """
    kind = event.kind
    if (kind != TRADE and kind != BEST) or event.qty < 0 or event.price < 0:
        return
    venue, terms = venues[event.instrument], netting[event.instrument]
    time = min(event.exch_ts - venue.clock_offset, event.local_ts)
    if kind == TRADE and event.qty > 0 and event.price > 0:
        _take_print(venue, terms, rules, time, event.side, event.price, event.qty)
        venue.news = max(time, venue.news)
    elif kind == BEST:
        _take_quote(venue, terms, time, event.side, event.price if event.qty > 0 else 0)
        venue.news = max(time, venue.news)


@subkernel
def _price(venue: Any, rules: Any, now: int, which: int) -> float:
    """The mean of the prints, held inside the touch while that is fresh; 0 if there were no prints."""
    price = venue.fair[which]
    if price <= 0.0 or now - venue.quoted > rules.max_age:
        return price
    bid, ask = venue.bid[which], venue.ask[which]
    if bid > 0.0 and ask > 0.0 and bid > ask:  # the fees overlap: the middle is all that can be said
        return 0.5 * (bid + ask)
    if ask > 0.0 and price > ask:
        return ask
    return bid if price < bid else price


@subkernel
def _cap_shares(work: Any, most: float) -> None:
    """Lower weights until none has more than `most` of their sum; all equal where that cannot be."""
    active, largest = 0, 0.0
    for v in range(len(work)):
        work[v].capped = 0
        largest = max(largest, work[v].weight)
    for v in range(len(work)):  # as shares of the largest, so that no sum of them overflows
        work[v].weight = work[v].weight / largest
        if work[v].weight > 0.0:
            active += 1
    capped, changed = 0, True
    while changed:
        changed = False
        rest = 0.0
        for v in range(len(work)):
            if not work[v].capped:
                rest += work[v].weight
        room = 1.0 - capped * most
        cap = most * rest / room if room > 0.0 and active * most > 1.0 else 0.0
        for v in range(len(work)):
            if work[v].weight > 0.0 and not work[v].capped and (cap == 0.0 or work[v].weight > cap):
                work[v].capped = 1
                capped += 1
                changed = True
        if not changed:
            for v in range(len(work)):
                if work[v].capped:
                    work[v].weight = cap if cap > 0.0 else 1.0


@subkernel
def _median(work: Any) -> float:
    """The weighted median of the middle prices; half way where the weight divides evenly."""
    total = 0.0
    for v in range(len(work)):
        total += work[v].weight
    half = 0.5 * total
    slack = 1e-12 * total
    low, high = 0.0, 0.0
    for v in range(len(work)):
        if work[v].weight > 0.0:
            price = work[v].price[MID]
            below, up_to = 0.0, 0.0
            for u in range(len(work)):
                if work[u].weight > 0.0:
                    other = work[u].price[MID]
                    if other < price:
                        below += work[u].weight
                    if other <= price:
                        up_to += work[u].weight
            if below <= half + slack and up_to >= half - slack:
                low = price if low == 0.0 else min(low, price)
                high = max(high, price)
    return 0.5 * (low + high)


@subkernel
def index_at(venues: Any, rules: Any, now: int, work: Any, index: Any) -> int:
    """The index at `now` into one INDEX record; returns the number of venues with weight, 0 for no index.

    `work` is room of one INDEX_WORK a venue.
    """
    active = 0
    for v in range(len(venues)):
        venue = venues[v]
        idle = max(now - venue.news, 0)
        work[v].weight = 0.0
        if venue.priced != 0 and idle <= rules.max_age:
            decay = _halved(now - venue.priced, rules.volume_memory) * _halved(idle, rules.idle_memory)
            work[v].weight = venue.volume * decay
            work[v].price[LOW] = _price(venue, rules, now, LOW)
            work[v].price[MID] = _price(venue, rules, now, MID)
            work[v].price[HIGH] = _price(venue, rules, now, HIGH)
        if work[v].weight > 0.0:
            active += 1
    index.time = now
    index.venues = active
    if active == 0:
        return 0
    _cap_shares(work, rules.most_share)
    _blend(work, rules.tolerance, index)
    return active


@subkernel
def _blend(work: Any, tolerance: float, index: Any) -> None:
    centre = _median(work)
    scale = tolerance * centre
    total, farthest, furthest = 0.0, 0, -1.0
    for v in range(len(work)):
        work[v].final = 0.0
        if work[v].weight > 0.0:
            away = (work[v].price[MID] - centre) / scale
            work[v].final = work[v].weight / (1.0 + away * away)
            total += work[v].final
            if abs(away) > furthest:
                furthest, farthest = abs(away), v
    low, mid, high, squares = 0.0, 0.0, 0.0, 0.0
    for v in range(len(work)):
        share = work[v].final / total
        if share > 0.0:  # from the centre, so that a venue at an absurd price costs no digits
            low += share * (work[v].price[LOW] - centre)
            mid += share * (work[v].price[MID] - centre)
            high += share * (work[v].price[HIGH] - centre)
            squares += share * share
    variance = 0.0
    for v in range(len(work)):
        if work[v].final > 0.0:
            away = work[v].price[MID] - centre - mid
            variance += work[v].final / total * away * away
    index.centre = centre
    index.price = centre + mid
    index.low = centre + low
    index.high = centre + high
    index.dispersion = math.sqrt(variance)
    index.effective = 1.0 / squares
    index.error = math.sqrt(variance * squares)
    index.farthest = farthest
    index.distance = (work[farthest].price[MID] - centre) / centre


@kernel
def index_path(venues: Any, netting: Any, rules: Any, events: Any, times: Any, work: Any, out: Any) -> int:
    """Fold `events` (by local time) into `venues` and write the index at each of `times` (ascending, ns).

    An index counts what was received up to and at its time. The rest of the events is taken in too. Returns how
    many of the times had an index; a later call goes on where this one ended.
    """
    done, found = 0, 0
    for t in range(len(times)):
        while done < len(events) and events[done].local_ts <= times[t]:
            index_event(venues, netting, rules[0], events[done])
            done += 1
        if index_at(venues, rules[0], times[t], work, out[t]) > 0:
            found += 1
    while done < len(events):
        index_event(venues, netting, rules[0], events[done])
        done += 1
    return found
