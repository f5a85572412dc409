"""A recording as `explain` reads it once: events, books and prints, by the venue's clock and the receiver's."""

# pyright: basic
# Records have fields that no type checker sees.

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.events import BEST, ESTIMATED_TIME, FROM_BARS, LEVEL, TRADE, EventArray
from quotewright.research.depth_tape import read_depth
from quotewright.research.order_levels import order_levels
from quotewright.signals.delta_labels import SKEW, label
from quotewright.storage.feed import windows
from quotewright.storage.store import Dataset

SECOND = 10**9
MOST_ROWS = 2_000_000
MILLISECOND = 10**6


@dataclass(frozen=True, eq=False)
class Recording:
    """What the sections read; prices are ticks and quantities lots until they are shown."""

    dataset: Dataset
    local: EventArray
    exch: EventArray
    depth: Any  # DEPTH_EVENT rows by time of receipt
    venue: Any  # the same by the venue's time
    whole: bool

    @property
    def name(self) -> str:
        return self.dataset.name

    @property
    def l3(self) -> bool:
        return bool(self.dataset.manifest["l3"])

    @property
    def seconds(self) -> float:
        times = self.local["local_ts"]
        return float(times[-1] - times[0]) / SECOND if len(times) else 0.0

    @property
    def tick(self) -> float:
        """Quote currency."""
        return float(self.dataset.instrument.price_step.fraction)

    @property
    def lot(self) -> float:
        """Units of the quantity."""
        return float(self.dataset.instrument.qty_step.fraction)

    @property
    def quantity(self) -> str:
        """What quantities are counted in."""
        one = self.dataset.instrument
        return one.base if one.kind == "spot" or (one.contract_size == "1" and one.kind == "linear") else "contracts"

    @cached_property
    def books(self) -> Any:
        """DEPTH_EVENT rows with a proper touch, by time of receipt."""
        return _with_touch(self.depth)

    @cached_property
    def venue_books(self) -> Any:
        """The same by the venue's time."""
        return _with_touch(self.venue)

    @cached_property
    def prints(self) -> Any:
        """EVENT rows of trades, by the venue's time; those made of bars are left out."""
        rows = self.exch
        return rows[(rows["kind"] == TRADE) & (rows["flags"] & FROM_BARS == 0) & (rows["qty"] > 0)]

    @cached_property
    def mid(self) -> float:
        """Mean mid over the books, ticks."""
        books = self.books
        return float((books["bids"][:, 0] + books["asks"][:, 0]).mean()) / 2

    @property
    def tick_bp(self) -> float:
        return 1e4 / self.mid

    @cached_property
    def estimated(self) -> bool:
        """Whether the venue gave no time with its book."""
        rows = self.local
        levels = rows[(rows["kind"] == LEVEL)]
        return bool(len(levels)) and float((levels["flags"] & ESTIMATED_TIME > 0).mean()) > 0.5

    @cached_property
    def deltas(self) -> Any:
        """What each level lost and won, of the recording or of the levels of its orders."""
        if not (self.local["kind"] == LEVEL).any() and not self.l3:
            raise InputError("recording", self.name, "has no levels behind the touch, whose changes could be labelled")
        events = order_levels(self.local).events if self.l3 else self.local
        return label(events, 50 * MILLISECOND if self.estimated else SKEW, by_receipt=self.estimated)

    @cached_property
    def has_best(self) -> bool:
        """Whether best prices came in a stream of their own."""
        return bool((self.local["kind"] == BEST).any())

    def need_books(self, number: int = 20, seconds: float = 0.0) -> Any:
        """The books by the venue's time, if there are enough of them."""
        self.need_received(number, seconds)
        return self.venue_books

    def need_received(self, number: int = 20, seconds: float = 0.0) -> Any:
        """The books by time of receipt, if there are enough of them."""
        if len(self.books) < number or len(self.venue_books) < number:
            raise InputError("recording", f"{len(self.books)} books with a touch", f"is too short: it needs {number}")
        if self.seconds < seconds:
            raise InputError("recording", f"{self.seconds:.0f} s", f"is too short: it needs {seconds:g} s")
        return self.books

    def need_prints(self, number: int = 30) -> Any:
        """The prints, if there are enough of them."""
        if len(self.prints) < number:
            raise InputError("recording", f"{len(self.prints)} prints", f"is too short: it needs {number}")
        return self.prints

    def since(self, times: Any) -> Any:
        """Seconds from the first event's receipt, floats."""
        return (np.asarray(times) - int(self.local["local_ts"][0])) / SECOND

    def venue_since(self, times: Any) -> Any:
        """Seconds from the first event by the venue's time, floats."""
        return (np.asarray(times) - int(self.exch["exch_ts"][0])) / SECOND


def read_recording(dataset: Dataset, told: Callable[[int], None] | None = None) -> Recording:
    """Read at most 2,000,000 events. Raises InputError for an empty recording, DataError for a damaged one."""
    local: list[EventArray] = []
    exch: list[EventArray] = []
    rows, whole = 0, True
    for window in windows([dataset]):
        if rows >= MOST_ROWS:
            whole = False
            break
        local.append(window.local.copy())
        exch.append(window.exch.copy())
        rows += len(window.local)
        if told is not None:
            told(rows)
    if not rows:
        raise InputError("instrument", dataset.name, "has no events in the store")
    l3 = bool(dataset.manifest["l3"])
    by_receipt, by_venue = np.concatenate(local), np.concatenate(exch)
    return Recording(
        dataset,
        by_receipt,
        by_venue,
        read_depth([by_receipt], l3=l3),
        read_depth([by_venue], l3=l3, venue_time=True),
        whole,
    )


def _with_touch(depth: Any) -> Any:
    return depth[(depth["qty"] == 0) & (depth["bids"][:, 0] > 0) & (depth["asks"][:, 0] > 0)]
