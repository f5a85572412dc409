"""State of the replay venue: its books, our resting orders, and the messages and responses on their way."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from quotewright.domain.kernel import records
from quotewright.domain.messages import MESSAGE, RESPONSE
from quotewright.market.l3 import ORDER_BOOK
from quotewright.market.levels import BOOK

RISK_AVERSE = 0
PROPORTIONAL = 1
POWER = 2
LOG = 3
QUEUE_MODELS = {"risk-averse": RISK_AVERSE, "proportional": PROPORTIONAL, "power": POWER, "log": LOG}

CONSUMED_MOST = 4096

VENUE = np.dtype(
    [
        ("exch_next", "i8"),  # cursors into the window's arrays
        ("local_next", "i8"),
        ("messages", "i8"),  # in flight to the venue
        ("responses", "i8"),  # in flight home
        ("message_seq", "i8"),
        ("response_seq", "i8"),
        ("free_message", "i8"),
        ("free_response", "i8"),
        ("placed", "i8"),  # our orders ever accepted
        ("trades", "i8"),  # stamps the worlds' scratch fields
        ("consumed", "i8"),  # rows in use of the consumed table
        ("queue_model", "i8"),
        ("power", "f8"),
        ("seed", "i8"),
        ("recorded_latency", "i8"),  # 1: latencies come from the recorded series
        ("status", "i8"),
    ],
    align=True,
)

RESTING = np.dtype(
    [
        ("id", "i8"),  # 0: not on the book
        ("price", "i8"),
        ("qty", "i8"),
        ("filled", "i8"),
        ("leaves", "i8"),
        ("ahead", "i8"),
        ("ahead_at_entry", "i8"),
        ("seen", "i8"),  # recorded lots at the level when last looked at
        ("traded", "i8"),  # recorded volume at the level since then
        ("arrival", "i8"),  # on an L3 book: among all its orders
        ("number", "i8"),  # among all our orders ever placed
        ("leg", "i8"),
        ("world", "i8"),
        ("instrument", "i8"),
        ("side", "i8"),
        ("next", "i8"),
        ("previous", "i8"),
    ],
    align=True,
)

QUEUE = np.dtype(
    [
        ("first", "i8"),  # best price, earliest arrival
        ("last", "i8"),
        ("worst", "i8"),  # price of the last order
        ("best", "i8"),  # price of the first order; 0 when there is none
        ("stirred", "i8"),  # a level between best and worst was reported in this update
    ],
    align=True,
)

WORLD = np.dtype(
    [("stamp", "i8"), ("rest", "i8"), ("before", "i8"), ("eaten", "i8")],
    align=True,
)

CONSUMED = np.dtype(
    [("world", "i8"), ("instrument", "i8"), ("side", "i8"), ("price", "i8"), ("qty", "i8")],
    align=True,
)

VENUE_LEG = np.dtype(
    [("position", "i8"), ("messages", "i8"), ("responses", "i8"), ("world", "i8"), ("instrument", "i8")],
    align=True,
)


class VenueState(NamedTuple):
    """The arrays of the replay venue."""

    venue: Any  # VENUE[1]
    books: Any  # BOOK[instruments], as at the venue
    l3: Any  # ORDER_BOOK[instruments or 1]
    instruments: Any  # INSTRUMENT[instruments]
    queues: Any  # QUEUE[2 × instruments]: bids, asks
    resting: Any  # RESTING[slots], by the sender's slot
    legs: Any  # VENUE_LEG[legs]
    worlds: Any  # WORLD[worlds]
    consumed: Any  # CONSUMED[CONSUMED_MOST]
    messages: Any  # MESSAGE[...]
    message_heap: Any  # int64[...], slots by (ts, seq)
    responses: Any  # RESPONSE[...]
    response_heap: Any
    entry: Any  # int64: latency table, or recorded values
    response: Any
    recorded_at: Any  # int64: times of the recorded latencies


class Latency(NamedTuple):
    """Order latency in ns: one value is constant, several are a table to draw from, with `at` recorded."""

    entry: Any
    response: Any
    at: Any

    @classmethod
    def constant(cls, entry: int, response: int) -> Latency:
        """The same latency for every message."""
        return cls(np.array([entry], np.int64), np.array([response], np.int64), np.zeros(0, np.int64))


def new_venue(
    instruments: Any,
    l3: list[bool],
    legs: list[tuple[int, int]],
    slots: int,
    latency: Latency,
    *,
    queue_model: int = RISK_AVERSE,
    power: float = 2.0,
    seed: int = 0,
    in_flight: int = 65_536,
) -> VenueState:
    """A fresh venue for `legs` given as (world, instrument); `slots` is the sender's number of order slots."""
    count = len(instruments)
    state = VenueState(
        venue=records(1, VENUE),
        books=records(count, BOOK),
        l3=records(count if any(l3) else 1, ORDER_BOOK),
        instruments=instruments,
        queues=records(2 * count, QUEUE),
        resting=records(slots, RESTING),
        legs=records(max(len(legs), 1), VENUE_LEG),
        worlds=records(max([w for w, _ in legs], default=0) + 1, WORLD),
        consumed=records(CONSUMED_MOST, CONSUMED),
        messages=records(in_flight, MESSAGE),
        message_heap=np.zeros(in_flight, np.int64),
        responses=records(in_flight, RESPONSE),
        response_heap=np.zeros(in_flight, np.int64),
        entry=latency.entry,
        response=latency.response,
        recorded_at=latency.at,
    )
    venue = state.venue[0]
    venue["queue_model"] = queue_model
    venue["power"] = power
    venue["seed"] = seed
    venue["recorded_latency"] = int(len(latency.at) > 0)
    for index, is_l3 in enumerate(l3):
        state.books[index]["l3"] = int(is_l3)
    for queue in state.queues:
        queue["first"] = queue["last"] = -1
    for index, (world, instrument) in enumerate(legs):
        state.legs[index]["world"] = world
        state.legs[index]["instrument"] = instrument
    for heap, slab in ((state.message_heap, state.messages), (state.response_heap, state.responses)):
        heap[:] = np.arange(len(slab))
    return state
