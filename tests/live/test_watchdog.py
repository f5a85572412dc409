"""What systemd hears, the unit it is told to by, and signals that stop."""

from __future__ import annotations

import asyncio
import configparser
import os
import signal
import socket
from collections.abc import Generator
from pathlib import Path

import pytest

from quotewright.domain import errors
from quotewright.live.watchdog import Watchdog, stop_signals

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "quotewright@.service"
S = 10**9


class Systemd:
    """The other end of the notification socket."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)
        self.environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "10000000"}

    def heard(self) -> list[str]:
        found: list[str] = []
        while True:
            try:
                found.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return found


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Systemd]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@quotewright-test-{os.getpid()}"
    systemd = Systemd(address)
    yield systemd
    systemd.socket.close()


def test_it_hears_of_the_beginning_of_life_and_of_the_end(systemd: Systemd) -> None:
    now = 7 * S
    watchdog = Watchdog(environment=systemd.environment, clock=lambda: now)
    watchdog.ready("two books\nREADY=0")  # a status cannot smuggle in another message
    while now < 28 * S:
        watchdog.alive()
        now += S // 10
    watchdog.stopping()
    life = ["WATCHDOG=1"] * 5  # at half of the interval: 7, 12, 17, 22, 27
    assert systemd.heard() == [
        "READY=1\nSTATUS=two books READY=0",
        *life,
        "STOPPING=1",
    ]


@pytest.mark.parametrize("other", [{}, {"WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}])
def test_without_systemd_or_watched_elsewhere_it_is_silent(systemd: Systemd, other: dict[str, str]) -> None:
    environment = {**systemd.environment, **other} if other else {}
    watchdog = Watchdog(environment=environment)
    assert watchdog.interval == 0
    watchdog.ready()
    watchdog.alive()
    assert systemd.heard() == (["READY=1"] if other else [])
    gone = Watchdog(environment={"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "1"})
    gone.ready()
    gone.alive()


def test_signals_stop_and_are_given_back() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a loop of another test may have left its own
    before = signal.getsignal(signal.SIGTERM)

    async def session() -> list[str]:
        heard: list[str] = []
        with stop_signals(heard.append):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
                os.kill(os.getpid(), number)
                await asyncio.sleep(0.01)
        return heard

    assert asyncio.run(session()) == ["SIGTERM", "SIGINT", "SIGTERM"]
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_unit_restarts_what_broke_and_leaves_alone_what_was_told_to_stop() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # pyright: ignore[reportAttributeAccessIssue]
    unit.read_string(UNIT.read_text())
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert service["NotifyAccess"] == "main"
    assert service["KillSignal"] == "SIGTERM"
    assert service["Restart"] == "on-failure"
    assert float(service["WatchdogSec"]) >= 5
    never = set(map(int, service["RestartPreventExitStatus"].split()))
    codes = {error.__name__: error.exit_code for error in vars(errors).values() if isinstance(error, type)}
    assert never == {codes[name] for name in ("InputError", "DataError", "MissingExtraError", "HaltError")}
    assert service["ProtectSystem"] == "strict"
