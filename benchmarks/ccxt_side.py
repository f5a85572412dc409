"""ccxt's side of the live rows, in a process of its own: `ccxt_side.py decode COUNT`, `ccxt_side.py socket URL COUNT`.

As its documentation shows it: `watch_order_book` in a loop, the best prices looked at after every update. `decode` is
the same messages handed to its client object, without socket and loop. CPU time after a warm-up, and the book at last.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import ccxt.pro
import live_messages as messages
from aiohttp import WSMessage, WSMsgType
from ccxt.async_support.base.ws.client import Client

PAIR = "BTC/USDT"
WARM = 10  # a part of so many is not measured


def shown(book: Any) -> list[list[list[int]]]:
    """The first levels in ticks and lots."""
    return [[[messages.ticks_of(p), messages.lots_of(q)] for p, q, *_ in book[side][:20]] for side in ("bids", "asks")]


async def decode(count: int) -> dict[str, Any]:
    exchange = ccxt.pro.binance()
    exchange.options |= {"crossMarginPairsData": [], "isolatedMarginPairsData": []}
    market = exchange.parse_market(json.loads(messages.exchange_info())["symbols"][0])
    exchange.set_markets([market])
    exchange.open()
    client = exchange.client("wss://stream.binance.com:9443/ws/0")
    book = exchange.orderbooks[PAIR] = exchange.order_book({}, 1000)
    told = json.loads(messages.snapshot())
    book.reset({**exchange.parse_order_book(told, PAIR), "nonce": told["lastUpdateId"]})
    texts = [WSMessage(WSMsgType.TEXT, text.decode(), None) for text in messages.differences(count)]
    best = 0
    for text in texts[: count // WARM]:
        client.handle_message(text)
    start = time.process_time()
    for text in texts[count // WARM :]:
        client.handle_message(text)
        best += book["bids"][0][0] < book["asks"][0][0]
    spent = time.process_time() - start
    await exchange.close()
    return {"cpu": spent / (count - count // WARM), "book": shown(book), "seen": best}


async def socket(url: str, count: int) -> dict[str, Any]:
    # It takes messages out of aiohttp's queue behind its back; the queue of aiohttp 3.14 then thinks itself ever
    # fuller, and reads nothing more after some thousand messages. Left to the queue's own way, it goes on.
    Client.buffer = None
    exchange = ccxt.pro.binance({"options": {"fetchMarkets": {"types": ["spot"]}}})
    exchange.has["fetchCurrencies"] = False
    base = exchange.urls["api"]
    for name in ("public", "private", "v1"):
        base[name] = f"{url}/api/v3"
    # Which rules hold is read off the address: it must have "/stream" in it.
    base["ws"]["spot"] = f"ws://stream@{url.removeprefix('http://')}/ws"
    first, last = messages.FIRST_ID + count // WARM, messages.FIRST_ID + count
    start, began = 0.0, 0
    while True:
        book = await exchange.watch_order_book(PAIR)
        if book["bids"][0][0] >= book["asks"][0][0]:
            raise RuntimeError("the book is crossed")
        nonce = book["nonce"]
        if not start and nonce >= first:
            start, began = time.process_time(), nonce
        if nonce >= last:
            break
    spent = time.process_time() - start
    found = {"cpu": spent / (last - began), "book": shown(book)}
    await exchange.close()
    return found


if __name__ == "__main__":
    if sys.argv[1] == "decode":
        print(json.dumps(asyncio.run(decode(int(sys.argv[2])))))
    else:
        if sys.argv[4:] == ["uvloop"]:
            import uvloop

            uvloop.install()
        print(json.dumps(asyncio.run(socket(sys.argv[2], int(sys.argv[3])))))
