"""The price index: hand-worked values, the bound on what one venue can do, decay, causality, exact folding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BEST, BID, TRADE, empty_events
from quotewright.domain.kernel import as_records, records
from quotewright.market.fee_netted import VenueTerms, netting_table
from quotewright.market.index import INDEX, INDEX_WORK, index_path, index_rules, index_venues

SECOND = 10**9
Row = tuple[float, int, int, int, float, float]  # seconds, venue, kind, taker's side or quote's side, price, quantity


def events_of(rows: list[Row]) -> Any:
    events = empty_events(len(rows))
    for event, (seconds, venue, kind, side, price, quantity) in zip(events, rows, strict=True):
        event["local_ts"] = event["exch_ts"] = round(seconds * SECOND)
        event["instrument"], event["kind"], event["side"] = venue, kind, side
        event["price"], event["qty"] = round(price * 100), round(quantity * 1000)
    return as_records(events)


def index_of(
    terms: list[VenueTerms], rows: list[Row], times: list[float], offsets: list[int] | None = None, **rules: float
) -> Any:
    """The index (prices in the quote asset) at `times`, seconds."""
    table = netting_table(terms)
    out = records(len(times), INDEX)
    index_path(
        index_venues(offsets or [0] * len(terms)),
        table.rows,
        index_rules(**rules),
        events_of(rows),
        np.array([round(t * SECOND) for t in times]),
        records(len(terms), INDEX_WORK),
        out,
    )
    for field in ("price", "low", "high", "centre", "dispersion", "error"):
        out[field] *= float(table.price_unit)
    return out


def free(count: int) -> list[VenueTerms]:
    return [VenueTerms(f"v{i}", "0.01", "0.001") for i in range(count)]


def test_the_published_prints_agree_once_netted() -> None:
    """4006 at a 25 / 25 bp venue and 4000 at a 0 / 30 bp venue, both lifting the offer, are the same price."""
    terms = [VenueTerms("a", "0.01", "0.001", "0", "0.003"), VenueTerms("b", "0.01", "0.001", "0.0025", "0.0025")]
    found = index_of(terms, [(1, 0, TRADE, BID, 4000, 1), (1, 1, TRADE, BID, 4006, 9)], [1])[0]
    assert found["price"] == pytest.approx(4006, abs=1e-9)
    assert found["dispersion"] == pytest.approx(0, abs=1e-6)


def test_hand_worked_weights() -> None:
    """Volumes 4, 4 and 2; the third has been silent for one idle half-life and its volume for a tenth of its own."""
    rows: list[Row] = [(1, 2, TRADE, BID, 1002, 2), (31, 0, TRADE, BID, 1000, 4), (31, 1, TRADE, BID, 1001, 4)]
    found = index_of(free(3), rows, [31], tolerance=0.001, idle_memory=30, volume_memory=300)[0]
    third = 2 * 0.5 * 2**-0.1
    assert found["centre"] == 1001
    far = (1 / 1.001) ** 2  # the square of the distance of 1000 and of 1002 in tolerances
    weights = [4 / (1 + far), 4, third / (1 + far)]
    shares = [w / sum(weights) for w in weights]
    index = sum(s * p for s, p in zip(shares, (1000, 1001, 1002), strict=True))
    variance = sum(s * (p - index) ** 2 for s, p in zip(shares, (1000, 1001, 1002), strict=True))
    assert found["price"] == pytest.approx(index, rel=1e-12)
    assert found["dispersion"] == pytest.approx(math.sqrt(variance), rel=1e-9)
    assert found["effective"] == pytest.approx(1 / sum(s * s for s in shares), rel=1e-9)
    assert found["error"] == pytest.approx(math.sqrt(variance * sum(s * s for s in shares)), rel=1e-9)


def test_shares_are_capped_and_the_excess_is_spread() -> None:
    """99 : 0.6 : 0.4 capped at 45 %: the first keeps 45 %, then 0.6 : 0.4 share the rest, 33 : 22."""
    rows: list[Row] = [(1, v, TRADE, BID, p, q) for v, (p, q) in enumerate([(1000, 99), (1000.5, 0.6), (1001, 0.4)])]
    found = index_of(free(3), rows, [1], tolerance=1000, most_share=0.45)[0]
    assert found["price"] == pytest.approx(0.45 * 1000 + 0.33 * 1000.5 + 0.22 * 1001, abs=1e-6)


PRICES = st.floats(0.01, 10**11).map(lambda p: round(p, 2))
NEAR = st.floats(990, 1010).map(lambda p: round(p, 2))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(NEAR, st.floats(0.001, 1e6)), min_size=2, max_size=6),
    PRICES,
    st.floats(0.001, 1e12),
    st.sampled_from([0.0005, 0.002, 0.01]),
    st.sampled_from([0.35, 0.45, 0.499]),
    st.booleans(),
)
def test_one_venue_at_any_price_and_volume_moves_the_index_by_a_bounded_amount(
    others: list[tuple[float, float]], price: float, volume: float, tolerance: float, share: float, quotes: bool
) -> None:
    rows: list[Row] = [(1, v, TRADE, BID, p, q) for v, (p, q) in enumerate(others)]
    mad = len(others)
    rows.append((1, mad, TRADE, BID, price, volume))
    if quotes:
        rows += [(1, mad, BEST, BID, price, 1), (1, mad, BEST, ASK, price * 1.01, 1)]
    found = index_of(free(mad + 1), rows, [1], tolerance=tolerance, most_share=share)[0]
    low, high = min(p for p, _ in others), max(p for p, _ in others)
    width, k = high - low, tolerance * high
    bound = k / 2 * (1 + (width / (tolerance * low)) ** 2)
    assert found["venues"] == mad + 1
    assert low - bound - 1e-6 <= found["price"] <= high + bound + 1e-6


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(NEAR, st.floats(0.001, 1e6)), min_size=1, max_size=6), st.data())
def test_the_index_lies_among_its_venues_and_does_not_depend_on_their_order(
    venues: list[tuple[float, float]], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(venues))))
    rows: list[Row] = [(1, v, TRADE, ASK, p, q) for v, (p, q) in enumerate(venues)]
    turned: list[Row] = [(1, order[v], TRADE, ASK, p, q) for v, (p, q) in enumerate(venues)]
    found, again = (index_of(free(len(venues)), r, [1])[0] for r in (rows, turned))
    assert min(p for p, _ in venues) - 1e-9 <= found["price"] <= max(p for p, _ in venues) + 1e-9
    assert found["price"] == pytest.approx(again["price"], rel=1e-12)
    assert found["low"] <= found["price"] + 1e-9


def test_a_venue_far_off_loses_its_weight_altogether() -> None:
    base: list[Row] = [(1, v, TRADE, BID, 1000 + v, 1) for v in range(4)]
    without = index_of(free(5), base, [1])[0]["price"]
    for mad in (0.01, 10**9):
        found = index_of(free(5), [*base, (1, 4, TRADE, BID, mad, 1)], [1])[0]
        assert found["price"] == pytest.approx(without, abs=0.6)  # the median may move half a step
        assert found["farthest"] == 4


def test_prints_are_held_inside_a_fresh_touch() -> None:
    rows: list[Row] = [
        (1, 0, TRADE, BID, 1000, 1),
        (2, 0, BEST, BID, 1003, 1),
        (2, 0, BEST, ASK, 1004, 1),
    ]
    found = index_of(free(1), rows, [1, 2, 40, 60], max_age=50)
    assert found["price"].tolist() == [1000, 1003, 1003, 0]  # nothing is left after `max_age` without news
    assert found["venues"].tolist() == [1, 1, 1, 0]


def test_unknown_tiers_and_unknown_sides_widen_the_interval() -> None:
    tiers = VenueTerms("a", "0.01", "0.001", makers=("0", "0.001"), takers=("0.001", "0.003"))
    found = index_of([tiers], [(1, 0, TRADE, BID, 1000, 1)], [1])[0]
    assert [found["low"], found["price"], found["high"]] == pytest.approx([1000, 1000.75, 1001.5])
    found = index_of([tiers], [(1, 0, TRADE, 0, 1000, 1)], [1])[0]
    assert [found["low"], found["price"], found["high"]] == pytest.approx([998.5, 1000, 1001.5])


def test_clock_offsets_put_stamps_on_our_clock() -> None:
    """A venue whose clock is 100 s ahead is as old as its true stamp says; a late stamp never comes from the future."""
    table = netting_table(free(2))
    rows = events_of([(100, 0, TRADE, BID, 1000, 1), (100, 1, TRADE, BID, 1001, 1)])
    rows["exch_ts"] = [200 * SECOND, 150 * SECOND]
    venues = index_venues([100 * SECOND, 0])
    index_path(
        venues, table.rows, index_rules(), rows, np.array([100 * SECOND]), records(2, INDEX_WORK), records(1, INDEX)
    )
    assert venues["news"].tolist() == [100 * SECOND, 100 * SECOND]


def random_rows(seed: int, count: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    seconds = np.cumsum(rng.exponential(0.5, count)) + 1
    rows: list[Row] = []
    for t in seconds:
        kind = int(rng.choice([TRADE, BEST]))
        side = int(rng.choice([BID, ASK]))
        rows.append((float(t), int(rng.integers(3)), kind, side, float(1000 + rng.normal()), float(rng.exponential())))
    return rows


def test_the_future_changes_no_index_and_folding_in_pieces_changes_nothing() -> None:
    rows, times = random_rows(3, 400), [20.0, 60.0, 100.0, 150.0]
    whole = index_of(free(3), rows, times)
    for i, t in enumerate(times):
        known = index_of(free(3), [r for r in rows if r[0] <= t], [t])
        assert known[0].tobytes() == whole[i].tobytes()
    table, venues, work = netting_table(free(3)), index_venues([0, 0, 0]), records(3, INDEX_WORK)
    events, out = events_of(rows), records(1, INDEX)
    for i in range(len(events)):
        now = events[i : i + 1]["local_ts"].astype(np.int64)
        index_path(venues, table.rows, index_rules(), events[i : i + 1], now, work, out)
        last = [t for t in times if t >= rows[i][0] and (i + 1 == len(rows) or t < rows[i + 1][0])]
        for t in last:
            index_path(venues, table.rows, index_rules(), events[:0], np.array([round(t * SECOND)]), work, out)
            scaled = out[0]["price"] * float(table.price_unit)
            assert scaled == whole[times.index(t)]["price"]


@pytest.mark.parametrize(
    "rule", [{"tolerance": 0.0}, {"most_share": 0.5}, {"max_age": -1.0}, {"price_memory": math.nan}]
)
def test_rules_out_of_range_are_refused(rule: dict[str, float]) -> None:
    with pytest.raises(InputError) as refused:
        index_rules(**rule)
    assert refused.value.field == next(iter(rule))
