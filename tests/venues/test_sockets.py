"""The asyncio wire against the venue on real sockets, with and without TLS, and against servers that misbehave."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from quotewright.domain.instrument import Instrument
from quotewright.exchange.http_driver import Serving, serve
from quotewright.exchange.keys import ApiKey
from quotewright.exchange.limits import Limits
from quotewright.exchange.quiet_market import QuietSettings
from quotewright.exchange.settings import AccountSettings, ExchangeSettings
from quotewright.gateway.port import Fact, NewOrder, OpenOrders, OrderReport, OrderStatus
from quotewright.venues.binance import BinanceSpot
from quotewright.venues.binance_settings import BinanceSettings
from quotewright.venues.signing import HmacKey
from quotewright.venues.sockets import SocketWire, SteadyClock

INSTRUMENT = Instrument(
    "v", "BTCUSDT", "spot", "BTC", "USDT", "0.01", "0.0001", min_notional="5", maker_rate="0.001", taker_rate="0.001"
)


def run(work: Callable[[], Coroutine[Any, Any, None]], *, fast: bool = False) -> None:
    loop = uvloop.new_event_loop() if fast else asyncio.new_event_loop()
    try:
        loop.run_until_complete(asyncio.wait_for(work(), 30))
    finally:
        left = asyncio.all_tasks(loop)  # handlers of the servers that are still asleep
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.close()


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("did not come to pass")


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this host that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a venue")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(built.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


async def trade_a_little(tls: tuple[Path, Path] | None) -> None:
    """Start the adapter on a venue, place two hundred orders, and cancel all of them at once, one by one."""
    secret = f"{random.Random(3).getrandbits(256):064x}"
    account = AccountSettings("desk", [ApiKey("key", secret)], {"USDT": "1000000", "BTC": "10"})
    limits = Limits(orders_10s=1000)
    exchange = ExchangeSettings([QuietSettings(INSTRUMENT)], [account], limits)
    ready: asyncio.Future[Serving] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    given = {"cert": tls[0], "key": tls[1]} if tls else {}
    task = asyncio.create_task(serve(exchange, started=ready.set_result, stop=stop, **given))
    serving = await ready
    clock = SteadyClock()
    wire = SocketWire(clock, ca_file=tls[0] if tls else None)
    facts: list[Fact] = []
    urls = {"rest_url": serving.rest, "stream_url": serving.streams, "api_url": serving.ws_api}
    adapter = BinanceSpot(
        wire,
        [INSTRUMENT],
        lambda fact, now: facts.append(fact),
        lambda rows, now: None,
        BinanceSettings(**urls),
        HmacKey("key", secret),
        random.Random(1),
    )
    wire.listener = adapter
    adapter.start(clock())
    await until(lambda: adapter.stream_up and adapter.feed.streams[0].synced)
    for number in range(200):
        adapter.place(number + 1, NewOrder(f"o{number}", 0, 1, 90_000 + number, 100, 0), clock())
    await until(lambda: sum(isinstance(fact, OrderReport) and fact.ref > 0 for fact in facts) == 200)
    for number in range(200):
        adapter.cancel(number + 1001, 0, f"o{number}", clock())
    ended = [OrderStatus.CANCELED]
    await until(lambda: sum(isinstance(f, OrderReport) and f.ref > 1000 and f.status in ended for f in facts) == 200)
    adapter.open_orders(5000, 0, clock())
    await until(lambda: any(isinstance(fact, OpenOrders) and not fact.orders for fact in facts))
    adapter.stop(clock())
    await wire.shut()
    stop.set()
    await task


@pytest.mark.parametrize("fast", [False, True])
def test_orders_and_market_data_over_sockets(fast: bool) -> None:
    run(lambda: trade_a_little(None), fast=fast)


def test_the_same_over_tls(tmp_path: Path) -> None:
    run(lambda: trade_a_little(certificate(tmp_path)))


class Heard:
    """A listener that writes down."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []
        self.times: list[int] = []

    def _note(self, *what: Any) -> None:
        self.times.append(what[-1])
        self.said.append(what[:-1])

    def on_open(self, name: str, now: int) -> None:
        self._note("open", name, now)

    def on_text(self, name: str, text: bytes, now: int) -> None:
        self._note("text", name, text, now)

    def on_close(self, name: str, why: str, now: int) -> None:
        self._note("close", name, why, now)

    def on_reply(self, ref: int, status: int, headers: Mapping[str, str], body: bytes, now: int) -> None:
        self._note("reply", ref, status, dict(headers), body, now)

    def on_failure(self, ref: int, left: bool, why: str, now: int) -> None:
        self._note("failure", ref, left, why, now)

    def of(self, what: str) -> list[tuple[Any, ...]]:
        return [said for said in self.said if said[0] == what]


