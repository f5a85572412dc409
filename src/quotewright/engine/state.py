"""All state of the step, as arrays of records: one engine, many instruments, many legs, many orders.

A *leg* is one agent on one instrument: its position, cash, open orders, timer and parameters. How many there
are of anything is data: adding instruments, legs or orders never recompiles.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from quotewright.domain.instrument import INSTRUMENT
from quotewright.domain.journal import JOURNAL
from quotewright.domain.kernel import as_records, records
from quotewright.domain.messages import MESSAGE
from quotewright.domain.quotes import MOST_QUOTES, TARGET, VIEW
from quotewright.market.l3 import ORDER_BOOK
from quotewright.market.levels import BOOK
from quotewright.orders.diff import ACTION
from quotewright.orders.states import NONE, ORDER, free_all
from quotewright.risk.limits import LIMITS

NEVER = 2**63 - 1
ORDERS_PER_LEG = 2 * MOST_QUOTES + 16
MARKOUT_RING = 1 << 17

ENGINE = np.dtype(
    [
        ("now", "i8"),
        ("start", "i8"),  # time of the first event; 0 before
        ("seq", "i8"),  # journal records written so far
        ("journal_rows", "i8"),  # of them, still in the buffer
        ("outbox_rows", "i8"),
        ("next_timer", "i8"),
        ("next_mark", "i8"),
        ("mark_interval", "i8"),  # 0: no marks
        ("free_order", "i8"),
        ("fills", "i8"),
        ("markouts_in", "i8"),  # fills ever put into the markout ring
        ("touch_listeners", "i8"),
        ("trade_listeners", "i8"),
        ("events", "i8"),  # rows applied at home
        ("markouts_out", "i8", (4,)),  # fills done, per horizon
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
        ("next_decision", "i8"),
        ("price_tolerance", "i8"),  # ticks
        ("qty_tolerance", "i8"),  # 1e-3
        ("amend_keeps_priority", "i8"),
        ("order_flags", "i8"),  # flags of every quote
        ("halted", "i8"),
        ("pulled", "i8"),  # quotes are pulled because the book cannot be trusted
        ("position", "i8"),  # position atoms
        ("cash", "i8"),  # money units
        ("funding", "i8"),  # money units paid so far
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


class EngineState(NamedTuple):
    """The arrays of the step; records inside are reached as `state.legs[i].cash`."""

    engine: Any  # ENGINE[1]
    instruments: Any  # INSTRUMENT[n]
    books: Any  # BOOK[n], as known at home
    l3: Any  # ORDER_BOOK[n or 1]
    legs: Any  # LEG[legs]
    limits: Any  # LIMITS[legs]
    orders: Any  # ORDER[...]
    actions: Any  # ACTION[...]
    outbox: Any  # MESSAGE[...]
    journal: Any  # JOURNAL[...]
    markouts: Any  # MARKOUT[MARKOUT_RING]
    views: Any  # VIEW[1]
    targets: Any  # TARGET[1]
    params: Any  # float64
    memory: Any  # float64[legs, cells]
    decide: Any  # list of decision functions


def new_state(
    instruments: Any,
    l3: list[bool],
    legs: Any,
    limits: Any,
    params: Any,
    decide: Any,
    *,
    mark_interval: int,
    memory_cells: int = 128,
    journal_rows: int = 65_536,
) -> EngineState:
    """Fresh state for the given INSTRUMENT, LEG and LIMITS arrays; `l3` says which books are order by order."""
    count = len(legs)
    capacity = max(count, 1) * ORDERS_PER_LEG
    state = EngineState(
        engine=records(1, ENGINE),
        instruments=as_records(instruments.astype(INSTRUMENT, copy=False)),
        books=records(len(instruments), BOOK),
        l3=records(len(instruments) if any(l3) else 1, ORDER_BOOK),
        legs=as_records(legs),
        limits=as_records(limits.astype(LIMITS, copy=False)),
        orders=records(capacity, ORDER),
        actions=records(2 * ORDERS_PER_LEG + 2 * MOST_QUOTES, ACTION),
        outbox=records(capacity + (count + 1) * (2 * MOST_QUOTES + 1), MESSAGE),
        journal=records(journal_rows + journal_margin(count, capacity), JOURNAL),
        markouts=records(MARKOUT_RING, MARKOUT),
        views=records(1, VIEW),
        targets=records(1, TARGET),
        params=params,
        memory=np.zeros((max(count, 1), memory_cells)),
        decide=decide,
    )
    engine = state.engine[0]
    engine["next_timer"] = NEVER
    engine["next_mark"] = NEVER
    engine["mark_interval"] = mark_interval
    for index, is_l3 in enumerate(l3):
        state.books[index]["l3"] = int(is_l3)
    for leg in state.legs:
        leg["first_order"] = leg["last_order"] = NONE
        leg["next_decision"] = NEVER
    free_all(state.orders, state.engine[0])
    return state


def journal_margin(legs: int, orders: int) -> int:
    """Rows that one iteration of a session's loop may write at most: every order cancelled, every quote refused."""
    return 1024 + orders + legs * (4 * MOST_QUOTES + 16)
