"""The venue on sockets, and the command that serves it."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
from venue_harness import SECRETS, Harness, settings

from quotewright.domain.errors import InputError
from quotewright.exchange.accounts_file import read_accounts, with_keys
from quotewright.exchange.fault_schedule import FaultSchedule
from quotewright.exchange.faults import FaultPlane
from quotewright.exchange.http_driver import running
from quotewright.exchange.limits import Limits
from quotewright.exchange.settings import AccountSettings, ExchangeSettings

SIGNER = Harness()


def signed(query: str, key: str = "a") -> str:
    query = f"{query}&timestamp={time.time_ns() // 10**6}".lstrip("&")
    return f"{query}&signature={SIGNER.sign(query, key)}"


def test_requests_streams_and_faults_over_sockets() -> None:
    order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=50&quantity=0.1"

    async def talk(rest: str, streams: str, faults: str) -> None:
        async with aiohttp.ClientSession() as http:
            own = await http.ws_connect(f"{streams}/ws-api/v3")
            params = {"apiKey": "a", "timestamp": time.time_ns() // 10**6}
            params["signature"] = SIGNER.sign(f"apiKey=a&timestamp={params['timestamp']}", "a")
            await own.send_json({"id": 1, "method": "userDataStream.subscribe.signature", "params": params})
            assert (await own.receive_json())["status"] == 200
            public = await http.ws_connect(f"{streams}/stream?streams=btcusdt@depth@100ms")
            assert (await public.receive_json())["data"]["e"] == "depthUpdate"
            headers = {"X-MBX-APIKEY": "a"}
            async with http.post(f"{rest}/api/v3/order", data=signed(order), headers=headers) as reply:
                assert (reply.status, reply.headers["X-MBX-ORDER-COUNT-10S"]) == (200, "1")
                number = (await reply.json())["orderId"]
            assert (await own.receive_json())["event"]["i"] == number
            rule = {"kind": "lost_ack", "request": "order.cancel", "probability": 1.0}
            async with http.post(faults, json=rule) as reply:
                assert reply.status == 200, await reply.text()
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await http.delete(f"{rest}/api/v3/order?{signed(f'symbol=BTCUSDT&orderId={number}')}", headers=headers)
            assert (await own.receive_json())["event"]["e"] == "outboundAccountPosition"
            assert (await own.receive_json())["event"]["X"] == "CANCELED"
            async with http.get(f"{rest}/api/v3/nothing") as reply:
                assert reply.status == 404
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await http.ws_connect(f"{streams}/nothing")
            await public.close()
            await own.close()

    with running(
        settings(step=10**7), make_faults=lambda now: FaultPlane(Random(1), FaultSchedule(), now), fault_port=0
    ) as on:
        asyncio.run(talk(on.rest, on.streams, f"http://127.0.0.1:{on.fault_port}/faults"))
        with pytest.raises(InputError, match="cannot be listened on"), running(settings(), port=on.port):
            pass
        deadline = time.monotonic() + 10
        while on.server.connections and time.monotonic() < deadline:
            time.sleep(0.01)
        assert on.server.connections == 0


def test_the_command_serves_and_ends_with_0(tmp_path: Path) -> None:
    keys = tmp_path / "keys.toml"
    command = [sys.executable, "-m", "quotewright", "venue", "serve", "--preset", "quiet", "--port", "0", "--json"]
    process = subprocess.Popen([*command, "--keys-file", str(keys)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["keys"] == {"main": str(keys)}
        assert stat.S_IMODE(keys.stat().st_mode) == 0o600
        key = tomllib.loads(keys.read_text())

        async def ask() -> Any:
            SECRETS["made"] = key["secret"]
            url = f"{told['rest']}/api/v3/account?{signed('', 'made')}"
            async with (
                aiohttp.ClientSession() as http,
                http.get(url, headers={"X-MBX-APIKEY": key["api_key"]}) as reply,
            ):
                return await reply.json()

        held = {each["asset"]: float(each["free"]) for each in asyncio.run(ask())["balances"]}
        assert held == {"BTC": 100, "ETH": 100, "USDT": 1_000_000}
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


ACCOUNTS = """
[[account]]
name = "desk"
balances = {USDT = "1000.5", BTC = "0.00000001"}
maker_rate = "-0.00005"
[[account.key]]
api_key = "desk-key"
secret_file = "desk.secret"
withdraw = true
[[account]]
name = "second"
balances = {USDT = "1"}
[[account]]
name = "third"
balances = {USDT = "1"}
"""


def test_accounts_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "desk.secret").write_text("s3cret\n")
    (tmp_path / "accounts.toml").write_text(ACCOUNTS)
    keys = tmp_path / "keys.toml"
    accounts, made = with_keys(read_accounts(tmp_path / "accounts.toml"), keys)
    assert made == {"second": keys, "third": tmp_path / "keys-third.toml"}
    desk = accounts[0]
    assert (desk.keys[0].secret, desk.keys[0].may_withdraw, desk.maker_rate) == ("s3cret", True, "-0.00005")
    assert "s3cret" not in repr(desk)
    again, _ = with_keys(read_accounts(tmp_path / "accounts.toml"), keys)
    assert [account.keys[0].secret for account in again] == [account.keys[0].secret for account in accounts]
    keys.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        with_keys(read_accounts(tmp_path / "accounts.toml"), keys)


def without(line: str) -> Callable[[str], str]:
    return lambda text: text.replace(line, "", 1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (without('name = "desk"\n'), "account 1: name"),
        (lambda text: text.replace('"1000.5"', "1000.5"), "account 1: balances.USDT"),
        (lambda text: text.replace('"1000.5"', '"1e3"'), "balance of USDT"),
        (lambda text: text.replace("0.00000001", "0.000000001"), "balance of BTC"),
        (lambda text: text.replace("maker_rate", "maker_fee"), "account 1: maker_fee"),
        (lambda text: text.replace('"-0.00005"', '"0.000000001"'), "maker_rate"),
        (lambda text: text.replace("desk.secret", "nowhere"), "account 1: key.secret_file"),
        (without('secret_file = "desk.secret"\n'), "key"),
        (lambda text: text.replace("withdraw = true", 'withdraw = "yes"'), "account 1: key.withdraw"),
        (lambda text: "", "accounts"),
    ],
)
def test_what_is_wrong_in_a_file_of_accounts_is_named(tmp_path: Path, change: Callable[[str], str], field: str) -> None:
    (tmp_path / "desk.secret").write_text("s3cret\n")
    (tmp_path / "accounts.toml").write_text(change(ACCOUNTS))
    with pytest.raises(InputError) as caught:
        read_accounts(tmp_path / "accounts.toml")
    assert caught.value.field == field


def test_a_name_given_twice_is_refused() -> None:
    twice = [AccountSettings(name, [], {}) for name in ("a", "a")]
    with pytest.raises(InputError, match="given twice"):
        ExchangeSettings(settings().markets, twice)


def test_a_reader_that_falls_too_far_behind_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quotewright.exchange.http_driver.MOST_WAITING", 100)
    names = "/".join(
        f"{symbol}@{kind}" for symbol in ("btcusdt", "ethusdt") for kind in ("bookTicker", "depth20@100ms")
    )

    async def idle(host: str, port: int) -> None:
        reader, writer = await asyncio.open_connection(host, port, limit=1 << 10)
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        head = f"GET /stream?streams={names} HTTP/1.1\r\nHost: venue\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        writer.write(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 101")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(2000):
            if not on.server.connections:
                break
            await asyncio.sleep(0.01)
        writer.close()

    with running(settings(Limits(), step=200_000)) as on:
        asyncio.run(idle(on.host, on.port))
        assert on.server.connections == 0
