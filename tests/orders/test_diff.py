"""The diff from open orders to target quotes: fewest messages, queue places kept."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.events import ASK, BID
from quotewright.domain.kernel import kernel, records
from quotewright.domain.quotes import TARGET
from quotewright.engine.state import LEG
from quotewright.orders.diff import ACTION, AMEND_ORDER, CANCEL_ORDER, PLACE_ORDER, diff_quotes
from quotewright.orders.states import OPEN, ORDER


@kernel
def _diff(orders: Any, first: int, targets: Any, legs: Any, actions: Any) -> int:
    return diff_quotes(orders, first, targets[0], legs[0], actions)


def _run(
    open_orders: list[tuple[int, int, int, int]],
    bids: list[tuple[int, int]],
    asks: list[tuple[int, int]],
    *,
    price_tolerance: int = 0,
    qty_tolerance: int = 0,
    amend: int = 0,
) -> list[tuple[int, int, int, int, int]]:
    """Actions as (kind, slot, side, price, qty); open orders as (side, price, qty, filled)."""
    orders = records(max(1, len(open_orders)), ORDER)
    for slot, (side, price, qty, filled) in enumerate(open_orders):
        orders[slot]["id"] = slot + 1
        orders[slot]["side"] = side
        orders[slot]["price"] = price
        orders[slot]["qty"] = qty
        orders[slot]["filled"] = filled
        orders[slot]["leaves"] = qty - filled
        orders[slot]["state"] = OPEN
        orders[slot]["next"] = slot + 1 if slot + 1 < len(open_orders) else -1
    targets = records(1, TARGET)
    for name, quotes in (("bid", bids), ("ask", asks)):
        targets[0][f"{name}s"] = len(quotes)
        for i, (price, qty) in enumerate(quotes):
            targets[0][f"{name}_price"][i] = price
            targets[0][f"{name}_qty"][i] = qty
    legs = records(1, LEG)
    legs[0]["price_tolerance"] = price_tolerance
    legs[0]["qty_tolerance"] = qty_tolerance
    legs[0]["amend_keeps_priority"] = amend
    actions = records(256, ACTION)
    count = _diff(orders, 0 if open_orders else -1, targets, legs, actions)
    rows = np.asarray(actions[:count])
    return [tuple(int(row[f]) for f in ("kind", "slot", "side", "price", "qty")) for row in rows]  # type: ignore[misc]


def test_an_unchanged_quote_costs_no_message() -> None:
    assert _run([(BID, 100, 5, 0), (ASK, 103, 5, 0)], [(100, 5)], [(103, 5)]) == []


def test_more_at_a_price_is_one_more_order_behind_the_first() -> None:
    assert _run([(BID, 100, 5, 2)], [(100, 5)], []) == [(PLACE_ORDER, -1, BID, 100, 2)]


def test_less_is_amended_where_the_venue_keeps_priority_and_replaced_elsewhere() -> None:
    assert _run([(BID, 100, 5, 1)], [(100, 2)], [], amend=1) == [(AMEND_ORDER, 0, 0, 0, 3)]
    kinds = [(kind, slot) for kind, slot, *_ in _run([(BID, 100, 5, 1)], [(100, 2)], [])]
    assert kinds == [(CANCEL_ORDER, 0), (PLACE_ORDER, -1)]


def test_a_moved_quote_is_cancelled_before_its_successor_is_placed() -> None:
    actions = _run([(BID, 100, 5, 0), (ASK, 103, 5, 0)], [(99, 5)], [(104, 5)])
    assert [kind for kind, *_ in actions] == [CANCEL_ORDER, CANCEL_ORDER, PLACE_ORDER, PLACE_ORDER]


def test_tolerances_keep_orders_in_their_queue() -> None:
    assert _run([(BID, 100, 5, 0)], [(99, 5)], [], price_tolerance=1) == []
    assert _run([(BID, 100, 10, 0)], [(100, 9)], [], qty_tolerance=100) == []
    assert _run([(BID, 100, 9, 0)], [(100, 10)], [], qty_tolerance=100) == []


def test_the_youngest_of_two_orders_goes_first() -> None:
    actions = _run([(BID, 100, 5, 0), (BID, 100, 5, 0)], [(100, 5)], [])
    assert [(kind, slot) for kind, slot, *_ in actions] == [(CANCEL_ORDER, 1)]


QUOTES = st.lists(st.tuples(st.integers(95, 105), st.integers(1, 9)), max_size=6, unique_by=lambda q: q[0])
OPENS = st.lists(
    st.tuples(st.sampled_from((BID, ASK)), st.integers(95, 105), st.integers(1, 9)).map(lambda o: (*o, 0)), max_size=8
)


@settings(max_examples=300, deadline=None)
@given(OPENS, QUOTES, QUOTES, st.integers(0, 1))
def test_after_the_actions_exactly_the_target_rests(
    opens: list[tuple[int, int, int, int]], bids: list[tuple[int, int]], asks: list[tuple[int, int]], amend: int
) -> None:
    actions = _run(opens, bids, asks, amend=amend)
    resting: dict[tuple[int, int], int] = {}
    cancelled = {slot for kind, slot, *_ in actions if kind == CANCEL_ORDER}
    amended = {slot: qty for kind, slot, _, _, qty in actions if kind == AMEND_ORDER}
    for slot, (side, price, qty, _) in enumerate(opens):
        if slot not in cancelled:
            resting[side, price] = resting.get((side, price), 0) + amended.get(slot, qty)
    for kind, _, side, price, qty in actions:
        if kind == PLACE_ORDER:
            resting[side, price] = resting.get((side, price), 0) + qty
    wanted = {(BID, p): q for p, q in bids} | {(ASK, p): q for p, q in asks}
    assert resting == wanted
    slots = [slot for kind, slot, *_ in actions if kind != PLACE_ORDER]
    assert len(slots) == len(set(slots)), "one message an order at most"
    kinds = [kind for kind, *_ in actions]
    places = [i for i, kind in enumerate(kinds) if kind == PLACE_ORDER]
    assert all(kind == PLACE_ORDER for kind in kinds[places[0] :]) if places else True
