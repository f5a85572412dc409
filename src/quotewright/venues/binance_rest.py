"""REST requests of an adapter: who waits for which answer, what the headers say, and when to stay away."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from quotewright.gateway.port import Fact, FailureKind, Rule, Used
from quotewright.venues.binance_due import Due
from quotewright.venues.binance_errors import TOO_MANY_REQUESTS, Meaning, meaning
from quotewright.venues.binance_line import Attempts
from quotewright.venues.binance_settings import BinanceSettings
from quotewright.venues.binance_wire import ApiError
from quotewright.venues.wire import Wire

_S = 1_000_000_000
_UNITS = {"s": _S, "m": 60 * _S, "h": 3600 * _S, "d": 86400 * _S}
_PREFIXES = (("x-mbx-used-weight-", "weight"), ("x-mbx-order-count-", "orders"))
_MARKET_PERCENT = 60  # of a limit: market data is asked for only while less is used
_LEAST_WAIT = 10 * _S  # where the venue limits us without saying for how long


class Answer(msgspec.Struct, gc=False):
    """What became of a REST request; `status` 0: there was no answer."""

    status: int
    body: bytes
    code: int = 0  # the venue's code, or the HTTP status
    text: str = ""
    meaning: Meaning | None = None  # of a failure
    retry_after: int = 0  # ns
    sent: int = 0  # local time


Handler = Callable[[Answer, int], None]
NotUnderstood = Callable[[str, Exception, bytes, int], None]  # what, why, the text, local time


class RestCalls:
    """Sends requests and hands the answers to those who wait; each is answered once, at the latest after a time-out."""

    def __init__(
        self, wire: Wire, settings: BinanceSettings, attempts: Attempts, due: Due, sink: Callable[[Fact, int], None]
    ) -> None:
        self._wire = wire
        self._settings = settings
        self._attempts = attempts
        self._due = due
        self._sink = sink
        self._number = 0
        self._waiting: dict[int, tuple[Handler, int]] = {}
        self._spared = 0
        self._limits: dict[int, int] = {}  # of weight, by interval
        self._headers: dict[str, tuple[str, int] | None] = {}
        self._error = msgspec.json.Decoder(ApiError).decode

    @property
    def hold(self) -> int:
        """Until when the venue wants to hear nothing."""
        return self._attempts.hold

    @property
    def spared(self) -> int:
        """Until when market data is not asked for: much of the weight is used, and orders need the rest."""
        return max(self._attempts.hold, self._spared)

    def weigh(self, fact: Used | Rule, now: int) -> None:
        """Take a limit of weight, or what is used of it."""
        if fact.kind != "weight":
            return
        if isinstance(fact, Rule):
            self._limits[fact.interval] = fact.limit
        elif fact.used * 100 >= self._limits.get(fact.interval, 2**62) * _MARKET_PERCENT:
            self._spared = max(self._spared, now - now % fact.interval + fact.interval)

    def ask(self, method: str, target: str, headers: Mapping[str, str], handler: Handler, now: int) -> None:
        """Send a request; `target` is path and query."""
        self._number += 1
        self._waiting[self._number] = (handler, now)
        self._due.by(now + self._settings.rest_timeout)
        self._wire.request(self._number, method, self._settings.rest_url + target, headers, b"")

    def on_reply(self, ref: int, status: int, headers: Mapping[str, str], body: bytes, now: int) -> None:
        """The wire's answer; one that comes after its time-out only tells what is used."""
        self._note_used(headers, now)
        code, text = (0, "") if 200 <= status < 300 else self.explained(body)
        retry_after = self._retry_after(status, code, headers, now)
        found = self._waiting.pop(ref, None)
        if found is None:
            return
        handler, sent = found
        if 200 <= status < 300:
            handler(Answer(status, body, sent=sent), now)
            return
        failure = meaning(status, code, text)
        handler(Answer(status, body, code or status, text, failure, retry_after, sent), now)

    def on_failure(self, ref: int, left: bool, why: str, now: int) -> None:
        """The wire's word that there is no answer."""
        found = self._waiting.pop(ref, None)
        if found is not None:
            kind = FailureKind.DOUBT if left else FailureKind.UNSENT
            found[0](Answer(0, b"", text=why, meaning=Meaning(kind), sent=found[1]), now)

    def on_time(self, now: int) -> None:
        """Give up what is unanswered for too long."""
        while self._waiting:
            ref, (_, sent) = next(iter(self._waiting.items()))
            if now < sent + self._settings.rest_timeout:
                self._due.by(sent + self._settings.rest_timeout)
                return
            self.on_failure(ref, True, "no answer in time", now)

    def explained(self, body: bytes) -> tuple[int, str]:
        """Code and words of an error; 0 and the beginning of the text if it is none of the venue's."""
        try:
            error = self._error(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return 0, body[:200].decode("utf-8", "replace")
        return error.code, error.msg

    def stay_away(self, until: int) -> None:
        """The venue has said so elsewhere."""
        self._attempts.hold = max(self._attempts.hold, until)

    def _retry_after(self, status: int, code: int, headers: Mapping[str, str], now: int) -> int:
        if status not in (418, 429):
            return 0
        text = headers.get("retry-after", "")
        wait = int(text) * _S if text.isascii() and text.isdigit() and len(text) < 9 else _LEAST_WAIT
        if status == 418 or code in (0, TOO_MANY_REQUESTS):
            self.stay_away(now + wait)
        return wait

    def _note_used(self, headers: Mapping[str, str], now: int) -> None:
        for name, value in headers.items():
            if name not in self._headers:
                if len(self._headers) > 200:
                    self._headers.clear()
                self._headers[name] = _limit(name)
            limit = self._headers[name]
            if limit is not None and value.isascii() and value.isdigit() and len(value) < 16:
                used = Used(limit[0], limit[1], int(value))
                self.weigh(used, now)
                self._sink(used, now)


def _limit(name: str) -> tuple[str, int] | None:
    """Kind and interval that a header's name tells, such as `x-mbx-used-weight-1m`."""
    for prefix, kind in _PREFIXES:
        span = name.removeprefix(prefix)
        if span != name and span[:-1].isdigit() and span[-1:] in _UNITS:
            return kind, int(span[:-1]) * _UNITS[span[-1]]
    return None
