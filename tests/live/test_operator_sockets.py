"""Words, files and signals to a session on real sockets, each answered; an agent that joins it trades at the venue."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from pains_stage import MID, spot
from served_desk import served_desk

from quotewright.exchange.accounts import Account
from quotewright.exchange.quiet_market import QuietSettings
from quotewright.gateway.ids import ClientIds
from quotewright.live.carry import read_carry
from quotewright.live.control_folder import ask
from quotewright.live.runner import Runner
from quotewright.live.settings import read_session

SESSION = """
[session]
stop = "{stop}"

[[venue]]
name = "sim"
url = "{url}"
keys = "keys.toml"
instruments = ["AAAUSD"]

[[agent]]
name = "first"
strategy = "symmetric"
interval_ms = 50
params = {{half_spread = 8.0, order_notional = 20}}
"""
LATE = {"name": "late", "strategy": "symmetric", "interval_ms": 50, "params": {"half_spread": 1.0}}


async def _until(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def _legs_of(account: Account) -> set[int]:
    """Legs that have had fills, by the client ids at the venue."""
    ids = ClientIds("main", 0)
    found: set[int] = set()
    for fills in list(account.fills.values()):
        for fill in list(fills):  # the venue fills on in its own thread
            parsed = ids.parse(account.orders["AAAUSD", fill.order].client_id)
            assert parsed is not None
            found.add((parsed.order >> 32) - 1)
    return found


@pytest.mark.parametrize("end", ["stop file", "SIGTERM", "SIGUSR2", "word"])
def test_a_session_is_told_and_answers(tmp_path: Path, end: str) -> None:
    out = tmp_path / "out"
    market = QuietSettings(spot("AAA"), 5, MID, 10_000_000, 12, qty=2_000, move=0.0, take=0.9, take_qty=400)
    with served_desk(tmp_path, [market], {"AAA": "100", "USD": "100000"}) as (serving, desk):
        (tmp_path / "session.toml").write_text(
            SESSION.format(url=serving.rest, stop="flatten" if end == "SIGTERM" else "cancel")
        )

        async def meddle(runner: Runner, began: asyncio.Event) -> None:
            await began.wait()
            await _until(lambda: desk.open.get("AAAUSD"))

            async def tell(**word: Any) -> dict[str, Any]:
                return await asyncio.to_thread(ask, out, word)

            refused = await tell(do="dance")
            assert not refused["ok"]
            assert refused["error"].startswith("do: 'dance': must be one of pause")
            assert (await tell(do="agent", settings=LATE))["instruments"] == ["sim:AAAUSD"]
            await _until(lambda: 1 in _legs_of(desk))
            if end == "SIGUSR2":
                os.kill(os.getpid(), signal.SIGUSR1)  # pause
            else:
                (out / "stop").write_text("pause")
            await _until(lambda: not desk.open["AAAUSD"])
            assert (await tell(do="resume"))["ok"]
            await _until(lambda: len(desk.open["AAAUSD"]) >= 3)
            if end == "stop file":
                (out / "stop").write_text("flatten")
            elif end == "word":
                assert (await tell(do="flatten"))["ok"]
            else:
                os.kill(os.getpid(), getattr(signal, end))

        async def both() -> int:
            began = asyncio.Event()
            runner = Runner(read_session(tmp_path / "session.toml"), "live", out, began=lambda _: began.set())
            outcome, _ = await asyncio.gather(runner.run(), meddle(runner, began))
            assert outcome.stop == "flatten"
            return outcome.exit_code

        assert asyncio.run(both()) == 0
        assert not any(desk.open.values())
        total = desk.free["AAA"] + desk.locked["AAA"] - 100 * 10**8
        assert abs(total) <= 10**6  # less than the smallest order of 1 USD
        carry = read_carry(out / "log")
        assert [leg.agent for leg in carry.legs] == ["first", "late"]
        instrument = spot("AAA")
        lots = sum(Fraction(leg.position) for leg in carry.legs) / instrument.atoms_per_lot
        assert lots * instrument.qty_step.fraction * 10**8 == total


def test_a_stop_that_came_while_no_process_ran_is_obeyed_and_then_forgotten(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "stop").write_text("flatten\n")
    market = QuietSettings(spot("AAA"), 5, MID, 10_000_000, 12, qty=2_000)
    with served_desk(tmp_path, [market], {"AAA": "100", "USD": "100000"}) as (serving, _):
        (tmp_path / "session.toml").write_text(SESSION.format(url=serving.rest, stop="cancel"))
        settings = read_session(tmp_path / "session.toml")
        for stop in ("flatten", "cancel"):  # the next is ended by the clock
            outcome = asyncio.run(Runner(settings, "live", out, seconds=3).run())
            assert outcome.stop == stop
            assert outcome.exit_code == 0
