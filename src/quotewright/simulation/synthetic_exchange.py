"""The matching engine as an object: grows its memory, hands out rows, turns status codes into answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import HaltError, InputError
from quotewright.domain.events import BID, EVENT, EventArray
from quotewright.simulation import matching
from quotewright.simulation.matching import (
    BAD_ORDER,
    EXECUTION,
    HEAD,
    LEVEL_RECORD,
    MOST_OPEN,
    NO_ROOM,
    ORDER,
    records,
)

Executions = npt.NDArray[Any]  # one-dimensional, dtype EXECUTION


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request: `status` 0 or a domain.journal.Reject code, and of a new order its id and lots."""

    status: int
    order_id: int = 0
    filled: int = 0
    resting: int = 0

    @property
    def accepted(self) -> bool:
        """Whether the request was carried out."""
        return self.status == matching.DONE


class MatchingEngine:
    """One instrument's price-time book; prices in ticks, quantities in lots, times in ns.

    Every call may write EVENT rows and EXECUTION records, which `take_events` and `take_executions` hand out once.
    Time never goes back: a call with an earlier `now` happens at the time of the last one.
    """

    def __init__(self, *, orders: int = 1024, levels: int = 256, rows: int = 4096) -> None:
        self.head: Any = records(1, HEAD)
        self.orders: Any = records(0, ORDER)
        self.levels: Any = records((2, levels), LEVEL_RECORD)
        self.events: Any = records(rows, EVENT)
        self.executions: Any = records(rows, EXECUTION)
        self.head[0]["free"] = -1
        self._grow_orders(orders)

    @property
    def arrays(self) -> tuple[Any, Any, Any, Any, Any]:
        """The five arrays in the order in which every kernel takes them."""
        return self.head, self.orders, self.levels, self.events, self.executions

    def submit(self, side: int, price: int, qty: int, *, now: int, owner: int = 0, flags: int = 0) -> Answer:
        """A limit order; `flags` of domain.journal POST_ONLY, IOC, FOK. Raises InputError for values out of range."""
        status = NO_ROOM
        while status == NO_ROOM:
            status = matching.submit(*self.arrays, now, owner, side, price, qty, flags)
            if status == NO_ROOM:
                self.make_room(2 * self.open_orders + 2)
        if status == BAD_ORDER:
            raise InputError("order", (side, price, qty), "side must be 1 or -1, price and quantity above zero")
        head = self.head[0]
        return Answer(status, int(head["order_id"]), int(head["filled"]), int(head["resting"]))

    def cancel(self, order_id: int, *, now: int) -> Answer:
        """Take an order off the book; status UNKNOWN_ORDER if it is not resting."""
        self.make_room(1)
        return Answer(matching.cancel(*self.arrays, now, order_id), order_id)

    def reduce(self, order_id: int, qty: int, *, now: int) -> Answer:
        """Shrink an order to `qty` open lots, keeping its place (0 cancels). Raises InputError for a growing one."""
        self.make_room(1)
        status = matching.reduce(*self.arrays, now, order_id, qty)
        if status == BAD_ORDER:
            raise InputError("qty", qty, "an order can only be reduced; cancel it and place a larger one")
        return Answer(status, order_id)

    def snapshot(self, *, now: int) -> None:
        """Write the whole book as one update: CLEAR, then an ADD row an order."""
        self.make_room(self.open_orders + 1)
        matching.snapshot(*self.arrays, now)

    @property
    def open_orders(self) -> int:
        """How many orders rest."""
        return int(self.head[0]["open"])

    def best(self, side: int) -> tuple[int, int]:
        """(price, lots) at the best level of a side; (0, 0) if it is empty."""
        row, count = (0, "bids") if side == BID else (1, "asks")
        at = int(self.head[0][count]) - 1
        return (int(self.levels[row, at]["price"]), int(self.levels[row, at]["qty"])) if at >= 0 else (0, 0)

    def depth(self, side: int) -> list[tuple[int, int, int]]:
        """Every level of a side, best first: (price, lots, orders)."""
        row, count = (0, "bids") if side == BID else (1, "asks")
        found = self.levels[row, : int(self.head[0][count])][::-1]
        return [(int(x["price"]), int(x["qty"]), int(x["count"])) for x in found]

    def is_open(self, order_id: int) -> bool:
        """Whether the order rests in the book."""
        return bool(matching.is_open(self.orders, order_id))

    def take_events(self) -> EventArray:
        """The rows written since the last call."""
        rows = np.asarray(self.events[: int(self.head[0]["events"])]).view(EVENT).copy()
        self.head[0]["events"] = 0
        return rows

    def take_executions(self) -> Executions:
        """The executions since the last call."""
        rows = np.asarray(self.executions[: int(self.head[0]["executions"])]).view(EXECUTION).copy()
        self.head[0]["executions"] = 0
        return rows

    def make_room(self, rows: int, more_orders: int = 1) -> None:
        """See to it that `rows` output rows, `more_orders` orders and as many levels fit; HaltError when full."""
        head = self.head[0]
        self.events = _longer(self.events, int(head["events"]) + rows, EVENT)
        self.executions = _longer(self.executions, int(head["executions"]) + rows, EXECUTION)
        if int(head["open"]) + more_orders > self.orders.shape[0]:
            self._grow_orders(max(2 * self.orders.shape[0], int(head["open"]) + more_orders))
        most = max(int(head["bids"]), int(head["asks"])) + more_orders
        if most > self.levels.shape[1]:
            wider = records((2, 2 * most), LEVEL_RECORD)
            wider[:, : self.levels.shape[1]] = self.levels
            self.levels = wider

    def _grow_orders(self, size: int) -> None:
        """Add free slots, linked behind each other."""
        used = self.orders.shape[0]
        size = min(size, MOST_OPEN - 1)  # the last slot number marks ids without a slot
        if size <= used:
            raise HaltError(f"the book holds {used} open orders, the most it can number")
        larger = records(size, ORDER)
        larger[:used] = self.orders
        larger["after"][used:-1] = np.arange(used + 1, size)
        larger["after"][-1] = self.head[0]["free"]
        self.head[0]["free"] = used
        self.orders = larger


def _longer(array: Any, needed: int, dtype: np.dtype[Any]) -> Any:
    if needed <= array.shape[0]:
        return array
    larger = records(max(needed, 2 * array.shape[0]), dtype)
    larger[: array.shape[0]] = array
    return larger
