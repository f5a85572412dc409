"""The journal record: everything a run did, numbered, in one dtype.

Which fields a kind fills (unused fields are 0; `seq`, `ts`, `agent`, `instrument` always):

    DECISION        price = best bid, qty = best ask (ticks), position, ref = decisions so far
    REFUSED         side, price, qty, reason (Refusal), ref = times it was repeated since last journaled
    PLACE           order, side, price, qty, flags (order flags)
    CANCEL          order, side, price, leaves
    AMEND           order, side, price, qty = new total quantity, leaves = open before
    ACCEPTED        order, exch_ts, price, qty, ahead = queue ahead at entry
    REJECTED        order, exch_ts, reason (Reject)
    CANCELED        order, exch_ts, leaves = quantity taken off the book, qty = filled in all,
                    reason (Reject) or 0 if asked for
    AMENDED         order, exch_ts, qty = open quantity now
    CANCEL_REJECTED order, exch_ts, reason (Reject)
    FILL            order, exch_ts, side, price, qty, leaves, ahead = queue ahead at entry, mid2, fee, cash,
                    position, flags (FILL_TAKER, FEE_IN_BASE), ref = fill number
    MARK            mid2, cash, position, flags (BID_AT_TOUCH, ASK_AT_TOUCH), fee = funding paid so far
    MARKOUT         ref = fill number, qty = horizon in ns, mid2, side, price = fill price
    HALT            reason (Refusal), mid2, cash, position
    FUNDING         qty = rate (1e-8), price = mark in ticks, fee = money paid, cash, position, mid2
    BOOK_INVALID    exch_ts
    BOOK_VALID      exch_ts
    RUN_START, RUN_END   mid2, cash, position, fee = funding paid so far

Units: `ts`, `exch_ts` ns; `price` ticks; `qty`, `leaves`, `ahead` lots; `mid2` half ticks (best bid + best
ask); `cash` money units; `position` position atoms; `fee` money units, or position atoms with FEE_IN_BASE;
a positive fee was paid, a negative one received.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

JOURNAL = np.dtype(
    [
        ("seq", "i8"),
        ("ts", "i8"),
        ("exch_ts", "i8"),
        ("order", "i8"),
        ("price", "i8"),
        ("qty", "i8"),
        ("leaves", "i8"),
        ("ahead", "i8"),
        ("mid2", "i8"),
        ("fee", "i8"),
        ("cash", "i8"),
        ("position", "i8"),
        ("ref", "i8"),
        ("agent", "i4"),
        ("instrument", "i4"),
        ("kind", "u1"),
        ("side", "i1"),
        ("reason", "u2"),
        ("flags", "u4"),
    ],
    align=True,
)


class Record(IntEnum):
    """Kinds of journal records."""

    RUN_START = 1
    DECISION = 2
    REFUSED = 3
    PLACE = 4
    CANCEL = 5
    AMEND = 6
    ACCEPTED = 7
    REJECTED = 8
    CANCELED = 9
    AMENDED = 10
    CANCEL_REJECTED = 11
    FILL = 12
    MARK = 13
    MARKOUT = 14
    HALT = 15
    FUNDING = 16
    BOOK_INVALID = 17
    BOOK_VALID = 18
    RUN_END = 19


KEEP_ALL = 2 ** (max(Record) + 1) - 1  # a set of record kinds: bit k stands for kind k
KEEP_RESULTS = sum(1 << kind for kind in (Record.RUN_START, Record.MARK, Record.HALT, Record.RUN_END))
KEEP_ORDERS = KEEP_ALL & ~(1 << Record.DECISION) & ~(1 << Record.MARKOUT)


class Refusal(IntEnum):
    """Why risk refused a command locally (the venue never saw it)."""

    POSITION = 1  # worst-case position would pass the limit
    ORDER_QTY = 2
    OPEN_NOTIONAL = 3
    PRICE_BAND = 4
    MESSAGE_RATE = 5
    LOSS = 6  # loss limit reached: the agent is halted
    HALTED = 7  # the agent was halted before
    BOUNDS = 8  # below the instrument's minimum or outside its price or quantity bounds
    CAPACITY = 9  # no free order slot
    BOOK = 10  # book invalid, crossed or one-sided


class Reject(IntEnum):
    """Why the venue rejected, or took off the book without being asked."""

    POST_ONLY = 1  # would have taken
    UNKNOWN_ORDER = 2
    REDUCE_ONLY = 3  # would have increased the position
    FOK = 4  # could not be filled whole
    IOC = 5  # the rest of an immediate-or-cancel order
    SELF_TRADE = 6  # would have met the world's own order
    NO_BOOK = 7  # no valid book to trade against


# `flags` of PLACE
POST_ONLY = 1
IOC = 2
FOK = 4
REDUCE_ONLY = 8
# `flags` of FILL
FILL_TAKER = 1
FEE_IN_BASE = 2
# `flags` of MARK
BID_AT_TOUCH = 1
ASK_AT_TOUCH = 2

MARKOUT_HORIZONS = (100_000_000, 1_000_000_000, 5_000_000_000, 30_000_000_000)  # ns
