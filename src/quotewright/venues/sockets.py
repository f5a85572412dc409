"""A `Wire` over asyncio: WebSockets by picows, HTTP by aiohttp; times are taken when bytes are first read.

A message sent is handed to the socket before `send` returns, so that a burst of cancels leaves in one turn of the loop.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import picows
from yarl import URL

from quotewright.venues.wire import Listener

_connect: Any = picows.ws_connect  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
_NEVER_LEFT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


class SteadyClock:
    """Wall-clock ns at its making, and from there on time that never goes back."""

    def __init__(self) -> None:
        self._begin = time.time_ns() - time.monotonic_ns()

    def __call__(self) -> int:
        """Ns since the epoch."""
        return self._begin + time.monotonic_ns()


class SocketWire:
    """See the module; `listener` is set before the first connection. Belongs to one running event loop.

    `ca_file` holds the certificates to trust instead of the system's. `request_timeout` is in seconds.
    """

    def __init__(
        self,
        read_clock: Callable[[], int],
        *,
        ca_file: Path | None = None,
        request_timeout: float = 10.0,
        connect_timeout: float = 10.0,
    ) -> None:
        self.listener: Listener | None = None
        self._read_clock = read_clock
        self._tls = ssl.create_default_context(cafile=str(ca_file)) if ca_file else ssl.create_default_context()
        self._request_timeout = aiohttp.ClientTimeout(total=request_timeout, sock_connect=connect_timeout)
        self._connect_timeout = connect_timeout
        self._connections: dict[str, _Connection] = {}
        self._opening: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    def connect(self, name: str, url: str) -> None:
        """See `Wire`."""
        if name in self._connections or name in self._opening:
            raise ValueError(f"the connection {name} is open")
        self._opening[name] = self._spawn(self._open(name, url))

    def send(self, name: str, text: bytes) -> bool:
        """See `Wire`."""
        connection = self._connections.get(name)
        return connection is not None and connection.send(text)

    def close(self, name: str) -> None:
        """See `Wire`; `on_close` follows in a later turn of the loop."""
        opening = self._opening.pop(name, None)
        if opening is not None:
            opening.cancel()
            asyncio.get_running_loop().call_soon(self.closed, name, "closed by us")
        connection = self._connections.get(name)
        if connection is not None:
            connection.close()

    def request(self, ref: int, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """See `Wire`."""
        self._spawn(self._request(ref, method, url, headers, body))

    async def shut(self) -> None:
        """Close every connection and end every request."""
        for name in [*self._opening, *self._connections]:
            self.close(name)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def read(self, name: str, text: bytes) -> None:
        """A connection has read a message."""
        now = self._read_clock()
        if self.listener is not None:
            self.listener.on_text(name, text, now)

    def closed(self, name: str, why: str) -> None:
        """A connection is gone."""
        self._connections.pop(name, None)
        if self.listener is not None:
            self.listener.on_close(name, why, self._read_clock())

    async def _open(self, name: str, url: str) -> None:
        try:
            async with asyncio.timeout(self._connect_timeout):
                connection = _Connection(self, name)
                await _connect(
                    lambda: connection,
                    url,
                    ssl_context=self._tls if url.startswith("wss") else None,
                    websocket_handshake_timeout=self._connect_timeout,
                    max_redirects=0,
                )
        except Exception as error:  # whatever it is, the connection is not there
            if self._opening.pop(name, None) is not None:
                self.closed(name, f"cannot be opened: {type(error).__name__}: {error}")
            return
        self._opening.pop(name, None)
        if connection.alive:
            self._connections[name] = connection
            connection.announced = True
            if self.listener is not None:
                self.listener.on_open(name, self._read_clock())
            connection.release()
        else:
            self.closed(name, "closed while it was being opened")

    async def _request(self, ref: int, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        listener = self.listener
        if listener is None:
            return
        left = True
        try:
            if self._session is None:
                connector = aiohttp.TCPConnector(ssl=self._tls, limit=0, keepalive_timeout=60)
                self._session = aiohttp.ClientSession(connector=connector, timeout=self._request_timeout)
            target = URL(url, encoded=True)  # the query is signed as it stands
            async with self._session.request(
                method, target, headers=headers, data=body or None, allow_redirects=False
            ) as answer:
                content = await answer.read()
                now = self._read_clock()
                names = {header.lower(): value for header, value in answer.headers.items()}
        except _NEVER_LEFT as error:
            left, why = False, f"{type(error).__name__}: {error}"
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            why = f"{type(error).__name__}: {error}"
        else:
            listener.on_reply(ref, answer.status, names, content, now)
            return
        listener.on_failure(ref, left, why, self._read_clock())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class _Connection(picows.WSListener):
    """One WebSocket."""

    def __init__(self, wire: SocketWire, name: str) -> None:
        self.alive = False
        self.announced = False  # the listener knows that it is open
        self._wire = wire
        self._name = name
        self._transport: picows.WSTransport | None = None
        self._begun: list[bytes] = []  # frames of a message that is not whole yet
        self._early: list[bytes] = []  # messages from before it was announced

    def send(self, text: bytes) -> bool:
        """Hand a message to the socket."""
        transport = self._transport
        if transport is None or not self.alive:
            return False
        transport.send(picows.WSMsgType.TEXT, text)
        return True

    def close(self) -> None:
        """Say good-bye and close."""
        if self._transport is not None and self.alive:
            self._transport.send_close(picows.WSCloseCode.OK)
            self._transport.disconnect()

    def release(self) -> None:
        """Hand on what came before the listener knew of the connection."""
        early, self._early = self._early, []
        for text in early:
            self._wire.read(self._name, text)

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        """See picows."""
        self._transport = transport
        self.alive = True
        raw = transport.underlying_transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """See picows; pings are answered by it."""
        kind = frame.msg_type
        if kind is picows.WSMsgType.TEXT or kind is picows.WSMsgType.BINARY:
            if frame.fin:
                self._whole(frame.get_payload_as_bytes())
            else:
                self._begun = [frame.get_payload_as_bytes()]
        elif kind is picows.WSMsgType.CONTINUATION:
            self._begun.append(frame.get_payload_as_bytes())
            if frame.fin:
                text, self._begun = b"".join(self._begun), []
                self._whole(text)
        elif kind is picows.WSMsgType.CLOSE:
            transport.send_close(picows.WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        """See picows."""
        self.alive = False
        if self.announced:
            self._wire.closed(self._name, "the connection was closed")

    def _whole(self, text: bytes) -> None:
        if self.announced:
            self._wire.read(self._name, text)
        else:
            self._early.append(text)
