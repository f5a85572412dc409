"""Facts out of ccxt: every execution report, exactly, through ccxt's own parsing and caches."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID, CLEAR, ESTIMATED_TIME, LAST, LEVEL, STATUS, Status
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import Reject
from quotewright.gateway.port import OrderReport, OrderStatus, Source, TradeReport

pytest.importorskip("ccxt")

from quotewright.venues.ccxt_exchange import Taps, make_exchange
from quotewright.venues.ccxt_feed import BookRows, CcxtFeed
from quotewright.venues.ccxt_markets import capabilities, differences, find_market, restated, rules, stated_instrument
from quotewright.venues.ccxt_reports import Reader, VenueIds, atoms, plain
from quotewright.venues.ccxt_settings import CcxtSettings
from quotewright.venues.ccxt_stream import Unread

_FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00", "tickSize": "0.01000000"},
    {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
    {"filterType": "NOTIONAL", "minNotional": "5.00000000", "maxNotional": "9000000.00"},
]
_INFO = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "baseAssetPrecision": 8,
    "quotePrecision": 8,
    "orderTypes": ["LIMIT", "LIMIT_MAKER"],
    "isSpotTradingAllowed": True,
    "filters": _FILTERS,
    "permissions": ["SPOT"],
}
_BTC = Instrument(
    "binance-spot", "BTCUSDT", "spot", "BTC", "USDT", tick="0.01", lot="0.00001", min_qty="0.00001", max_qty="9000",
    min_notional="5", fee_asset="received",
)  # fmt: skip


class _Client:
    """What a message handler wants of a connection."""

    url = "ws://127.0.0.1/stream"

    def __init__(self) -> None:
        self.subscriptions: dict[str, Any] = {"spot": True}

    def resolve(self, result: Any, name: str) -> None:
        """Nobody waits."""

    def reject(self, result: Any, name: str = "") -> None:
        """Nobody waits."""


class _Heard:
    def __init__(self) -> None:
        self.facts: list[OrderReport | TradeReport] = []
        self.wrong: list[str] = []
        self.reader = Reader([_BTC], ["BTC/USDT"], binance=True)
        taps = Taps(
            lambda raw: self.facts.append(self.reader.order(raw, Source.STREAM)),
            lambda raw: self.facts.append(self.reader.trade(raw, Source.STREAM)),
            lambda raw, wrong: self.wrong.append(wrong),
            lambda why: None,
            lambda headers: None,
        )
        self.exchange = make_exchange(CcxtSettings(exchange="binance"), None, taps, exact=True)
        self.exchange.options |= {"crossMarginPairsData": [], "isolatedMarginPairsData": []}
        self.exchange.set_markets([self.exchange.parse_market(_INFO)])
        self.client = _Client()

    def hear(self, **changes: Any) -> None:
        event = {
            "e": "executionReport", "E": 1_700_000_000_002, "s": "BTCUSDT", "c": "qw-1", "S": "BUY", "o": "LIMIT",
            "f": "GTC", "q": "1.00000000", "p": "61000.01000000", "P": "0.00000000", "F": "0.00000000", "g": -1,
            "C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 42, "l": "0.00000000", "z": "0.00000000",
            "L": "0.00000000", "n": "0", "N": None, "T": 1_700_000_000_001, "t": -1, "I": 1, "w": True, "m": False,
            "M": False, "O": 1_700_000_000_000, "Z": "0.00000000", "Y": "0.00000000", "Q": "0.00000000",
        }  # fmt: skip
        message = {"subscriptionId": 0, "event": {**event, **changes}}
        self.exchange.handle_message(self.client, json.loads(json.dumps(message)))

    def fill(self, number: int, filled: str, **changes: Any) -> None:
        fill = {"x": "TRADE", "X": "PARTIALLY_FILLED", "l": "0.00001000", "L": "61000.01", "z": filled, "t": number}
        self.hear(**{**fill, "n": "0.00000001", "N": "BTC", "I": 100 + number, "m": True, **changes})


def test_a_burst_between_two_turns_of_the_loop_is_delivered_report_by_report() -> None:
    heard = _Heard()
    heard.hear()
    for number in range(60):
        heard.fill(number, f"{(number + 1) * 0.00001:.8f}")
    heard.fill(7, "0.00008000")  # again, and late: passed on as it is, the gateway drops it
    heard.hear(x="CANCELED", X="CANCELED", z="0.00060000", C="qw-1", c="another", I=999)
    orders = [fact for fact in heard.facts if isinstance(fact, OrderReport)]
    trades = [fact for fact in heard.facts if isinstance(fact, TradeReport)]
    assert [order.filled for order in orders] == [0, *range(1, 61), 8, 60]
    assert [trade.trade_id for trade in trades] == [*range(60), 7]
    assert {(trade.client_id, trade.fee, trade.fee_asset, trade.maker) for trade in trades} == {
        ("qw-1", 1, "BTC", True)
    }
    assert {order.client_id for order in orders} == {"qw-1"}
    assert [order.execution_id for order in orders] == [1, *range(100, 160), 107, 999]
    assert orders[-1].status is OrderStatus.CANCELED
    assert heard.wrong == []


@given(
    price=st.integers(1, 10**14),
    qty=st.integers(1, 10**13),
    filled=st.integers(0, 10**13),
    fee=st.integers(0, 10**16),
)
def test_the_venues_digits_arrive_whole(price: int, qty: int, filled: int, fee: int) -> None:
    heard = _HEARD
    heard.facts.clear()
    filled = min(filled, qty)
    digits = {"p": (price, 2), "q": (qty, 5), "z": (filled, 5), "n": (fee, 8), "l": (qty, 5), "L": (price, 2)}
    text = {name: format(Decimal(number).scaleb(-places), "f") for name, (number, places) in digits.items()}
    heard.fill(price, text.pop("z"), i=price % 1000 + 1, X="FILLED" if filled == qty else "PARTIALLY_FILLED", **text)
    trade, order = heard.facts
    assert isinstance(order, OrderReport)
    assert isinstance(trade, TradeReport)
    assert (order.price, order.qty, order.filled) == (price, qty, filled)
    assert (trade.price, trade.qty, trade.fee, trade.trade_id) == (price, qty, fee, price)
    assert order.status is (OrderStatus.FILLED if filled == qty else OrderStatus.OPEN)
    assert order.time == trade.time == 1_700_000_000_001 * 10**6


_HEARD = _Heard()


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"x": "EXPIRED", "X": "EXPIRED", "f": "IOC", "z": "0.5"}, OrderStatus.EXPIRED, Reject.IOC),
        ({"x": "EXPIRED", "X": "EXPIRED", "f": "FOK"}, OrderStatus.EXPIRED, Reject.FOK),
        ({"x": "EXPIRED", "X": "EXPIRED"}, OrderStatus.CANCELED, Reject.OTHER),
        ({"x": "TRADE_PREVENTION", "X": "EXPIRED_IN_MATCH"}, OrderStatus.CANCELED, Reject.SELF_TRADE),
        ({"x": "REJECTED", "X": "REJECTED", "r": "INSUFFICIENT_BALANCES"}, OrderStatus.REJECTED, Reject.OTHER),
    ],
)
def test_how_an_order_ended_is_told_apart(changes: dict[str, str], status: OrderStatus, reason: int) -> None:
    heard = _Heard()
    heard.hear(**changes)
    (order,) = heard.facts
    assert isinstance(order, OrderReport)
    assert (order.status, order.reason, order.side) == (status, reason, BID)


def test_what_cannot_be_read_is_told_and_does_not_end_the_stream() -> None:
    heard = _Heard()
    for changes in ({"q": "1.000001"}, {"p": "61000.001"}, {"X": "GHOST"}, {"i": None}, {"z": None, "X": "WHAT"}):
        heard.hear(**changes)  # an exception in a tap passes through ccxt, as one of ccxt's own would
    heard.exchange.handle_message(heard.client, {"subscriptionId": 0, "event": {"e": "executionReport", "x": "TRADE"}})
    assert len(heard.wrong) >= 5
    assert heard.facts == []
    heard.hear(i=43)
    assert len(heard.facts) == 1


def test_ids_that_are_no_numbers_become_some_and_come_back() -> None:
    ids = VenueIds()
    texts = ["OABCDE-FGHIJ-KLMNOP", "0012", "9" * 30, "3f1e0b1e-7b0a-4b6e-9f0e-000000000001"]
    numbers = [ids.number(text) for text in texts]
    assert len(set(numbers)) == len(texts)
    assert all(0 < number < 2**63 and not ids.ordered(number) for number in numbers)
    assert [ids.text(number) for number in numbers] == texts
    assert (ids.number("77"), ids.text(77), ids.ordered(77)) == (77, "77", True)
    assert VenueIds().number(texts[0]) == numbers[0]
    assert VenueIds().text(numbers[0]) == ""


def test_amounts_are_exact_and_fees_are_never_understated() -> None:
    told = [plain(value, "x") for value in (1e-08, "1E-8", 0.1, "0.10", 5)]
    assert told == ["0.00000001", "0.00000001", "0.1", "0.10", "5"]
    assert [atoms(text, "fee") for text in ("0.000000011", "-0.000000011", "0.1", "0")] == [2, -2, 10**7, 0]
    with pytest.raises(ParseError):
        plain(None, "price")


def test_the_market_is_the_instrument_in_the_venues_own_digits() -> None:
    exchange = _HEARD.exchange
    market = find_market(exchange, _BTC)
    told = stated_instrument(exchange, market, "binance-spot", "BTCUSDT", {"maker": "0.00075000", "taker": "0.001"})
    assert (told.tick, told.lot, told.min_notional, told.maker_rate) == ("0.01", "0.00001", "5", "0.00075")
    assert differences(_BTC, restated(_BTC, told, fees_told=False)) == []
    found = differences(_BTC, restated(_BTC, told, fees_told=True))
    assert found == [("maker_rate", "0", "0.00075"), ("taker_rate", "0", "0.001")]
    coarser = differences(replace(_BTC, tick="0.001", max_qty="0", base="XBT"), told)
    assert [field for field, _, _ in coarser] == ["tick", "maker_rate", "taker_rate", "base"]
    can = capabilities(exchange, [market], account=True)
    assert (can.post_only, can.cancel_all, can.query_by_client_id, can.user_stream) == (True, True, True, True)
    assert (can.amend, can.reduce_only, can.dead_man_switch) == (False, False, False)
    told = {"rateLimits": [{"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100}]}
    assert [(rule.kind, rule.interval, rule.limit) for rule in rules(exchange, told)] == [("orders", 10**10, 100)]
    assert rules(exchange, {})[0].limit == 1200


def test_trades_become_rows_once_each() -> None:
    sent = [
        [{"id": "7", "side": "buy", "price": 61000.01, "amount": 0.00002, "timestamp": 5}],
        [{"id": "7", "side": "buy", "price": 61000.01, "amount": 0.00002, "timestamp": 5}],  # after a reconnection
        [{"id": "x-9", "side": "sell", "price": 1e-2, "amount": 1e-05, "timestamp": None}],
    ]

    class Exchange:
        async def watch_trades(self, symbol: str) -> list[dict[str, Any]]:
            if not sent:
                raise ConnectionError
            return sent.pop(0)

    chunks: list[Any] = []
    settings = CcxtSettings(exchange="binance")
    feed = CcxtFeed(
        [_BTC], lambda rows, now: chunks.append(rows), lambda *_: None, Unread(lambda _: None, 1), settings,
        lambda: 99, Random(1),
    )  # fmt: skip
    feed._exchange = Exchange()
    with pytest.raises(ConnectionError):
        asyncio.run(feed._trades(0, "BTC/USDT"))
    first, second = (chunk[0] for chunk in chunks)
    assert (first["side"], first["price"], first["qty"], first["seq"]) == (BID, 6_100_001, 2, 7)
    assert (first["exch_ts"], first["local_ts"], first["flags"]) == (5_000_000, 99, LAST)
    assert (second["side"], second["price"], second["qty"]) == (ASK, 1, 1)
    assert (second["exch_ts"], second["flags"], second["seq"] > 2**60) == (99, LAST | ESTIMATED_TIME, True)


_SIDES = st.dictionaries(st.integers(1, 400), st.integers(1, 10**9), max_size=30)


@given(st.lists(st.tuples(_SIDES, _SIDES, st.booleans()), min_size=1, max_size=12))
def test_rows_lead_from_each_window_to_the_next(updates: list[tuple[dict[int, int], dict[int, int], bool]]) -> None:
    depth = 10
    book = BookRows(_BTC, 3, depth)
    built: dict[tuple[int, int], int] = {}
    for now, (bids, asks, gap) in enumerate(updates, start=1):
        if gap:
            events = book.gap(now)
            assert (events["kind"][0], events["price"][0], events["flags"][0] & LAST) == (STATUS, Status.BOOK_GAP, LAST)
        levels = {BID: sorted(bids.items(), reverse=True)[:depth], ASK: sorted(asks.items())[:depth]}
        raw = {
            name: [[ticks / 100, lots / 100000] for ticks, lots in levels[side]]
            for side, name in ((BID, "bids"), (ASK, "asks"))
        }
        fresh = not book.valid
        events = book.rows({**raw, "nonce": now, "timestamp": 5}, now)
        if events is not None:
            assert (events["kind"][0] == CLEAR) == fresh
            assert list(events["flags"] & LAST) == [0] * (len(events) - 1) + [LAST]
            assert set(events["instrument"]) == {3}
            assert set(events["seq"]) == {now}
            if fresh:
                built.clear()
            for event in events[events["kind"] == LEVEL]:
                built[int(event["side"]), int(event["price"])] = int(event["qty"])
        shown = {place: lots for place, lots in built.items() if lots}
        assert shown == {(side, ticks): lots for side in levels for ticks, lots in levels[side]}
