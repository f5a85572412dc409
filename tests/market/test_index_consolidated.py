"""The consolidated book against a plain sort, staleness, clock offsets, and the edge of a crossed view."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.events import ASK, BID
from quotewright.market.consolidated import REFUSED, ConsolidatedBook
from quotewright.market.fee_netted import NettingTable, VenueTerms, netting_table

VENUES = [
    VenueTerms("fine", "0.01", "0.0001", "0.0010", "0.0030"),
    VenueTerms("coarse", "0.5", "0.001", "0", "0.0005"),
    VenueTerms("rebate", "0.1", "0.01", "-0.0001", "0.0004"),
]
SECOND = 10**9


def table() -> NettingTable:
    return netting_table(VENUES)


def array(values: list[int]) -> Any:
    return np.array(values, dtype=np.int64)


SIDES = st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 1000)), max_size=40, unique_by=lambda level: level[0])


@settings(max_examples=60, deadline=None)
@given(st.tuples(SIDES, SIDES, SIDES), st.sampled_from([BID, ASK]), st.integers(1, 130))
def test_levels_stand_in_the_order_of_what_a_taker_pays(levels: Any, side: int, most: int) -> None:
    net = table()
    view = ConsolidatedBook(net.rows, [0, 0, 0], SECOND, most)
    expected: list[tuple[Fraction, int, int, Fraction]] = []
    for v, (given_side, terms) in enumerate(zip(levels, VENUES, strict=True)):
        best_first = sorted(given_side, reverse=side == BID)[:32]
        view.put(v, 5, side, array([p for p, _ in best_first]), array([q for _, q in best_first]))
        for ticks, lots in best_first:
            price = ticks * Fraction(terms.tick)
            paid = price * (1 - Fraction(terms.taker)) if side == BID else price * (1 + Fraction(terms.taker))
            expected.append((-paid if side == BID else paid, v, ticks, lots * Fraction(terms.lot)))
    expected.sort(key=lambda level: (level[0], level[1]))
    found = view.side(side, 10)
    assert len(found) == min(most, len(expected))
    for level, (paid, v, ticks, quantity) in zip(found, expected, strict=False):
        assert int(level["net"]) * net.price_unit == abs(paid)
        assert (level["venue"], level["ticks"], level["age"]) == (v, ticks, 5)
        assert int(level["quantity"]) * net.quantity_unit == quantity


def test_stale_venues_and_venues_from_the_future_are_left_out() -> None:
    view = ConsolidatedBook(table().rows, [0, 2 * SECOND, 0], SECOND)
    one = array([100]), array([1])
    view.put(0, 10 * SECOND, BID, *one)
    view.put(1, 12 * SECOND, BID, *one)  # this clock is 2 s ahead: it is the same moment
    view.put(2, 12 * SECOND, BID, *one)
    at = lambda now: set(view.side(BID, now)["venue"].tolist())  # noqa: E731
    assert at(10 * SECOND) == {0, 1}
    assert at(11 * SECOND) == {0, 1, 2}
    assert at(11 * SECOND + 1) == {2}
    assert at(14 * SECOND) == set()


def test_what_cannot_be_a_level_is_refused_and_the_side_stays() -> None:
    net = table()
    view = ConsolidatedBook(net.rows, [0, 0, 0], SECOND)
    assert view.put(0, 1, ASK, array([100, 101]), array([1, 2])) == 2
    for ticks, lots in (([0], [1]), ([5], [0]), ([int(net.rows[0]["most_ticks"]) + 1], [1])):
        assert view.put(0, 2, ASK, array(ticks), array(lots)) == REFUSED
    assert view.side(ASK, 1)["ticks"].tolist() == [100, 101]


def test_a_crossed_view_is_an_edge_only_after_fees() -> None:
    net = table()
    view = ConsolidatedBook(net.rows, [0, 0, 0], SECOND)
    view.put(1, 1, ASK, array([2000, 2002]), array([3000, 9000]))  # 3 at 1000.0, 9 at 1001.0, 5 bp to take
    view.put(2, 1, BID, array([10005]), array([500]))  # 5 at 1000.5, 4 bp to take
    edge, quantity = view.edge(1)
    assert edge * net.price_unit == Fraction("1000.5") * Fraction("0.9996") - 1000 * Fraction("1.0005") < 0
    assert quantity == 0
    view.put(2, 1, BID, array([10021, 10011]), array([200, 900]))  # 2 at 1002.1 and 9 at 1001.1
    edge, quantity = view.edge(1)
    assert edge * net.price_unit == Fraction("1002.1") * Fraction("0.9996") - 1000 * Fraction("1.0005")
    assert quantity * net.quantity_unit == 3  # 2 + 1 of the ask at 1000; 1001 net of fees is above what 1001.1 pays
