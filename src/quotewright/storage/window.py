"""A stretch of a feed, as the engine takes it."""

from __future__ import annotations

from typing import NamedTuple

from quotewright.domain.events import EventArray
from quotewright.storage.feed_source import Adjusted


class Window(NamedTuple):
    """All events before `until` (ns) and not in a window before it, in both orders.

    `exch` is sorted by venue time, `local` by home time; both stably by dataset and recorded order, so that
    updates stay whole. The instrument index is the dataset's position. They may be one array, or share memory:
    nobody writes to them. In `one_order`, no update overtakes another on its way home.
    """

    exch: EventArray
    local: EventArray
    until: int
    adjusted: tuple[Adjusted, ...]
    one_order: bool = False
