"""Random scenarios: small books, many crossings, shared queues, far prices, messages in flight. A seed names one.

A *calm* market keeps its price for long, has deep levels and small trades, so that our orders queue, also behind one
another, and are cancelled around; in the others the price wanders and jumps, books are crossed and one-sided.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from reference_records import AMEND, CANCEL, PLACE, Message, Row, Update
from scenarios import INSTRUMENTS, Scenario

from quotewright.domain import events as ev
from quotewright.domain import journal as jn
from quotewright.domain.events import ASK, BID

BASES = (150, 10_000, 6_000_000)  # around which price, in ticks
FAR = 3_000_000
MODELS = ("risk-averse", "proportional", "power", "power", "log")
FLAGS = (
    (0, 50),
    (jn.POST_ONLY, 24),
    (jn.IOC, 7),
    (jn.FOK, 7),
    (jn.REDUCE_ONLY, 5),
    (jn.REDUCE_ONLY | jn.IOC, 3),
    (jn.POST_ONLY | jn.REDUCE_ONLY, 2),
    (jn.POST_ONLY | jn.IOC, 1),
    (jn.FOK | jn.IOC, 1),
)


class Feed:
    """What both kinds of recording share: a wandering price, update ids, trades' prices."""

    def __init__(self, rng: random.Random, base: int, funded: bool, calm: bool) -> None:
        self.rng = rng
        self.calm = calm
        self.depth = 3 if calm else 8
        self.most = 40 if calm else 15
        self.mid = base
        self.seq = rng.choice((0, 1, 1000))
        self.numbered = self.seq > 0
        self.funded = funded
        self.gapped = False

    def resynchronises(self) -> bool:
        """After a gap a snapshot comes soon, but not at once."""
        due = self.gapped and self.rng.random() < 0.35
        self.gapped = self.gapped and not due
        return due

    def drift(self) -> None:
        if self.calm and self.rng.random() < 0.95:
            return
        self.mid = max(30, self.mid + self.rng.choice((-2, -1, -1, 0, 0, 0, 0, 1, 1, 2)))

    def next_seq(self) -> int:
        if self.numbered:
            self.seq += self.rng.choice((1, 1, 1, 2))
        return self.seq

    def other(self) -> list[Row]:
        """A gap, a status without meaning for the book, or funding."""
        chance = self.rng.random()
        if chance < 0.35:
            self.gapped = True
            return [Row(ev.STATUS, 0, ev.Status.BOOK_GAP, 0, 0, 0)]
        if chance < 0.55 or not self.funded:
            return [Row(ev.STATUS, 0, self.rng.choice((ev.Status.HALTED, ev.Status.TRADING)), 0, 0, 0)]
        return [Row(ev.FUNDING, 0, self.mid, self.rng.choice((10_000, -7_321, 1)), 0, 0)]

    def far_price(self) -> int:
        far = self.rng.randint(1, FAR)
        return self.mid + far if self.rng.random() < 0.5 or self.mid <= far + 1000 else self.mid - far

    def jump(self) -> None:
        """Move the whole market far away, and sometimes back."""
        self.mid = self.mid - FAR if self.mid > FAR + 1000 else self.mid + FAR


