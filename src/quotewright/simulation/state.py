"""State of the replay venue: its books, our resting orders, and the messages and responses on their way."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from quotewright.domain.kernel import records
from quotewright.domain.messages import MESSAGE, RESPONSE
from quotewright.domain.tables import Tables
from quotewright.market.book import UPDATE
from quotewright.market.l3 import ORDER_BOOK
from quotewright.market.levels import BOOK
from quotewright.market.streams import STREAM_OF_KIND, STREAMS
from quotewright.simulation.flight import FLIGHT, NOTHING_DUE

RISK_AVERSE = 0
PROPORTIONAL = 1
POWER = 2
LOG = 3
QUEUE_MODELS = {"risk-averse": RISK_AVERSE, "proportional": PROPORTIONAL, "power": POWER, "log": LOG}

TAKEN_MOST = 4096  # levels that a world may have emptied at once
PLACES = 4096
IN_FLIGHT_LEAST = 65_536
IN_FLIGHT_A_SLOT = 4  # a place, a cancel and what is sent before they are answered
UPDATES_ON_THEIR_WAY = 128  # to begin with, for each stream; a power of two

VENUE = np.dtype(
    [
        ("exch_next", "i8"),  # cursors into the window's arrays
        ("local_next", "i8"),
        ("time", "i8"),  # of the last update applied
        ("one_order", "i8"),  # 1: the window's updates come home in the order in which they happened
        ("ring", "i8"),  # updates on their way that a stream has room for
        ("rare", "i8"),  # of those on their way: snapshots, changes of status, funding
        ("interest", "i8"),  # places that an order of ours or a taken level is at
        ("stirred", "i8"),  # levels of ours reported in this update
        ("snapshot", "i8"),  # this update began with CLEAR
        ("placed", "i8"),  # our orders ever accepted
        ("trades", "i8"),  # stamps the worlds' scratch fields
        ("taken", "i8"),  # rows in use of the taken table
        ("taken_used", "i8"),  # rows of it ever used: those behind cost no memory
        ("free_taken", "i8"),  # of these; -1 when there is none
        ("free_level", "i8"),
        ("free_cohort", "i8"),
        ("queue_model", "i8"),
        ("power", "f8"),
        ("seed", "i8"),
        ("departures", "i8"),  # messages for other venues that wait to be taken
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
        ("ahead_at_entry", "i8"),
        ("number", "i8"),  # among all our orders ever placed
        ("leg", "i8"),
        ("world", "i8"),
        ("account", "i8"),
        ("instrument", "i8"),
        ("side", "i8"),
        ("cohort", "i8"),
        ("next", "i8"),  # in the cohort, by arrival
        ("previous", "i8"),
        ("account_next", "i8"),  # in the account's orders on the side
        ("account_previous", "i8"),
        ("new_ahead", "i8"),  # what a trade makes of it, before it is told
        ("new_fill", "i8"),
    ],
    align=True,
)

# Orders of different worlds that came to one price between the same two reports of it have the same place in the
# queue, and keep it: they share one record, however many they are.
COHORT = np.dtype(
    [
        ("level", "i8"),
        ("first", "i8"),  # orders
        ("last", "i8"),
        ("ahead", "i8"),
        ("seen", "i8"),  # recorded lots at the level when last looked at
        ("traded", "i8"),  # recorded volume at the level since then
        ("arrival", "i8"),  # on an L3 book: among all its orders
        ("next", "i8"),  # at the level, by arrival
        ("previous", "i8"),
    ],
    align=True,
)

OWN_LEVEL = np.dtype(
    [
        ("price", "i8"),
        ("instrument", "i8"),
        ("side", "i8"),
        ("first", "i8"),  # cohorts
        ("last", "i8"),
        ("better", "i8"),  # levels
        ("worse", "i8"),
        ("chain", "i8"),  # the next level at the same place
        ("stirred", "i8"),  # it was reported in this update
    ],
    align=True,
)

QUEUE = np.dtype(
    [
        ("best", "i8"),  # level; -1 when there is none
        ("worst", "i8"),
        ("best_price", "i8"),  # 0 when there is none
        ("doubles", "i8"),  # accounts with more than one order here
    ],
    align=True,
)

# Where prices are looked up: a row of the market concerns us only if its place has interest.
PLACE = np.dtype([("interest", "i8"), ("level", "i8"), ("taken", "i8")], align=True)  # the last two: index + 1

WORLD = np.dtype(
    [("stamp", "i8"), ("rest", "i8"), ("before", "i8"), ("eaten", "i8")],
    align=True,
)

# A world on one instrument; its orders by side, bids first.
ACCOUNT = np.dtype([("first", "i8", (2,)), ("orders", "i8", (2,))], align=True)

TAKEN = np.dtype(
    [("world", "i8"), ("instrument", "i8"), ("side", "i8"), ("price", "i8"), ("qty", "i8"), ("chain", "i8")],
    align=True,
)

VENUE_LEG = np.dtype(
    [
        ("position", "i8"),
        ("messages", "i8"),
        ("responses", "i8"),
        ("world", "i8"),
        ("account", "i8"),
        ("instrument", "i8"),
        ("elsewhere", "i8"),  # 1: its orders go to another venue than this one
    ],
    align=True,
)

ON_THEIR_WAY = np.dtype([("head", "i8"), ("tail", "i8")], align=True)


class VenueState(Tables):
    """The tables of the replay venue."""

    venue: Any  # VENUE[1]
    books: Any  # BOOK[instruments], as at the venue
    l3: Any  # ORDER_BOOK[instruments or 1]
    instruments: Any  # INSTRUMENT[instruments]
    ways: Any  # ON_THEIR_WAY[instruments × streams]: updates between the venue and home
    updates: Any  # UPDATE[instruments × streams × ring]
    queues: Any  # QUEUE[2 × instruments]: bids, asks
    own_levels: Any  # OWN_LEVEL[slots]
    cohorts: Any  # COHORT[slots]
    resting: Any  # RESTING[slots], by the sender's slot
    stirred: Any  # int64[slots]: levels of ours reported in this update
    places: Any  # PLACE[PLACES]
    legs: Any  # VENUE_LEG[legs]
    accounts: Any  # ACCOUNT[worlds × instruments in use]
    worlds: Any  # WORLD[worlds]
    taken: Any  # TAKEN[TAKEN_MOST × worlds]
    flights: Any  # FLIGHT[2]: messages, responses
    departures: Any  # MESSAGE[...]: for other venues
    messages: Any  # MESSAGE[...]
    message_heap: Any  # int64[...]
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
    in_flight: int = 0,
    departures: int = 0,
) -> VenueState:
    """A fresh venue for `legs` given as (world, instrument); `slots` is the sender's number of order slots.

    `departures` is how many messages for other venues one decision may send. `in_flight` is how many messages, and
    how many responses, may be under way at once; 0: enough for so many slots.
    """
    count = len(instruments)
    ways = count * len(STREAMS)
    accounts = {pair: index for index, pair in enumerate(dict.fromkeys(legs))}
    ring = 1 << max(4, ((in_flight or IN_FLIGHT_LEAST + IN_FLIGHT_A_SLOT * slots) - 1).bit_length())
    state = VenueState(
        venue=records(1, VENUE),
        books=records(count, BOOK),
        l3=records(count if any(l3) else 1, ORDER_BOOK),
        instruments=instruments,
        ways=records(ways, ON_THEIR_WAY),
        updates=records(ways * UPDATES_ON_THEIR_WAY, UPDATE),
        queues=records(2 * count, QUEUE),
        own_levels=records(slots, OWN_LEVEL),
        cohorts=records(slots, COHORT),
        resting=records(slots, RESTING),
        stirred=np.zeros(slots, np.int64),
        places=records(PLACES, PLACE),
        legs=records(max(len(legs), 1), VENUE_LEG),
        accounts=records(max(len(accounts), 1), ACCOUNT),
        worlds=records(max([w for w, _ in legs], default=0) + 1, WORLD),
        taken=records(TAKEN_MOST * (max([w for w, _ in legs], default=0) + 1), TAKEN),
        flights=records(2, FLIGHT),
        departures=records(departures + 1, MESSAGE),
        messages=records(2 * ring, MESSAGE),
        message_heap=np.arange(ring, 2 * ring),
        responses=records(2 * ring, RESPONSE),
        response_heap=np.arange(ring, 2 * ring),
        entry=latency.entry,
        response=latency.response,
        recorded_at=latency.at,
    )
    venue = state.venue[0]
    venue["ring"] = UPDATES_ON_THEIR_WAY
    venue["queue_model"] = queue_model
    venue["power"] = power
    venue["seed"] = seed
    venue["recorded_latency"] = int(len(latency.at) > 0)
    venue["free_taken"] = -1
    for slab in (state.own_levels, state.cohorts):
        slab["chain" if "chain" in slab.dtype.names else "next"] = np.append(np.arange(1, len(slab)), -1)
    for index, is_l3 in enumerate(l3):
        state.books[index]["l3"] = int(is_l3)
    for queue in state.queues:
        queue["best"] = queue["worst"] = -1
    state.accounts["first"][:] = -1
    for index, (world, instrument) in enumerate(legs):
        state.legs[index]["world"] = world
        state.legs[index]["account"] = accounts[world, instrument]
        state.legs[index]["instrument"] = instrument
    for flight in state.flights:
        flight["ring"] = ring
        flight["due"] = NOTHING_DUE
    return state


def make_room_for_updates(state: VenueState) -> None:
    """Let twice as many updates be on their way home; those under way keep their order."""
    venue = state.venue[0]
    before = int(venue["ring"])
    old = state.updates
    new = records(2 * len(old), UPDATE)
    for index, way in enumerate(state.ways):
        numbers = np.arange(int(way["head"]), int(way["tail"]))
        new[2 * before * index + numbers % (2 * before)] = old[before * index + numbers % before]
    state.replace("updates", new)
    venue["ring"] = 2 * before


def set_one_order(state: VenueState, one_order: bool) -> None:
    """Say whether the updates of the coming window overtake each other on their way home.

    Those under way change ways: from one to many exactly. From many to one their order is not known any more, so then
    the next window goes many ways too, which is right in any case.
    """
    venue = state.venue[0]
    ways = state.ways
    if venue["one_order"] == one_order or (one_order and (ways["head"] < ways["tail"]).any()):
        return
    ring = int(venue["ring"])
    under_way = [state.updates[number % ring].copy() for number in range(int(ways[0]["head"]), int(ways[0]["tail"]))]
    ways["head"] = ways["tail"] = 0
    for update in under_way if not one_order else ():
        index = int(update["instrument"]) * len(STREAMS) + int(STREAM_OF_KIND[int(update["kind"])])
        state.updates[ring * index + int(ways[index]["tail"])] = update
        ways[index]["tail"] += 1
    venue["one_order"] = int(one_order)
