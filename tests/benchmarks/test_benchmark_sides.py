"""Each side of the benchmark still runs, on the same events to the same book; nothing here looks at a time."""

from __future__ import annotations

import importlib.util

import feed as benchmark_feed
import numpy as np
import pytest
import row_sets
from fixed_maker import INTERVAL
from flat_floor import Floor
from ours import Ours
from sets import chosen, evenly, parameter_sets

from quotewright.domain.events import ASK, BID, CLEAR, LAST, LEVEL, TRADE
from quotewright.domain.journal import Record

ROWS = 20_000
LATENCY = 5_000_000
MAKER = {"lots": 1, "most_lots": 50, "half_spread": 1}

needs_peer = pytest.mark.skipif(
    importlib.util.find_spec("hftbacktest") is None, reason="hftbacktest (the extra `bench`) is not installed"
)


def test_feed_is_the_same_for_the_same_seed(feed: benchmark_feed.Feed) -> None:
    assert (benchmark_feed.make_feed(ROWS, seed=3).events == feed.events).all()
    assert (benchmark_feed.make_feed(ROWS, seed=4).events != feed.events).any()


@pytest.mark.parametrize("rows_per_update", [1, 4])
def test_feed_is_a_sound_market(rows_per_update: int) -> None:
    """By a book of dictionaries: never crossed after any row, trades at the touch and no larger than it."""
    made = benchmark_feed.make_feed(ROWS, seed=3, rows_per_update=rows_per_update)
    events = made.events
    books: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
    for number, row in enumerate(events):
        side, price, qty = int(row["side"]), int(row["price"]), int(row["qty"])
        if row["kind"] == LEVEL:
            books[side][price] = qty
            if qty == 0:
                del books[side][price]
        elif row["kind"] == TRADE:
            touch = min(books[ASK]) if side == BID else max(books[BID])
            assert price == touch
            assert 0 < qty <= books[-side][price]
        if number > 2:
            assert max(books[BID]) < min(books[ASK])
    assert (max(books[BID]), min(books[ASK])) == (made.bid, made.ask)
    assert events[0]["kind"] == CLEAR
    assert (events["kind"] == TRADE).sum() > 100
    assert (np.diff(events["exch_ts"]) >= 0).all()
    assert (np.diff(events["local_ts"]) >= 0).all()
    assert (events["local_ts"] - events["exch_ts"]).min() >= benchmark_feed.LATENCY_NS
    ends = np.append(np.diff(events["seq"]) != 0, True)
    assert ((events["flags"] & LAST > 0) == ends).all()


def test_floor_and_replay_end_at_the_feeds_touch(feed: benchmark_feed.Feed) -> None:
    for ready in (Floor(feed), Ours(feed, [], LATENCY)):
        ready.run()
        assert ready.outcome() == (feed.bid, feed.ask, 0, 0, 0)


def test_our_maker_quotes_fills_and_journals(feed: benchmark_feed.Feed) -> None:
    ready = Ours(feed, [MAKER], LATENCY)
    ready.run()
    outcome = ready.outcome()
    journal = np.concatenate(ready.journal.blocks)
    assert outcome[:2] == (feed.bid, feed.ask)
    assert outcome.fills > 20
    assert (journal["kind"] == Record.FILL).sum() == outcome.fills
    assert (journal["kind"] == Record.PLACE).sum() == outcome.orders
    assert not (journal["kind"] == Record.REFUSED).any()
    fills = journal[journal["kind"] == Record.FILL]
    assert int((fills["side"] * fills["qty"]).sum()) == outcome.position


@needs_peer
def test_events_are_the_same_rows_in_the_peers_dtype(feed: benchmark_feed.Feed) -> None:
    theirs = benchmark_feed.to_hftbacktest(feed.events)
    assert len(theirs) == len(feed.events)
    shown = feed.events["kind"] != CLEAR
    assert (np.rint(theirs["px"] / benchmark_feed.TICK) == feed.events["price"])[shown].all()
    assert (np.rint(theirs["qty"] / benchmark_feed.LOT) == feed.events["qty"]).all()
    assert (theirs["exch_ts"] == feed.events["exch_ts"]).all()
    assert (theirs["local_ts"] == feed.events["local_ts"]).all()


@needs_peer
@pytest.mark.parametrize("depth", ["HashMap", "ROIVector"])
def test_peer_replays_to_the_feeds_touch(feed: benchmark_feed.Feed, depth: str) -> None:
    from peer import Peer

    replay = Peer(feed, benchmark_feed.to_hftbacktest(feed.events), depth, None, LATENCY)
    replay.run()
    assert replay.outcome() == (feed.bid, feed.ask, 0, 0, 0)


@needs_peer
@pytest.mark.parametrize("depth", ["HashMap", "ROIVector"])
def test_peer_makes_the_same_market(single_feed: benchmark_feed.Feed, depth: str) -> None:
    """With one row an update both sides judge the market at the same moments, and every count is the same."""
    from peer import Peer

    theirs = Peer(single_feed, benchmark_feed.to_hftbacktest(single_feed.events), depth, MAKER, LATENCY)
    theirs.run()
    mine = Ours(single_feed, [MAKER], LATENCY)
    mine.run()
    assert theirs.outcome() == mine.outcome()
    assert mine.outcome().fills > 500


@needs_peer
def test_peer_in_plain_python_does_what_it_does_compiled(feed: benchmark_feed.Feed) -> None:
    from peer import Peer

    events = benchmark_feed.to_hftbacktest(feed.events)
    sides = [Peer(feed, events, "ROIVector", MAKER, LATENCY, jitted=jitted) for jitted in (True, False)]
    for side in sides:
        side.run()
    compiled, plain = (side.outcome() for side in sides)
    assert plain == compiled
    assert plain.fills > 20


@pytest.mark.parametrize("staggered", [False, True])
def test_our_makers_end_together_as_they_do_alone(feed: benchmark_feed.Feed, staggered: bool) -> None:
    makers = parameter_sets(12)
    phases = evenly(12) if staggered else []
    together = Ours(feed, makers, LATENCY, phases=phases)
    together.run()
    row_sets.alone_as_together(feed, LATENCY, makers, phases, together.outcomes())
    assert len(set(together.outcomes())) > 6
    times = np.concatenate(together.journal.blocks)
    decided = times[times["kind"] == Record.PLACE]
    firsts = [int(decided["ts"][decided["agent"] == agent].min()) for agent in range(12)]
    first = int(feed.events["local_ts"][0]) + INTERVAL
    assert firsts == [first + delay for delay in (phases or [0] * 12)]


def test_our_maker_in_plain_python_does_what_it_does_compiled(feed: benchmark_feed.Feed) -> None:
    compiled, plain = (Ours(feed, [MAKER], LATENCY, interpreted=interpreted) for interpreted in (False, True))
    for side in (compiled, plain):
        side.run()
    assert plain.outcome() == compiled.outcome()
    assert (np.concatenate(plain.journal.blocks) == np.concatenate(compiled.journal.blocks)).all()
    assert plain.outcome().fills > 20


def test_parameter_sets_differ_and_the_chosen_ones_cover_the_grid() -> None:
    for count in (64, 256):
        sets = parameter_sets(count)
        assert len({tuple(found.items()) for found in sets}) == count
        measured = [sets[number] for number in chosen(count)]
        assert sorted(found["half_spread"] for found in measured) == list(range(1, 9))
        assert len({found["most_lots"] for found in measured}) == len(measured)
        assert evenly(count) == sorted(evenly(count))
        assert max(evenly(count)) < INTERVAL
