"""The one event record that recordings, simulators and live feeds all speak.

An update from a venue (one message, one snapshot, one L3 change) is one or more consecutive rows;
the last row of an update carries the flag LAST. State is judged only at LAST: a book may be
momentarily crossed between the rows of one update.

Fields, by kind (unused fields are 0):

    kind      side       price           qty                    order_id      seq
    CLEAR     0          0               0                      0             update id of the snapshot
    LEVEL     BID/ASK    ticks           lots now at the price  0             update id
    NOTE      0          0               0                      0             update id (an update without levels)
    ADD       BID/ASK    ticks           lots                   order id      update id or 0
    CHANGE    BID/ASK    ticks           lots remaining         order id      update id or 0
    DELETE    BID/ASK    ticks           lots last remaining    order id      update id or 0
    TRADE     aggressor  ticks           lots                   maker's id/0  trade id or 0
    BEST      BID/ASK    ticks           lots at the best       0             update id or 0
    FUNDING   0          mark, ticks     rate, 1e-8             0             0
    STATUS    0          Status code     0                      0             0

A snapshot is a CLEAR row followed by LEVEL rows (L2) or ADD rows (L3), all in one update.
BEST comes in pairs, bid then ask, the ask row being LAST. TRADE's side is the taker's side.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

EVENT = np.dtype(
    [
        ("exch_ts", "i8"),  # venue time, ns since the epoch (UTC)
        ("local_ts", "i8"),  # local receive time, ns, as recorded
        ("seq", "i8"),
        ("order_id", "i8"),
        ("price", "i8"),
        ("qty", "i8"),
        ("kind", "u1"),
        ("side", "i1"),
        ("flags", "u2"),
        ("instrument", "i4"),  # index into the run's instrument table
    ],
    align=True,
)

EventArray = npt.NDArray[Any]  # one-dimensional, dtype EVENT

BID = 1
ASK = -1

CLEAR = 1
LEVEL = 2
NOTE = 3
ADD = 4
CHANGE = 5
DELETE = 6
TRADE = 7
BEST = 8
FUNDING = 9
STATUS = 10

LAST = 1  # this row ends its update
ESTIMATED_TIME = 2  # the venue sent no time of its own; exch_ts was inferred
FROM_BARS = 4  # made from a bar or kline, not observed


class Kind(IntEnum):
    """Names of the event kinds, for people; compiled code uses the module constants."""

    CLEAR = CLEAR
    LEVEL = LEVEL
    NOTE = NOTE
    ADD = ADD
    CHANGE = CHANGE
    DELETE = DELETE
    TRADE = TRADE
    BEST = BEST
    FUNDING = FUNDING
    STATUS = STATUS


class Status(IntEnum):
    """Codes of a STATUS event, carried in its `price` field."""

    BOOK_GAP = 1  # an update is missing: the book is invalid until the next CLEAR
    HALTED = 2  # the venue stopped trading
    TRADING = 3  # the venue resumed trading


def empty_events(rows: int) -> EventArray:
    """A zeroed event array of `rows` rows."""
    return np.zeros(rows, dtype=EVENT)
