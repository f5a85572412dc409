"""What may be sent without passing the venue's limits: windows of weight and orders, a reserve, and bans obeyed.

A window counts what was sent in its trailing interval, and a little longer: wherever the venue's own interval begins,
it holds no more than that. What the venue says is used corrects it upward only, since others may share the address.
"""

from __future__ import annotations

from collections import deque

from quotewright.gateway.port import Cost

_SLOTS = 50
_ADAPTERS_PART = 20  # one part in so many of the tightest limit on weight
_MOST_SLACK = 1_000_000_000  # ns a message may be under way


class Window:
    """One limit: how much of it was used in the last interval."""

    def __init__(self, interval: int, limit: int) -> None:
        self.interval = interval
        self.limit = limit
        self._slot = max(interval // _SLOTS, 1)
        self._keep = interval + min(interval // 10, _MOST_SLACK)
        self._charges: deque[list[int]] = deque()  # slot number, amount
        self._total = 0
        self._paced_to = 0  # ns: what was sent is used up to here, at the pace of `pace`

    def used(self, now: int) -> int:
        """What counts against the limit now."""
        charges = self._charges
        while charges and (charges[0][0] + 1) * self._slot + self._keep <= now:
            self._total -= charges.popleft()[1]
        return self._total

    def charge(self, amount: int, now: int) -> None:
        """Count what is sent now."""
        if amount <= 0:
            return
        slot = now // self._slot
        if self._charges and self._charges[-1][0] >= slot:
            self._charges[-1][1] += amount
        else:
            self._charges.append([slot, amount])
        self._total += amount

    def pace(self, amount: int, now: int, percent: int) -> int:
        """Up to when `amount` more is used, at an even pace of two thirds of `percent` of the limit, ns.

        A quarter may be sent ahead of it: so the share is never spent at once, and never quite used up.
        """
        return max(self._paced_to, now) + amount * self.interval * 300 // (2 * max(self.limit * percent, 1))

    def in_pace(self, amount: int, now: int, percent: int) -> bool:
        """Whether it is not too far ahead of the pace."""
        return 8 * (self.pace(amount, now, percent) - now) <= 3 * self.interval

    def keep_pace(self, amount: int, now: int, percent: int) -> None:
        """Count what is sent now against the pace."""
        self._paced_to = self.pace(amount, now, percent)

    def frees(self, now: int) -> int:
        """When something is given back next, ns; soon if nothing is used."""
        if not self._charges:
            return now + self._slot
        return (self._charges[0][0] + 1) * self._slot + self._keep


class Budget:
    """The limits of one address and of the accounts on it; gateways on one address share one object."""

    def __init__(self) -> None:
        self.blocked_until = 0  # nothing at all is sent before
        self.places_until: dict[str, int] = {}  # by account: no places before
        self.version = 0  # another one whenever there may be less room than before
        self._reserves: dict[str, int] = {}  # weight that each account may need to settle and cancel its orders
        self.for_adapters = 0  # weight left to what adapters ask by themselves: signs of life, clocks, log-ons
        self._weight: dict[int, Window] = {}
        self._orders: dict[str, dict[int, Window]] = {}

    def rule(self, account: str, kind: str, interval: int, limit: int) -> None:
        """Take a limit as the venue states it; a known one keeps what was counted."""
        self.version += 1
        windows = self._weight if kind == "weight" else self._orders.setdefault(account, {})
        window = windows.get(interval)
        if window is None:
            windows[interval] = Window(interval, limit)
        else:
            window.limit = limit
        self.for_adapters = min((each.limit for each in self._weight.values()), default=0) // _ADAPTERS_PART

    def correct(self, account: str, kind: str, interval: int, used: int, now: int) -> None:
        """Count what the venue says is used beyond our own count, as if sent now."""
        windows = self._weight if kind == "weight" else self._orders.get(account, {})
        window = windows.get(interval)
        if window is not None and used > window.used(now):
            self.version += 1
            window.charge(used - window.used(now), now)

    def reserve(self, account: str, weight: int) -> None:
        """Keep so much weight free for an account, by a name of its own, to settle and cancel its orders."""
        if self._reserves.get(account) != weight:
            self.version += 1
            self._reserves[account] = weight

    def charge(self, account: str, cost: Cost, now: int, percent: int = 100) -> None:
        """Count a message that is sent now; `percent` of the limits is what orders are paced to."""
        self.version += 1
        for window in self._weight.values():
            window.charge(cost.weight, now)
        if cost.orders:
            for window in self._orders.get(account, {}).values():
                window.charge(cost.orders, now)
                window.keep_pace(cost.orders, now, percent)

    def fits(self, account: str, cost: Cost, now: int, keep: int, percent: int) -> bool:
        """Whether a message leaves `keep` weight free, and stays within `percent` of every limit it counts against.

        What fits goes on to fit while `version` is the same.
        """
        for window in self._weight.values():
            after = window.used(now) + cost.weight
            if after + keep > window.limit or after * 100 > window.limit * percent:
                return False
        if cost.orders:
            for window in self._orders.get(account, {}).values():
                if (window.used(now) + cost.orders) * 100 > window.limit * percent:
                    return False
                if not window.in_pace(cost.orders, now, percent):
                    return False
        return True

    def others(self, account: str) -> int:
        """Weight reserved for the other accounts on the address."""
        if len(self._reserves) < 2:  # its own, or none yet
            return 0 if account in self._reserves else sum(self._reserves.values())
        return sum(reserve for name, reserve in self._reserves.items() if name != account)

    def free(self, now: int) -> int:
        """Weight left in the tightest window; a large number where the venue states no limit."""
        return min((window.limit - window.used(now) for window in self._weight.values()), default=2**62)

    def frees(self, now: int) -> int:
        """When some weight is given back next, ns."""
        return min((window.frees(now) for window in self._weight.values()), default=now)
