"""How an adapter reaches the outside: named WebSocket connections and HTTP requests, without blocking.

An adapter does no I/O and reads no clock: it asks a `Wire`, and hears through the methods of `Listener`, each with the
local time. Over sockets this is `venues.sockets`; under a virtual clock it is the simulated network of `simtest`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Wire(Protocol):
    """What an adapter may ask for; every call returns at once."""

    def connect(self, name: str, url: str) -> None:
        """Open a WebSocket under a name; a name that is open or opening must be closed first."""
        ...

    def send(self, name: str, text: bytes) -> bool:
        """Hand one text message to the connection; False if it is not open, and then nothing has left."""
        ...

    def close(self, name: str) -> None:
        """Close it; `on_close` follows unless it was not open."""
        ...

    def request(self, ref: int, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """One HTTP request; `on_reply` or `on_failure` with the same ref follows, at the latest after its time-out."""
        ...


class Listener(Protocol):
    """What a wire tells; `now` is the local time of arrival, ns, never going back."""

    def on_open(self, name: str, now: int) -> None:
        """The connection is open."""
        ...

    def on_text(self, name: str, text: bytes, now: int) -> None:
        """A whole text message."""
        ...

    def on_close(self, name: str, why: str, now: int) -> None:
        """The connection is gone, or could not be opened."""
        ...

    def on_reply(self, ref: int, status: int, headers: Mapping[str, str], body: bytes, now: int) -> None:
        """An HTTP answer; header names are lower case."""
        ...

    def on_failure(self, ref: int, left: bool, why: str, now: int) -> None:
        """No HTTP answer; `left` False only if it is certain that no byte of the request left."""
        ...
