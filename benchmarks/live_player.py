"""A venue that only plays differences: `live_player.py COUNT RATE BURST [CORE]`; prints its port, then when it began.

It answers what clients ask before they listen, waits until the snapshot has been fetched, and sends `RATE` messages a
second, `BURST` at a time, each made before the first is sent. Its last line is a JSON object: `began`, monotonic ns of
the first message, and `late`, the most ns by which a burst was behind its time.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
import time

import live_messages as messages
from aiohttp import web

SETTLE = 0.3  # s between the snapshot and the first difference
_HEADER = struct.Struct("!BBH")


def frame(text: bytes) -> bytes:
    """A whole text message of 126 to 65535 bytes."""
    return _HEADER.pack(0x81, 126, len(text)) + text


class Player:
    """One client, one symbol."""

    def __init__(self, count: int, rate: int, burst: int) -> None:
        made = messages.differences(min(count, 20_000))  # sent again with new numbers where there are more
        self.plain, self.combined = (self.bursts(made, count, burst, wrap) for wrap in (False, True))
        self.interval = burst / rate
        self.fetched = asyncio.Event()
        self.done = asyncio.Event()
        self.told: dict[str, int] = {}

    def bursts(self, made: list[bytes], count: int, burst: int, wrap: bool) -> list[bytes]:
        """Frames to write at once."""
        found: list[bytes] = []
        for start in range(0, count, burst):
            part = bytearray()
            for number in range(start, min(start + burst, count)):
                text = made[number % len(made)]
                if number >= len(made):
                    text = renumbered(text, number, len(made))
                part += frame(messages.wrapped(text) if wrap else text)
            found.append(bytes(part))
        return found

    async def rest(self, request: web.Request) -> web.Response:
        """What is asked before."""
        path = request.path.rsplit("/", 1)[-1]
        if path == "depth":
            if request.query.get("limit") != "5":  # which only asks where the venue stands
                asyncio.get_running_loop().call_later(SETTLE, self.fetched.set)
            return _json(messages.snapshot())
        if path == "exchangeInfo":
            return _json(messages.exchange_info())
        return _json(b'{"serverTime":%d}' % (time.time_ns() // 10**6))

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        """Acknowledge, wait, play."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        playing: asyncio.Task[None] | None = None
        async for message in socket:
            asked = json.loads(message.data)
            await socket.send_str(json.dumps({"result": None, "id": asked["id"]}))
            if asked["method"] == "SUBSCRIBE" and playing is None:
                bursts = self.combined if request.path.startswith("/stream") else self.plain
                playing = asyncio.create_task(self.play(request.transport, bursts))
        return socket

    async def play(self, transport: asyncio.Transport | None, bursts: list[bytes]) -> None:
        """Every burst at its time."""
        assert transport is not None
        await self.fetched.wait()
        began = time.monotonic_ns()
        late = 0
        step = round(self.interval * 1e9)
        for number, burst in enumerate(bursts):
            due = began + number * step
            while (now := time.monotonic_ns()) < due:
                await asyncio.sleep(max((due - now) / 1e9 - 5e-5, 0))
            late = max(late, now - due)
            transport.write(burst)
            if number % 16 == 0:
                await asyncio.sleep(0)
        self.told = {"began": began, "late": late}
        self.done.set()


def renumbered(text: bytes, number: int, period: int) -> bytes:
    """A message that was sent before, with the id that follows."""
    old = messages.FIRST_ID + 1 + number % period
    new = messages.FIRST_ID + 1 + number
    return text.replace(b'"U":%d,"u":%d' % (old, old), b'"U":%d,"u":%d' % (new, new))


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


async def main() -> None:
    """Serve one client, until everything is sent and the client is gone."""
    count, rate, burst = (int(text) for text in sys.argv[1:4])
    if len(sys.argv) > 4 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(sys.argv[4])})
    player = Player(count, rate, burst)
    app = web.Application()
    app.router.add_get("/api/v3/{name}", player.rest)
    app.router.add_get("/stream", player.stream)
    app.router.add_get("/ws/{number}", player.stream)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await player.done.wait()
    print(json.dumps(player.told), flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until the client has all of it
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
