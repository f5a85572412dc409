"""The venue server with restless markets, in a process of its own: `live_venue.py KEYS.toml [CORE]`; says where it is.

Four symbols whose middle moves every few milliseconds, and one account without limits to speak of. It ends with its
standard input.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from pathlib import Path

import uvloop

from quotewright.domain.instrument import Instrument
from quotewright.exchange.http_driver import Serving, serve
from quotewright.exchange.keys import ApiKey
from quotewright.exchange.limits import Limits
from quotewright.exchange.quiet_market import QuietSettings
from quotewright.exchange.settings import AccountSettings, ExchangeSettings

BASES = ("BTC", "ETH", "SOL", "XRP")
PRICE = 6_000_000  # ticks
STEP = 5_000_000  # ns between two moves


def instrument(base: str) -> Instrument:
    """One of the pairs."""
    return Instrument(
        "SIM", f"{base}USDT", "spot", base, "USDT", tick="0.01", lot="0.0001", min_qty="0.0001", max_qty="9000",
        min_notional="5", min_price="0.01", max_price="1000000", maker_rate="0.001", taker_rate="0.001",
        fee_asset="received",
    )  # fmt: skip


async def main() -> None:
    """Serve until nobody holds the other end of standard input."""
    name, secret = secrets.token_hex(16), secrets.token_hex(16)
    keys = Path(sys.argv[1])
    keys.touch(mode=0o600)
    keys.write_text(f'api_key = "{name}"\nsecret = "{secret}"\n', encoding="utf-8")
    balances = {"USDT": "100000000", **dict.fromkeys(BASES, "10000")}
    settings = ExchangeSettings(
        [
            QuietSettings(instrument(base), seed=number, price=PRICE, step=STEP, levels=10, move=1.0, take=0.2)
            for number, base in enumerate(BASES)
        ],
        [AccountSettings("desk", [ApiKey(name, secret)], balances)],
        Limits(orders_10s=10**6, orders_day=10**8, weight_minute=10**8, raw_5min=0, connections_5min=0),
    )
    stop = asyncio.Event()

    def started(serving: Serving) -> None:
        print(serving.rest, flush=True)

    async def wait() -> None:
        await asyncio.to_thread(sys.stdin.read)
        stop.set()

    waiting = asyncio.create_task(wait())
    await serve(settings, started=started, stop=stop)
    await waiting


if __name__ == "__main__":
    if len(sys.argv) > 2 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(sys.argv[2])})
    uvloop.run(main())
