"""One row of the market into the features: before the book takes it in, and after the update that it ends.

The only implementation there is: the engine calls it for every row that comes home, `research` for every row of a
recording. Time is that of receipt. What needs levels takes them from the step's own book.
"""

from __future__ import annotations

import math
from typing import Any

from quotewright.domain.events import ADD, ASK, BID, CHANGE, CLEAR, DELETE, FROM_BARS, FUNDING, LEVEL, NOTE, TRADE
from quotewright.domain.kernel import inlined, subkernel
from quotewright.domain.quotes import MOST_FEATURES
from quotewright.features import slots
from quotewright.features.levels_shown import UNKNOWN, image, show, show_level
from quotewright.market.levels import level_qty, side_index
from quotewright.signals.book_skew import add_skew, average_skew
from quotewright.signals.deltas import CANCEL, DEAL, POST, end_update, room_needed, settle, take_change
from quotewright.signals.deltas import take_print as take_delta_print
from quotewright.signals.fading import fade
from quotewright.signals.fair_prices import (
    DEPTH,
    DUST_ROBUST,
    KALMAN_PRICE,
    LAST_SIDE,
    LEVELS,
    MICROPRICE,
    MID,
    PRINTS_BY_TIME,
    PRINTS_BY_VOLUME,
    SOURCES,
    WEIGHTED_MID,
    news,
    take_book,
    take_print,
)
from quotewright.signals.forest import predict_row
from quotewright.signals.imbalance import add_book, add_trade
from quotewright.signals.kalman import measure
from quotewright.signals.regime import observe
from quotewright.signals.regime_thresholds import threshold_step
from quotewright.signals.stress import HALT, stress_action
from quotewright.signals.volatility_stream import (
    add_mid,
    continuous_volatility,
    realised_volatility,
    recent_volatility,
)
from quotewright.signals.vpin import add_volume, vpin_of

FAIR_SLOTS = (
    WEIGHTED_MID,
    MICROPRICE,
    DUST_ROBUST,
    LAST_SIDE,
    PRINTS_BY_TIME,
    PRINTS_BY_VOLUME,
    DEPTH,
    KALMAN_PRICE,
)
"""The prices of the first slots, in their order."""
FAIR_COUNT = len(FAIR_SLOTS)
SOURCE_COUNT = len(SOURCES)
FLOW_LEVELS = 5  # whose order flow is summed


@subkernel
def before_row(fs: Any, book: Any, row: Any) -> None:
    """What a row changes, seen while the book does not know it yet."""
    kind = row.kind
    which = row.instrument
    if kind == LEVEL:
        reading = fs.readings[which]
        shown = fs.levels[which]
        side = row.side
        touch = book.depth_bid if side == BID else book.depth_ask
        near = touch > 0 and (touch - row.price) * side <= fs.rules[which].delta_reach
        if near and book.valid == 1 and book.clearing == 0:
            before = level_qty(book, side, row.price)
            labels = fs.deltas[which]
            if labels.made + room_needed(labels) > len(fs.out):
                _take_deltas(fs, which, row.local_ts)
            take_change(labels, which, row.local_ts, row.exch_ts, side, row.price, before, row.qty, touch, fs.out)
        if side == BID:
            if row.price >= shown.bids[LEVELS - 1]:
                reading.levels[0] = show_level(shown.bids, shown.bid_qtys, BID, row.price, row.qty, reading.levels[0])
                reading.news = 1
        elif row.price <= shown.asks[LEVELS - 1] or shown.asks[LEVELS - 1] == 0:
            reading.levels[1] = show_level(shown.asks, shown.ask_qtys, ASK, row.price, row.qty, reading.levels[1])
            reading.news = 1
    elif kind in (ADD, CHANGE, CLEAR, DELETE):
        fs.readings[which].levels[0] = UNKNOWN
        fs.readings[which].levels[1] = UNKNOWN
    elif kind == TRADE and row["flags"] & FROM_BARS == 0 and row.qty > 0:
        _take_print(fs, book, row)


@subkernel
def _take_print(fs: Any, book: Any, row: Any) -> None:
    which = row.instrument
    rules = fs.rules[which]
    event = fs.prints[which]
    event.time = row.local_ts
    event.qty = row.qty
    event.price = row.price
    event.side = row.side
    fair = fs.fairs[which]
    take_print(fair, fs.fair_rules[which], event)
    _filter(fs, which, event)
    if row.side != 0 and book.valid == 1 and book.l3 == 0:
        touch = book.depth_ask if row.side == BID else book.depth_bid
        take_delta_print(
            fs.deltas[which], which, row.local_ts, row.exch_ts, row.side, row.price, row.qty, touch, fs.out
        )
        settle(fs.deltas[which], row.local_ts, fs.out)
        _take_deltas(fs, which, row.local_ts)
    reading = fs.readings[which]
    reading.trade_flow = add_trade(fs.trades[which], row.local_ts, row.side, row.qty, rules.trade_half_life)
    bought = row.qty if row.side > 0 else 0
    sold = row.qty if row.side < 0 else 0
    add_volume(fs.vpins[which], bought, sold, rules.vpin_bucket, rules.vpin_window)


