"""What everyone sees of a symbol: the book with its update ids, the tape, and what has changed since last told."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence

import msgspec

from quotewright.domain.events import ASK, BID
from quotewright.exchange.markets import Change

TAPE = 1000  # trades kept for those who ask later


class PublicTrade(msgspec.Struct, frozen=True, gc=False):
    """A trade as everyone sees it; `side` is the taker's; `time` is the venue's clock as clients see it."""

    id: int
    price: int
    qty: int
    side: int
    time: int


class Levels(msgspec.Struct):
    """Levels changed since `first`, the id of the first change not told yet."""

    first: int = 0
    changed: dict[tuple[int, int], int] = {}


class PublicBook:
    """Prices in ticks, quantities in lots. Every change of a level has an id, one more than the last."""

    def __init__(self, first_id: int) -> None:
        self.last_id = first_id
        self.tape: deque[PublicTrade] = deque(maxlen=TAPE)
        self._qty: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
        self._keys: dict[int, list[int]] = {BID: [], ASK: []}  # side × price, sorted: the best is last
        self._untold: list[Levels] = [Levels(), Levels()]

    def apply(self, changes: Sequence[Change]) -> None:
        """Take changes in, numbering them."""
        for _, side, price, qty in changes:
            levels, keys = self._qty[side], self._keys[side]
            if qty:
                if price not in levels:
                    insort(keys, price * side)
                levels[price] = qty
            elif levels.pop(price, None) is not None:
                del keys[bisect_left(keys, price * side)]
            self.last_id += 1
            for untold in self._untold:
                untold.first = untold.first or self.last_id
                untold.changed[side, price] = qty

    def best(self, side: int) -> tuple[int, int]:
        """(price, lots) of the best level; (0, 0) if there is none."""
        keys = self._keys[side]
        if not keys:
            return 0, 0
        price = keys[-1] * side
        return price, self._qty[side][price]

    def depth(self, side: int, limit: int) -> list[tuple[int, int]]:
        """(price, lots) of the best levels, best first."""
        levels = self._qty[side]
        return [(key * side, levels[key * side]) for key in self._keys[side][: -limit - 1 : -1]]

    def pending(self, which: int) -> bool:
        """Whether the faster (0) or slower (1) stream has something to tell."""
        return bool(self._untold[which].first)

    def take(self, which: int) -> tuple[int, dict[tuple[int, int], int]]:
        """The first id and levels of what a stream has to tell; the last id is `last_id`."""
        untold = self._untold[which]
        self._untold[which] = Levels()
        return untold.first, untold.changed

    def skip(self) -> None:
        """Lose what no stream has told yet, and at least one id: every subscriber has a gap."""
        self.last_id += 1
        self._untold = [Levels(), Levels()]
