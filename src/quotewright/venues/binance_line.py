"""Keeping one stream alive over a row of connections: reconnecting, overlapping, giving up silent ones.

At most one connection *serves*, and beside it one may be *coming*: asked for, open, being subscribed. What serves is
read until it is lost, or for an overlap after its successor was subscribed, so that nothing is missed between the two.
Attempts back off with jitter, and are counted over all lines of an adapter.
"""

from __future__ import annotations

import random
from collections import deque
from typing import Protocol

from quotewright.venues.binance_due import Due
from quotewright.venues.binance_settings import BinanceSettings
from quotewright.venues.wire import Wire


class LineOwner(Protocol):
    """Who uses a line."""

    def line_open(self, name: str, now: int) -> None:
        """A connection is open: log on and subscribe, then call `serve`, or `drop` if that is refused."""
        ...

    def line_served(self, name: str, now: int) -> None:
        """From now on this connection serves."""
        ...

    def line_closed(self, name: str, why: str, served: bool, now: int) -> None:
        """A connection is gone; `served`: it was the one that served, and there is none now."""
        ...

    def line_retired(self, name: str, now: int) -> None:
        """The overlap of a connection with its successor is over; it is being closed."""
        ...

    def line_probe(self, name: str, now: int) -> None:
        """Ask for a sign of life on it."""
        ...


class Attempts:
    """How many connections may still be opened, over all lines: so that trouble at the venue makes no storm."""

    def __init__(self, settings: BinanceSettings) -> None:
        self._most = settings.attempts
        self._within = settings.attempts_in
        self._times: deque[int] = deque()
        self.hold = 0  # the venue has told us to stay away until then

    def wait(self, now: int) -> int:
        """Ns until one more is allowed; 0: it is, and is counted."""
        while self._times and self._times[0] <= now - self._within:
            self._times.popleft()
        if now < self.hold:
            return self.hold - now
        if len(self._times) >= self._most:
            return self._times[0] + self._within - now
        self._times.append(now)
        return 0


class Line:
    """One stream's connections; see the module."""

    def __init__(
        self,
        label: str,
        url: str,
        wire: Wire,
        settings: BinanceSettings,
        attempts: Attempts,
        rng: random.Random,
        due: Due,
        owner: LineOwner,
    ) -> None:
        self.serving = ""  # name of the connection that serves
        self.coming = ""
        self.heard = 0  # local time of the last message on the serving one
        self._label = label
        self._url = url
        self._wire = wire
        self._settings = settings
        self._attempts = attempts
        self._rng = rng
        self._due = due
        self._owner = owner
        self._wanted = False
        self._count = 0
        self._failures = 0
        self._retry_at = 0  # 0: no attempt is due
        self._coming_by = 0
        self._served_at = 0
        self._renew_at = 0
        self._probed = False
        self._retiring: dict[str, int] = {}

    def begin(self, now: int) -> None:
        """Connect, and stay connected."""
        if not self._wanted:
            self._wanted = True
            self._attempt(now)

    def end(self) -> None:
        """Close everything, for good."""
        self._wanted = False
        self._retry_at = 0
        for name in (self.coming, self.serving, *self._retiring):
            if name:
                self._wire.close(name)
        self.serving = self.coming = ""
        self._retiring.clear()

    def owns(self, name: str) -> bool:
        """Whether a connection is one of this line's that is still of use."""
        return name in (self.serving, self.coming) or name in self._retiring

    def renew(self, now: int) -> None:
        """Open a second connection, to take over from the one that serves."""
        if self._wanted and not self.coming:
            self._attempt(now)

    def opened(self, name: str, now: int) -> None:
        """The wire says that it is open."""
        if name == self.coming:
            self._owner.line_open(name, now)

    def serve(self, name: str, now: int) -> None:
        """The connection that was coming is subscribed."""
        if name != self.coming:
            return
        before, self.serving, self.coming = self.serving, name, ""
        if before:
            self._retiring[before] = now + self._settings.overlap
            self._due.by(now + self._settings.overlap)
        self._served_at = self.heard = now
        self._probed = False
        spread = self._rng.uniform(0.9, 1.0)
        self._renew_at = now + int(self._settings.connection_life * spread)
        self._due.by(min(self._renew_at, now + self._settings.probe_after))
        self._owner.line_served(name, now)

    def drop(self, name: str, why: str, now: int) -> None:
        """Give a connection up, and try again later."""
        if self.owns(name):
            self._wire.close(name)
            self.closed(name, why, now)

    def closed(self, name: str, why: str, now: int) -> None:
        """The wire says that it is gone."""
        if name in self._retiring:
            del self._retiring[name]
            self._owner.line_closed(name, why, False, now)
            return
        if name == self.coming:
            self.coming = ""
            self._failures += 1
            self._owner.line_closed(name, why, False, now)
        elif name == self.serving:
            self.serving = ""
            self._failures = 1 if now - self._served_at >= self._settings.settled else self._failures + 1
            self._owner.line_closed(name, why, True, now)
        else:
            return
        if self._wanted and not self.coming and not self._retry_at:
            self._retry_at = now + self._backoff()
            self._due.by(self._retry_at)

    def on_time(self, now: int) -> None:
        """Do what is due."""
        settings = self._settings
        if self._retry_at and now >= self._retry_at:
            self._retry_at = 0
            self._attempt(now)
        if self.coming and now >= self._coming_by:
            self.drop(self.coming, "took too long to be subscribed", now)
        for name in [name for name, until in self._retiring.items() if now >= until]:
            del self._retiring[name]
            self._owner.line_retired(name, now)
            self._wire.close(name)
        if self.serving and now < self._attempts.hold:  # whoever goes on asking while limited is banned
            self.heard = now
        elif self.serving:
            silent = now - self.heard
            if silent >= settings.silence:
                self.drop(self.serving, "the connection is silent", now)
            elif silent < settings.probe_after:
                self._probed = False
            elif not self._probed:
                self._probed = True
                self._owner.line_probe(self.serving, now)
        if self.serving and not self.coming and not self._retry_at and now >= self._renew_at:
            self._attempt(now)
        self._say_due()

    def _say_due(self) -> None:
        if self._retry_at:
            self._due.by(self._retry_at)
        if self.coming:
            self._due.by(self._coming_by)
        for until in self._retiring.values():
            self._due.by(until)
        if self.serving:
            self._due.by(self.heard + (self._settings.silence if self._probed else self._settings.probe_after))
            if not self.coming and not self._retry_at:
                self._due.by(self._renew_at)

    def _attempt(self, now: int) -> None:
        if self.coming:
            return
        wait = self._attempts.wait(now)
        if wait:
            self._retry_at = now + wait
            self._due.by(self._retry_at)
            return
        self._count += 1
        self.coming = f"{self._label}/{self._count}"
        self._coming_by = now + self._settings.connect_timeout
        self._due.by(self._coming_by)
        self._wire.connect(self.coming, self._url)

    def _backoff(self) -> int:
        longest = min(self._settings.backoff << min(self._failures - 1, 20), self._settings.most_backoff)
        return int(longest * self._rng.uniform(0.5, 1.0))
