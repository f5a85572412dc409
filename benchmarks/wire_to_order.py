"""From bytes of market data in user space to the bytes of a signed order handed to the socket: CPU time of one path.

`wire_to_order.py native URL KEYS.toml FOLDER SECONDS` runs a whole live session, journal included;
`wire_to_order.py ccxt URL KEYS.toml FOLDER SECONDS` the plain loop of ccxt's documentation: watch the books, place by
the WebSocket API, signed. Both quote both sides of four symbols around the middle, and move when it has moved.
`wire_to_order.py floor URL KEYS.toml FOLDER SECONDS` decodes, decides and remembers nothing: on the same messages it
signs with the standard library, writes to a file, and sends: what cannot be left out.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import socket
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
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
SIGNED, JOURNALED, SENT = 200, 700, 310  # bytes of ours for an order: under the signature, in the journal, sent
SESSION = """
[[venue]]
name = "SIM"
url = "{url}"
keys = "{keys}"
instruments = {symbols}

[[agent]]
name = "maker"
strategy = "symmetric"
triggers = ["touch"]
params = {{half_spread = {half_spread}, order_notional = {notional}}}
"""


class Way:
    """CPU time of the way from a message to an order."""

    def __init__(self) -> None:
        self.began = 0  # CPU time at the entry of the message that is being worked on; 0: none
        self.samples: list[int] = []
        self.orders = 0
        self.counts_from = time.monotonic() + 1e9

    def ordered(self) -> None:
        """An order is with the socket: the first that a message leads to counts."""
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
    session.write_text(
        SESSION.format(url=url, keys=keys, symbols=json.dumps(SYMBOLS), half_spread=HALF_SPREAD, notional=NOTIONAL),
        encoding="utf-8",
    )

    def reading(read: Callable[..., None]) -> Callable[..., None]:
        def timed(wire: Any, name: str, text: bytes) -> None:
            if name.startswith("market"):
                path.began = time.process_time_ns()
            read(wire, name, text)
            path.began = 0

        return timed

    def sending(send: Callable[..., bool]) -> Callable[..., bool]:
        def timed(wire: Any, name: str, text: bytes) -> bool:
            left = send(wire, name, text)
            if b'"order.' in text:  # place or cancel: both are signed, and whichever comes first is the reaction
                path.ordered()
            return left

        return timed

    SocketWire.read = reading(SocketWire.read)
    SocketWire.send = sending(SocketWire.send)

    def began(_: Runner) -> None:
        path.counts_from = time.monotonic() + WARM

    async def run() -> Any:
        return await Runner(read_session(session), "live", folder / "out", seconds=seconds, began=began).run()

    outcome = uvloop.run(run())
    return {**told(path), "events": outcome.events, "confirmed": outcome.confirmed}


def floor(url: str, keys: Path, folder: Path, seconds: float) -> dict[str, Any]:
    import uvloop

    return uvloop.run(floor_loop(url.replace("http", "ws"), keys.read_bytes(), folder / "floor.bin", seconds))


async def floor_loop(url: str, secret: bytes, journal: Path, seconds: float) -> dict[str, Any]:
    import picows

    path = Way()
    begun = hmac.new(secret, digestmod="sha256")
    file = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    class Orders(picows.WSListener):
        def on_ws_connected(self, transport: picows.WSTransport) -> None:
            self.transport = transport

    class Market(picows.WSListener):
        def on_ws_connected(self, transport: picows.WSTransport) -> None:
            self.transport = transport
            names = ",".join(f'"{name.lower()}@bookTicker"' for name in SYMBOLS)
            transport.send(picows.WSMsgType.TEXT, f'{{"method":"SUBSCRIBE","params":[{names}],"id":1}}'.encode())

        def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
            if frame.msg_type is not picows.WSMsgType.TEXT:
                return
            path.began = time.process_time_ns()
            text = frame.get_payload_as_bytes()
            signature = begun.copy()
            signature.update(text + bytes(SIGNED - len(text)))
            os.write(file, bytes(JOURNALED))
            order = b'{"id":1,"method":"ping","params":{"signature":"%b"}}' % signature.hexdigest().encode()
            orders.transport.send(picows.WSMsgType.TEXT, order + b" " * (SENT - len(order)))
            path.ordered()

    async def connected(listener: Callable[[], Any], where: str) -> Any:
        transport, made = await picows.ws_connect(listener, f"{url}{where}")
        transport.underlying_transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    orders = await connected(Orders, "/ws-api/v3")
    market = await connected(Market, "/stream")
    path.counts_from = time.monotonic() + WARM
    await asyncio.sleep(WARM + seconds)
    for listener in (market, orders):
        listener.transport.disconnect()
    os.close(file)
    return told(path)


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
    side = {"native": native, "ccxt": ccxt, "floor": floor}[sys.argv[1]]
    print(json.dumps(side(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), float(sys.argv[5]))))
