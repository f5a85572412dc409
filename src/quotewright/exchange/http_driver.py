"""The venue server on sockets: one port for REST, streams and the WebSocket API, and one for the fault plane."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import WSMsgType, web

from quotewright.domain.errors import InputError
from quotewright.exchange.hooks import NEVER, Faults, HttpReply, HttpRequest, Out
from quotewright.exchange.server import ExchangeServer
from quotewright.exchange.settings import ExchangeSettings

MOST_WAITING = 50_000  # messages a slow reader may be behind before it is cut off
_HEARTBEAT = 40.0  # s between pings; a pong must come within half of it
_BODY = 1 << 20

MakeFaults = Callable[[int], Faults]  # given the time of the start, ns


@dataclass(frozen=True)
class Serving:
    """A venue that listens."""

    server: ExchangeServer
    host: str
    port: int
    fault_port: int  # 0: there is none
    secure: bool

    @property
    def rest(self) -> str:
        """Base address of REST."""
        return f"http{'s' if self.secure else ''}://{self.host}:{self.port}"

    @property
    def streams(self) -> str:
        """Base address of the streams; `/ws` and `/stream` follow."""
        return f"ws{'s' if self.secure else ''}://{self.host}:{self.port}"

    @property
    def ws_api(self) -> str:
        """Address of the WebSocket API."""
        return f"{self.streams}/ws-api/v3"


class _Line:
    """What waits to be written to one WebSocket, in order; a reader too far behind is cut off."""

    def __init__(self, transport: asyncio.Transport | None) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._transport = transport

    def put(self, payload: bytes | None) -> None:
        """A message, or None to close the connection after what waits."""
        self.queue.put_nowait(payload)
        if self.queue.qsize() > MOST_WAITING and self._transport is not None:
            self._transport.abort()

    async def write(self, socket: web.WebSocketResponse) -> None:
        """Write until there is a None in the queue, then close."""
        while True:
            payload = await self.queue.get()
            if payload is None:
                await socket.close(code=1008)
                return
            await socket.send_frame(payload, WSMsgType.TEXT)


class Driver:
    """Carries inputs from sockets to the core and its outputs back; the core's time is the wall clock, never back."""

    def __init__(self, settings: ExchangeSettings, make_faults: MakeFaults | None) -> None:
        self._last = time.time_ns()
        self._loop = asyncio.get_running_loop()
        self.core = ExchangeServer(settings, self._last, make_faults(self._last) if make_faults else None)
        self._lines: dict[int, _Line] = {}
        self._sockets: set[web.WebSocketResponse] = set()
        self._replies: dict[int, asyncio.Future[HttpReply | None]] = {}
        self._refs = 0
        self._timer: asyncio.TimerHandle | None = None
        self._turn()

    def _now(self) -> int:
        self._last = max(self._last, time.time_ns())
        return self._last

    def _turn(self) -> None:
        """Let the core do what is due."""
        self.core.advance(self._now())
        self._deliver()

    def _deliver(self) -> None:
        """Hand on the outputs that are due, and come back for the next."""
        for out in self.core.take_out(self._now()):
            self._hand_on(out)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.core.next_due()
        if due < NEVER:
            self._timer = self._loop.call_later(max(due - self._now(), 0) / 1e9, self._turn)

    def _hand_on(self, out: Out) -> None:
        if out.kind in ("reply", "drop"):
            waiting = self._replies.pop(out.to, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(out.reply)
            return
        line = self._lines.get(out.to)
        if line is not None:
            line.put(out.payload if out.kind == "frame" else None)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """A request or a new WebSocket on the venue's port."""
        path, _, query = request.raw_path.partition("?")
        if request.headers.get("upgrade", "").lower() == "websocket":
            return await self._websocket(request)
        self._refs += 1
        ref, waiting = self._refs, self._loop.create_future()
        self._replies[ref] = waiting
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = HttpRequest(request.method, path, query, headers, await request.read(), request.remote or "")
        self.core.http(ref, asked, self._now())
        self._deliver()
        reply = await waiting
        if reply is None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        return _response(reply)

    async def _websocket(self, request: web.BaseRequest) -> web.StreamResponse:
        opened = self.core.ws_open(request.raw_path, request.remote or "", self._now())
        if isinstance(opened, HttpReply):
            return _response(opened)
        line = self._lines[opened] = _Line(request.transport)
        self._deliver()
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT, compress=False, max_msg_size=_BODY)
        writer: asyncio.Task[None] | None = None
        try:
            await socket.prepare(request)
            self._sockets.add(socket)
            writer = self._loop.create_task(line.write(socket))
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    text = message.data.encode() if isinstance(message.data, str) else bytes(message.data)
                    self.core.ws_text(opened, text, self._now())
                    self._deliver()
        finally:
            self._lines.pop(opened, None)
            self._sockets.discard(socket)
            self.core.ws_closed(opened, self._now())
            self._deliver()
            if writer is not None:
                writer.cancel()
                await asyncio.gather(writer, return_exceptions=True)
        return socket

    async def control(self, request: web.BaseRequest) -> web.StreamResponse:
        """A request on the fault plane's port."""
        body = await request.read()
        reply = self.core.faults.control(request.method, request.path, body, self._now())
        self._turn()
        return _response(reply)

    async def close(self) -> None:
        """End every connection."""
        if self._timer is not None:
            self._timer.cancel()
        for waiting in self._replies.values():
            if not waiting.done():
                waiting.set_result(None)
        await asyncio.gather(*(socket.close(code=1001) for socket in list(self._sockets)), return_exceptions=True)


