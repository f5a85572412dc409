"""Our side of the live rows, in a process of its own: the native adapter, over canned answers or over sockets.

`native_side.py decode COUNT`, or `native_side.py socket URL COUNT [CORE]`. CPU time a message after a warm-up, and the
book at the end; over sockets also when some of the messages arrived.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import live_messages as messages
import uvloop

from quotewright.domain.events import ASK, BID, LEVEL, STATUS, EventArray
from quotewright.domain.instrument import Instrument
from quotewright.venues.binance import BinanceSpot
from quotewright.venues.binance_settings import BinanceSettings
from quotewright.venues.sockets import SocketWire, SteadyClock

WARM = 10  # a part of so many is not measured
SAMPLE = 500  # every so many messages the time of arrival is kept
INSTRUMENT = Instrument(
    "binance-spot", messages.SYMBOL, "spot", "BTC", "USDT", messages.TICK, messages.LOT, fee_asset="received"
)


class Canned:
    """A wire that answers at once; what the stream sends is handed to the adapter by whoever measures."""

    def __init__(self) -> None:
        self.adapter: Any = None
        self.waiting: list[Callable[[], None]] = []

    def connect(self, name: str, url: str) -> None:
        self.name = name
        self.waiting.append(lambda: self.adapter.on_open(name, 1))

    def send(self, name: str, text: bytes) -> bool:
        asked = json.loads(text)
        answer = b'{"result":null,"id":%d}' % asked["id"]
        self.waiting.append(lambda: self.adapter.on_text(name, answer, 1))
        return True

    def close(self, name: str) -> None:
        """Never asked for."""

    def request(self, ref: int, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        path = url.rsplit("/", 1)[-1]
        answer = b'{"serverTime":1700000000000}'
        if path.startswith("depth"):
            answer = messages.snapshot()
        elif path.startswith("exchangeInfo"):
            answer = messages.exchange_info()
        self.waiting.append(lambda: self.adapter.on_reply(ref, 200, {}, answer, 1))


class Seen:
    """Counts updates and, at the end of the work, rebuilds the book from all rows: not a part of what is measured."""

    def __init__(self) -> None:
        self.updates = 0
        self.kept: list[EventArray] = []
        self.on_update: Callable[[], None] = lambda: None

    def rows(self, events: EventArray, now: int) -> None:
        self.kept.append(events)
        self.updates += 1
        self.on_update()

    def book(self) -> list[list[list[int]]]:
        sides: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
        for events in self.kept:
            if (events["kind"] == STATUS).any():
                raise RuntimeError("there was a gap")
            for row in events[events["kind"] == LEVEL]:
                sides[int(row["side"])][int(row["price"])] = int(row["qty"])
        return [
            [list(level) for level in sorted(sides[side].items(), reverse=side == BID) if level[1]][:20]
            for side in (BID, ASK)
        ]


def decode(count: int) -> dict[str, Any]:
    seen, wire = Seen(), Canned()
    settings = BinanceSettings()
    adapter = wire.adapter = BinanceSpot(wire, [INSTRUMENT], lambda *_: None, seen.rows, settings, None, Random(1))
    adapter.start(1)
    while wire.waiting:
        wire.waiting.pop(0)()
    name = wire.name
    texts = [messages.wrapped(text) for text in messages.differences(count)]
    for now, text in enumerate(texts[: count // WARM], 2):
        adapter.on_text(name, text, now)
    start = time.process_time()
    for now, text in enumerate(texts[count // WARM :], 2 + count):
        adapter.on_text(name, text, now)
    spent = time.process_time() - start
    return {"cpu": spent / (count - count // WARM), "book": seen.book(), "seen": seen.updates}


async def socket(url: str, count: int) -> dict[str, Any]:
    seen, clock, done = Seen(), SteadyClock(), asyncio.Event()
    wire = SocketWire(clock)
    streams = "ws" + url.removeprefix("http")
    settings = BinanceSettings(rest_url=url, stream_url=streams, api_url=streams)
    adapter = BinanceSpot(wire, [INSTRUMENT], lambda *_: None, seen.rows, settings, None, Random(1))
    wire.listener = adapter
    arrivals: list[tuple[int, int]] = []
    start = 0.0

    def on_update() -> None:
        nonlocal start
        number = seen.updates - 1  # the snapshot came first
        if number % SAMPLE == 0:
            arrivals.append((number, time.monotonic_ns()))
        if number == count // WARM:
            start = time.process_time()
        if number == count:
            done.set()

    seen.on_update = on_update
    adapter.start(clock())

    async def pump() -> None:
        while True:
            now = clock()
            if adapter.next_due() <= now:
                adapter.on_time(now)
            await asyncio.sleep(0.05)

    pumping = asyncio.create_task(pump())
    await done.wait()
    spent = time.process_time() - start
    pumping.cancel()
    adapter.stop(clock())
    await wire.shut()
    return {"cpu": spent / (count - count // WARM), "book": seen.book(), "arrivals": arrivals}


if __name__ == "__main__":
    if sys.argv[1] == "decode":
        print(json.dumps(decode(int(sys.argv[2]))))
    else:
        if len(sys.argv) > 4 and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {int(sys.argv[4])})
        print(json.dumps(uvloop.run(socket(sys.argv[2], int(sys.argv[3])))))