class LevelFeed(Feed):
    """L2: snapshots, level updates, notes, best pairs, trades."""

    def __init__(self, rng: random.Random, base: int, funded: bool, calm: bool) -> None:
        super().__init__(rng, base, funded, calm)
        self.levels: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
        self.printed: tuple[int, int, int] | None = None  # maker's side, price and volume not yet seen in a level

    def snapshot(self) -> list[Row]:
        if self.rng.random() < 0.04:
            self.jump()
        seq = self.next_seq()
        self.levels = {BID: {}, ASK: {}}
        rows = [Row(ev.CLEAR, 0, 0, 0, 0, seq)]
        for side in (BID, ASK):
            count = self.depth if self.calm else self.rng.choice((0, 2, 3, 4, 4, 5))
            for offset in sorted(self.rng.sample(range(1, self.depth + 1), count)):
                rows.append(self.level(side, self.mid - side * offset, self.rng.randint(1, self.most), seq))
        return rows

    def level(self, side: int, price: int, qty: int, seq: int) -> Row:
        self.levels[side][price] = qty
        if qty == 0:
            del self.levels[side][price]
        return Row(ev.LEVEL, side, price, qty, 0, seq)

    def next(self) -> list[Row]:
        if self.resynchronises():
            return self.snapshot()
        chance = self.rng.random()
        if chance < 0.46:
            return self.change_levels()
        if chance < 0.64:
            return self.trades()
        if chance < 0.84:
            return self.best_pair()
        if chance < 0.88:
            return [Row(ev.NOTE, 0, 0, 0, 0, self.next_seq())]
        if self.calm and self.rng.random() < 0.8:
            return self.change_levels()
        return self.snapshot() if chance < 0.94 else self.other()

    def change_levels(self) -> list[Row]:
        self.drift()
        seq = self.next_seq()
        rows: list[Row] = []
        if self.rng.random() < 0.8:  # a tidy feed removes what the price has passed
            for side in (BID, ASK):
                for price in [p for p in self.levels[side] if (p - self.mid) * side >= 0]:
                    rows.append(self.level(side, price, 0, seq))
        if self.printed and self.rng.random() < 0.7:  # what was traded is gone, and often some more
            side, price, volume = self.printed
            left = self.levels[side].get(price, 0) - volume - self.rng.choice((0, 0, 1, 3, 7, 12))
            if price in self.levels[side]:
                rows.append(self.level(side, price, max(left, 0), seq))
            self.printed = None
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            side = self.rng.choice((BID, ASK))
            known = list(self.levels[side])
            if known and self.rng.random() < 0.5:
                price = self.rng.choice(known)
            else:
                price = self.mid - side * self.rng.randint(1, self.depth)
            if self.rng.random() < 0.03:
                price = self.far_price()
            rows.append(self.level(side, price, self.quantity(self.levels[side].get(price, 0)), seq))
        return rows

    def quantity(self, before: int) -> int:
        """A level's new quantity: near the one before in a calm market, anything otherwise."""
        if self.calm and self.rng.random() < 0.8:
            return max(1, before + self.rng.randint(-9, 7))
        return self.rng.choice((0, 0, *range(1, self.most)))

    def best(self, side: int) -> int:
        prices = self.levels[side]
        return (max(prices) if side == BID else min(prices)) if prices else self.mid - side

    def trades(self) -> list[Row]:
        side = self.rng.choice((BID, ASK))
        offset = self.rng.choice((0, 0, 0, 0, 1) if self.calm else (0, 0, 0, 0, 1, 1, 2, 4, -1))
        price = self.best(-side) + side * offset
        volume = self.rng.choice((1, 1, 2, 3, 5, 8, 13, 30))
        self.printed = (-side, price, volume) if price in self.levels[-side] else None
        steps = self.rng.choice(((0,), (0,), (0,), (0, 0), (0, 1)))
        return [Row(ev.TRADE, side, price + side * step, volume, 0, 0) for step in steps]

    def best_pair(self) -> list[Row]:
        # As in the real recordings, a best pair is ahead of or behind the depth's numbers, or has none.
        ahead = self.rng.choice((0, -1, 0, 1, 2, 15))
        seq = max(self.seq + ahead, 0) if self.numbered and self.rng.random() < 0.85 else 0
        rows: list[Row] = []
        for side in (BID, ASK):
            price = self.best(side) + self.rng.choice((0,) if self.calm else (-1, 0, 0, 0, 0, 1))
            qty = self.levels[side].get(price, 0) if self.rng.random() < (0.8 if self.calm else 0.3) else 0
            rows.append(Row(ev.BEST, side, price, qty or self.rng.randint(1, self.most), 0, seq))
        if self.rng.random() < 0.02:
            rows[self.rng.choice((0, 1))] = Row(ev.BEST, rows[0].side, 0, 0, 0, seq)
            rows = [row._replace(side=side) for row, side in zip(rows, (BID, ASK), strict=True)]
        return rows


