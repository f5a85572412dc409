"""python-binance: AsyncClient and BinanceSocketManager, sent to another address by their class attributes.

With an HMAC key orders go by REST, with an Ed25519 key by the WebSocket API.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from binance import AsyncClient, BinanceSocketManager
from observing import Told, observe, refusal, until


def code(error: Exception) -> int:
    return getattr(error, "code", 0)


def rounded(value: Decimal, step: str) -> str:
    return f"{value // Decimal(step) * Decimal(step):f}"


async def flow(told: Told, kind: str) -> dict[str, object]:
    place = f"{told['host']}:{told['port']}"

    class Client(AsyncClient):
        API_URL = f"https://{place}/api"
        MARGIN_API_URL = f"https://{place}/sapi"
        WS_API_URL = f"wss://{place}/ws-api/v3"

    secrets = {"hmac": "api_secret", "ed25519": "private_key"}
    key = told[kind]["key"]
    client = await Client.create(api_key=key, **{secrets[kind]: told[kind]["secret"]})
    client.ws_api.TIMEOUT = 3  # s; as long as it takes to close
    wrong = Client(api_key=key, api_secret="not the secret")
    manager = BinanceSocketManager(client)
    manager.STREAM_URL = f"wss://{place}/"
    try:
        return await converse(client, wrong, manager, told["symbol"], by_socket=kind == "ed25519")
    finally:
        await client.close_connection()
        await wrong.close_connection()


async def converse(
    client: AsyncClient, wrong: AsyncClient, manager: BinanceSocketManager, symbol: str, *, by_socket: bool
) -> dict[str, object]:
    info: Any = await client.get_symbol_info(symbol)
    filters = {one["filterType"]: one for one in info["filters"]}
    tick, step = filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"]
    base, quote = info["baseAsset"], info["quoteAsset"]
    heard: dict[str, list[dict[str, Any]]] = {"user": [], "depth": [], "trade": [], "many": []}

    over = asyncio.Event()

    async def listen(name: str, socket: Any) -> None:
        async with socket as opened:
            while not over.is_set():  # asyncio.wait_for may swallow the cancellation that ends it
                heard[name].append(await opened.recv())

    names = [f"{symbol.lower()}@bookTicker", f"{symbol.lower()}@aggTrade"]
    sockets = {
        "user": manager.user_socket(),
        "depth": manager.depth_socket(symbol, interval=100),
        "trade": manager.trade_socket(symbol),
        "many": manager.multiplex_socket(names),
    }
    listening = [asyncio.create_task(listen(name, socket)) for name, socket in sockets.items()]
    create = client.ws_create_order if by_socket else client.create_order
    cancel = client.ws_cancel_order if by_socket else client.cancel_order
    cancel_all = client.ws_cancel_all_open_orders if by_socket else client.cancel_all_open_orders
    fetch = client.ws_get_order if by_socket else client.get_order

    def reports(order: dict[str, Any]) -> list[str]:
        events = (e for e in heard["user"] if e["e"] == "executionReport")
        return [e["x"] for e in events if e["i"] == order["orderId"]]

    async def total(asset: str) -> Decimal:
        found: Any = await client.get_asset_balance(asset)
        return Decimal(found["free"]) + Decimal(found["locked"])

    try:
        book: Any = await client.get_order_book(symbol=symbol, limit=20)
        before = {asset: await total(asset) for asset in (base, quote)}
        await until(lambda: sockets["user"]._subscription_id is not None, "user stream")
        low = rounded(Decimal(book["bids"][0][0]) * 9 / 10, tick)
        high = rounded(Decimal(book["asks"][0][0]) * 105 / 100, tick)
        amount = rounded(20 / Decimal(low), step)

        bid = {"symbol": symbol, "side": "BUY", "type": "LIMIT_MAKER", "quantity": amount, "price": low}
        resting: Any = await create(**bid)
        await until(lambda: "NEW" in reports(resting), "order in the stream")
        shown: Any = await fetch(symbol=symbol, orderId=resting["orderId"])
        crossing = await refusal(lambda: create(**bid | {"price": high}), code)
        cancelled: Any = await cancel(symbol=symbol, orderId=resting["orderId"])
        await until(lambda: "CANCELED" in reports(resting), "cancel in the stream")
        pair: list[Any] = [await create(**bid) for _ in range(2)]
        open_before: Any = await client.get_open_orders(symbol=symbol)
        await cancel_all(symbol=symbol)
        open_after: Any = await client.get_open_orders(symbol=symbol)
        await until(lambda: all("CANCELED" in reports(order) for order in pair), "cancels in the stream")
        bought: Any = await create(symbol=symbol, side="BUY", type="MARKET", quantity=amount)
        await until(lambda: "TRADE" in reports(bought), "fill in the stream")
        assets = {a["a"] for e in heard["user"] if e["e"] == "outboundAccountPosition" for a in e["B"]}
        await until(
            lambda: heard["depth"] and heard["trade"] and len({e["stream"] for e in heard["many"]}) == 2, "market"
        )
        after = {asset: await total(asset) for asset in (base, quote)}
        trades: Any = await client.get_recent_trades(symbol=symbol, limit=10)
        fills: Any = await client.get_my_trades(symbol=symbol)
        depth = next(e for e in heard["depth"] if e["e"] == "depthUpdate")
        huge = rounded(1000 * before[quote] / Decimal(low), step)
        unknown = {"symbol": symbol, "orderId": 999_999_999}
        return {
            "tick": float(tick),
            "step": float(step),
            "book": [float(book["bids"][0][0]), float(book["asks"][0][0]), len(book["bids"])],
            "updates": [depth["U"], depth["u"]],
            "trades": len(trades),
            "streamed_trades": len(heard["trade"]),
            "resting": shown["status"],
            "crossing": crossing,
            "cancelled": cancelled["status"],
            "open": [len(open_before), len(open_after)],
            "bought": [bought["status"], float(bought["executedQty"]), float(amount)],
            "fills": len(fills),
            "gained": float(after[base] - before[base]),
            "paid": float(before[quote] - after[quote]),
            "reports": sorted(e["x"] for e in heard["user"] if e["e"] == "executionReport"),
            "streamed_assets": sorted(assets),
            "errors": {
                "symbol": await refusal(lambda: client.get_order_book(symbol="NOPE"), code),
                "balance": await refusal(lambda: create(**bid | {"quantity": huge}), code),
                "unknown_order": await refusal(lambda: fetch(**unknown), code),
                "unknown_cancel": await refusal(lambda: cancel(**unknown), code),
                "signature": await refusal(lambda: wrong.get_account(), code),
            },
        }
    finally:
        over.set()
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)


observe(flow)
