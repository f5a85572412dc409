"""What passes between a session and its gateway: commands down, answers and notes up, orders known from a journal."""

from __future__ import annotations

import msgspec


class Command(msgspec.Struct, frozen=True, gc=False):
    """One order to place or to cancel; `order` is the engine's number of it, never used twice in a session."""

    kind: int  # domain.messages PLACE or CANCEL
    order: int
    leg: int
    instrument: int  # index in the port's instruments
    side: int  # BID or ASK
    price: int  # ticks
    qty: int  # lots
    flags: int = 0  # of PLACE in domain.journal


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What became of an order, to be applied in order; fields by kind are those of domain.journal.

    ACCEPTED comes again when an order that was UNKNOWN proves to be open. CANCELED may come before the last fills: then
    `qty` is more than the fills told so far. An order filled whole is ended by its fills alone. `leaves` of a FILL is
    what may still be filled after it. `order` is -1 for an order of an earlier session that nobody restored.
    """

    kind: int  # domain.journal.Record: ACCEPTED REJECTED CANCELED CANCEL_REJECTED FILL UNKNOWN DENIED
    order: int
    leg: int
    instrument: int
    side: int
    price: int = 0
    qty: int = 0
    leaves: int = 0
    reason: int = 0  # domain.journal.Reject; Refusal where DENIED
    flags: int = 0  # FILL_TAKER, LATE
    fee: int = 0  # atoms of 1e-8 of fee_asset
    fee_asset: str = ""
    trade: int = 0
    venue_id: int = 0
    exch_ts: int = 0
    client_id: str = ""


class Note(msgspec.Struct, frozen=True, gc=False):
    """Something a person should be able to read later; `severity`: "note", "pause" or "halt"."""

    time: int
    name: str
    severity: str
    text: str
    client_id: str = ""
    instrument: int = -1


class KnownOrder(msgspec.Struct, frozen=True, gc=False):
    """An order that a journal says was sent, or was about to be, and whose end with all its fills it does not hold."""

    client_id: str
    order: int
    leg: int
    instrument: int
    side: int
    price: int
    qty: int
    filled: int  # lots already booked
    flags: int
    venue_id: int  # 0: not known
    canceling: bool = False  # a cancel had been asked for
    total: int = -1  # lots filled in all, where the journal holds its CANCELED but not all its fills