class OrderFeed(Feed):
    """L3: snapshots, orders added, changed and deleted, trades that name their maker."""

    def __init__(self, rng: random.Random, base: int, funded: bool, calm: bool) -> None:
        super().__init__(rng, base, funded, calm)
        self.orders: dict[int, tuple[int, int, int]] = {}
        self.last_id = 100
        self.due: list[list[Row]] = []  # what a trade makes the venue report next

    def snapshot(self) -> list[Row]:
        if self.rng.random() < 0.04:
            self.jump()
        kept = list(self.orders.items()) if self.rng.random() < 0.5 else []
        self.orders, self.due = {}, []
        rows = [Row(ev.CLEAR, 0, 0, 0, 0, self.next_seq())]
        for id_, (side, price, qty) in kept:
            rows.append(self.add(side, price, qty, id_))
        for _ in range(self.rng.randint(3, 8)):
            rows.append(self.add(*self.new_order()))
        return rows

    def new_order(self) -> tuple[int, int, int, int]:
        side = self.rng.choice((BID, ASK))
        price = self.mid - side * self.rng.randint(1, 2 if self.calm else 5)
        if self.rng.random() < 0.02:
            price = self.far_price()
        self.last_id += 1
        return side, price, self.rng.randint(1, 12), self.last_id

    def add(self, side: int, price: int, qty: int, id_: int) -> Row:
        self.orders[id_] = (side, price, qty)
        return Row(ev.ADD, side, price, qty, id_, self.seq)

    def next(self) -> list[Row]:
        if self.resynchronises():
            return self.snapshot()
        if self.due and self.rng.random() < 0.85:
            return self.due.pop(0)
        chance = self.rng.random()
        if chance < 0.32 or not self.orders:
            self.drift()
            self.next_seq()
            return [self.add(*self.new_order())]
        if chance < 0.68:
            return self.change(self.rng.choice(list(self.orders)))
        if chance < 0.90:
            return self.trade()
        if chance < (0.91 if self.calm else 0.93):
            return self.snapshot()
        if chance < 0.95:  # a pair that an order-level book has no use for
            return [Row(ev.BEST, side, self.mid - side * 2, 5, 0, self.seq + 1) for side in (BID, ASK)]
        if chance < 0.96:  # an order that was never announced
            return [Row(ev.DELETE, self.rng.choice((BID, ASK)), self.mid, 1, 99, self.seq)]
        return self.other()

    def change(self, id_: int) -> list[Row]:
        side, price, qty = self.orders[id_]
        chance = self.rng.random()
        seq = self.next_seq()
        if chance < 0.5:
            del self.orders[id_]
            return [Row(ev.DELETE, side, price, self.rng.choice((0, qty)), id_, seq)]
        now = qty + self.rng.randint(1, 5) if chance < 0.7 else self.rng.randint(1, qty)
        self.orders[id_] = (side, price, now)
        return [Row(ev.CHANGE, side, price, now, id_, seq)]

    def trade(self) -> list[Row]:
        side = self.rng.choice((BID, ASK))
        makers = sorted((-side * -price, id_) for id_, (s, price, _) in self.orders.items() if s == -side)
        if not makers or self.rng.random() < 0.15:  # prints without a known maker
            price = self.mid + side * self.rng.choice((0, 1, 1, 2, 3))
            return [Row(ev.TRADE, side, price, self.rng.randint(1, 12), self.rng.choice((0, 98)), 0)]
        id_ = makers[0][1] if self.rng.random() < 0.8 else self.rng.choice(makers)[1]
        _, price, qty = self.orders[id_]
        volume = self.rng.choice((qty, qty, self.rng.randint(1, qty)))
        if volume == qty:
            del self.orders[id_]
            self.due.append([Row(ev.DELETE, -side, price, 0, id_, self.seq)])
        else:
            self.orders[id_] = (-side, price, qty - volume)
            self.due.append([Row(ev.CHANGE, -side, price, qty - volume, id_, self.seq)])
        return [Row(ev.TRADE, side, price, volume, id_, 0)]


