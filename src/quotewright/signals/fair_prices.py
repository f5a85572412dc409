"""Fair prices event by event: eight readings of book and tape, and the Kalman filter over three of them.

All in half ticks, as mid2 = bid + ask, so that a mid is an integer and a print at price p counts as 2p:

    mid               bid + ask
    weighted_mid      each side's price weighed by the other side's lots: 2(b·qᵃ + a·qᵇ)/(qᵃ + qᵇ)
    microprice        mid + G*(spread, imbalance): Stoikov (2018), see `microprice`
    dust_robust       mid of the best levels that hold at least `dust` lots
    last_side         mid + φ·spread/2·side of the last taker: after Roll (1984), whose bounce it takes back
    prints_by_time    mean price of the lots traded, halved in weight every `time_memory`
    prints_by_volume  the same, halved every `volume_memory` lots traded since
    depth             mid of what it costs to sell and to buy `depth` lots
    kalman            estimate of a `kalman` filter of microprice, depth and prints, each when it is new

Where there is no proper touch what reads the book is NaN, and so is any price before its first news. One step takes
an array of events, a part of it and a single event alike; nothing looks ahead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import as_records, inlined, kernel, records, subkernel
from quotewright.signals.fading import fade
from quotewright.signals.kalman import KALMAN, kalman_rules, measure
from quotewright.signals.microprice import fair_price
from quotewright.signals.state import fresh

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

PRICES = (
    "mid",
    "weighted_mid",
    "microprice",
    "dust_robust",
    "last_side",
    "prints_by_time",
    "prints_by_volume",
    "depth",
    "kalman",
)
MID, WEIGHTED_MID, MICROPRICE, DUST_ROBUST, LAST_SIDE, PRINTS_BY_TIME, PRINTS_BY_VOLUME, DEPTH, KALMAN_PRICE = range(9)
FROM_BOOK = (MID, WEIGHTED_MID, MICROPRICE, DUST_ROBUST, LAST_SIDE, DEPTH)
SOURCES = ("microprice", "depth", "prints")  # what the filter measures
LEVELS = 10

DEPTH_EVENT = np.dtype(
    [
        ("time", "i8"),  # ns
        ("qty", "i8"),  # lots printed; 0: the event is a book
        ("price", "i8"),  # of the print, ticks
        ("side", "i8"),  # its taker's: 1 buys, −1 sells, 0 unknown
        ("bids", "i8", (LEVELS,)),  # of the book, ticks, best first; 0: none
        ("bid_qtys", "i8", (LEVELS,)),
        ("asks", "i8", (LEVELS,)),
        ("ask_qtys", "i8", (LEVELS,)),
    ],
    align=True,
)

FAIR_RULES = np.dtype(
    [
        ("dust", "i8"),  # lots
        ("depth", "i8"),  # lots a side
        ("last_side", "f8"),  # φ
        ("time_memory", "i8"),  # ns
        ("volume_memory", "i8"),  # lots
    ],
    align=True,
)

FAIR = np.dtype(
    [
        ("spread", "i8"),  # ticks; 0: no proper touch
        ("side", "i8"),  # the last taker's
        ("print_time", "i8"),
        ("time_weight", "f8"),  # lots
        ("volume_weight", "f8"),  # share
        ("prices", "f8", (len(PRICES),)),
        ("measured", "f8", (len(SOURCES),)),  # what the filter took in last
    ],
    align=True,
)


@dataclass(frozen=True, eq=False)
class FairModel:
    """What fair prices need to know beforehand; all of it can be fitted (`fair_price_fits`)."""

    rules: Any  # one FAIR_RULES record
    microprice: Floats  # G*, half ticks: `Microprice.adjustment`
    kalman: Any  # one KALMAN_RULES record over SOURCES


@dataclass(frozen=True, eq=False)
class FairState:
    """The records that the step writes to."""

    fair: Any  # FAIR
    kalman: Any  # KALMAN


def fair_state() -> FairState:
    """The state before the first event."""
    fair = fresh(FAIR)
    fair["prices"] = fair["measured"] = math.nan
    return FairState(fair, fresh(KALMAN))


def fair_model(
    *,
    dust: int = 0,
    depth: int = 1,
    last_side: float = 0.0,
    time_memory: int = 10**9,
    volume_memory: int = 1,
    microprice: Floats | None = None,
    variance: float = 1.0,
    noise: Floats | None = None,
) -> FairModel:
    """A model of given parameters (lots, ns; variances in half ticks²); without `microprice` that is the mid.

    `noise` has one variance for each of SOURCES. Raises InputError for what is out of range.
    """
    if dust < 0 or depth < 1 or time_memory < 1 or volume_memory < 1 or not math.isfinite(last_side):
        given = (dust, depth, last_side, time_memory, volume_memory)
        raise InputError("dust, depth, last_side, memories", given, "give positive numbers; dust and φ may be 0")
    rules = records(1, FAIR_RULES)
    rules["dust"], rules["depth"], rules["last_side"] = dust, depth, last_side
    rules["time_memory"], rules["volume_memory"] = time_memory, volume_memory
    table = np.zeros((1, 3)) if microprice is None else np.ascontiguousarray(microprice, np.float64)
    if table.ndim != 2 or table.shape[1] % 2 == 0 or not np.isfinite(table).all():
        raise InputError("microprice", table.shape, "give a finite table, spreads × an odd number of buckets")
    return FairModel(rules, table, kalman_rules(variance, np.ones(len(SOURCES)) if noise is None else noise))


@inlined
def _first_above(qtys: Any, prices: Any, dust: int) -> int:
    """The best price with at least `dust` lots; the best of all if there is none."""
    for m in range(LEVELS):
        if prices[m] > 0 and qtys[m] >= dust:
            return prices[m]
    return prices[0]


@inlined
def _away(qtys: Any, prices: Any, depth: int) -> float:
    """Mean distance in ticks from the best price of the first `depth` lots, or of all there are if fewer."""
    left = depth
    cost = 0.0
    for m in range(LEVELS):
        if prices[m] > 0 and left > 0:
            taken = min(left, qtys[m])
            cost += float(taken) * float(abs(prices[m] - prices[0]))
            left -= taken
    return cost / float(max(1, depth - left))


@subkernel
def take_book(s: Any, rules: Any, microprice: Any, event: Any) -> None:
    """Bring the prices that read the book up to date."""
    bid = event.bids[0]
    ask = event.asks[0]
    bid_qty = event.bid_qtys[0]
    ask_qty = event.ask_qtys[0]
    if bid <= 0 or ask <= bid or bid_qty <= 0 or ask_qty <= 0:
        s.spread = 0
        s.prices[MID] = math.nan
        s.prices[WEIGHTED_MID] = math.nan
        s.prices[MICROPRICE] = math.nan
        s.prices[DUST_ROBUST] = math.nan
        s.prices[LAST_SIDE] = math.nan
        s.prices[DEPTH] = math.nan
        return
    s.spread = ask - bid
    mid = float(bid + ask)
    lean = float(bid_qty - ask_qty) / float(bid_qty + ask_qty)
    s.prices[MID] = mid
    s.prices[WEIGHTED_MID] = mid + float(s.spread) * lean
    s.prices[MICROPRICE] = fair_price(microprice, bid, ask, bid_qty, ask_qty)
    dusted = _first_above(event.bid_qtys, event.bids, rules.dust) + _first_above(event.ask_qtys, event.asks, rules.dust)
    s.prices[DUST_ROBUST] = float(dusted)
    s.prices[LAST_SIDE] = mid + rules.last_side * float(s.spread * s.side)
    below = _away(event.bid_qtys, event.bids, rules.depth)
    above = _away(event.ask_qtys, event.asks, rules.depth)
    s.prices[DEPTH] = mid - below + above


@subkernel
def take_print(s: Any, rules: Any, event: Any) -> None:
    """Bring the prices that read the tape up to date."""
    value = float(2 * event.price)
    lots = float(event.qty)
    first = s.time_weight == 0.0
    passed = 0 if first else max(0, event.time - s.print_time)
    s.print_time = event.time if first else s.print_time + passed
    s.time_weight = s.time_weight * fade(passed, rules.time_memory) + lots
    kept = fade(event.qty, rules.volume_memory)
    s.volume_weight = s.volume_weight * kept + (1.0 - kept)
    if first:
        s.prices[PRINTS_BY_TIME] = value
        s.prices[PRINTS_BY_VOLUME] = value
    else:
        s.prices[PRINTS_BY_TIME] += lots / s.time_weight * (value - s.prices[PRINTS_BY_TIME])
        s.prices[PRINTS_BY_VOLUME] += (1.0 - kept) / s.volume_weight * (value - s.prices[PRINTS_BY_VOLUME])
    if event.side != 0:
        s.side = event.side
    if s.spread > 0:
        s.prices[LAST_SIDE] = s.prices[MID] + rules.last_side * float(s.spread * s.side)


@subkernel
def news(s: Any, event: Any, source: int) -> float:
    """What a source of the filter measures at this event, NaN unless that is new."""
    if source == 2:
        return float(2 * event.price) if event.qty > 0 else math.nan
    if event.qty > 0:
        return math.nan
    value = s.prices[MICROPRICE] if source == 0 else s.prices[DEPTH]
    if value == s.measured[source]:
        return math.nan
    s.measured[source] = value
    return value


@subkernel
def take_event(s: Any, rules: Any, microprice: Any, event: Any) -> None:
    """Bring all prices but the filter's up to date with one DEPTH_EVENT."""
    if event.qty > 0:
        take_print(s, rules, event)
    else:
        take_book(s, rules, microprice, event)