@inlined
def _filter(fs: Any, which: int, event: Any) -> None:
    fair = fs.fairs[which]
    for source in range(SOURCE_COUNT):
        told = news(fair, event, source)
        fair.prices[KALMAN_PRICE] = measure(fs.filters[which], fs.kalman_rules[which], event.time, source, told)


@subkernel
def after_update(fs: Any, book: Any, row: Any) -> None:
    """The book as an update left it; `row` is the update's last."""
    kind = row.kind
    which = row.instrument
    if kind in (TRADE, FUNDING):
        return
    now = row.local_ts
    if kind in (CLEAR, LEVEL, NOTE):
        end_update(fs.deltas[which], row.exch_ts)
        settle(fs.deltas[which], now, fs.out)
        _take_deltas(fs, which, now)
    show(fs, book, which)
    event = image(fs, which)
    reading = fs.readings[which]
    rules = fs.rules[which]
    proper = 0 < event.bids[0] < event.asks[0]
    mid2 = event.bids[0] + event.asks[0] if proper else 0
    add_mid(fs.volatilities[which], now, mid2, rules.volatility_interval, rules.volatility_keep)
    if now >= fs.clocks[which].due:
        _tick(fs, which, event, now)
    reading.time = now
    if reading.news == 0:
        return
    reading.news = 0
    event.time = now
    take_book(fs.fairs[which], fs.fair_rules[which], rules.microprice, event)
    _filter(fs, which, event)
    _take_flow(fs, which, event, now)
    add_skew(
        fs.skews[which],
        now,
        event.bids,
        event.bid_qtys,
        event.asks,
        event.ask_qtys,
        rules.skew_weights,
        rules.skew_half_life,
    )
    reading.bid = event.bids[0]
    reading.ask = event.asks[0]
    reading.lots = event.bid_qtys[0] + event.ask_qtys[0]


@subkernel
def _take_flow(fs: Any, which: int, event: Any, now: int) -> None:
    reading = fs.readings[which]
    flow = fs.flows[which]
    if event.bids[0] == 0 or event.asks[0] == 0:
        flow.known = 0  # what was posted meanwhile is not flow, and what flowed before has passed
        reading.flow = 0.0
        reading.deep_flow = 0.0
        return
    add_book(
        flow,
        event.bids[0:FLOW_LEVELS],
        event.bid_qtys[0:FLOW_LEVELS],
        event.asks[0:FLOW_LEVELS],
        event.ask_qtys[0:FLOW_LEVELS],
    )
    kept = fade(now - reading.flow_time, fs.rules[which].flow_half_life)
    reading.flow_time = now
    deep = 0
    for m in range(FLOW_LEVELS):
        deep += flow.last[m]
    reading.flow = reading.flow * kept + float(flow.last[0])
    reading.deep_flow = reading.deep_flow * kept + float(deep)


@subkernel
def _tick(fs: Any, which: int, event: Any, now: int) -> None:
    """The regime's clock is due: it takes the book as it was before this update, then as it is."""
    reading = fs.readings[which]
    if reading.time > 0:
        _observe(fs, which, reading.bid, reading.ask, reading.lots, reading.time)
    _observe(fs, which, event.bids[0], event.asks[0], event.bid_qtys[0] + event.ask_qtys[0], now)
    reading.stress = _stress_of(fs, which, event)


@subkernel
def _observe(fs: Any, which: int, bid: int, ask: int, lots: int, time: int) -> None:
    quote = fs.quotes[which]
    proper = 0 < bid < ask
    quote.time = time
    quote.mid = 0.5 * float(bid + ask) if proper else 0.0
    quote.spread = 2e4 * float(ask - bid) / float(bid + ask) if proper else 0.0
    quote.depth = 0.5 * float(lots) / fs.rules[which].usual_touch
    if observe(fs.clocks[which], fs.clock_rules[which], quote, fs.observations[which]):
        rules = fs.threshold_rules[which]
        fs.readings[which].regime = threshold_step(fs.thresholds[which], rules, fs.observations[which].measures)


@subkernel
def _stress_of(fs: Any, which: int, event: Any) -> int:
    """What the stress rules ask for; what was set at the last tick is lifted later than it was set."""
    reading = fs.readings[which]
    rules = fs.rules[which]
    lots = 0.5 * float(event.bid_qtys[0] + event.ask_qtys[0])
    if not 0 < event.bids[0] < event.asks[0] or lots <= 0.0:
        return HALT
    moving = recent_volatility(fs.volatilities[which], rules.volatility_interval)
    return stress_action(
        fs.stress_rules[which],
        max(reading.regime, 0),  # before it is known, the ratios alone tell
        float(event.asks[0] - event.bids[0]) / rules.usual_spread,
        rules.usual_touch / lots,
        moving / rules.usual_move if moving >= 0.0 else 0.0,
        0.0,
        reading.stress,
    )