def random_scenario(seed: int) -> Scenario:
    """The scenario of a seed: 1 to 3 instruments, 1 to 4 agents in 1 to 3 worlds, 5 to 40 orders."""
    rng = random.Random(seed)
    names = tuple(rng.choice(tuple(INSTRUMENTS)) for _ in range(rng.choice((1, 1, 1, 2, 2, 3))))
    feeds: list[LevelFeed | OrderFeed] = []
    for name in names:
        kind = LevelFeed if rng.random() < 0.6 else OrderFeed
        feeds.append(kind(rng, rng.choice(BASES), INSTRUMENTS[name].kind != "spot", rng.random() < 0.6))

    agents = rng.randint(1, 4)
    drawn = [rng.randrange(rng.randint(1, 3)) for _ in range(agents)]
    worlds = tuple(sorted(set(drawn)).index(world) for world in drawn)
    updates, mids = record(rng, feeds, rng.randint(20, 80))
    messages = sorted(correspond(rng, mids, agents, feeds, rng.choice((5, 10, 15, 20, 40))), key=lambda m: m.ts)
    return Scenario(
        instruments=names,
        updates=tuple(updates),
        messages=tuple(messages),
        worlds=worlds,
        queue_model=rng.choice(MODELS),
        power=rng.choice((1.0, 2.0, 3.0)),
        response_latency=rng.choice((0, 0, 1, 3, 10)),
    )


Mids = list[tuple[int, list[int]]]  # the time of each update, and every feed's price then


def record(rng: random.Random, feeds: list[LevelFeed | OrderFeed], count: int) -> tuple[list[Update], Mids]:
    """`count` updates of the feeds by venue time; each stream of an instrument arrives at home in its own order."""
    now = 1000
    arrived: dict[tuple[int, int], int] = {}
    updates: list[Update] = []
    mids: Mids = []
    opening = [i for i in range(len(feeds)) if rng.random() < 0.9]
    for n in range(count):
        now += rng.choice((0, 0, 1, 1, 2, 5))
        i = opening[n] if n < len(opening) else rng.randrange(len(feeds))
        feed = feeds[i]
        rows = feed.snapshot() if n < len(opening) else feed.next()
        stream = rows[0].kind if isinstance(feed, LevelFeed) and rows[0].kind in (ev.BEST, ev.TRADE) else 0
        local = max(arrived.get((i, stream), 0), now + rng.choice((0, 0, 1, 2, 2, 6)))
        arrived[i, stream] = local
        updates.append(Update(now, local, i, tuple(rows)))
        mids.append((now, [feed.mid for feed in feeds]))
    return updates, mids


def correspond(
    rng: random.Random, mids: Mids, agents: int, feeds: list[LevelFeed | OrderFeed], orders: int
) -> Iterator[Message]:
    """Orders near the price of their time, then cancels and amends: early, late, twice, of unknown orders."""
    for order in range(1, orders + 1):
        ts, prices = rng.choice(mids)
        ts += rng.choice((0, 0, 0, 1, 3))
        agent, i = rng.randrange(agents), rng.randrange(len(feeds))
        side = rng.choice((BID, ASK))
        queues = feeds[i].calm and rng.random() < 0.85
        offsets = (1, 1, 1, 1, 2, 3) if queues else (-6, -3, -2, -1, -1, 0, 1, 1, 1, 2, 2, 3, 4)
        price = prices[i] - side * rng.choice(offsets)
        if rng.random() < 0.02:
            price += rng.choice((FAR, 50_000, -20))
        flags = rng.choices([f for f, _ in FLAGS], [weight for _, weight in FLAGS])[0]
        qty = rng.choice((1, 2, 3, 4, 5, 6) if queues else (1, 2, 3, 4, 5, 8, 12, 25))
        yield Message(ts, order, price, qty, agent, i, PLACE, side, flags)
        for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
            later = max(1000, ts + rng.choice((-2, 0, 1, 5, 10, 20, 40, 80)))
            named = order if rng.random() < 0.95 else 5000 + order
            if rng.random() < 0.5:
                yield Message(later, named, 0, 0, agent, i, CANCEL, 0, 0)
            else:
                yield Message(later, named, price, rng.randint(0, qty + 1), agent, i, AMEND, side, 0)
