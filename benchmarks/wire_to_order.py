"""From bytes of market data in user space to the bytes of a signed order handed to the socket: CPU time of one path.

`wire_to_order.py native URL KEYS.toml FOLDER SECONDS` runs a whole live session, journal included;
`wire_to_order.py ccxt URL KEYS.toml FOLDER SECONDS` the plain loop of ccxt's documentation: watch the books, place by
the WebSocket API, signed. Both quote both sides of four symbols around the middle, and move when it has moved.

Ours decides by a timer of a millisecond: what counts is the message that came last, and the turn that led to the order.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

WARM = 2.0  # s at the start that do not count
HALF_SPREAD = 0.05  # bp of the price: 30 ticks
NOTIONAL = 600
SESSION = """
[[venue]]
name = "SIM"
url = "{url}"
keys = "{keys}"
instruments = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"]

[[agent]]
name = "maker"
strategy = "symmetric"
interval_ms = 1
params = {{half_spread = {half_spread}, order_notional = {notional}}}
"""


class Way:
    """CPU time of the way from a message to an order."""

    def __init__(self) -> None:
        self.began = 0  # CPU time at the entry of the message or turn that is being worked on; 0: none
        self.message = 0  # CPU time that the latest message took, where it led to nothing by itself
        self.samples: list[int] = []
        self.orders = 0
        self.counts_from = time.monotonic() + 1e9

    def ordered(self) -> None:
        """An order is with the socket: the first of a turn counts."""
        self.orders += 1
        if self.began and time.monotonic() > self.counts_from:
            self.samples.append(time.process_time_ns() - self.began)
        self.began = 0


def told(path: Way) -> dict[str, Any]:
    """Quantiles in µs."""
    cuts = statistics.quantiles(path.samples, n=100)
    return {"p50": cuts[49] / 1e3, "p99": cuts[98] / 1e3, "samples": len(path.samples), "orders": path.orders}


def native(url: str, keys: Path, folder: Path, seconds: float) -> dict[str, Any]:
    import uvloop

    from quotewright.live.runner import Runner
    from quotewright.live.settings import read_session
    from quotewright.venues.sockets import SocketWire

    path = Way()
    session = folder / "session.toml"
    session.write_text(SESSION.format(url=url, keys=keys, half_spread=HALF_SPREAD, notional=NOTIONAL), encoding="utf-8")

    def reading(read: Callable[..., None]) -> Callable[..., None]:
        def timed(wire: Any, name: str, text: bytes) -> None:
            path.began = start = time.process_time_ns()
            read(wire, name, text)
            path.message = time.process_time_ns() - start
            path.began = 0

        return timed

    def sending(send: Callable[..., bool]) -> Callable[..., bool]:
        def timed(wire: Any, name: str, text: bytes) -> bool:
            left = send(wire, name, text)
            if b'"order.' in text:  # place or cancel: both are signed, and whichever comes first is the reaction
                path.ordered()
            return left

        return timed

    def turning(tick: Callable[..., None]) -> Callable[..., None]:
        def timed(runner: Any) -> None:
            path.began = time.process_time_ns() - path.message
            tick(runner)
            path.began = 0

        return timed

    SocketWire.read = reading(SocketWire.read)
    SocketWire.send = sending(SocketWire.send)
    Runner._tick = turning(Runner._tick)

    def began(_: Runner) -> None:
        path.counts_from = time.monotonic() + WARM

    async def run() -> Any:
        return await Runner(read_session(session), "live", folder / "out", seconds=seconds, began=began).run()

    outcome = uvloop.run(run())
    return {**told(path), "events": outcome.events, "confirmed": outcome.confirmed}


def ccxt(url: str, keys: Path, folder: Path, seconds: float) -> dict[str, Any]:
    return asyncio.run(ccxt_loop(url, tomllib.loads(keys.read_text(encoding="utf-8")), seconds))


async def ccxt_loop(url: str, key: dict[str, str], seconds: float) -> dict[str, Any]:
    import ccxt.pro
    from ccxt.async_support.base.ws.client import Client

    path = Way()
    Client.buffer = None  # see ccxt_side.py
    exchange = ccxt.pro.binance(
        {
            "apiKey": key["api_key"],
            "secret": key["secret"],
            "enableRateLimit": False,
            "options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False},
        }
    )
    exchange.has["fetchCurrencies"] = False
    host = url.removeprefix("http://")
    for name in ("public", "private", "v1"):
        exchange.urls["api"][name] = f"{url}/api/v3"
    exchange.urls["api"]["ws"]["spot"] = f"ws://stream@{host}/ws"
    exchange.urls["api"]["ws"]["ws-api"]["spot"] = f"ws://{host}/ws-api/v3"
    handle, send = Client.handle_message, Client.send

    def handling(client: Any, message: Any) -> None:
        if "/ws/" in client.url:
            path.began = time.process_time_ns()
        handle(client, message)

    async def sending(client: Any, message: Any) -> None:
        await send(client, message)
        if message.get("method", "").startswith("order."):
            path.ordered()

    Client.handle_message, Client.send = handling, sending
    markets = await exchange.load_markets()
    symbols = [name for name, market in markets.items() if market["spot"]]
    end = time.monotonic() + WARM + seconds
    path.counts_from = time.monotonic() + WARM

    async def make(symbol: str) -> None:
        quoted = 0.0
        resting: list[str] = []
        while time.monotonic() < end:
            book = await exchange.watch_order_book(symbol)
            middle = (book["bids"][0][0] + book["asks"][0][0]) / 2
            if middle == quoted:
                continue
            quoted = middle
            away = middle * HALF_SPREAD / 10_000
            old, resting = resting, []
            for side, price in (("buy", middle - away), ("sell", middle + away)):
                price = exchange.price_to_precision(symbol, price)
                amount = exchange.amount_to_precision(symbol, NOTIONAL / middle)
                order = await exchange.create_order_ws(symbol, "limit", side, float(amount), float(price))
                resting.append(order["id"])
            for number in old:
                try:
                    await exchange.cancel_order_ws(number, symbol)
                except ccxt.OrderNotFound:
                    continue  # it was filled

    await asyncio.gather(*(make(symbol) for symbol in symbols))
    for symbol in symbols:  # whoever comes next would take them for somebody else's orders
        await exchange.cancel_all_orders(symbol)
    await exchange.close()
    return told(path)


if __name__ == "__main__":
    side = {"native": native, "ccxt": ccxt}[sys.argv[1]]
    print(json.dumps(side(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), float(sys.argv[5]))))
