"""Between a wire and its adapter: what goes wrong in an adapter must end the session, not a callback."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from quotewright.venues.binance import BinanceSpot


class Guarded:
    """A `Listener`; `guard` calls the adapter and deals with its errors, `after` follows each input."""

    def __init__(self, adapter: BinanceSpot, guard: Callable[..., None], after: Callable[[], None]) -> None:
        self._adapter = adapter
        self._guard = guard
        self._after = after

    def on_open(self, name: str, now: int) -> None:
        """See `Listener`."""
        self._guard(self._adapter.on_open, name, now)
        self._after()

    def on_text(self, name: str, text: bytes, now: int) -> None:
        """See `Listener`."""
        self._guard(self._adapter.on_text, name, text, now)
        self._after()

    def on_close(self, name: str, why: str, now: int) -> None:
        """See `Listener`."""
        self._guard(self._adapter.on_close, name, why, now)
        self._after()

    def on_reply(self, ref: int, status: int, headers: Mapping[str, str], body: bytes, now: int) -> None:
        """See `Listener`."""
        self._guard(self._adapter.on_reply, ref, status, headers, body, now)
        self._after()

    def on_failure(self, ref: int, left: bool, why: str, now: int) -> None:
        """See `Listener`."""
        self._guard(self._adapter.on_failure, ref, left, why, now)
        self._after()