async def with_server(
    handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
    work: Callable[[SocketWire, Heard, int], Awaitable[None]],
    **options: Any,
) -> Heard:
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    heard = Heard()
    wire = SocketWire(SteadyClock(), **options)
    wire.listener = heard
    try:
        await work(wire, heard, int(runner.addresses[0][1]))
    finally:
        await wire.shut()
        await runner.cleanup()
    assert heard.times == sorted(heard.times)
    return heard


def test_frames_of_any_cut_and_ends_of_any_kind() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/refused":
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("at once")
        async for message in socket:
            if message.data == "parts":
                writer = socket._writer
                assert writer is not None
                writer.transport.write(b"\x01\x03in \x00\x06three \x80\x05parts")
            elif message.data == "end":
                await socket.close()
            else:
                assert request.transport is not None
                request.transport.abort()
        return socket

    async def work(wire: SocketWire, heard: Heard, port: int) -> None:
        url = f"ws://127.0.0.1:{port}/x"
        assert not wire.send("a", b"nobody is there")
        for name in ("a", "b", "c"):
            wire.connect(name, url)
        wire.connect("d", f"ws://127.0.0.1:{port}/refused")
        wire.connect("e", "ws://127.0.0.1:1/nobody")
        wire.connect("f", url)
        wire.close("f")  # before it is open
        await until(lambda: len(heard.of("text")) == 3 and len(heard.of("close")) == 3)
        assert wire.send("a", b"parts")
        assert wire.send("b", b"end")
        assert wire.send("c", b"abort")
        await until(lambda: len(heard.of("close")) == 5 and len(heard.of("text")) == 4)
        assert not wire.send("b", b"x")
        wire.close("a")
        await until(lambda: len(heard.of("close")) == 6)
        wire.connect("a", url)  # the name is free again
        await until(lambda: len(heard.of("open")) == 4)

    async def whole() -> None:
        heard = await with_server(handler, work)
        for name in ("a", "b", "c"):
            said = [each[0] for each in heard.said if each[1] == name]
            assert said[:2] == ["open", "text"]
        assert ("text", "a", b"in three parts") in heard.said
        assert {each[1] for each in heard.of("open")} == {"a", "b", "c"}
        closed = [each[1] for each in heard.of("close")]
        assert sorted(set(closed)) == ["a", "b", "c", "d", "e", "f"]

    run(whole)


def test_requests_that_fail_say_whether_they_may_have_left() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/silent":
            await asyncio.sleep(5)
        if request.path == "/cut":
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=418, text=request.raw_path, headers={"Retry-After": "7"})

    async def work(wire: SocketWire, heard: Heard, port: int) -> None:
        base = f"http://127.0.0.1:{port}"
        wire.request(1, "GET", f"{base}/x?symbols=%5B%22A%22%5D&signature=a%2Bb%3D", {}, b"")
        wire.request(2, "POST", f"{base}/silent", {}, b"")
        wire.request(3, "POST", f"{base}/cut", {}, b"")
        wire.request(4, "GET", "http://127.0.0.1:1/nobody", {}, b"")
        await until(lambda: len(heard.said) == 4)

    async def whole() -> None:
        heard = await with_server(handler, work, request_timeout=0.3)
        found = {each[1]: each for each in heard.said}
        assert found[1][2] == 418
        assert found[1][3]["retry-after"] == "7"
        assert found[1][4] == b"/x?symbols=%5B%22A%22%5D&signature=a%2Bb%3D"  # byte for byte what was signed
        assert [found[ref][:3] for ref in (2, 3, 4)] == [
            ("failure", 2, True),
            ("failure", 3, True),
            ("failure", 4, False),
        ]

    run(whole)
