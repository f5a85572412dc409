"""binance-sdk-spot: REST, streams and WebSocket API, sent to another address by its configuration.

With an HMAC key orders go by REST and the user stream is subscribed by signature; with an Ed25519 key the session logs
on, and orders go by the WebSocket API.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_sdk_spot.spot import Spot
from observing import Told, observe, refusal, until


class Refused(Exception):
    """An error that came as the answer of the WebSocket API."""


def code(error: Exception) -> int:
    return error.args[0] if isinstance(error, Refused) else getattr(error, "status_code", 0)


def answer(response: Any) -> Any:
    """What a WebSocket API response holds; the client gives errors as data."""
    data = response.data()
    if isinstance(data, dict) and data.get("error"):
        raise Refused(data["error"]["code"])
    return data.result


def rounded(value: Decimal, step: str) -> float:
    return float(value // Decimal(step) * Decimal(step))


async def flow(told: Told, kind: str) -> dict[str, object]:
    place = f"{told['host']}:{told['port']}"
    secrets = {"hmac": "api_secret", "ed25519": "private_key"}
    keys = {"api_key": told[kind]["key"], secrets[kind]: told[kind]["secret"]}
    trusted = ssl.create_default_context()
    rest = {"base_path": f"https://{place}", "timeout": 5000, "retries": 0}
    client = Spot(
        config_rest_api=ConfigurationRestAPI(**keys, **rest),
        config_ws_api=ConfigurationWebSocketAPI(**keys, stream_url=f"wss://{place}/ws-api/v3", https_agent=trusted),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=f"wss://{place}", https_agent=trusted),
    )
    wrong = Spot(config_rest_api=ConfigurationRestAPI(api_key=told[kind]["key"], api_secret="not the secret", **rest))
    api = await client.websocket_api.create_connection()
    streams = await client.websocket_streams.create_connection()
    try:
        return await converse(
            client.rest_api, wrong.rest_api, api, streams, told["symbol"], by_socket=kind == "ed25519"
        )
    finally:
        await api.close_connection()
        await streams.close_connection()


async def converse(rest: Any, wrong: Any, api: Any, streams: Any, symbol: str, *, by_socket: bool) -> dict[str, object]:
    heard: dict[str, list[Any]] = {"user": [], "depth": [], "trade": [], "best": []}

    async def ask(call: Callable[..., Any], **params: Any) -> Any:
        return (await asyncio.to_thread(call, **params)).data()

    async def tell(call: Callable[..., Awaitable[Any]], **params: Any) -> Any:
        return answer(await call(**params))

    if by_socket:
        await tell(api.session_logon)
        subscribed = await api.user_data_stream_subscribe()
    else:
        subscribed = await api.user_data_stream_subscribe_signature()
    subscribed.stream.on("message", lambda event: heard["user"].append(event.actual_instance))
    (await streams.diff_book_depth(symbol.lower(), update_speed="100ms")).on("message", heard["depth"].append)
    (await streams.trade(symbol.lower())).on("message", heard["trade"].append)
    (await streams.book_ticker(symbol.lower())).on("message", heard["best"].append)

    via = (
        (lambda socket, http: lambda **params: tell(socket, **params))
        if by_socket
        else (lambda socket, http: lambda **params: ask(http, **params))
    )
    create = via(api.order_place, rest.new_order)
    cancel = via(api.order_cancel, rest.delete_order)
    cancel_all = via(api.open_orders_cancel_all, rest.delete_open_orders)
    fetch = via(api.order_status, rest.get_order)

    def reports(order_id: int) -> list[str]:
        return [event.x for event in heard["user"] if type(event).__name__ == "ExecutionReport" and event.i == order_id]

    async def totals() -> dict[str, Decimal]:
        account = await ask(rest.get_account)
        return {one.asset: Decimal(one.free) + Decimal(one.locked) for one in account.balances}

    info = (await ask(rest.exchange_info, symbol=symbol)).symbols[0]
    filters = {one.actual_instance.filter_type: one.actual_instance for one in info.filters}
    tick, step = filters["PRICE_FILTER"].tick_size, filters["LOT_SIZE"].step_size
    base, quote = info.base_asset, info.quote_asset
    book = await ask(rest.depth, symbol=symbol, limit=20)
    before = await totals()
    low = rounded(Decimal(book.bids[0][0]) * 9 / 10, tick)
    high = rounded(Decimal(book.asks[0][0]) * 105 / 100, tick)
    amount = rounded(20 / Decimal(str(low)), step)

    bid = {"symbol": symbol, "side": "BUY", "type": "LIMIT_MAKER", "quantity": amount, "price": low}
    resting = await create(**bid)
    await until(lambda: "NEW" in reports(resting.order_id), "order in the stream")
    shown = await fetch(symbol=symbol, order_id=resting.order_id)
    crossing = await refusal(lambda: create(**bid | {"price": high}), code)
    cancelled = await cancel(symbol=symbol, order_id=resting.order_id)
    await until(lambda: "CANCELED" in reports(resting.order_id), "cancel in the stream")
    pair = [(await create(**bid)).order_id for _ in range(2)]
    open_before = await ask(rest.get_open_orders, symbol=symbol)
    await cancel_all(symbol=symbol)
    open_after = await ask(rest.get_open_orders, symbol=symbol)
    await until(lambda: all("CANCELED" in reports(order_id) for order_id in pair), "cancels in the stream")
    bought = await create(symbol=symbol, side="BUY", type="MARKET", quantity=amount)
    await until(lambda: "TRADE" in reports(bought.order_id), "fill in the stream")
    await until(lambda: heard["depth"] and heard["trade"] and heard["best"], "market")
    after = await totals()
    positions = [event for event in heard["user"] if type(event).__name__ == "OutboundAccountPosition"]
    huge = rounded(1000 * before[quote] / Decimal(str(low)), step)
    depth = heard["depth"][0]
    return {
        "tick": float(tick),
        "step": float(step),
        "book": [float(book.bids[0][0]), float(book.asks[0][0]), len(book.bids)],
        "updates": [depth.U, depth.u],
        "trades": len(await ask(rest.get_trades, symbol=symbol, limit=10)),
        "streamed_trades": len(heard["trade"]),
        "resting": shown.status,
        "crossing": crossing,
        "cancelled": cancelled.status,
        "open": [len(open_before), len(open_after)],
        "bought": [bought.status, float(bought.executed_qty), amount],
        "fills": len(await ask(rest.my_trades, symbol=symbol)),
        "gained": float(after[base] - before[base]),
        "paid": float(before[quote] - after[quote]),
        "reports": sorted(event.x for event in heard["user"] if type(event).__name__ == "ExecutionReport"),
        "streamed_assets": sorted({one.a for event in positions for one in event.B}),
        "errors": {
            "symbol": await refusal(lambda: ask(rest.depth, symbol="NOPE"), code),
            "balance": await refusal(lambda: create(**bid | {"quantity": huge}), code),
            "unknown_order": await refusal(lambda: fetch(symbol=symbol, order_id=999_999_999), code),
            "unknown_cancel": await refusal(lambda: cancel(symbol=symbol, order_id=999_999_999), code),
            "signature": await refusal(lambda: ask(wrong.get_account), code),
        },
    }


logging.disable(logging.ERROR)  # it logs every refusal, and those are what this is for
observe(flow)
