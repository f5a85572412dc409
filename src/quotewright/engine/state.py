"""All state of the step, as tables of records: one engine, many instruments, many legs, many orders.

A *leg* is one agent on one instrument: its position, cash, open orders, timer and parameters. How many there
are of anything is data: adding instruments, legs or orders never recompiles.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.events import EVENT
from quotewright.domain.instrument import INSTRUMENT
from quotewright.domain.journal import JOURNAL, KEEP_ALL
from quotewright.domain.kernel import as_records, records
from quotewright.domain.messages import MESSAGE
from quotewright.domain.quotes import MOST_QUOTES, ON_TIMER, TARGET, VIEW
from quotewright.domain.strategy import MEMORY_BYTES
from quotewright.domain.tables import Tables
from quotewright.features.binding import bind_features
from quotewright.market.book import TOUCH
from quotewright.market.l3 import ORDER_BOOK
from quotewright.market.levels import BOOK
from quotewright.orders.diff import ACTION
from quotewright.orders.states import NONE, ORDER, free_all
from quotewright.risk.limits import LIMITS

NEVER = 2**63 - 1
ORDERS_PER_LEG = 2 * MOST_QUOTES + 16
MARKOUT_RING = 1 << 17  # fills of a leg within the longest horizon
MARKOUT_LEGS = 64  # legs for which there is room to do that at once; untouched rows cost no memory
DECISIONS_AT_ONCE = 2  # of a leg upon one input: an update may move the touch and print a trade
MEMORY_CELLS = MEMORY_BYTES // 8

ENGINE = np.dtype(
    [
        ("now", "i8"),
        ("start", "i8"),  # time of the first event; 0 before
        ("seq", "i8"),  # journal records written so far
        ("keep", "i8"),  # bit k: journal records of kind k are written
        ("journal_rows", "i8"),  # of them, still in the buffer
        ("journal_room", "i8"),  # how many may be before it must be emptied
        ("outbox_rows", "i8"),
        ("next_timer", "i8"),
        ("next_mark", "i8"),
        ("next_markout", "i8"),
        ("mark_interval", "i8"),  # 0: no marks
        ("free_order", "i8"),
        ("fills", "i8"),
        ("markouts_in", "i8"),  # fills ever put into the markout ring
        ("touch_listeners", "i8"),
        ("trade_listeners", "i8"),
        ("together", "i8"),  # 1: everything due at one moment runs in one call (no message can come in between)
        ("events", "i8"),  # rows applied at home
        ("markouts_out", "i8", (4,)),  # fills done, per horizon
        ("markouts_due", "i8", (4,)),  # when the next is due, per horizon; NEVER when none waits
        ("in_feed", "i8"),  # 1: some leg's orders are in the market that the feed shows
        ("features", "i8"),  # 1: strategies read features, so that updates come home as rows
        ("due_leg", "i8"),  # a leg whose target a strategy in plain Python is to write now; -1: none
        ("waiting", "i8"),  # decisions that wait for it, in order
        ("waited", "i8"),  # of them, those made since
    ],
    align=True,
)

LEG = np.dtype(
    [
        ("agent", "i8"),
        ("instrument", "i8"),
        ("world", "i8"),
        ("strategy", "i8"),  # index of the decision function; -1: none
        ("params_from", "i8"),
        ("params_to", "i8"),
        ("triggers", "i8"),
        ("interval", "i8"),
        ("phase", "i8"),  # of the timer, ns in [0, interval)
        ("next_decision", "i8"),
        ("price_tolerance", "i8"),  # ticks
        ("qty_tolerance", "i8"),  # 1e-3
        ("amend_keeps_priority", "i8"),
        ("order_flags", "i8"),  # flags of every quote
        ("halted", "i8"),
        ("held", "i8"),  # who paused it: bits of domain.journal.Hold
        ("in_feed", "i8"),  # 1: its resting orders are in the market that the feed shows
        ("unwind", "i8"),  # ticks beyond the touch that takes to a flat position may go; 0: not flattening
        ("pulled", "i8"),  # quotes are pulled because the book cannot be trusted
        ("position", "i8"),  # position atoms
        ("cash", "i8"),  # money units
        ("funding", "i8"),  # money units paid so far
        ("fees", "i8"),  # money units paid so far
        ("base_fees", "i8"),  # position atoms paid so far, where the venue charges in the base asset
        ("traded", "i8"),  # lots filled so far
        ("turnover", "i8"),  # money units, value of all fills
        ("fills", "i8"),
        ("decisions", "i8"),
        ("orders_sent", "i8"),
        ("first_order", "i8"),
        ("last_order", "i8"),
        ("open_orders", "i8"),
        ("budget_until", "i8"),  # message budget is used up to here
        ("take_generation", "i8"),
        ("take_filled", "i8"),
        ("refused_reason", "i8"),  # the refusal last journaled, while it repeats
        ("refused_side", "i8"),
        ("refused_repeats", "i8"),
    ],
    align=True,
)

MARKOUT = np.dtype(
    [("ts", "i8"), ("number", "i8"), ("leg", "i8"), ("side", "i8"), ("price", "i8")],
    align=True,
)

# Legs with one timer interval; their order of deciding never changes, so whose turn it is is a place in a circle.
TIMER = np.dtype(
    [("due", "i8"), ("first", "i8"), ("count", "i8"), ("turn", "i8")],
    align=True,
)


class EngineState(Tables):
    """The tables of the step; records inside are reached as `state.legs[i].cash`."""

    engine: Any  # ENGINE[1]
    instruments: Any  # INSTRUMENT[n]
    touches: Any  # TOUCH[n], as known at home
    books: Any  # BOOK[n], as known at home; used where the feed comes as rows
    l3: Any  # ORDER_BOOK[n or 1], likewise
    legs: Any  # LEG[legs]
    limits: Any  # LIMITS[legs]
    timers: Any  # TIMER[distinct intervals]
    timer_legs: Any  # int64: legs in order of deciding, by timer
    orders: Any  # ORDER[...]
    actions: Any  # ACTION[...]
    outbox: Any  # MESSAGE[...]
    journal: Any  # JOURNAL[...]; the last row takes what is not kept
    markouts: Any  # MARKOUT[…], a ring
    waiting: Any  # int64[DECISIONS_AT_ONCE × legs]: legs whose decisions wait
    views: Any  # VIEW[1]
    targets: Any  # TARGET[1]
    params: Any  # float64
    memory: Any  # float64[legs × MEMORY_CELLS]
    decide: Any  # decision functions: addresses, or Python functions where interpreted
    features: Any  # where the features are (features.binding); nothing if no strategy reads them
    feature_functions: Any
    no_row: Any  # EVENT[1]: for functions that are given a row and read none
    feature_values: Any  # float64[n × MOST_FEATURES], if there are features


def new_state(
    instruments: Any,
    l3: list[bool],
    legs: Any,
    limits: Any,
    params: Any,
    decide: Any,
    *,
    mark_interval: int,
    keep: int = KEEP_ALL,
    journal_rows: int = 65_536,
    features: Any = None,
    spare_timers: int = 0,
) -> EngineState:
    """Fresh state for the given INSTRUMENT, LEG and LIMITS arrays; `l3` says which books are order by order.

    `decide` comes from `engine.functions`. `keep` says which records are journaled (domain.journal). `features` is the
    FeatureState of the same instruments, None if no strategy reads it. `spare_timers` is how many legs may be activated
    later (engine.controls).
    """
    where, functions = bind_features(features)
    count = len(legs)
    capacity = max(count, 1) * ORDERS_PER_LEG
    timers, timer_legs = _timers(legs, spare_timers)
    state = EngineState(
        engine=records(1, ENGINE),
        instruments=as_records(instruments.astype(INSTRUMENT, copy=False)),
        touches=records(len(instruments), TOUCH),
        books=records(len(instruments), BOOK),
        l3=records(len(instruments) if any(l3) else 1, ORDER_BOOK),
        legs=as_records(legs),
        limits=as_records(limits.astype(LIMITS, copy=False)),
        timers=timers,
        timer_legs=timer_legs,
        orders=records(capacity, ORDER),
        actions=records(2 * ORDERS_PER_LEG + 2 * MOST_QUOTES, ACTION),
        outbox=records(capacity + (count + 1) * (2 * MOST_QUOTES + 1), MESSAGE),
        journal=records(journal_rows + journal_margin(count, capacity) + 1, JOURNAL),
        markouts=records(MARKOUT_RING * min(max(count, 1), MARKOUT_LEGS), MARKOUT),
        waiting=np.zeros(DECISIONS_AT_ONCE * max(count, 1), np.int64),
        views=records(1, VIEW),
        targets=records(1, TARGET),
        params=np.ascontiguousarray(params, np.float64),
        memory=np.zeros(max(count, 1) * MEMORY_CELLS),
        decide=decide,
        features=where,
        feature_functions=functions,
        no_row=records(1, EVENT),
        feature_values=np.zeros(0) if features is None else features.values,
    )
    state.keep_alive(features)
    engine = state.engine[0]
    engine["journal_room"] = journal_rows
    engine["features"] = int(features is not None)
    engine["in_feed"] = int(bool(len(legs)) and bool((legs["in_feed"] == 1).any()))
    engine["next_timer"] = NEVER
    engine["next_mark"] = NEVER
    engine["next_markout"] = NEVER
    engine["markouts_due"] = NEVER
    engine["mark_interval"] = mark_interval
    engine["keep"] = keep
    engine["due_leg"] = NONE
    for index, is_l3 in enumerate(l3):
        state.books[index]["l3"] = int(is_l3)
        state.touches[index]["l3"] = int(is_l3)
    for leg in state.legs:
        leg["first_order"] = leg["last_order"] = NONE
        leg["next_decision"] = NEVER
    free_all(state.orders, state.engine[0])
    return state


def journal_margin(legs: int, orders: int) -> int:
    """Rows that one moment of a session may write at most: every order cancelled, every quote refused."""
    return 1024 + orders + legs * (4 * MOST_QUOTES + 16)


def _timers(legs: Any, spare: int) -> tuple[Any, Any]:
    """Legs that decide on a timer, grouped by interval and sorted by phase, then leg; `spare` more of one leg each."""
    by_interval: dict[int, list[int]] = {}
    for leg, row in enumerate(legs):
        if row["strategy"] != -1 and row["triggers"] & ON_TIMER:
            by_interval.setdefault(int(row["interval"]), []).append(leg)
    timers = records(len(by_interval) + spare, TIMER)
    timers["due"] = NEVER
    order: list[int] = []
    for index, group in enumerate(by_interval.values()):
        timers[index]["first"] = len(order)
        timers[index]["count"] = len(group)
        order += sorted(group, key=lambda leg: (int(legs[leg]["phase"]), leg))
    for index in range(len(by_interval), len(timers)):
        timers[index]["first"] = len(order)
        order.append(NONE)
    return timers, np.array(order, np.int64)
