"""One client with 200 open orders and 60 questions waiting cancels them all: `burst_side.py ours|ccxt [single|all]`.

Prints the milliseconds from the decision until the last cancel was handed to the socket. The venue runs in a thread of
this process, over sockets. `ours` is the gateway over the native adapter, its budget of weight used up but for what it
keeps for cancels. `ccxt` is as it comes, its throttler on, 60 requests for open orders under way before the cancels.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from random import Random
from typing import Any

from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import POST_ONLY
from quotewright.domain.messages import CANCEL, PLACE
from quotewright.exchange.http_driver import Serving, running
from quotewright.exchange.keys import ApiKey
from quotewright.exchange.limits import Limits
from quotewright.exchange.quiet_market import QuietSettings
from quotewright.exchange.settings import AccountSettings, ExchangeSettings
from quotewright.gateway.errands import QUERY
from quotewright.gateway.gateway import Gateway
from quotewright.gateway.ids import ClientIds
from quotewright.gateway.messages import Command
from quotewright.gateway.port import Fact, Failure, FailureKind, OrderReport, Used
from quotewright.gateway.settings import GatewaySettings
from quotewright.venues.binance import BinanceSpot
from quotewright.venues.binance_settings import BinanceSettings
from quotewright.venues.signing import HmacKey
from quotewright.venues.sockets import SocketWire, SteadyClock

ORDERS = 200
POLLS = 60
BASES = ("BTC", "ETH", "SOL", "XRP")
PRICE = 6_000_000  # ticks
MINUTE = 60 * 10**9
FREE = 390  # weight that is left: enough for the cancels, too little for a question besides


def instrument(base: str) -> Instrument:
    """One of the pairs."""
    return Instrument(
        "SIM", f"{base}USDT", "spot", base, "USDT", tick="0.01", lot="0.0001", min_qty="0.0001", max_qty="9000",
        min_notional="5", min_price="0.01", max_price="1000000", maker_rate="0.001", taker_rate="0.001",
        fee_asset="received",
    )  # fmt: skip


def venue(name: str, secret: str) -> ExchangeSettings:
    """Four markets, one account, and no limits that a venue would enforce: what is limited here is the client."""
    balances = {"USDT": "100000000", **dict.fromkeys(BASES, "10000")}
    return ExchangeSettings(
        [QuietSettings(instrument(base), seed=number, price=PRICE) for number, base in enumerate(BASES)],
        [AccountSettings("desk", [ApiKey(name, secret)], balances)],
        Limits(orders_10s=10**6, orders_day=10**8, weight_minute=6000, raw_5min=0, connections_5min=0),
    )


class CountingWire(SocketWire):
    """Remembers what was handed to the sockets, when, and in which turn of the loop."""

    turn = 0

    def __init__(self, clock: SteadyClock) -> None:
        super().__init__(clock)
        self.sent: list[tuple[int, int, bytes]] = []

    def send(self, name: str, text: bytes) -> bool:
        """See `Wire`."""
        done = super().send(name, text)
        self.sent.append((time.perf_counter_ns(), self.turn, bytes(text)))
        return done


async def ours(serving: Serving, name: str, secret: str, way: str) -> dict[str, Any]:
    """The gateway, without an engine above it."""
    clock = SteadyClock()
    wire = CountingWire(clock)
    urls = BinanceSettings(rest_url=serving.rest, stream_url=serving.streams, api_url=serving.ws_api)
    hidden: set[str] = set()  # orders of which nothing is heard
    gateways: list[Gateway] = []

    def take(fact: Fact, now: int) -> None:
        if gateways and not (isinstance(fact, OrderReport) and fact.client_id in hidden):
            gateways[0].on_fact(fact, now)

    pairs = [instrument(base) for base in BASES]
    adapter = BinanceSpot(wire, pairs, take, lambda rows, now: None, urls, HmacKey(name, secret), Random(1))
    wire.listener = adapter
    gateway = Gateway(adapter, GatewaySettings(), ClientIds("bench", int(time.time())), lambda client_id: -1)
    gateways.append(gateway)
    adapter.start(clock())

    async def turn_until(condition: Any, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"holds: {gateway.holds}")
            now = clock()
            if adapter.next_due() <= now:
                adapter.on_time(now)
            if gateway.next_due() <= now:
                gateway.on_time(now)
            wire.turn += 1
            await asyncio.sleep(0.001)

    await turn_until(lambda: adapter.ready and adapter.stream_up)
    gateway.start(clock())
    await turn_until(lambda: not gateway.holds)
    for number in range(1, ORDERS + 1):
        side, step = (BID, -1) if number % 2 else (ASK, 1)
        if number > ORDERS - POLLS:
            hidden.add(gateway.ids.make(number))
        price = PRICE + step * (50 + number)
        gateway.command(Command(PLACE, number, 0, number % 4, side, price, 10, POST_ONLY), clock())
        await asyncio.sleep(0)
    resting = serving.server.accounts["desk"].open
    await turn_until(lambda: sum(len(orders) for orders in resting.values()) == ORDERS)
    gateway.on_fact(Used("weight", MINUTE, 6000 - FREE), clock())
    for order in gateway.live_orders():
        if order.client_id in hidden:
            gateway.on_fact(Failure(order.place_ref, FailureKind.DOUBT, 504, "the answer is lost"), clock())
    errands = gateway._errands._all.values()  # pyright: ignore[reportPrivateUsage]
    end = time.monotonic() + 0.5  # until questions are due
    await turn_until(lambda: time.monotonic() > end)
    waiting = sum(errand.kind == QUERY and not errand.ref for errand in errands)

    del wire.sent[:]
    began = time.perf_counter_ns()
    if way == "single":
        now = clock()
        for order in gateway.live_orders():
            gateway.command(Command(CANCEL, order.order, 0, order.instrument, order.side, 0, 0), now)
    else:
        gateway.cancel_everything(clock())
    hidden.clear()
    await turn_until(lambda: not any(resting.values()))
    cancels = [each for each in wire.sent if b'"order.cancel"' in each[2] or b'"openOrders.cancelAll"' in each[2]]
    last = max(at for at, _, _ in cancels)
    found = {
        "ms": (last - began) / 1e6,
        "waiting": waiting,
        "cancels": len(cancels),
        "others": sum(at < last for at, _, _ in wire.sent) + 1 - len(cancels),
        "turns": len({turn for _, turn, _ in cancels}),
        "open": sum(len(orders) for orders in resting.values()),
    }
    adapter.stop(clock())
    await wire.shut()
    return found


async def with_ccxt(serving: Serving, name: str, secret: str) -> dict[str, Any]:
    """As its documentation shows it: tasks that await its methods."""
    import ccxt.async_support

    left: list[tuple[float, str]] = []

    class Timed(ccxt.async_support.binance):
        async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
            left.append((time.perf_counter(), method))
            return await super().fetch(url, method, headers, body)

    options = {"fetchMarkets": {"types": ["spot"]}, "warnOnFetchOpenOrdersWithoutSymbol": False}
    exchange = Timed({"apiKey": name, "secret": secret, "options": options})
    exchange.has["fetchCurrencies"] = False
    for part in ("public", "private", "v1"):
        exchange.urls["api"][part] = f"{serving.rest}/api/v3"
    exchange.urls["api"]["sapi"] = f"{serving.rest}/sapi/v1"
    try:
        await exchange.load_markets()
        exchange.enableRateLimit = False
        orders: list[tuple[str, str]] = []
        for number in range(1, ORDERS + 1):
            symbol, (side, step) = f"{BASES[number % 4]}/USDT", ("buy", -1) if number % 2 else ("sell", 1)
            price = (PRICE + step * (50 + number)) / 100
            made = await exchange.create_order(symbol, "limit", side, 0.001, price, {"postOnly": True})
            orders.append((made["id"], symbol))
        exchange.enableRateLimit = True
        polls = [asyncio.create_task(exchange.fetch_open_orders(f"{BASES[n % 4]}/USDT")) for n in range(POLLS)]
        await asyncio.sleep(0)
        del left[:]
        began = time.perf_counter()
        cancels = [asyncio.create_task(exchange.cancel_order(number, symbol)) for number, symbol in orders]
        await asyncio.gather(*polls, *cancels)
    finally:
        await exchange.close()
    gone = [at for at, method in left if method == "DELETE"]
    resting = serving.server.accounts["desk"].open
    return {
        "ms": (max(gone) - began) * 1000,
        "cancels": len(gone),
        "others": sum(method != "DELETE" and at < max(gone) for at, method in left),
        "open": sum(len(orders) for orders in resting.values()),
    }


def main() -> None:
    """Play one client."""
    name, secret = secrets.token_hex(16), secrets.token_hex(16)
    with running(venue(name, secret)) as serving:
        if sys.argv[1] == "ours":
            found = asyncio.run(ours(serving, name, secret, sys.argv[2]))
        else:
            found = asyncio.run(with_ccxt(serving, name, secret))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
