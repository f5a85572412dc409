"""Any venue that ccxt has WebSockets for, behind `gateway.port`: orders by REST, facts from its user stream.

Tasks on the running loop do the work; nothing here blocks, retries or resends. Every request has our own time-out on
top of ccxt's, and ends in exactly one answer or Failure.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from fractions import Fraction
from random import Random
from typing import Any

from quotewright.domain.errors import InputError, ParseError, QuotewrightError
from quotewright.domain.events import BID, EventArray
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import Reject
from quotewright.gateway.port import (
    Alarm,
    Balances,
    CancelAllDone,
    Capabilities,
    Cleared,
    Cost,
    Fact,
    Failure,
    FailureKind,
    NewOrder,
    OpenOrders,
    OrderStatus,
    Source,
    TradeList,
    Used,
)
from quotewright.venues import ccxt_markets
from quotewright.venues.ccxt_dead_man import DeadManSwitch
from quotewright.venues.ccxt_exchange import BINANCE_FAMILY, FATE, Fate, Taps, ccxt_pro, make_exchange
from quotewright.venues.ccxt_failures import failure
from quotewright.venues.ccxt_feed import CcxtFeed
from quotewright.venues.ccxt_orders import MILLISECOND, as_number, completed, listed, order_params
from quotewright.venues.ccxt_reports import Reader
from quotewright.venues.ccxt_settings import SECOND, CcxtKey, CcxtSettings
from quotewright.venues.ccxt_stream import Unread, UserStream

NEVER = 2**63 - 1
# Binance's weights of 2025; of another venue every request counts one, as ccxt paces them.
_BINANCE_WEIGHT = {"query_order": 4, "open_orders": 6, "trades": 20, "balances": 20}
_MOST_TRADES = 1000


class CcxtVenue:
    """A `gateway.port.VenuePort` and a market feed over ccxt; without a key, only the feed."""

    def __init__(
        self,
        instruments: Sequence[Instrument],
        sink: Callable[[Fact, int], None],
        rows: Callable[[EventArray, int], None] | None,
        settings: CcxtSettings,
        key: CcxtKey | None,
        clock: Callable[[], int],
        random: Random,
    ) -> None:
        self.settings = settings
        self.ready = False
        self._given = list(instruments)
        self._stated = list(instruments)
        self._changed: set[int] = set()  # instruments that are not as given
        self._sink = sink
        self._key = key
        self._clock = clock
        self._random = random
        self._binance = settings.exchange in BINANCE_FAMILY
        self._capabilities: Capabilities | None = None
        self._errors: Any = ccxt_pro()
        self._unread = Unread(self._tell, settings.doubt_hold)
        self._stream = UserStream(self._tell, self._unread, settings, clock, random)
        taps = Taps(
            self._stream.on_order, self._stream.on_trade, self._stream.on_message, self._stream.lost, self._on_headers
        )
        self._exchange: Any = make_exchange(settings, key, taps, exact=True)
        self._symbols: list[str] = []
        self._feed = (
            CcxtFeed(self._given, rows, sink, self._unread, settings, clock, random) if rows is not None else None
        )
        self._dead_man = DeadManSwitch(self._exchange, self._tell, settings.dead_man, clock)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def capabilities(self) -> Capabilities:
        """What the venue can do; InputError before it is ready."""
        if self._capabilities is None:
            raise InputError("capabilities", self.settings.exchange, "are known once the venue is ready")
        return self._capabilities

    @property
    def instruments(self) -> list[Instrument]:
        """As the venue states them; facts and commands keep the steps of those given, an alarm tells if they differ."""
        return self._stated

    @property
    def request_window(self) -> int:
        """Ns after which a request is refused by the venue, or in doubt by our time-out."""
        return max(self.settings.request_window, self.settings.time_out)

    def cost(self, command: str) -> Cost:
        """Of one message, in the venue's weights where they are known."""
        weight = _BINANCE_WEIGHT.get(command, 1) if self._binance else 1
        return Cost(weight, int(command == "place"))

    def start(self, now: int) -> None:
        """Connect, in the background; `ready` once the venue's markets are known."""
        self._spawn(self._run())
        if self._feed is not None:
            self._spawn(self._feed.run())

    def stop(self, now: int) -> None:
        """End every task; a request under way is in doubt. `close` waits for them."""
        self._unread.stop()
        for task in self._tasks:
            task.cancel()

    async def close(self, *, nothing_rests: bool = False) -> None:
        """Stop, and give the sockets back; the venue's dead-man switch goes on unless `nothing_rests`."""
        self.stop(self._clock())
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if nothing_rests:
            await self._dead_man.release()
        await self._exchange.close()
        if self._feed is not None:
            await self._feed.close()

    def on_time(self, now: int) -> None:
        """Nothing: the tasks keep their own time."""

    def next_due(self) -> int:
        """Never."""
        return NEVER

    def place(self, ref: int, order: NewOrder, now: int) -> None:
        """One limit order; refused here if ccxt would round it, unsent while the user stream is down."""

        async def request() -> None:
            symbol, given = self._symbols[order.instrument], self._given[order.instrument]
            price, qty = given.price_step.format(order.price), given.qty_step.format(order.qty)
            if (why := self._rounded(symbol, price, qty)) is not None:
                self._tell(Failure(ref, FailureKind.REFUSED, 0, why, reason=Reject.FILTER))
                return
            side = "buy" if order.side == BID else "sell"
            params = order_params(order)
            raw = await self._exchange.create_order(symbol, "limit", side, as_number(qty), as_number(price), params)
            sent = {"symbol": symbol, "side": side, "price": price, "amount": qty}
            raw = raw if self._binance else completed(raw, sent, now)
            report = self._stream.reader.order(raw, Source.ANSWER, ref=ref, client_id=order.client_id)
            self._tell(report)
            if report.status is OrderStatus.OPEN:
                self._stream.acknowledged(order.client_id)

        if self._stream.up:
            self._command(ref, request)
        else:
            self._tell(Failure(ref, FailureKind.UNSENT, 0, "the user stream is down"))

    def cancel(self, ref: int, instrument: int, client_id: str, now: int) -> None:
        """One order, by the venue's id where it is known, else by ours."""

        async def request() -> None:
            symbol = self._symbols[instrument]
            venue_id = self._stream.reader.venue_id(client_id)
            params = {} if venue_id else {"clientOrderId": client_id}
            raw = await self._exchange.cancel_order(venue_id or None, symbol, params)
            if raw.get("amount") is None or raw.get("status") is None:  # many venues answer with no more than an id
                raw = await self._exchange.fetch_order(venue_id or None, symbol, params)
            self._tell(self._stream.reader.order(raw, Source.ANSWER, ref=ref, client_id=client_id))

        self._command(ref, request, named=True)

    def cancel_all(self, ref: int, instrument: int, now: int) -> None:
        """Every open order of the account in the instrument."""

        async def request() -> None:
            told: Any = []
            with contextlib.suppress(self._errors.OrderNotFound):  # Binance's word for "nothing was open"
                told = await self._exchange.cancel_all_orders(self._symbols[instrument])
            named = [each for each in listed(told) if each.get("status")]
            read = [self._stream.reader.order(each, Source.ANSWER, ref=ref) for each in named]
            self._tell(CancelAllDone(ref, instrument, read))

        self._command(ref, request)

    def query_order(self, ref: int, instrument: int, client_id: str, now: int, *, venue_id: int = 0) -> None:
        """One order, by our id where the venue can and we have one."""

        async def request() -> None:
            reader = self._stream.reader
            by_ours = bool(client_id) and self.capabilities.query_by_client_id
            known = "" if by_ours else reader.ids.text(venue_id) if venue_id else reader.venue_id(client_id)
            params = {"clientOrderId": client_id} if by_ours else {}
            raw = await self._exchange.fetch_order(known or None, self._symbols[instrument], params)
            self._tell(reader.order(raw, Source.QUERY, ref=ref, client_id=client_id))

        self._command(ref, request, named=True)

    def open_orders(self, ref: int, instrument: int, now: int) -> None:
        """Every open order in the instrument; a list that may have been cut off is not passed on as whole."""

        async def request() -> None:
            most = self._list_limit(instrument, "fetchOpenOrders")
            raw = await self._exchange.fetch_open_orders(self._symbols[instrument], None, most)
            if most is not None and len(raw) >= most:
                raise ParseError("open orders", len(raw), "are as many as the venue lists at once: some may be missing")
            orders = [self._stream.reader.order(each, Source.SNAPSHOT, ref=ref) for each in raw]
            self._tell(OpenOrders(ref, instrument, orders, sent=now, time=self._clock()))

        self._command(ref, request)

    def trades(self, ref: int, instrument: int, now: int, *, from_id: int = 0, venue_id: int = 0) -> None:
        """Our trades from an id on, or of one order; where ids have no order, all that the venue lists."""

        async def request() -> None:
            reader = self._stream.reader
            most = self._list_limit(instrument, "fetchMyTrades") or _MOST_TRADES
            asked = {"orderId": venue_id} if venue_id else {"fromId": from_id}
            params = asked if self._binance else {}
            raw = await self._exchange.fetch_my_trades(self._symbols[instrument], None, most, params)
            read = [reader.trade(each, Source.SNAPSHOT) for each in raw]
            if venue_id:
                read = [each for each in read if each.venue_id == venue_id]
            elif all(reader.ids.ordered(each.trade_id) for each in read):
                read = [each for each in read if each.trade_id >= from_id]
            self._tell(TradeList(ref, instrument, read, complete=len(raw) < most, sent=now, time=self._clock()))

        self._command(ref, request)

    def balances(self, ref: int, now: int) -> None:
        """Every asset of the account."""

        async def request() -> None:
            raw = await self._exchange.fetch_balance()
            time = int(raw.get("timestamp") or 0) * MILLISECOND or now
            self._tell(Balances(ref, self._stream.reader.balances(raw), time, whole=True))

        self._command(ref, request)

    def _tell(self, fact: Fact) -> None:
        self._sink(fact, self._clock())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _command(self, ref: int, request: Callable[[], Coroutine[Any, Any, None]], *, named: bool = False) -> None:
        if self.ready:
            self._spawn(self._answered(ref, request, named))
        else:
            self._tell(Failure(ref, FailureKind.UNSENT, 0, "the venue's markets are not loaded"))

    async def _answered(self, ref: int, request: Callable[[], Coroutine[Any, Any, None]], named: bool) -> None:
        """Await a request under our own time-out; whatever goes wrong becomes one Failure."""
        fate = Fate()
        FATE.set(fate)
        try:
            await asyncio.wait_for(request(), self.settings.time_out / SECOND)
        except asyncio.CancelledError as error:
            self._tell(failure(ref, error, fate, binance=self._binance, ccxt=self._errors, named=named))
            raise
        except Exception as error:
            told = failure(ref, error, fate, binance=self._binance, ccxt=self._errors, named=named)
            if 200 <= fate.status < 300 and not fate.refused and not isinstance(error, TimeoutError):
                self._unread(fate.body, f"{type(error).__name__}: {error}")
            self._tell(told)
            if told.kind is FailureKind.CLOCK:
                await self._set_clock()

    def _rounded(self, symbol: str, price: str, qty: str) -> str | None:
        """Why a price or quantity would not go out as it is; None if it would."""
        try:
            sent_price = self._exchange.price_to_precision(symbol, price)
            sent_qty = self._exchange.amount_to_precision(symbol, qty)
        except self._errors.InvalidOrder as error:
            return str(error)
        for name, text, sent in (("price", price, sent_price), ("quantity", qty, sent_qty)):
            if Fraction(text) != Fraction(sent):
                return f"{name} {text} would be sent as {sent}: it is off the venue's step"
        return None

    def _list_limit(self, instrument: int, method: str) -> int | None:
        told = self._exchange.feature_value(self._symbols[instrument], method, "limit")
        return told if isinstance(told, int) else None

    async def _run(self) -> None:
        """Load markets, trying until it succeeds; then keep the user stream, if there is an account."""
        wait = self.settings.backoff
        while not self.ready:
            try:
                await asyncio.wait_for(self._load(), self.settings.start_time_out / SECOND)
            except (
                QuotewrightError
            ) as error:  # no such symbol, or steps that cannot be had exactly: no use in trying again
                self._tell(Alarm("instrument-unknown", str(error), "halt"))
                return
            except Exception as error:
                self._tell(Alarm("venue-unreachable", f"{type(error).__name__}: {error}"[:300], "note"))
                await asyncio.sleep(wait / SECOND * self._random.uniform(0.75, 1.25))
                wait = min(wait * 2, self.settings.longest_backoff)
        self._spawn(self._keep_comparing())
        if self._key is not None and self.capabilities.dead_man_switch and self.settings.dead_man:
            self._spawn(self._dead_man.keep())
        if self._key is not None:
            await self._stream.run(self._exchange, self._authenticated if self._binance else None)

    async def _authenticated(self) -> None:
        await self._exchange.authenticate({"type": "spot"} if self.settings.exchange == "binance" else {})

    async def _load(self) -> None:
        """Clock, markets, fees, limits."""
        exchange = self._exchange
        await self._set_clock()
        await exchange.load_markets()
        markets = [ccxt_markets.find_market(exchange, given) for given in self._given]
        await self._compare()
        self._capabilities = ccxt_markets.capabilities(exchange, markets, account=self._key is not None)
        self._symbols = [str(market["symbol"]) for market in markets]
        self._stream.reader = Reader(self._given, self._symbols, binance=self._binance)
        spot_binance = self._binance and bool(markets) and bool(markets[0].get("spot"))
        info: Any = await exchange.publicGetExchangeInfo({"symbol": markets[0]["id"]}) if spot_binance else {}
        for rule in ccxt_markets.rules(exchange, info):
            self._tell(rule)
        self.ready = True

    async def _compare(self) -> None:
        """Hold every instrument against the venue's market; a difference pauses until it is gone."""
        for number, given in enumerate(self._given):
            market = ccxt_markets.find_market(self._exchange, given)
            fees = await self._fees(market)
            told = ccxt_markets.stated_instrument(self._exchange, market, given.venue, given.symbol, fees)
            theirs = ccxt_markets.restated(given, told, fees_told=bool(fees))
            found = ccxt_markets.differences(given, theirs)
            if market.get("active") is False:
                found.append(("active", "True", "False"))
            self._stated[number] = theirs
            if found:
                texts = "; ".join(f"{field}: ours {mine}, theirs {said}" for field, mine, said in found)
                self._changed.add(number)
                self._tell(Alarm("instrument-changed", f"{given.name}: {texts}", "pause", number))
            elif number in self._changed:
                self._changed.discard(number)
                self._tell(Cleared("instrument-changed", number))

    async def _keep_comparing(self) -> None:
        """Read the venue's markets again from time to time."""
        while True:
            await asyncio.sleep(self.settings.rules_interval / SECOND)
            try:
                await asyncio.wait_for(self._exchange.load_markets(True), self.settings.start_time_out / SECOND)
                await self._compare()
            except Exception as error:
                self._tell(Alarm("rules-unread", f"{type(error).__name__}: {error}"[:300], "note"))

    async def _fees(self, market: Mapping[str, Any]) -> Mapping[str, Any]:
        """The account's own rates, if the venue tells them."""
        try:
            return await ccxt_markets.told_fees(self._exchange, market)
        except self._errors.BaseError as error:
            self._tell(Alarm("fees-untold", f"{market['symbol']}: {error}"[:300], "note"))
            return {}

    async def _set_clock(self) -> None:
        """Measure the venue's clock, where ccxt can; later requests are signed with it."""
        if self._exchange.has.get("fetchTime") is True and hasattr(self._exchange, "load_time_difference"):
            try:
                await asyncio.wait_for(self._exchange.load_time_difference(), self.settings.time_out / SECOND)
            except Exception as error:
                self._tell(Alarm("clock-drift", f"the venue's time could not be asked for: {error}"[:300], "note"))

    def _on_headers(self, headers: Mapping[str, str]) -> None:
        """What is used of the limits, from Binance's headers."""
        for name, used in headers.items():
            if name in ccxt_markets.USED_HEADERS and used.isdecimal():
                kind, interval = ccxt_markets.USED_HEADERS[name]
                self._tell(Used(kind, interval, int(used)))
