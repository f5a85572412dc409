"""The markets behind the venue: each says truly what an order would meet, tells every change, and loses no lot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from venue_harness import START, Harness, instrument

from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BID, CLEAR, EVENT, LAST, LEVEL, TRADE, EventArray
from quotewright.domain.journal import FOK, IOC, POST_ONLY, Reject
from quotewright.exchange.markets import HOUSE, NOBODY, Market, Print
from quotewright.exchange.price_time import PriceTimeBook
from quotewright.exchange.quiet_market import QuietSettings
from quotewright.exchange.replay_market import ReplaySettings, ReplayVenueMarket
from quotewright.exchange.settings import AccountSettings, ExchangeSettings
from quotewright.exchange.synthetic_market import SyntheticSettings
from quotewright.sessions.importing import store_events
from quotewright.simulation.synthetic_exchange import MatchingEngine

MS = 10**6


class Recording:
    """Rows in memory where a dataset is expected."""

    name = "test:BTCUSDT"

    def __init__(self, rows: Sequence[tuple[int, int, int, int, int, int]]) -> None:
        self._rows = events(rows)

    def chunks(self) -> Iterator[EventArray]:
        yield self._rows


def events(rows: Sequence[tuple[int, int, int, int, int, int]]) -> EventArray:
    """From (ms, kind, side, price, lots, last)."""
    made = np.zeros(len(rows), dtype=EVENT)
    for row, (ms, kind, side, price, qty, last) in zip(made, rows, strict=True):
        row["exch_ts"] = row["local_ts"] = 10**15 + ms * MS
        row["kind"], row["side"], row["price"], row["qty"], row["flags"] = kind, side, price, qty, LAST * last
    return made


BOOK = [
    (0, CLEAR, 0, 0, 0, 0),
    (0, LEVEL, BID, 99, 20, 0),
    (0, LEVEL, BID, 100, 10, 0),
    (0, LEVEL, ASK, 103, 8, 0),
    (0, LEVEL, ASK, 104, 30, 1),
]


def recorded(*rows: tuple[int, int, int, int, int, int], loop: bool = False) -> ReplayVenueMarket:
    """A market that begins with BOOK."""
    dataset: Any = Recording([*BOOK, *rows])
    return ReplayVenueMarket(dataset, START, loop=loop)


def fuzzed() -> ReplayVenueMarket:
    """A recording of levels and trades at random, now and then locked or crossed by what accounts place."""
    rng, rows = Random(11), list(BOOK)
    for ms in range(1, 3000):
        side = rng.choice([BID, ASK])
        if rng.random() < 0.3:
            rows.append((ms, TRADE, side, 103 if side == BID else 100, rng.randrange(1, 9), 1))
        else:
            price = 100 - rng.randrange(4) if side == BID else 103 + rng.randrange(4)
            rows.append((ms, LEVEL, side, price, rng.randrange(0, 30), 1))
    return recorded(*rows)


MARKETS: dict[str, tuple[Callable[[], Market], int]] = {
    "quiet": (lambda: QuietSettings(instrument("BTC"), 3, 101, levels=4, qty=20, take_qty=30).open(START), 101),
    "replay": (fuzzed, 101),
    "synthetic": (lambda: SyntheticSettings("transitional", 3).open(START), 120_000),
}


class Mirror:
    """The book as the market's changes build it."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.levels: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
        self.update()

    def update(self) -> list[Print]:
        for _, side, price, qty in self.market.take_changes():
            self.levels[side][price] = qty
            if not qty:
                del self.levels[side][price]
        return self.market.take_prints()

    def best(self, side: int) -> int:
        return max(self.levels[side], key=lambda price: price * side, default=0)