@kernel
def _fold(fairs: Any, filters: Any, rules: Any, microprice: Any, kalman: Any, events: Any, out: Any) -> None:
    s = fairs[0]
    for i in range(len(events)):
        event = events[i]
        take_event(s, rules[0], microprice, event)
        for source in range(len(SOURCES)):
            s.prices[KALMAN_PRICE] = measure(filters[0], kalman[0], event.time, source, news(s, event, source))
        for p in range(len(PRICES)):
            out[i, p] = s.prices[p]


@kernel
def _measured(fairs: Any, rules: Any, microprice: Any, events: Any, times: Any, sources: Any, values: Any) -> int:
    s = fairs[0]
    count = 0
    for i in range(len(events)):
        event = events[i]
        take_event(s, rules[0], microprice, event)
        for source in range(len(SOURCES)):
            value = news(s, event, source)
            if not math.isnan(value):
                times[count] = event.time
                sources[count] = source
                values[count] = value
                count += 1
    return count


def fair_prices(state: FairState, model: FairModel, events: Any) -> Floats:
    """Events × PRICES in half ticks, as known after each of the DEPTH_EVENT rows (in order of time).

    The state is carried on, so that events may come all at once, in parts, or one by one.
    """
    out = np.empty((len(events), len(PRICES)))
    _fold(state.fair, state.kalman, model.rules, model.microprice, model.kalman, _checked(events), out)
    return out


def measurements(model: FairModel, events: Any) -> tuple[Integers, Integers, Floats]:
    """What the filter is told of these events from nothing known on: times (ns), index in SOURCES, half ticks."""
    most = 2 * len(events) + 1
    times, sources, values = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most)
    given = _checked(events)
    count = _measured(fair_state().fair, model.rules, model.microprice, given, times, sources, values)
    return times[:count].copy(), sources[:count].copy(), values[:count].copy()


def _checked(events: Any) -> Any:
    if events.dtype != DEPTH_EVENT or events.ndim != 1:
        raise InputError("events", str(events.dtype), "give a one-dimensional array of DEPTH_EVENT")
    if (np.diff(events["time"]) < 0).any():
        raise InputError("events", len(events), "must be in order of time")
    return as_records(np.ascontiguousarray(events))
