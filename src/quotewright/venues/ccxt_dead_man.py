"""A venue's dead-man switch: unless it hears from us in time, it cancels all orders of the account by itself.

It is wound anew three times within its time, and quotes wait until it is wound and while it may have gone off. What it
cancels are the account's orders, whoever placed them; so it is released at the end if nothing of ours rests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from quotewright.gateway.port import Alarm, Cleared, Fact

_MILLISECOND = 1_000_000
_SECOND = 1_000_000_000
_RELEASE_PATIENCE = 5.0  # s
NAME = "dead-man-switch"


class DeadManSwitch:
    """Over ccxt's `cancel_all_orders_after`; `time_out` in ns. `tell` gets an alarm until it is known to be wound."""

    def __init__(self, exchange: Any, tell: Callable[[Fact], None], time_out: int, clock: Callable[[], int]) -> None:
        self._exchange = exchange
        self._tell = tell
        self._time_out = time_out
        self._clock = clock
        self._wound_at = 0  # when it was last asked for with success, local ns; 0: never
        self._held = False

    async def keep(self) -> None:
        """Wind it for as long as the task lives."""
        self._hold("quotes wait until the venue's dead-man switch is wound")
        pause = self._time_out / 3 / _SECOND
        while True:
            asked = self._clock()
            try:
                await asyncio.wait_for(self._exchange.cancel_all_orders_after(self._time_out // _MILLISECOND), pause)
            except Exception as error:
                why = f"it could not be wound: {type(error).__name__}: {error}"[:300]
                self._tell(Alarm(NAME, why, "note"))
                if self._clock() - self._wound_at >= self._time_out:
                    self._hold(f"the venue may have cancelled all orders: {why}")
                await asyncio.sleep(pause / 3)
            else:
                self._wound_at = asked
                if self._held:
                    self._held = False
                    self._tell(Cleared(NAME))
                await asyncio.sleep(pause)

    async def release(self) -> None:
        """Tell the venue not to cancel; if that fails it will, and does no harm to us."""
        if not self._wound_at:
            return
        try:
            await asyncio.wait_for(self._exchange.cancel_all_orders_after(0), _RELEASE_PATIENCE)
        except Exception as error:
            text = f"it could not be released, and cancels all orders of the account: {type(error).__name__}: {error}"
            self._tell(Alarm(NAME, text[:300], "note"))

    def _hold(self, why: str) -> None:
        if not self._held:
            self._held = True
            self._tell(Alarm(NAME, why, "pause"))
