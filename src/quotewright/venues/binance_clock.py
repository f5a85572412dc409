"""The venue's clock against ours: measured by asking for its time, at start, from time to time, and after a refusal."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quotewright.gateway.port import Alarm, Cleared, Fact
from quotewright.venues.binance_due import Due
from quotewright.venues.binance_rest import Answer, NotUnderstood, RestCalls
from quotewright.venues.binance_settings import BinanceSettings
from quotewright.venues.binance_wire import UNREADABLE, ServerTime

_MS = 1_000_000
_AGAIN = 1_000_000_000  # after a failure


class VenueClock:
    """Offset of the venue's clock: the median over a few questions, each taken as answered half-way.

    `known` is called once, at the first measurement.
    """

    def __init__(
        self,
        rest: RestCalls,
        settings: BinanceSettings,
        due: Due,
        sink: Callable[[Fact, int], None],
        known: Callable[[int], None],
        not_understood: NotUnderstood,
    ) -> None:
        self.offset = 0  # ns to add to local time
        self.trip = 0  # shortest way there and back of the last measurement, ns
        self.measured = 0  # measurements made
        self._rest = rest
        self._settings = settings
        self._due = due
        self._sink = sink
        self._known = known
        self._not_understood = not_understood
        self._decode = msgspec.json.Decoder(ServerTime).decode
        self._asking = False
        self._samples: list[tuple[int, int]] = []  # offset, trip
        self._next = 0  # 0: none is due
        self._drifting = False
        self._far = False

    def timestamp(self, now: int) -> int:
        """The venue's time in ms, for signing."""
        return (now + self.offset) // _MS

    def measure(self, now: int) -> None:
        """Begin a measurement, unless one is under way; later if the venue wants to hear nothing now."""
        if now < self._rest.hold:
            self._next = self._rest.hold
            self._due.by(self._next)
        elif not self._asking:
            self._asking = True
            self._next = 0
            self._samples = []
            self._ask(now)

    def on_time(self, now: int) -> None:
        """Measure if it is time to."""
        if self._next and now >= self._next:
            self._next = 0  # also where one is under way: its end says when the next is due
            self.measure(now)
        if self._next:
            self._due.by(self._next)

    def _ask(self, now: int) -> None:
        self._rest.ask("GET", "/api/v3/time", {}, self._answered, now)

    def _answered(self, answer: Answer, now: int) -> None:
        try:
            if answer.status != 200:
                raise msgspec.DecodeError(answer.text)
            told = self._decode(answer.body).server_time * _MS + _MS // 2  # whole ms: half of one is cut off on average
        except UNREADABLE as error:
            self._asking = False
            self._next = max(now + _AGAIN, self._rest.hold)
            self._due.by(self._next)
            if answer.status == 200:
                self._not_understood("the venue's time", error, answer.body, now)
            return
        self._samples.append((told - (answer.sent + now) // 2, now - answer.sent))
        if len(self._samples) < self._settings.clock_samples:
            self._ask(now)
        else:
            self._conclude(now)

    def _conclude(self, now: int) -> None:
        offsets = sorted(offset for offset, _ in self._samples)
        offset = offsets[len(offsets) // 2]
        moved = offset - self.offset
        first = self.measured == 0
        self.offset = offset
        self.trip = min(trip for _, trip in self._samples)
        self.measured += 1
        self._asking = False
        bound = self._settings.clock_bound + self.trip // 2
        drifted = not first and abs(moved) > bound
        if drifted:
            text = f"the venue's clock has moved against ours by {moved / _MS:+.1f} ms since the last measurement"
            self._sink(Alarm("clock-drift", text, "pause"), now)
        elif self._drifting:
            self._sink(Cleared("clock-drift"), now)
        self._drifting = drifted
        far = abs(offset) > self._settings.clock_far
        if far and not self._far:
            text = f"the venue's clock is {offset / _MS:+.0f} ms from ours: set this machine's clock"
            self._sink(Alarm("clock-offset", text, "note"), now)
        elif self._far and not far:
            self._sink(Cleared("clock-offset"), now)
        self._far = far
        self._next = now + (_AGAIN if drifted else self._settings.clock_interval)
        self._due.by(self._next)
        if first:
            self._known(now)
