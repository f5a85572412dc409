"""The venue's dead-man switch over ccxt: wound in time, quotes held while it may go off, released at a proper end."""

from __future__ import annotations

import asyncio
import base64
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

pytest.importorskip("ccxt")

from aiohttp import web

from quotewright.domain.errors import InputError
from quotewright.gateway.port import Alarm, Cleared, Fact
from quotewright.live.settings import read_session
from quotewright.venues.ccxt_dead_man import DeadManSwitch
from quotewright.venues.ccxt_exchange import Taps, make_exchange
from quotewright.venues.ccxt_settings import CcxtKey, CcxtSettings

MS = 1_000_000


class Switch:
    """A venue with a switch, as ccxt shows it: it goes off if it is not wound in time."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.fails = False
        self.hangs = False

    async def cancel_all_orders_after(self, time_out: int) -> dict[str, Any]:
        if self.hangs:
            await asyncio.sleep(3600)
        if self.fails:
            raise OSError("no route")
        self.asked.append(time_out)
        return {}


async def until(what: Any) -> None:
    """Wait for something that has to happen."""
    for _ in range(1000):
        if what():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not happen")


def kinds(told: list[Fact]) -> list[str]:
    """What was told of the switch, in short."""
    assert all(isinstance(fact, Alarm | Cleared) for fact in told)
    return [fact.severity if isinstance(fact, Alarm) else "cleared" for fact in told]


@pytest.mark.parametrize("trouble", ["fails", "hangs"])
def test_quotes_wait_for_it_and_while_it_may_have_gone_off(trouble: str) -> None:
    async def run() -> None:
        told: list[Fact] = []
        venue = Switch()
        switch = DeadManSwitch(venue, told.append, 60 * MS, time.monotonic_ns)
        setattr(venue, trouble, True)
        task = asyncio.get_running_loop().create_task(switch.keep())
        await until(lambda: len(told) >= 3)
        assert kinds(told)[:3] == ["pause", "note", "note"]
        assert not venue.asked
        await switch.release()
        assert not venue.asked  # it was never wound
        setattr(venue, trouble, False)
        await until(lambda: kinds(told)[-1] == "cleared")
        await until(lambda: len(venue.asked) >= 4)
        assert set(venue.asked) == {60}
        assert kinds(told).count("pause") == 1
        setattr(venue, trouble, True)
        await until(lambda: kinds(told).count("pause") == 2)
        last = [fact for fact in told if isinstance(fact, Alarm) and fact.severity == "pause"][-1]
        assert "may have cancelled all orders" in last.text
        setattr(venue, trouble, False)
        await until(lambda: kinds(told).count("cleared") == 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await switch.release()
        assert venue.asked[-1] == 0

    asyncio.run(run())


def test_what_cannot_be_released_is_told() -> None:
    async def run() -> None:
        told: list[Fact] = []
        venue = Switch()
        switch = DeadManSwitch(venue, told.append, 60 * MS, time.monotonic_ns)
        task = asyncio.get_running_loop().create_task(switch.keep())
        await until(lambda: venue.asked)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        venue.fails = True
        await switch.release()
        assert "could not be released" in [fact for fact in told if isinstance(fact, Alarm)][-1].text

    asyncio.run(run())


def test_krakens_own_request_goes_out() -> None:
    """Over ccxt's own code and a socket: `CancelAllOrdersAfter` with whole seconds, then 0."""
    seen: list[tuple[str, list[str]]] = []

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        seen.append((request.path, parse_qs((await request.read()).decode())["timeout"]))
        return web.json_response({"error": [], "result": {"currentTime": "now", "triggerTime": "then"}})

    async def run() -> None:
        server = web.Server(handle)
        runner = web.ServerRunner(server)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        settings = CcxtSettings(exchange="kraken", base_url=f"http://127.0.0.1:{port}")
        key = CcxtKey("name", base64.b64encode(b"not a key").decode())
        exchange: Any = make_exchange(settings, key, Taps(*([lambda *_: None] * 5)), exact=True)
        exchange.set_markets(
            [{"id": "XXBTZUSD", "symbol": "BTC/USD", "base": "BTC", "quote": "USD", "spot": True, "swap": False}]
        )
        told: list[Fact] = []
        switch = DeadManSwitch(exchange, told.append, 60_000 * MS, time.monotonic_ns)
        task = asyncio.get_running_loop().create_task(switch.keep())
        await until(lambda: kinds(told) == ["pause", "cleared"])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await switch.release()
        await exchange.close()
        await runner.cleanup()

    asyncio.run(run())
    assert seen == [("/0/private/CancelAllOrdersAfter", ["60"]), ("/0/private/CancelAllOrdersAfter", ["0"])]


SESSION = """
[[venue]]
name = "there"
url = "http://there"
instruments = ["AAAUSD"]
dead_man = "{}"

[[agent]]
strategy = "symmetric"
"""


def test_a_session_file_says_how_long_or_never(tmp_path: Path) -> None:
    path = tmp_path / "session.toml"
    for text, expected in (("0s", 0), ("90s", 90_000 * MS)):
        path.write_text(SESSION.format(text), encoding="utf-8")
        assert read_session(path).venues[0].dead_man == expected
    for text in ("5s", "11m", "-20s", "soon"):
        path.write_text(SESSION.format(text), encoding="utf-8")
        with pytest.raises(InputError, match="dead_man") as refused:
            read_session(path)
        assert text in str(refused.value)
