"""The life of one order at a venue: every state, every event, and every transition that is legal.

    JOURNALED  known, and may or may not have left         OPEN       resting, the venue has said so
    SENT       handed to the adapter, not answered         CANCELING  open, with a cancel under way
    UNKNOWN    in doubt: entered on any doubt, left only by what the venue says
    FILLED, CANCELED, REJECTED, DENIED                     ended (its last fills may still be on their way)

An event that the table does not allow contradicts what the venue said before: the order becomes UNKNOWN and is asked
for. A trade is not an event: it proves that the order reached the venue, not where it is now.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from quotewright.gateway.port import OrderStatus


class State(IntEnum):
    """Where an order stands."""

    JOURNALED = 1
    SENT = 2
    OPEN = 3
    CANCELING = 4
    UNKNOWN = 5
    FILLED = 6
    CANCELED = 7
    REJECTED = 8
    DENIED = 9


class Event(IntEnum):
    """What can happen to an order."""

    SEND = 1  # it is handed to the adapter
    OPEN = 2  # the venue says it rests
    CANCEL = 3  # a cancel is handed to the adapter
    CANCEL_FAILED = 4  # a cancel is known to have had no effect
    DOUBT = 5  # what became of it, or of its cancel, is not known
    FILLED = 6
    CANCELED = 7
    REJECTED = 8
    NO_EFFECT = 9  # the place is known not to have reached the matching engine
    NOT_FOUND = 10  # the venue does not know it, and would by now if it had arrived


_S, _E = State, Event
_ENDS = {_E.FILLED: _S.FILLED, _E.CANCELED: _S.CANCELED}
_STAYS = (_E.DOUBT, _E.CANCEL_FAILED, _E.NOT_FOUND)

TRANSITIONS: dict[State, dict[Event, State]] = {
    _S.JOURNALED: {_E.SEND: _S.SENT, _E.DOUBT: _S.UNKNOWN, _E.OPEN: _S.OPEN, **_ENDS, _E.REJECTED: _S.REJECTED},
    _S.SENT: {
        _E.OPEN: _S.OPEN,
        _E.DOUBT: _S.UNKNOWN,
        _E.REJECTED: _S.REJECTED,
        _E.NO_EFFECT: _S.DENIED,
        **_ENDS,
    },
    _S.OPEN: {_E.OPEN: _S.OPEN, _E.CANCEL: _S.CANCELING, _E.DOUBT: _S.UNKNOWN, **_ENDS},
    _S.CANCELING: {_E.OPEN: _S.CANCELING, _E.CANCEL_FAILED: _S.OPEN, _E.DOUBT: _S.UNKNOWN, **_ENDS},
    _S.UNKNOWN: {
        _E.OPEN: _S.OPEN,
        _E.CANCEL: _S.UNKNOWN,
        _E.CANCEL_FAILED: _S.UNKNOWN,
        _E.DOUBT: _S.UNKNOWN,
        _E.REJECTED: _S.REJECTED,
        _E.NO_EFFECT: _S.DENIED,
        _E.NOT_FOUND: _S.REJECTED,
        **_ENDS,
    },
    _S.FILLED: {_E.FILLED: _S.FILLED, **dict.fromkeys(_STAYS, _S.FILLED)},
    _S.CANCELED: {_E.CANCELED: _S.CANCELED, **dict.fromkeys(_STAYS, _S.CANCELED)},
    _S.REJECTED: {_E.REJECTED: _S.REJECTED, _E.NO_EFFECT: _S.REJECTED, **dict.fromkeys(_STAYS, _S.REJECTED)},
    _S.DENIED: {_E.REJECTED: _S.DENIED, _E.NO_EFFECT: _S.DENIED, **dict.fromkeys(_STAYS, _S.DENIED)},
}

ENDED = frozenset({State.FILLED, State.CANCELED, State.REJECTED, State.DENIED})

EVENT_OF = {
    OrderStatus.OPEN: Event.OPEN,
    OrderStatus.FILLED: Event.FILLED,
    OrderStatus.CANCELED: Event.CANCELED,
    OrderStatus.EXPIRED: Event.CANCELED,
    OrderStatus.REJECTED: Event.REJECTED,
}


class Order(msgspec.Struct, eq=False):
    """One order as the gateway knows it; quantities in lots, `heard`, `sent`, `ended` and the like in local ns."""

    client_id: str
    order: int  # the engine's number; -1: not of this session
    leg: int  # -1: nobody's
    instrument: int
    side: int
    price: int
    qty: int
    flags: int
    state: State = State.JOURNALED
    stranger: bool = False  # not placed by this session and not restored
    policy: str = ""  # what to do with a stranger
    venue_id: int = 0
    booked: int = 0  # by trades
    filled: int = 0  # the most that the venue has told of
    time: int = 0  # venue time of the last report taken
    sent: int = 0
    heard: int = 0  # when it was last proven to be at the venue
    ended: int = 0
    reason: int = 0  # why it ended, told with its end
    unknown_since: int = 0
    contradicted: bool = False  # only an answer to a question asked since settles it
    accepted: bool = False  # the engine was told that it rests
    told: bool = False  # the engine was told its end, or never knew it
    expected: int = 0  # lots the engine counts on being filled at most
    wish: bool = False  # it is to be cancelled
    place_ref: int = 0
    cancel_ref: int = 0
    cancel_tries: int = 0
    query_tries: int = 0
    fills_tries: int = 0

    @property
    def ended_for_good(self) -> bool:
        """Ended, with every lot booked that the venue told of."""
        return self.state in ENDED and (self.stranger or self.booked >= self.filled)

    @property
    def proven(self) -> bool:
        """The venue has given evidence that the order reached it."""
        return self.venue_id != 0 or self.booked > 0 or self.filled > 0 or self.time != 0

    @property
    def exposure(self) -> int:
        """Lots that may have been filled or may yet be, beyond those booked."""
        if self.state in ENDED:
            return 0 if self.stranger else max(self.filled - self.booked, 0)
        return max(self.qty - (self.filled if self.stranger else self.booked), 0)
