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
                    position, flags (FILL_TAKER, FEE_IN_BASE, FEE_TOLD, FEE_ELSEWHERE, LATE), ref = fill number
    MARK            mid2, cash, position, flags (BID_AT_TOUCH, ASK_AT_TOUCH), fee = funding paid so far
    MARKOUT         ref = fill number, qty = horizon in ns, mid2, side, price = fill price
    HALT            reason (Refusal), mid2, cash, position
    UNKNOWN         order: its state at the venue is in doubt; it counts as open until evidence comes
    DENIED          order, reason (Refusal): not sent, or known to have had no effect
    ADOPTED         order, side, price, qty, leaves, flags (order flags): an order from before this run's start
    PARAM           qty = number of the parameter, price × 2 ** leaves = its new value
    PAUSED, RESUMED reason = who asked (Hold)
    FLATTEN         price = ticks beyond the touch that the takes may go
    MANUAL          order asked for by the operator: side, price, qty, flags (order flags)
    ADJUSTED        fee = money added to cash, qty = atoms added to the position, side, price = of the trade it stands
                    for, or 0, cash, position, mid2 (operator's word)
    ACTIVATED       an agent that begins in mid-session: qty = its decision function, cash, position
    FUNDING         qty = rate (1e-8), price = mark in ticks, fee = money paid, cash, position, mid2
    BOOK_INVALID    exch_ts
    BOOK_VALID      exch_ts
    RUN_START, RUN_END   mid2, cash, position, fee = funding paid so far

Units: `ts`, `exch_ts` ns; `price` ticks; `qty`, `leaves`, `ahead` lots; `mid2` half ticks (best bid + best
ask); `cash` money units; `position` position atoms; `fee` money units, or position atoms with FEE_IN_BASE;
a positive fee was paid, a negative one received. With FEE_ELSEWHERE a fee is in 1e-8 of a third asset and not in cash.
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
    UNKNOWN = 20
    DENIED = 21
    ADOPTED = 22
    PARAM = 23
    PAUSED = 24
    RESUMED = 25
    FLATTEN = 26
    MANUAL = 27
    ADJUSTED = 28
    ACTIVATED = 29


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
    BUDGET = 11  # the venue's message budget is used up, but for the reserve that cancels need
    HELD = 12  # orders to this venue are held back: see the session's notes for why


class Hold(IntEnum):
    """Who paused quoting; it resumes when none is left that did."""

    OPERATOR = 1
    VENUE = 2  # the account's stream, budget, clock or reconciliation
    MARKET = 4  # stale or diverging market data
    LATENCY = 8
    STOPPING = 16


class Reject(IntEnum):
    """Why the venue rejected, or took off the book without being asked."""

    POST_ONLY = 1  # would have taken
    UNKNOWN_ORDER = 2
    REDUCE_ONLY = 3  # would have increased the position
    FOK = 4  # could not be filled whole
    IOC = 5  # the rest of an immediate-or-cancel order
    SELF_TRADE = 6  # would have met the world's own order
    NO_BOOK = 7  # no valid book to trade against
    BALANCE = 8  # the account cannot pay for it
    FILTER = 9  # price, quantity or notional outside the venue's own rules
    LIMIT = 10  # too many orders or requests
    OTHER = 11  # the venue's words are in the session's notes


# `flags` of PLACE
POST_ONLY = 1
IOC = 2
FOK = 4
REDUCE_ONLY = 8
# `flags` of FILL
FILL_TAKER = 1
FEE_IN_BASE = 2
FEE_TOLD = 4  # the venue said what it charged; without it the fee is computed from the rate
FEE_ELSEWHERE = 8
LATE = 16  # the order had been taken for ended before
# `flags` of MARK
BID_AT_TOUCH = 1
ASK_AT_TOUCH = 2

MARKOUT_HORIZONS = (100_000_000, 1_000_000_000, 5_000_000_000, 30_000_000_000)  # ns
