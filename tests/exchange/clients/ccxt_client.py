"""ccxt (async and pro) as it is, addresses included: only names are resolved to the server under test.

With an HMAC key orders go by REST, with an Ed25519 key by the WebSocket API.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import Any

import aiohttp
import ccxt.pro
from aiohttp.abc import AbstractResolver
from observing import Told, observe, refusal, until


class OneServer(AbstractResolver):
    """Every name and port is the server under test."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[Any]:
        place = {"host": self.host, "port": self.port, "family": family, "proto": 0, "flags": 0}
        return [{"hostname": host, **place}]

    async def close(self) -> None:
        pass


def code(error: Exception) -> int:
    found = re.search(r'"code":\s*(-?\d+)', str(error))
    return int(found[1]) if found else 0


async def flow(told: Told, kind: str) -> dict[str, object]:
    connector = aiohttp.TCPConnector(
        resolver=OneServer(told["host"], told["port"]), ssl=ssl.create_default_context(), use_dns_cache=False
    )
    async with aiohttp.ClientSession(connector=connector) as session:
        keys = {"apiKey": told[kind]["key"], "secret": told[kind]["secret"]}
        client = ccxt.pro.binance({**keys, "session": session, "options": {"defaultType": "spot"}})
        wrong = ccxt.pro.binance({"apiKey": keys["apiKey"], "secret": "not the secret", "session": session})
        try:
            return await converse(client, wrong, told["symbol"], by_socket=kind == "ed25519")
        finally:
            await client.close()
            await wrong.close()


async def converse(client: Any, wrong: Any, market: str, *, by_socket: bool) -> dict[str, object]:
    markets = await client.load_markets()
    symbol = next(name for name, one in markets.items() if one["id"] == market and one["spot"])
    base, quote = symbol.split("/")
    orders: list[dict[str, Any]] = []
    fills: list[dict[str, Any]] = []
    balances: list[dict[str, Any]] = []
    book: dict[str, Any] = {}
    trades: list[dict[str, Any]] = []

    async def forever(watch: Any, take: Any, *args: Any) -> None:
        while True:
            take(await watch(*args))

    watching = [
        asyncio.create_task(forever(client.watch_orders, lambda told: orders.extend(dict(one) for one in told))),
        asyncio.create_task(forever(client.watch_my_trades, fills.extend)),
        asyncio.create_task(forever(client.watch_balance, balances.append)),
        asyncio.create_task(forever(client.watch_order_book, book.update, symbol)),
        asyncio.create_task(forever(client.watch_trades, trades.extend, symbol)),
    ]
    create = client.create_order_ws if by_socket else client.create_order
    cancel = client.cancel_order_ws if by_socket else client.cancel_order
    cancel_all = client.cancel_all_orders_ws if by_socket else client.cancel_all_orders
    try:
        rest_book = await client.fetch_order_book(symbol, 20)
        before = await client.fetch_balance()
        await until(lambda: book.get("bids"), "book")
        await until(lambda: client.clients[client.urls["api"]["ws"]["ws-api"]["spot"]].subscriptions, "user stream")
        low = float(client.price_to_precision(symbol, rest_book["bids"][0][0] * 0.9))
        high = float(client.price_to_precision(symbol, rest_book["asks"][0][0] * 1.05))
        amount = float(client.amount_to_precision(symbol, 20 / low))

        # By the WebSocket API it would hand `postOnly` on, which the venue does not know.
        kind, params = ("LIMIT_MAKER", {}) if by_socket else ("limit", {"postOnly": True})
        resting = await create(symbol, kind, "buy", amount, low, params)
        await until(lambda: any(o["id"] == resting["id"] for o in orders), "order in the stream")
        crossing = await refusal(lambda: create(symbol, kind, "buy", amount, high, params), code)
        cancelled = await cancel(resting["id"], symbol)
        for _ in range(2):
            await create(symbol, kind, "buy", amount, low, params)
        open_before = await client.fetch_open_orders(symbol)
        await cancel_all(symbol)
        open_after = await client.fetch_open_orders(symbol)
        bought = await create(symbol, "market", "buy", amount)
        await until(lambda: any(f["order"] == bought["id"] for f in fills), "fill in the stream")
        done = ("closed", "canceled")
        await until(lambda: sum(o["status"] in done for o in orders) >= 4, "order reports")
        await until(lambda: any(base in b for b in balances), "balances in the stream")
        await until(lambda: trades, "trades")
        after = await client.fetch_balance()
        queried = await client.fetch_order(bought["id"], symbol)
        huge = float(client.amount_to_precision(symbol, 1000 * before[quote]["total"] / low))
        return {
            "tick": markets[symbol]["precision"]["price"],
            "step": markets[symbol]["precision"]["amount"],
            "book": [rest_book["bids"][0][0], rest_book["asks"][0][0], len(rest_book["bids"])],
            "streamed_book": [book["bids"][0][0], book["asks"][0][0], len(book["bids"])],
            "trades": len(await client.fetch_trades(symbol, limit=10)),
            "streamed_trades": len(trades),
            "resting": resting["status"],
            "crossing": crossing,
            "cancelled": cancelled["status"],
            "open": [len(open_before), len(open_after)],
            "bought": [queried["status"], queried["filled"], amount],
            "fills": len(await client.fetch_my_trades(symbol)),
            "gained": after[base]["total"] - before[base]["total"],
            "paid": before[quote]["total"] - after[quote]["total"],
            "reports": sorted(o["status"] for o in orders),
            "errors": {
                "symbol": await refusal(lambda: client.public_get_depth({"symbol": "NOPE"}), code),
                "balance": await refusal(lambda: create(symbol, "limit", "buy", huge, low), code),
                "unknown_order": await refusal(lambda: client.fetch_order("999999999", symbol), code),
                "unknown_cancel": await refusal(lambda: cancel("999999999", symbol), code),
                "signature": await refusal(lambda: wrong.private_get_account(), code),
            },
        }
    finally:
        for task in watching:
            task.cancel()


observe(flow)