@subkernel
def _take_deltas(fs: Any, which: int, now: int) -> None:
    """Add up what the labeller has decided, near the touch alone, older lots fading."""
    labels = fs.deltas[which]
    reading = fs.readings[which]
    rules = fs.rules[which]
    if labels.made > 0:
        kept = fade(now - reading.delta_time, rules.delta_half_life)
        reading.delta_time = now
        for s in range(2):
            reading.posts[s] *= kept
            reading.cancels[s] *= kept
            reading.deals[s] *= kept
        for i in range(labels.made):
            delta = fs.out[i]
            if delta.depth <= rules.delta_depth:
                s = side_index(delta.side)
                if delta.kind == POST:
                    reading.posts[s] += float(delta.lots)
                elif delta.kind == CANCEL:
                    reading.cancels[s] += float(delta.lots)
                elif delta.kind == DEAL:
                    reading.deals[s] += float(delta.lots)
        labels.made = 0


@inlined
def _imbalance(sides: Any) -> float:
    together = sides[0] + sides[1]
    return (sides[0] - sides[1]) / together if together > 0.0 else 0.0


@subkernel
def lay_out(fs: Any, which: int) -> None:
    """Write the slots of an instrument as of its last event; changes nothing else."""
    fair = fs.fairs[which]
    reading = fs.readings[which]
    rules = fs.rules[which]
    event = image(fs, which)
    volatility = fs.volatilities[which]
    interval = rules.volatility_interval
    proper = 0 < event.bids[0] < event.asks[0]
    at = which * MOST_FEATURES
    for f in range(FAIR_COUNT):
        fs.values[at + f] = 0.5 * (fair.prices[FAIR_SLOTS[f]] - fair.prices[MID])
    bid_qty = float(event.bid_qtys[0])
    ask_qty = float(event.ask_qtys[0])
    fs.values[at + slots.SPREAD] = float(event.asks[0] - event.bids[0]) if proper else math.nan
    fs.values[at + slots.QUEUE_IMBALANCE] = (bid_qty - ask_qty) / (bid_qty + ask_qty) if proper else math.nan
    flowing = fs.flows[which].known == 1
    fs.values[at + slots.ORDER_FLOW] = reading.flow / rules.usual_touch if flowing else math.nan
    fs.values[at + slots.DEEP_ORDER_FLOW] = reading.deep_flow / rules.usual_touch if flowing else math.nan
    fs.values[at + slots.TRADE_FLOW] = reading.trade_flow if fs.trades[which].time > 0 else math.nan
    fs.values[at + slots.VPIN] = vpin_of(fs.vpins[which], rules.vpin_bucket, rules.vpin_window)
    fs.values[at + slots.SKEW] = fs.skews[which].skew if proper else math.nan
    fs.values[at + slots.AVERAGE_SKEW] = average_skew(fs.skews[which])
    fs.values[at + slots.VOLATILITY] = recent_volatility(volatility, interval)
    fs.values[at + slots.VOLATILITY_ALL] = realised_volatility(volatility, interval)
    fs.values[at + slots.VOLATILITY_CONTINUOUS] = continuous_volatility(volatility, interval)
    labelled = fs.deltas[which].changed > 0  # never where every order is known one by one
    fs.values[at + slots.POST_IMBALANCE] = _imbalance(reading.posts) if labelled else math.nan
    fs.values[at + slots.CANCEL_IMBALANCE] = _imbalance(reading.cancels) if labelled else math.nan
    fs.values[at + slots.DEAL_IMBALANCE] = _imbalance(reading.deals) if labelled else math.nan
    fs.values[at + slots.REGIME] = float(reading.regime)
    fs.values[at + slots.STRESS] = float(_stress_of(fs, which, event))
    fs.values[at + slots.VIEW] = _view_at(fs, which, reading.time)
    fs.values[at + slots.MODEL] = math.nan
    place = fs.outside[which]
    if place.modelled == 1:
        nodes = fs.model_nodes[place.nodes : place.nodes_end]
        table = fs.model_table[place.table : place.table_end]
        inputs = fs.values[at : at + slots.MODEL]
        fs.values[at + slots.MODEL] = predict_row(fs.model_heads[which], nodes, table, inputs)


@subkernel
def _view_at(fs: Any, which: int, now: int) -> float:
    """The value of an instrument's view that was published last."""
    low = fs.outside[which].views
    start = low
    high = low + fs.outside[which].view_count
    while low < high:
        middle = (low + high) // 2
        if fs.view_times[middle] <= now:
            low = middle + 1
        else:
            high = middle
    return fs.view_values[low - 1] if low > start else math.nan
