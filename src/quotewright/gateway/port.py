"""What passes between a gateway and a venue's adapter: commands down, facts up; integers of the instrument throughout.

Prices are ticks, quantities lots, times nanoseconds since the epoch, asset amounts atoms of 1e-8. An adapter reports
only what the venue said; what it means for an order is decided in `gateway.lifecycle` alone. A command carries a
`ref` that its answer repeats. Nothing here blocks: an adapter answers by facts, when the venue has answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Protocol

import msgspec

from quotewright.domain.instrument import Instrument


class Source(IntEnum):
    """Where a fact comes from; later ones do not outrank earlier ones: venue times do."""

    STREAM = 1  # the user stream
    ANSWER = 2  # the answer to the command itself
    QUERY = 3  # an order asked for by its client id
    SNAPSHOT = 4  # a list of open orders or trades


class OrderStatus(IntEnum):
    """What the venue says of an order."""

    OPEN = 1  # resting, perhaps partly filled
    FILLED = 2
    CANCELED = 3  # by us, by the operator, or by the venue
    REJECTED = 4  # never rested and never will
    EXPIRED = 5  # an IOC or FOK that ended


class FailureKind(IntEnum):
    """What is known when a command was not carried out as asked."""

    REFUSED = 1  # the venue said no: the command had no effect, for good
    UNKNOWN_ORDER = 2  # the venue knows no such (open) order: soon after sending this proves nothing
    DOUBT = 3  # time-out, 5XX, connection lost, "status unknown": it may or may not have taken effect
    LIMITED = 4  # 429, too many orders: no effect; wait `retry_after`
    BANNED = 5  # 418: no effect, and nothing will have until `retry_after` is over
    CLOCK = 6  # our timestamp was outside the venue's window: no effect; resynchronise and sign anew
    UNSENT = 7  # it never left this process


class OrderReport(msgspec.Struct, frozen=True, gc=False):
    """What the venue says of one order at `time`; `filled` is cumulative."""

    client_id: str
    venue_id: int
    instrument: int  # index in the gateway's instruments
    side: int  # BID or ASK
    price: int
    qty: int
    filled: int
    status: OrderStatus
    time: int  # venue time of the order's last change, ns
    source: Source
    reason: int = 0  # domain.journal.Reject, where REJECTED or CANCELED for a reason
    text: str = ""  # the venue's own words, if any
    ref: int = 0  # of the command answered; 0 if nobody asked
    execution_id: int = 0  # the venue's own number of this report; 0: none


class TradeReport(msgspec.Struct, frozen=True, gc=False):
    """One fill of one of our account's orders."""

    client_id: str  # "" where the venue does not say (lists of trades): find it by venue_id
    venue_id: int  # of the order
    trade_id: int  # unique in (instrument)
    instrument: int
    side: int
    price: int
    qty: int
    maker: bool
    fee: int  # atoms of 1e-8 of fee_asset; negative is a rebate
    fee_asset: str
    time: int
    source: Source


class Failure(msgspec.Struct, frozen=True, gc=False):
    """A command that was not carried out as asked, or of which that is unknown."""

    ref: int
    kind: FailureKind
    code: int  # the venue's code or the HTTP status; 0: none
    text: str
    retry_after: int = 0  # ns
    reason: int = 0  # domain.journal.Reject for REFUSED places


class OpenOrders(msgspec.Struct, frozen=True, gc=False):
    """Every open order of the account in one instrument, as of the venue's answer."""

    ref: int
    instrument: int
    orders: list[OrderReport]
    sent: int  # local time at which it was asked for: reports of later events are newer
    time: int  # local time of the answer


class TradeList(msgspec.Struct, frozen=True, gc=False):
    """Our account's trades of an instrument from an id on, or of one order; `complete` if there are no more now."""

    ref: int
    instrument: int
    trades: list[TradeReport]
    complete: bool
    sent: int
    time: int


class CancelAllDone(msgspec.Struct, frozen=True, gc=False):
    """The venue has carried out a cancel-all in one instrument; an empty list if nothing was open."""

    ref: int
    instrument: int
    orders: list[OrderReport]


class Balances(msgspec.Struct, frozen=True, gc=False):
    """Free and locked atoms by asset. A stream's may name only the assets that changed; `whole` if all are here."""

    ref: int
    balances: Mapping[str, tuple[int, int]]
    time: int  # venue time
    whole: bool


