"""Running under systemd: it is told when the session is ready, that it is alive, and that it stops; SIGTERM stops it.

The protocol is sd_notify(3): datagrams to the socket in $NOTIFY_SOCKET. Elsewhere nothing is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Generator, Mapping

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Watchdog:
    """Tells systemd; `interval` ns is how often it gets a sign of life, 0 if it does not watch this process."""

    def __init__(
        self, *, environment: Mapping[str, str] | None = None, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        environment = os.environ if environment is None else environment
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if self._address else None
        if self._socket is not None:
            self._socket.setblocking(False)
        told = environment.get("WATCHDOG_USEC", "")
        ours = environment.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        self.interval = int(told) * 1000 // 2 if ours and self._socket is not None and told.isdigit() else 0
        self._clock = clock
        self._next = clock()

    def ready(self, status: str = "") -> None:
        """The session is up: books are there, and what was open is reconciled."""
        self._send("READY=1", status)

    def alive(self) -> None:
        """To be called in every turn of the session's loop; feeds the watchdog when it is time."""
        now = self._clock()
        if self.interval and now >= self._next:
            self._next = now + self.interval
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The session has begun to stop."""
        self._send("STOPPING=1")

    def _send(self, message: str, status: str = "") -> None:
        if self._socket is None:
            return
        if status:
            message += f"\nSTATUS={' '.join(status.split())}"
        with contextlib.suppress(OSError):  # a notice that does not get through must not stop the session
            self._socket.sendto(message.encode(), self._address)


@contextlib.contextmanager
def stop_signals(stop: Callable[[str], None]) -> Generator[None]:
    """While in it, SIGTERM and SIGINT call `stop` with their name; the loop goes on turning.

    To be entered in a running event loop.
    """
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop, number.name)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
