"""What goes into and comes out of the reference matcher: rows, updates, messages, journal entries."""

from __future__ import annotations

from typing import Any, NamedTuple

from quotewright.domain import events as ev
from quotewright.domain.events import BID
from quotewright.domain.journal import Record

PLACE, CANCEL, AMEND = 1, 2, 3  # kinds of a message


class Row(NamedTuple):
    """One recorded row; the names of domain.events."""

    kind: int
    side: int
    price: int
    qty: int
    order_id: int
    seq: int


class Update(NamedTuple):
    """All rows up to and including one that carries LAST."""

    exch_ts: int
    local_ts: int
    instrument: int
    rows: tuple[Row, ...]


class Message(NamedTuple):
    """A message as it arrives at the venue."""

    ts: int
    order: int
    price: int
    qty: int
    agent: int
    instrument: int
    kind: int
    side: int
    flags: int


class Entry(NamedTuple):
    """A journal record: the fields that domain.journal gives its kind, the others 0."""

    kind: Record
    ts: int
    exch_ts: int = 0
    agent: int = -1
    instrument: int = 0
    order: int = 0
    side: int = 0
    price: int = 0
    qty: int = 0
    leaves: int = 0
    ahead: int = 0
    mid2: int = 0
    fee: int = 0
    cash: int = 0
    position: int = 0
    reason: int = 0
    flags: int = 0


class Resting(NamedTuple):
    """An order that still rests when the recording ends."""

    order: int
    agent: int
    instrument: int
    side: int
    price: int
    leaves: int
    ahead: int


class Result(NamedTuple):
    """What a run did: journal entries in the order they were written, and the orders left in the book."""

    entries: list[Entry]
    resting: list[Resting]


def reaches(side: int, limit: int, price: int) -> bool:
    """Does an order of `side` limited to `limit` accept `price` of the other side?"""
    return limit >= price if side == BID else limit <= price


def better(side: int, price: int, than: int) -> bool:
    """Is `price` more aggressive than `than` for an order of `side`?"""
    return price > than if side == BID else price < than


def best_first(side: int, price: int) -> int:
    """Sort key that puts the most aggressive price of `side` first."""
    return -price if side == BID else price


def updates_of(rows: Any) -> list[Update]:
    """The updates of an event array, in its order."""
    updates: list[Update] = []
    pending: list[Row] = []
    for exch_ts, local_ts, seq, order_id, price, qty, kind, side, flags, instrument in rows.tolist():
        pending.append(Row(kind, side, price, qty, order_id, seq))
        if flags & ev.LAST:
            updates.append(Update(exch_ts, local_ts, instrument, tuple(pending)))
            pending = []
    assert not pending, "an update without LAST"
    return updates
