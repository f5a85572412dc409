"""The reference matcher: docs/reference/replay-venue.md read aloud in plain Python, slow and obvious.

It shares nothing with the compiled venue but the dtypes, the constants and the instrument definition.
`run_reference` takes what `quotewright.simulation.script.run_script` takes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from reference_market import DEPTH_KINDS, ORDER_KINDS, Market
from reference_money import Home
from reference_records import (
    CANCEL,
    PLACE,
    Entry,
    Message,
    Resting,
    Result,
    Row,
    Update,
    best_first,
    better,
    reaches,
    updates_of,
)

from quotewright.domain import events as ev
from quotewright.domain import journal as jn
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import Record, Reject


class OwnOrder:
    """One of our orders at the venue."""

    def __init__(self, message: Message, price: int, ahead: int) -> None:
        self.id = message.order
        self.agent = message.agent
        self.instrument = message.instrument
        self.side = message.side
        self.price = price
        self.total = message.qty
        self.filled = 0
        self.entry_ahead = ahead
        self.ahead = ahead
        self.seen = ahead
        self.traded = 0
        self.before: set[int] = set()  # L3: ids of the recorded orders that arrived before this one

    @property
    def open(self) -> int:
        return self.total - self.filled


class Venue:
    """The venue's side: recorded updates and messages in, responses out."""

    def __init__(self, markets: list[Market], instruments: Sequence[Instrument], worlds: Sequence[int]) -> None:
        self.markets = markets
        self.instruments = instruments
        self.world_of = list(worlds)
        self.worlds = sorted(set(worlds))
        self.resting: list[OwnOrder] = []  # in order of arrival
        self.taken: dict[tuple[int, int, int, int], int] = {}  # C: world, instrument, side, price
        self.position: dict[tuple[int, int], int] = {}  # lots bought less lots sold: agent, instrument
        self.responses: list[Entry] = []
        self.queue_model = "risk-averse"
        self.power = 2.0

    # ---- recorded updates

    def on_update(self, update: Update) -> None:
        market = self.markets[update.instrument]
        touch_before = dict(market.touch)
        for row in update.rows:
            self.forget_taken(update.instrument, row)
            if row.kind == ev.TRADE:
                self.on_trade(update, row)
            elif row.kind in (ev.CHANGE, ev.DELETE):
                self.advance_queue(update.instrument, row)
            market.apply_row(row)
        market.finish(update.rows)

        last = update.rows[-1]
        if last.kind == ev.TRADE:
            return
        if market.by_order:
            if update.rows[0].kind == ev.CLEAR:
                self.join_behind_snapshot(update.instrument)
        elif last.kind in DEPTH_KINDS or (last.kind == ev.BEST and market.touch != touch_before):
            for own in self.orders_on(update.instrument):
                self.level_changed(own, market.recorded(own.side, own.price))
        if market.valid:
            self.cross(update)

    def forget_taken(self, instrument: int, row: Row) -> None:
        if row.kind == ev.CLEAR:
            self.taken = {key: lots for key, lots in self.taken.items() if key[1] != instrument}
        names_a_level = row.kind in (ev.LEVEL, *ORDER_KINDS)
        if names_a_level or (row.kind == ev.BEST and not self.markets[instrument].by_order):
            for world in self.worlds:
                self.taken.pop((world, instrument, row.side, row.price), None)

    def orders_on(self, instrument: int, world: int | None = None, side: int | None = None) -> list[OwnOrder]:
        """Resting orders in order of arrival, of one world or side if asked."""
        return [
            own
            for own in self.resting
            if own.instrument == instrument
            and (world is None or self.world_of[own.agent] == world)
            and (side is None or own.side == side)
        ]

    def on_trade(self, update: Update, trade: Row) -> None:
        makers = -trade.side
        for world in self.worlds:
            left = trade.qty
            ours = self.orders_on(update.instrument, world, makers)

            passed = [own for own in ours if better(makers, own.price, trade.price)]
            for own in sorted(passed, key=lambda own: best_first(makers, own.price)):  # stable: then by arrival
                own.ahead = 0
                left -= self.make(own, min(left, own.open), update.exch_ts)

            at_price = [own for own in ours if own.price == trade.price]
            if self.markets[update.instrument].by_order:
                for own in at_price:
                    if trade.order_id in self.markets[update.instrument].orders and trade.order_id in own.before:
                        continue
                    left -= self.make(own, min(left, own.open), update.exch_ts)
            else:
                self.share_trade(at_price, left, trade.qty, update.exch_ts)

    def share_trade(self, orders: list[OwnOrder], left: int, volume: int, now: int) -> None:
        """L2: foreign segments and our orders, laid out one behind another, are eaten from the front."""
        before = eaten = 0
        for own in orders:
            segment = max(0, own.ahead - before)
            before = max(before, own.ahead)
            foreign = min(left, segment)
            left -= foreign
            eaten += foreign
            own.ahead = max(0, own.ahead - eaten)
            own.traded += volume
            left -= self.make(own, min(left, own.open), now)

    def advance_queue(self, instrument: int, row: Row) -> None:
        """L3: a change or delete moves up the own orders that queue behind it."""
        known = self.markets[instrument].orders.get(row.order_id)
        if known is None:
            return
        side, price, old = known
        to_the_back = row.kind == ev.CHANGE and row.qty > old
        gone = old - row.qty if row.kind == ev.CHANGE and not to_the_back else old
        for own in self.orders_on(instrument, side=side):
            if own.price == price and row.order_id in own.before:
                own.ahead = max(0, own.ahead - gone)
        if to_the_back or row.kind == ev.DELETE:
            for own in self.orders_on(instrument):
                own.before.discard(row.order_id)

    def join_behind_snapshot(self, instrument: int) -> None:
        market = self.markets[instrument]
        for own in self.orders_on(instrument):
            own.ahead = market.recorded(own.side, own.price)
            own.before = set(market.orders)

    def level_changed(self, own: OwnOrder, now: int) -> None:
        seen, traded = own.seen, own.traded
        if now == seen:
            return
        own.seen, own.traded = now, 0
        change = seen - now - traded
        if change <= 0 or self.queue_model == "risk-averse":
            own.ahead = min(own.ahead, now)
            return
        base = max(0, seen - traded)
        back = max(0, base - own.ahead)
        p = behind_probability(self.queue_model, self.power, back, own.ahead)
        estimate = own.ahead - (1 - p) * change + min(0, back - p * change)
        own.ahead = min(now, max(0, math.ceil(estimate)))

    def cross(self, update: Update) -> None:
        """The recorded market has come to our resting orders: they trade as makers, at their own price."""
        market = self.markets[update.instrument]
        for world in self.worlds:
            for side in (BID, ASK):
                ours = self.orders_on(update.instrument, world, side)
                for own in sorted(ours, key=lambda own: best_first(own.side, own.price)):
                    if market.touch_reaches(-own.side, own.price):
                        taken = self.take_levels(own.instrument, world, own.side, own.price, own.open)
                        self.make(own, sum(lots for _, lots in taken), update.exch_ts)

    # ---- what is left of the recorded depth

    def available(self, instrument: int, world: int, side: int, price: int) -> int:
        """A = max(0, Q - C)."""
        recorded = self.markets[instrument].recorded(side, price)
        return max(0, recorded - self.taken.get((world, instrument, side, price), 0))

    def take_levels(self, instrument: int, world: int, side: int, limit: int, wanted: int) -> list[tuple[int, int]]:
        """Walk the opposite levels within `limit`, add to C, return (price, lots) of each level that gave something."""
        fills: list[tuple[int, int]] = []
        for price in self.markets[instrument].levels_within(-side, limit):
            lots = min(wanted, self.available(instrument, world, -side, price))
            if lots > 0:
                key = (world, instrument, -side, price)
                self.taken[key] = self.taken.get(key, 0) + lots
                fills.append((price, lots))
                wanted -= lots
        return fills

    # ---- messages

    def on_message(self, message: Message) -> None:
        if message.kind == PLACE:
            self.place(message)
            return
        own = next((own for own in self.resting if own.id == message.order), None)
        if own is None:
            self.respond(Record.CANCEL_REJECTED, message, message.ts, reason=Reject.UNKNOWN_ORDER)
            return
        still_open = message.qty - own.filled
        if message.kind == CANCEL or still_open <= 0:
            self.resting.remove(own)
            self.respond(Record.CANCELED, message, message.ts, qty=own.filled, leaves=own.open)
        elif still_open > own.open:
            self.respond(Record.CANCEL_REJECTED, message, message.ts, reason=Reject.UNKNOWN_ORDER)
        else:
            own.total = message.qty
            self.respond(Record.AMENDED, message, message.ts, qty=own.open)

    def place(self, message: Message) -> None:
        market = self.markets[message.instrument]
        world = self.world_of[message.agent]
        side, price, flags = message.side, message.price, message.flags

        def reject(reason: Reject) -> None:
            self.respond(Record.REJECTED, message, message.ts, reason=reason)

        if not market.valid:
            return reject(Reject.NO_BOOK)
        position = self.position.get((message.agent, message.instrument), 0)
        if flags & jn.REDUCE_ONLY and (message.qty > abs(position) or position * side > 0):
            return reject(Reject.REDUCE_ONLY)
        if flags & jn.POST_ONLY and market.touch_reaches(-side, price):
            if self.instruments[message.instrument].post_only == "reject":
                return reject(Reject.POST_ONLY)
            price = market.touch[-side][0] - side
        if any(reaches(side, price, own.price) for own in self.orders_on(message.instrument, world, -side)):
            return reject(Reject.SELF_TRADE)
        within = market.levels_within(-side, price)
        total = sum(self.available(message.instrument, world, -side, p) for p in within)
        if flags & jn.FOK and total < message.qty:
            return reject(Reject.FOK)

        own = OwnOrder(message, price, market.recorded(side, price))
        own.before = set(market.orders)
        self.respond(Record.ACCEPTED, message, message.ts, price=price, qty=message.qty, ahead=own.ahead)
        if not flags & jn.POST_ONLY:
            for level, lots in self.take_levels(message.instrument, world, side, price, own.open):
                self.fill(own, lots, level, message.ts, jn.FILL_TAKER)
        if own.open and flags & jn.IOC:
            self.respond(Record.CANCELED, message, message.ts, qty=own.filled, leaves=own.open, reason=Reject.IOC)
        elif own.open:
            self.resting.append(own)
        return None

    # ---- responses

    def make(self, own: OwnOrder, lots: int, now: int) -> int:
        """Fill a resting order as maker at its own price; gives back what was filled."""
        if lots > 0:
            self.fill(own, lots, own.price, now, 0)
            if own.open == 0:
                self.resting.remove(own)
        return lots

    def fill(self, own: OwnOrder, lots: int, price: int, now: int, flags: int) -> None:
        assert 0 < lots <= own.open
        own.filled += lots
        key = (own.agent, own.instrument)
        self.position[key] = self.position.get(key, 0) + own.side * lots
        self.responses.append(
            Entry(Record.FILL, 0, now, own.agent, own.instrument, own.id, own.side, price, lots, own.open,
                  own.entry_ahead, flags=flags)
        )  # fmt: skip

    def respond(self, kind: Record, message: Message, now: int, **fields: int) -> None:
        self.responses.append(Entry(kind, 0, now, message.agent, message.instrument, message.order, **fields))