@pytest.mark.parametrize("name", MARKETS)
def test_what_an_order_would_meet_is_what_it_meets(name: str) -> None:
    make, middle = MARKETS[name]
    market, rng, now = make(), Random(name), START
    mirror = Mirror(market)
    resting: dict[int, tuple[int, int, int, int]] = {}  # number -> owner, side, price, open lots
    fills = met_own = 0

    def settle(prints: list[Print]) -> None:
        for done in prints:
            if done.maker in resting:
                owner, side, price, left = resting.pop(done.maker)
                assert (side, price, left >= done.qty) == (-done.side, done.price, True)
                if left > done.qty:
                    resting[done.maker] = (owner, side, price, left - done.qty)

    for number in range(1, 900):
        now += rng.randrange(40) * MS
        market.advance(now)
        settle(mirror.update())
        if mirror.best(BID) and mirror.best(ASK):
            assert mirror.best(BID) < mirror.best(ASK)
            middle = (mirror.best(BID) + mirror.best(ASK)) // 2
        owner, side, qty = rng.choice([1, 2]), rng.choice([BID, ASK]), rng.randrange(1, 40)
        price = max(middle + rng.randrange(-4, 5), 1)
        flags = rng.choice([0, 0, IOC, FOK, POST_ONLY])
        if resting and rng.random() < 0.15:
            gone = rng.choice(list(resting))
            market.cancel(gone, now)
            _, gone_side, gone_price, lots = resting.pop(gone)
            before = mirror.levels[gone_side].get(gone_price, 0)
            mirror.update()
            assert mirror.levels[gone_side].get(gone_price, 0) == before - lots
            continue
        if rng.random() < 0.5 and not flags & POST_ONLY:
            met = market.own_met(owner, side, price, qty)
            assert {resting[order][0] for order in met} <= {owner}
            for order in met:
                market.cancel(order, now)
                del resting[order]
            met_own += len(met)
            expected, excluded = market.reach(owner, side, price, qty), owner
        else:
            expected, excluded = market.reach(NOBODY, side, price, qty), NOBODY
        mirror.update()
        status = market.place(number, owner, side, price, qty, flags, now)
        prints = mirror.update()
        if flags & POST_ONLY and expected[0]:
            assert (status, prints) == (Reject.POST_ONLY, [])
        elif flags & FOK and expected[0] < qty:
            assert (status, prints) == (Reject.FOK, [])
        else:
            assert status == 0
            assert (sum(p.qty for p in prints), sum(p.qty * p.price for p in prints)) == expected
            assert all((p.side, p.taker) == (side, number) and (price - p.price) * side >= 0 for p in prints)
            assert excluded == NOBODY or not {p.maker for p in prints} & {n for n in resting if resting[n][0] == owner}
            settle(prints)
            fills += len(prints)
            if expected[0] < qty and not flags & (IOC | FOK):
                resting[number] = (owner, side, price, qty - expected[0])
                assert mirror.levels[side][price] >= qty - expected[0]
    assert fills > 100
    assert met_own >= 5


orders = st.lists(
    st.tuples(
        st.sampled_from([BID, ASK]),
        st.integers(95, 105),
        st.integers(1, 9),
        st.sampled_from([0, 0, IOC, FOK, POST_ONLY]),
    ),
    max_size=60,
)


@profile(max_examples=60, deadline=None)
@given(orders, st.randoms(use_true_random=False))
def test_the_small_book_matches_as_the_compiled_one(given_orders: list[tuple[int, int, int, int]], rng: Random) -> None:
    book, engine = PriceTimeBook(), MatchingEngine()
    ids: dict[int, int] = {}
    for number, (side, price, qty, flags) in enumerate(given_orders, 1):
        answer = engine.submit(side, price, qty, now=number, flags=flags)
        assert book.place(number, HOUSE, side, price, qty, flags, number) == answer.status
        ids[answer.order_id] = number
        done = [
            Print(ts, price, qty, side, ids[maker], ids[taker])
            for ts, _, side, price, qty, maker, taker, *_ in engine.take_executions().tolist()
        ]
        assert book.prints == done
        book.prints.clear()
        if rng.random() < 0.2:
            open_ids = [order_id for order_id in ids if engine.is_open(order_id)]
            if open_ids:
                gone = rng.choice(open_ids)
                engine.cancel(gone, now=number)
                book.cancel(ids[gone], number)
        for each in (BID, ASK):
            assert [(at, book.level(each, at)) for at in book.prices(each)] == [
                (p, q) for p, q, _ in engine.depth(each)
            ]


