"""kill -9 at random moments of a session on real sockets with real fills: nothing is lost, nothing is sent twice."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served_desk import served_desk

from quotewright.domain.instrument import ASSET_ATOM, Instrument
from quotewright.domain.journal import Record
from quotewright.domain.messages import RESPONSE
from quotewright.exchange.limits import Limits
from quotewright.exchange.quiet_market import QuietSettings
from quotewright.live.carry import read_carry
from quotewright.storage.session_log import ANSWERS, read_log

START = {"BTC": 100 * 10**8, "ETH": 1_000 * 10**8, "USDT": 10_000_000 * 10**8}
HERE = Path(__file__).parent

SESSION = """
[[venue]]
name = "SIM"
url = "{url}"
keys = "keys.toml"
instruments = ["BTCUSDT", "ETHUSDT"]

[[agent]]
name = "ladder"
strategy = "ladder"
interval_ms = 40
params = {{levels = 3, half_spread = 0.005, step = 0.01, order_notional = 500, skew = 0.01}}

[[agent]]
name = "pair"
strategy = "symmetric"
interval_ms = 30
instruments = ["SIM:BTCUSDT"]
params = {{half_spread = 0.004, order_notional = 300}}
"""


def instrument(base: str) -> Instrument:
    return Instrument(
        "SIM", f"{base}USDT", "spot", base, "USDT", tick="0.01", lot="0.0001", min_qty="0.0001", max_qty="9000",
        min_notional="5", min_price="0.01", max_price="1000000", fee_asset="received",
    )  # fmt: skip


@contextmanager
def nursery() -> Iterator[Any]:
    """Asks the process that forks sessions."""
    with subprocess.Popen(
        [sys.executable, str(HERE / "kill_nursery.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def ask(path: Path, out: Path, seconds: object) -> int:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{path} {out} {seconds}\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield ask
        assert process.stdin is not None
        process.stdin.close()


def kill_often(folder: Path, kills: int, seed: int) -> dict[str, int]:
    """Kill a session that many times, let the last one end as it should, and compare all the books."""
    quiet = {"step": 5_000_000, "take": 0.7, "qty": 400, "take_qty": 600, "move": 0.5}
    markets = [
        QuietSettings(instrument("BTC"), seed=seed, price=6_000_000, **quiet),
        QuietSettings(instrument("ETH"), seed=seed, price=300_000, **quiet),
    ]
    balances = {"BTC": "100", "ETH": "1000", "USDT": "10000000"}
    limits = Limits(orders_10s=100_000, orders_day=10_000_000, weight_minute=10_000_000, raw_5min=0, connections_5min=0)
    chosen = random.Random(seed)
    with served_desk(folder, markets, balances, limits, 10_000_000) as (serving, account), nursery() as ask:
        path, out = folder / "session.toml", folder / "out"
        path.write_text(SESSION.format(url=serving.rest))
        assert ask(path, folder / "warm", "warm") == 0
        warm_trades = {symbol: len(fills) for symbol, fills in account.fills.items()}
        started = {asset: account.free[asset] + account.locked[asset] for asset in START}
        for _ in range(kills):
            ask(path, out, round(chosen.uniform(0.05, 1.2), 3))
        assert ask(path, out, 0) == 0

    assert not any(account.open.values())
    clients = [order.client_id for order in account.orders.values()]
    assert len(clients) == len(set(clients)), "an order was sent twice"

    carry = read_carry(out / "log")
    assert carry.orders == []
    booked = _booked_trades(out / "log")
    for symbol in ("BTCUSDT", "ETHUSDT"):
        told = [fill.id for fill in account.fills.get(symbol, ())][warm_trades.get(symbol, 0) :]
        mine = booked.get(f"SIM:{symbol}", [])
        assert len(mine) == len(set(mine)), "a fill was booked twice"
        assert sorted(mine) == sorted(told)
    change = {asset: account.free[asset] + account.locked[asset] - started[asset] for asset in START}
    ledger = dict.fromkeys(START, Fraction(0))
    for leg in carry.legs:
        base = leg.instrument.removeprefix("SIM:").removesuffix("USDT")
        traded = instrument(base)
        ledger[base] += leg.position * traded.qty_step.fraction / traded.atoms_per_lot / ASSET_ATOM
        ledger["USDT"] += leg.cash * traded.money_unit / ASSET_ATOM
    assert ledger == change
    return {"orders": len(clients), "fills": sum(len(ids) for ids in booked.values())}


def _booked_trades(log: Path) -> dict[str, list[int]]:
    """Trade ids in the order in which the step took them, by instrument, over all sessions of a log."""
    import msgspec

    found: dict[str, list[int]] = {}
    legs: list[str] = []
    for frame in read_log(log):
        if frame.kind == ANSWERS:
            rows = np.frombuffer(frame.payload, RESPONSE)
            for row in rows[rows["kind"] == Record.FILL]:
                found.setdefault(legs[int(row["leg"])], []).append(int(row["trade"]))
        elif frame.kind == 1:
            legs = [leg["instrument"] for leg in msgspec.json.decode(frame.payload)["legs"]]
    return found


def test_killed_sessions_lose_no_order_and_no_fill(tmp_path: Path) -> None:
    counts = kill_often(tmp_path, 12, seed=1)
    assert counts["fills"] > 20
    assert counts["orders"] > 200


@pytest.mark.slow
def test_two_hundred_kills(tmp_path: Path) -> None:
    counts = kill_often(tmp_path, 200, seed=2)
    sys.stdout.write(f"{counts}\n")
    assert counts["fills"] > 500
