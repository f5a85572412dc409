"""What every client's script shares: what it is told on standard input, and the one JSON document it writes.

Told: host, port, symbol, and for each kind of key ("hmac", "ed25519") a key and a secret (PEM for Ed25519). The
server's certificate is trusted by the environment.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

Told = dict[str, Any]


async def until(check: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Wait until something has been heard; fails with its name."""
    for _ in range(int(seconds / 0.02)):
        if check():
            return
        await asyncio.sleep(0.02)
    raise TimeoutError(what)


async def refusal(call: Callable[[], Awaitable[object]], code: Callable[[Exception], int]) -> dict[str, object]:
    """The error that a call must meet: its class, and the venue's code."""
    try:
        await call()
    except Exception as error:
        return {"error": type(error).__name__, "code": code(error)}
    raise AssertionError("was not refused")


def observe(flow: Callable[[Told, str], Awaitable[dict[str, object]]]) -> None:
    """Run the flow with both kinds of key at once, and write what it saw."""
    told = json.load(sys.stdin)

    async def both() -> dict[str, object]:
        kinds = ("hmac", "ed25519")
        return dict(zip(kinds, await asyncio.gather(*(flow(told, kind) for kind in kinds)), strict=True))

    sys.stdout.write(json.dumps(asyncio.run(both())))