def test_a_resting_order_waits_behind_what_was_there() -> None:
    market = recorded(
        (10, TRADE, ASK, 100, 6, 1),  # 4 left ahead
        (20, LEVEL, BID, 100, 50, 1),  # those who come are behind
        (30, LEVEL, BID, 100, 3, 1),  # and leave, and one of those before
        (40, TRADE, ASK, 100, 4, 1),  # 3 ahead, 1 for the first
        (50, TRADE, ASK, 99, 5, 1),  # through the price: all that is left at 100, then the recorded 99
    )
    market.place(1, 1, BID, 100, 2, 0, START)
    market.place(2, 2, BID, 100, 3, 0, START)
    market.take_changes()
    seen = []
    for ms in (10, 20, 30, 40, 50):
        market.advance(START + ms * MS)
        seen.append([(p.price, p.qty, p.maker) for p in market.take_prints()])
    assert seen[:3] == [[(100, 6, 0)], [], []]
    assert seen[3] == [(100, 1, 1), (100, 3, 0)]
    assert seen[4] == [(100, 1, 1), (100, 3, 2), (99, 1, 0)]


def test_what_was_taken_stays_taken_until_the_recording_reports_the_price() -> None:
    market = recorded((10, LEVEL, BID, 98, 1, 1), (20, LEVEL, ASK, 103, 9, 1))
    market.place(1, 1, BID, 104, 10, IOC, START)
    assert [(p.price, p.qty) for p in market.take_prints()] == [(103, 8), (104, 2)]
    market.advance(START + 10 * MS)
    assert market.reach(NOBODY, BID, 0, 10**6) == (28, 28 * 104)
    market.advance(START + 20 * MS)
    assert market.reach(NOBODY, BID, 0, 10**6) == (37, 28 * 104 + 9 * 103)


def test_a_recorded_order_that_crosses_an_account_s_has_met_it() -> None:
    market = recorded((10, LEVEL, ASK, 101, 7, 0), (10, LEVEL, ASK, 102, 4, 1))
    market.place(1, 1, BID, 102, 9, 0, START)
    market.advance(START + 10 * MS)
    assert [(p.price, p.qty, p.side, p.maker) for p in market.take_prints()] == [(102, 7, ASK, 1), (102, 2, ASK, 1)]
    mirror = Mirror(market)
    assert mirror.levels == {BID: {100: 10, 99: 20}, ASK: {102: 2, 103: 8, 104: 30}}


def test_a_recording_goes_on_from_its_beginning_and_orders_stay() -> None:
    market = recorded((10, LEVEL, BID, 101, 5, 1), loop=True)
    mirror = Mirror(market)
    market.place(1, 1, BID, 97, 6, 0, START)
    for _ in range(3):
        due = market.next_due()
        market.advance(due)
        mirror.update()
        assert market.next_due() > due
    assert mirror.levels == {
        BID: {97: 6, 99: 20, 100: 10} | ({101: 5} if 101 in mirror.levels[BID] else {}),
        ASK: {103: 8, 104: 30},
    }
    once = recorded((10, LEVEL, BID, 101, 5, 1))
    once.advance(START + 10**12)
    assert once.next_due() == 2**63 - 1


def test_a_stored_recording_is_served_as_a_spot_pair(tmp_path: Path) -> None:
    rows = events([*BOOK, *((ms, LEVEL, BID, 100, ms, 1) for ms in range(1, 2000))])
    linear = replace(instrument("BTC"), kind="linear", fee_asset="settle", symbol="btc-usdt")
    store_events(
        tmp_path, linear, [rows], lambda: {"format": "test", "sources": [], "refused": {}, "notes": []}, "none"
    )
    market = ReplaySettings(tmp_path, "venue:btc-usdt")
    harness = Harness(ExchangeSettings([market], [AccountSettings("a", [], {})]))
    conn = harness.connect("/ws/btcusdt@depth@100ms")
    harness.run(5 * 10**9)
    assert harness.rest("depth", {"symbol": "BTCUSDT"}, "")[1]["asks"] == [
        ["1.03000000", "0.00800000"],
        ["1.04000000", "0.03000000"],
    ]
    told = harness.frames[conn]
    assert [event["U"] for event in told[1:]] == [event["u"] + 1 for event in told[:-1]]
    assert len(told) > 25
    inverse = replace(linear, kind="inverse", symbol="BTCUSD")
    store_events(
        tmp_path, inverse, [rows], lambda: {"format": "test", "sources": [], "refused": {}, "notes": []}, "none"
    )
    with pytest.raises(InputError, match="inverse contract"):
        _ = ReplaySettings(tmp_path, "venue:BTCUSD").instrument
