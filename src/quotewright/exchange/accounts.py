"""Accounts: balances in atoms, orders, fills, and what they were a moment ago, for queries that lag behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec

from quotewright.exchange.orders import ENDED, Fill, Order
from quotewright.exchange.rules import fixed8

LONGEST_LAG = 60 * 10**9  # ns of changes remembered
OrderKey = tuple[str, int]


class Account:
    """One account; `number` is its owner number in the markets. `history` ended orders and fills a symbol are kept."""

    def __init__(
        self, name: str, number: int, balances: Mapping[str, int], maker_rate: int, taker_rate: int, history: int
    ) -> None:
        self.name = name
        self.number = number
        self.maker_rate = maker_rate  # 1e-8
        self.taker_rate = taker_rate
        self.free: dict[str, int] = dict(balances)
        self.locked: dict[str, int] = dict.fromkeys(balances, 0)
        self.updated = 0  # ns, of the last change of a balance
        self.orders: dict[OrderKey, Order] = {}
        self.open: dict[str, dict[int, Order]] = {}
        self.fills: dict[str, deque[Fill]] = {}
        self._history = history
        self._ended: deque[OrderKey] = deque()
        self._clients: dict[tuple[str, str], int] = {}  # newest order of a client id
        self._undo: deque[tuple[int, object, Any]] = deque()  # (time, key, what it was)

    def remember(self, now: int, order: Order | None, *assets: str) -> None:
        """To be called before an order or balances change."""
        undo = self._undo
        if order is not None:
            undo.append((now, (order.rules.name, order.id), msgspec.structs.replace(order)))
        for asset in assets:
            undo.append((now, asset, (self.free.get(asset, 0), self.locked.get(asset, 0))))
        while undo and undo[0][0] < now - LONGEST_LAG:
            undo.popleft()

    def add(self, order: Order, now: int) -> None:
        """A new order."""
        key = (order.rules.name, order.id)
        self._undo.append((now, key, None))
        self.orders[key] = order
        self.open.setdefault(order.rules.name, {})[order.id] = order
        self._clients[order.rules.name, order.client_id] = order.id

    def end(self, order: Order) -> None:
        """An order that has ended: no longer open, and in time forgotten."""
        symbol = order.rules.name
        del self.open[symbol][order.id]
        self._ended.append((symbol, order.id))
        if len(self._ended) > self._history:
            old = self.orders.pop(self._ended.popleft())
            client = (old.rules.name, old.client_id)
            if self._clients.get(client) == old.id:
                del self._clients[client]

    def filled(self, symbol: str, fill: Fill) -> None:
        """Keep a fill."""
        self.fills.setdefault(symbol, deque(maxlen=self._history)).append(fill)

    def move(self, asset: str, free: int, locked: int = 0) -> None:
        """Change a balance, in atoms."""
        self.free[asset] = self.free.get(asset, 0) + free
        self.locked[asset] = self.locked.get(asset, 0) + locked

    def open_client_id(self, symbol: str, client_id: str) -> bool:
        """Whether an open order has this client id."""
        order = self.orders.get((symbol, self._clients.get((symbol, client_id), 0)))
        return order is not None and order.open

    def newest(self, symbol: str, client_id: str) -> int:
        """Number of the newest order with a client id; 0 if there is none."""
        return self._clients.get((symbol, client_id), 0)

    def changed_before(self, time: int) -> dict[object, Any]:
        """What has changed since `time`, as it was then, by order key or asset (None: there was no such order)."""
        then: dict[object, Any] = {}
        for at, key, was in reversed(self._undo):
            if at <= time:
                break
            then[key] = was
        return then


class View:
    """An account as queries see it: now, or as it was at an earlier time of the last minute."""

    def __init__(self, account: Account, now: int, lag: int) -> None:
        self._account = account
        self._until = now - lag
        self._then = account.changed_before(self._until) if lag else {}

    def order(self, symbol: str, order_id: int) -> Order | None:
        """An order by its number."""
        key = (symbol, order_id)
        return self._then[key] if key in self._then else self._account.orders.get(key)

    def by_client_id(self, symbol: str, client_id: str) -> Order | None:
        """The newest order with a client id."""
        return self.order(symbol, self._account.newest(symbol, client_id))

    def orders(self, symbol: str) -> list[Order]:
        """Every order still known, oldest first."""
        found = [self.order(symbol, number) for name, number in self._account.orders if name == symbol]
        return [order for order in found if order is not None]

    def open(self, symbol: str) -> list[Order]:
        """Open orders of a symbol, or of all for "", oldest first."""
        if not self._then:
            names = [symbol] if symbol else list(self._account.open)
            return [order for name in names for order in self._account.open.get(name, {}).values()]
        found = [self.order(*key) for key in self._account.orders if symbol in ("", key[0])]
        return [order for order in found if order is not None and order.status not in ENDED]

    def fills(self, symbol: str) -> list[Fill]:
        """Fills of a symbol, oldest first."""
        return [fill for fill in self._account.fills.get(symbol, ()) if fill.at <= self._until]

    def balances(self, *, zero: bool) -> list[dict[str, str]]:
        """Balances as the wire writes them; those of nothing only with `zero`."""
        account = self._account
        found: list[dict[str, str]] = []
        for asset in sorted(account.free):
            free, locked = self._then.get(asset) or (account.free[asset], account.locked[asset])
            if zero or free or locked:
                found.append({"asset": asset, "free": fixed8(free), "locked": fixed8(locked)})
        return found