def behind_probability(model: str, power: float, back: int, ahead: int) -> float:
    """P(cancel was behind us), in double precision as the table of models writes it."""
    if back + ahead == 0:
        return 1.0
    if model == "proportional":
        return back / (back + ahead)
    if model == "power":
        return back**power / (back**power + ahead**power)
    if model == "log":
        return math.log(1 + back) / (math.log(1 + back) + math.log(1 + ahead))
    raise ValueError(model)


def run_reference(
    instruments: Sequence[Instrument],
    exch: Any,
    local: Any,
    messages: Any,
    worlds: Sequence[int],
    *,
    queue_model: str = "risk-averse",
    power: float = 2.0,
    response_latency: int = 0,
) -> Result:
    """Deliver `messages` to a venue that replays `exch`, and book its responses against `local`.

    exch, local: EVENT rows by venue and by local time; messages: rows with the fields of Message, by arrival;
    worlds: the world of each agent; response_latency in ns.
    """
    at_venue, at_home = updates_of(exch), updates_of(local)
    by_order = {u.instrument for u in at_venue for row in u.rows if row.kind in ORDER_KINDS}

    def markets() -> list[Market]:
        return [Market(i in by_order) for i in range(len(instruments))]

    venue = Venue(markets(), instruments, worlds)
    venue.queue_model, venue.power = queue_model, power
    timeline: list[tuple[int, int, Any]] = [(u.exch_ts, 1, u) for u in at_venue]
    timeline += [(m[0], 2, Message(*m)) for m in messages.tolist()]
    for _, source, work in sorted(timeline, key=lambda item: item[:2]):
        venue.on_update(work) if source == 1 else venue.on_message(work)

    home = Home(markets(), instruments, len(worlds))
    timeline = [(u.local_ts, 3, u) for u in at_home]
    timeline += [(r.exch_ts + response_latency, 4, r) for r in venue.responses]
    for now, source, work in sorted(timeline, key=lambda item: item[:2]):
        home.on_update(work) if source == 3 else home.on_response(work, now)

    arrivals = sorted(venue.resting, key=lambda own: own.agent)  # stable: then by arrival
    left = [Resting(o.id, o.agent, o.instrument, o.side, o.price, o.open, o.ahead) for o in arrivals]
    return Result(home.journal, left)
