"""Running under systemd: it is told when the session is ready, that it is alive, and that it stops; SIGTERM stops it.

The protocol is sd_notify(3): datagrams to the socket in $NOTIFY_SOCKET. Elsewhere nothing is sent. A sign of life is
sent only while the session gets on: a loop that turns but decides nothing is as dead as one that hangs.
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
    """Tells systemd; `interval` ns is how often it gets a sign of life, 0 if it does not watch this process.

    `progress` counts what the session has taken in or done: without growth for `quiet` ns, `alive` sends no more.
    """

    def __init__(
        self,
        progress: Callable[[], int] | None = None,
        *,
        quiet: int = 0,
        environment: Mapping[str, str] | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
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
        self._progress = progress
        self._quiet = max(quiet, self.interval)
        self._clock = clock
        self._seen = -1
        self._since = self._next = clock()

    def ready(self, status: str = "") -> None:
        """The session is up: books are there, and what was open is reconciled."""
        self._send("READY=1", status)

    def alive(self, status: str = "") -> None:
        """To be called often; feeds the watchdog when it is time, if the session gets on."""
        now = self._clock()
        if not self.interval or now < self._next:
            return
        self._next = now + self.interval
        progress = self._seen if self._progress is None else self._progress()
        if self._progress is None or progress != self._seen:
            self._seen, self._since = progress, now
        if now - self._since <= self._quiet:
            self._send("WATCHDOG=1", status)

    def stopping(self, status: str = "") -> None:
        """The session has begun to stop."""
        self._send("STOPPING=1", status)

    def need(self, seconds: float, status: str = "") -> None:
        """Ask for time to start or to stop, beyond what the unit allows."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}", status)

    def _send(self, message: str, status: str) -> None:
        if self._socket is None:
            return
        if status:
            message += f"\nSTATUS={' '.join(status.split())}"
        with contextlib.suppress(OSError):  # a notice that does not get through must not stop the session
            self._socket.sendto(message.encode(), self._address)


@contextlib.contextmanager
def stop_signals(stop: Callable[[str], None], again: Callable[[str], None] | None = None) -> Generator[None]:
    """While in it, SIGTERM and SIGINT call `stop` with their name, the second one `again`; the loop goes on turning.

    To be entered in a running event loop.
    """
    loop = asyncio.get_running_loop()
    heard = 0

    def hear(name: str) -> None:
        nonlocal heard
        heard += 1
        if heard == 1 or again is None:
            stop(name)
        else:
            again(name)

    for number in _SIGNALS:
        loop.add_signal_handler(number, hear, number.name)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