def _response(reply: HttpReply) -> web.Response:
    headers = {name: value for name, value in reply.headers.items() if name != "content-type"}
    kind = reply.headers.get("content-type", "application/json;charset=UTF-8")
    return web.Response(status=reply.status, body=reply.body, headers={**headers, "Content-Type": kind})


async def serve(
    settings: ExchangeSettings,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    make_faults: MakeFaults | None = None,
    fault_port: int | None = None,
    cert: Path | None = None,
    key: Path | None = None,
    started: Callable[[Serving], None] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until cancelled, or until `stop` is set. Port 0 takes a free one, told by `started`.

    The fault plane's control port is opened on 127.0.0.1 if `fault_port` is given. With `cert` and `key` (PEM files)
    everything is TLS. Raises InputError for a port that cannot be had and a certificate that cannot be used.
    """
    secure = _context(cert, key)
    driver = Driver(settings, make_faults)
    runners: list[web.ServerRunner] = []
    try:
        port = await _listen(runners, driver.handle, host, port, secure)
        control = 0
        if fault_port is not None:
            control = await _listen(runners, driver.control, "127.0.0.1", fault_port, None)
        if started is not None:
            started(Serving(driver.core, host, port, control, secure is not None))
        await (stop or asyncio.Event()).wait()
    finally:
        await driver.close()
        for runner in runners:
            await runner.cleanup()


async def _listen(
    runners: list[web.ServerRunner], handler: Callable[..., object], host: str, port: int, secure: ssl.SSLContext | None
) -> int:
    runner = web.ServerRunner(web.Server(handler, access_log=None), shutdown_timeout=1.0)  # pyright: ignore[reportArgumentType]
    runners.append(runner)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=secure).start()
    except OSError as error:
        raise InputError("port", port, f"cannot be listened on at {host}: {error.strerror}") from error
    return int(runner.addresses[0][1])


def _context(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise InputError("tls", str(cert or key), "needs both a certificate and its key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise InputError("tls", str(cert), f"cannot be used with its key: {error}") from error
    return context


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where there is one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


@contextmanager
def running(
    settings: ExchangeSettings,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    make_faults: MakeFaults | None = None,
    fault_port: int | None = None,
    cert: Path | None = None,
    key: Path | None = None,
) -> Generator[Serving]:
    """A venue in a thread of its own, for as long as the block runs; see `serve`."""
    ready = threading.Event()
    found: list[Serving] = []
    failed: list[BaseException] = []
    handle: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def started(serving: Serving) -> None:
        found.append(serving)
        ready.set()

    async def main() -> None:
        stop = asyncio.Event()
        handle.append((asyncio.get_running_loop(), stop))
        await serve(
            settings,
            host,
            port,
            make_faults=make_faults,
            fault_port=fault_port,
            cert=cert,
            key=key,
            started=started,
            stop=stop,
        )

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=new_loop) as runner:
                runner.run(main())
        except BaseException as error:
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="venue", daemon=True)
    thread.start()
    ready.wait()
    if failed:
        raise failed[0]
    try:
        yield found[0]
    finally:
        loop, stop = handle[0]
        if thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        thread.join()
    if failed:
        raise failed[0]