class StreamUp(msgspec.Struct, frozen=True, gc=False):
    """The user stream is (again) subscribed and orders can be sent. What happened before it is not in it."""


class StreamDown(msgspec.Struct, frozen=True, gc=False):
    """The user stream is lost: from here on fills are unseen."""

    why: str


class Used(msgspec.Struct, frozen=True, gc=False):
    """What a header or answer says is used of a limit, in the venue's current interval."""

    kind: str  # "weight" (per address) or "orders" (per account)
    interval: int  # ns
    used: int


class Rule(msgspec.Struct, frozen=True, gc=False):
    """A limit as the venue states it."""

    kind: str  # "weight", "orders"
    interval: int  # ns
    limit: int


class Alarm(msgspec.Struct, frozen=True, gc=False):
    """Something the adapter cannot make sense of or warns of; `severity`: "note", "pause" (pull quotes) or "halt"."""

    name: str  # such as "api-change", "clock-drift", "server-shutdown", "instrument-changed"
    text: str
    severity: str
    instrument: int = -1  # -1: the whole venue


class Cleared(msgspec.Struct, frozen=True, gc=False):
    """An alarm that no longer holds."""

    name: str
    instrument: int = -1


Fact = (
    OrderReport
    | TradeReport
    | Failure
    | OpenOrders
    | TradeList
    | CancelAllDone
    | Balances
    | StreamUp
    | StreamDown
    | Used
    | Rule
    | Alarm
    | Cleared
)


class Capabilities(msgspec.Struct, frozen=True):
    """What a venue can do, as the venue itself says; a session that needs more is refused at its start."""

    post_only: bool
    cancel_all: bool  # one message an instrument
    amend: bool  # smaller quantity in place, keeping priority
    reduce_only: bool
    dead_man_switch: bool  # the venue cancels all by itself if not told otherwise in time
    query_by_client_id: bool
    user_stream: bool


class NewOrder(msgspec.Struct, frozen=True, gc=False):
    """A limit order to place; `flags` of domain.journal (POST_ONLY, IOC, FOK, REDUCE_ONLY), 0: good till cancelled."""

    client_id: str
    instrument: int
    side: int
    price: int
    qty: int
    flags: int


class Cost(msgspec.Struct, frozen=True, gc=False):
    """What one message takes from the budgets."""

    weight: int
    orders: int = 0


class VenuePort(Protocol):
    """A venue as a gateway sees it. Facts go to the `sink` the adapter was made with, in the order of arrival."""

    @property
    def capabilities(self) -> Capabilities:
        """Known once the adapter is ready."""
        ...

    @property
    def instruments(self) -> list[Instrument]:
        """As the venue states them; facts and commands name them by index."""
        ...

    @property
    def request_window(self) -> int:
        """Ns after which a request still under way is refused by the venue, whatever happens (recvWindow)."""
        ...

    def cost(self, command: str) -> Cost:
        """Of "place", "cancel", "cancel_all", "query_order", "open_orders", "trades", "balances"."""
        ...

    def place(self, ref: int, order: NewOrder, now: int) -> None:
        """Answered by OrderReport (ANSWER) or Failure; the fact may arrive before this returns."""
        ...

    def cancel(self, ref: int, instrument: int, client_id: str, now: int) -> None:
        """Answered by OrderReport (ANSWER) or Failure."""
        ...

    def cancel_all(self, ref: int, instrument: int, now: int) -> None:
        """Answered by CancelAllDone or Failure; every open order of the account in the instrument, whoever's it is."""
        ...

    def query_order(self, ref: int, instrument: int, client_id: str, now: int, *, venue_id: int = 0) -> None:
        """Answered by OrderReport (QUERY) or Failure; by the venue's own number where the client id is empty."""
        ...

    def open_orders(self, ref: int, instrument: int, now: int) -> None:
        """Answered by OpenOrders or Failure."""
        ...

    def trades(self, ref: int, instrument: int, now: int, *, from_id: int = 0, venue_id: int = 0) -> None:
        """Answered by TradeList or Failure: trades with ids from `from_id` on, or those of one order."""
        ...

    def balances(self, ref: int, now: int) -> None:
        """Answered by Balances (whole) or Failure."""
        ...

    def on_time(self, now: int) -> None:
        """Do what is due; to be called no later than `next_due`."""
        ...

    def next_due(self) -> int:
        """When `on_time` has something to do next, ns; 2**63 - 1: never."""
        ...
