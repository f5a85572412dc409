"""Request weight per address, order count per account, and bans for those who do not stop, as Binance Spot has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from quotewright.exchange.api_errors import ApiError

SECOND = 10**9
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND


@dataclass(frozen=True)
class Limits:
    """Counts for each interval; 0: no limit."""

    weight_minute: int = 6000  # request weight per address
    orders_10s: int = 100  # new orders per account
    orders_day: int = 200_000
    raw_5min: int = 61_000  # requests per address
    ban_after: int = 20  # requests beyond the limit that are answered 429 before the address is banned
    ban_seconds: int = 120  # the first time; doubled each time after
    ban_most_seconds: int = 3 * 86_400
    stream_messages: int = 5  # a second, from a client of the market streams
    connections_5min: int = 300  # new WebSockets per address


class Window:
    """Counts of whoever, each in fixed intervals of the venue's clock."""

    def __init__(self, interval: int, limit: int) -> None:
        self.interval = interval
        self.limit = limit
        self._start = 0
        self._counts: dict[str, int] = {}

    def used(self, who: str, now: int) -> int:
        """Count in the present interval."""
        if now // self.interval != self._start:
            self._start = now // self.interval
            self._counts.clear()
        return self._counts.get(who, 0)

    def add(self, who: str, now: int, count: int = 1) -> int:
        """Count more; what the count is then."""
        self._counts[who] = total = self.used(who, now) + count
        return total

    def full(self, who: str, now: int, count: int = 1) -> bool:
        """Whether more would pass the limit."""
        return bool(self.limit) and self.used(who, now) + count > self.limit

    def wait(self, now: int) -> int:
        """Seconds until the next interval, rounded up."""
        return -(-(self.interval - now % self.interval) // SECOND)


class Counters:
    """The venue's counters."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.weight = Window(MINUTE, limits.weight_minute)
        self.raw = Window(5 * MINUTE, limits.raw_5min)
        self.orders_10s = Window(10 * SECOND, limits.orders_10s)
        self.orders_day = Window(DAY, limits.orders_day)
        self.connections = Window(5 * MINUTE, limits.connections_5min)
        self._refused: dict[str, int] = {}
        self._bans: dict[str, tuple[int, int]] = {}  # until, how many so far

    def banned(self, address: str, now: int) -> int:
        """Until when an address is banned; 0 if it is not."""
        until = self._bans.get(address, (0, 0))[0]
        return until if until > now else 0

    def request(self, address: str, weight: int, now: int) -> None:
        """Count a request; raises ApiError 429 beyond the limit, and 418 for who goes on."""
        if self.weight.full(address, now, weight) or self.raw.full(address, now):
            self._refuse(address, weight, now)
        self._refused.pop(address, None)
        self.weight.add(address, now, weight)
        self.raw.add(address, now)

    def order(self, account: str, now: int) -> None:
        """Whether an account may send another order; raises ApiError -1015."""
        for window, interval in ((self.orders_10s, "10 SECOND"), (self.orders_day, "1 DAY")):
            if window.full(account, now):
                message = f"Too many new orders; current limit is {window.limit} orders per {interval}."
                raise ApiError(-1015, message, 429, window.wait(now))

    def count_order(self, account: str, now: int) -> None:
        """Count an order that was taken in."""
        self.orders_10s.add(account, now)
        self.orders_day.add(account, now)

    def _refuse(self, address: str, weight: int, now: int) -> None:
        self._refused[address] = count = self._refused.get(address, 0) + 1
        if count > self.limits.ban_after:
            times = self._bans.get(address, (0, 0))[1] + 1
            seconds = min(self.limits.ban_seconds * 2 ** (times - 1), self.limits.ban_most_seconds)
            self._bans[address] = (now + seconds * SECOND, times)
            del self._refused[address]
            raise banned_error(now + seconds * SECOND, now)
        window = self.weight if self.weight.full(address, now, weight) else self.raw
        message = f"Too much request weight used; current limit is {self.weight.limit} request weight per 1 MINUTE."
        raise ApiError(-1003, message, 429, window.wait(now))

    def rules(self) -> list[dict[str, Any]]:
        """As exchangeInfo lists them."""
        limits = self.limits
        return [
            _rule("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_minute),
            _rule("ORDERS", "SECOND", 10, limits.orders_10s),
            _rule("ORDERS", "DAY", 1, limits.orders_day),
            _rule("RAW_REQUESTS", "MINUTE", 5, limits.raw_5min),
        ]

    def order_rules(self, account: str, now: int) -> list[dict[str, Any]]:
        """An account's order counts."""
        return [
            _rule("ORDERS", "SECOND", 10, self.limits.orders_10s) | {"count": self.orders_10s.used(account, now)},
            _rule("ORDERS", "DAY", 1, self.limits.orders_day) | {"count": self.orders_day.used(account, now)},
        ]

    def weight_rule(self, address: str, now: int) -> dict[str, Any]:
        """An address's weight."""
        rule = _rule("REQUEST_WEIGHT", "MINUTE", 1, self.limits.weight_minute)
        return rule | {"count": self.weight.used(address, now)}


def banned_error(until: int, now: int) -> ApiError:
    """What a banned address is told."""
    message = f"Way too much request weight used; IP banned until {until // 1_000_000}."
    return ApiError(-1003, message, 418, -(-(until - now) // SECOND))


def _rule(kind: str, interval: str, number: int, limit: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}
