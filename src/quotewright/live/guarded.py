"""Between a wire and its adapter: what goes wrong in an adapter must end the session, not a callback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quotewright.venues.binance import BinanceSpot


class Guarded:
    """A `Listener`; `failed` hears of the adapter's errors, `after` follows each input."""

    def __init__(self, adapter: BinanceSpot, failed: Callable[[Exception], None], after: Callable[[], None]) -> None:
        self._adapter = adapter
        self._failed = failed
        self._after = after

    def on_open(self, name: str, now: int) -> None:
        """See `Listener`."""
        self._call(self._adapter.on_open, name, now)
        self._after()

    def on_text(self, name: str, text: bytes, now: int) -> None:
        """See `Listener`; in one call less than the others, since most of what comes is this."""
        try:
            self._adapter.on_text(name, text, now)
        except Exception as error:
            self._failed(error)
        self._after()

    def on_close(self, name: str, why: str, now: int) -> None:
        """See `Listener`."""
        self._call(self._adapter.on_close, name, why, now)
        self._after()

    def on_reply(self, ref: int, status: int, headers: Mapping[str, str], body: bytes, now: int) -> None:
        """See `Listener`."""
        self._call(self._adapter.on_reply, ref, status, headers, body, now)
        self._after()

    def on_failure(self, ref: int, left: bool, why: str, now: int) -> None:
        """See `Listener`."""
        self._call(self._adapter.on_failure, ref, left, why, now)
        self._after()

    def _call(self, call: Callable[..., None], *given: Any) -> None:
        try:
            call(*given)
        except Exception as error:
            self._failed(error)
