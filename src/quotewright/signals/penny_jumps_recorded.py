"""Penny-jumping in a recording: EVENT rows through the compiled book into jumps, episodes and a test against chance."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.events import ADD, ASK, BEST, BID, CHANGE, CLEAR, DELETE, LAST, LEVEL, NOTE, EventArray
from quotewright.domain.kernel import as_records, kernel, records
from quotewright.market.book import apply_row, finish_update
from quotewright.market.l3 import L3_DUPLICATE, L3_UNKNOWN, ORDER_BOOK, apply_order_row
from quotewright.market.levels import BOOK, OK, best_level, level_qty
from quotewright.signals.penny_jumps import (
    CLOSED,
    EPISODE,
    JUMP,
    JUMPED,
    WATCH,
    finish,
    judge,
    note_gone,
    note_post,
)

Table = npt.NDArray[Any]
View = Literal["orders", "levels", "touch"]

SECOND = 1e9
MILLISECOND = 1_000_000


class Found(NamedTuple):
    """What was found in a recording; times are the venue's or the receiver's, as asked for."""

    jumps: Table  # dtype JUMP, in order of time
    episodes: Table  # dtype EPISODE, in order of their ends, of as many jumps as asked for
    seconds: float
    reaction: int  # ns


class ChanceTest(NamedTuple):
    """Jumps against independent ones: what was counted, what chance gives, and standard deviations between the two."""

    jumps: int
    quick: int  # jumps no longer than the reaction time after the side's last
    quick_expected: float
    quick_z: float
    returns: int
    returns_expected: float
    returns_z: float


@kernel
def _take(
    rows: Any,
    first: int,
    books: Any,
    orders: Any,
    watch: Any,
    told: Any,
    touch: int,
    venue_time: int,
    reaction: int,
    link: int,
    tolerance: float,
    most_ticks: int,
    jumps: Any,
    episodes: Any,
) -> int:
    """Apply rows from `first` while the outputs have room; the index after the last row taken, or -1 - status.

    `told` counts jumps and episodes written, and holds the jump that each side's last was written as.
    """
    book = books[0]
    for i in range(first, len(rows)):
        if told[0] + 4 > len(jumps) or told[1] + 4 > len(episodes):
            return i
        row = rows[i]
        kind = row.kind
        time = row.exch_ts if venue_time == 1 else row.local_ts
        side = row.side
        s = watch[0 if side == BID else 1]
        if kind == CLEAR:
            for k in range(2):
                told[1] += finish(watch[k], time, reaction, episodes[told[1]])
        before = level_qty(book, side, row.price) if kind == LEVEL else 0
        status = apply_row(book, row)
        if kind in (ADD, CHANGE, DELETE) or (kind == CLEAR and book.l3):
            status = apply_order_row(orders[0], book, row)
            if status in (L3_UNKNOWN, L3_DUPLICATE):
                status = OK
            elif kind == DELETE and book.clearing == 0 and book.printed == 0:
                note_gone(s, time, orders[0].gone_price, orders[0].gone_qty, row.order_id, link, tolerance)
            elif kind == ADD and book.clearing == 0:
                note_post(s, time, row.price, row.qty, row.order_id, link, tolerance)
        elif kind == LEVEL and touch == 0 and book.clearing == 0:
            change = row.qty - before
            if change < 0:
                note_gone(s, time, row.price, -change, 0, link, tolerance)
            elif change > 0:
                note_post(s, time, row.price, change, 0, link, tolerance)
        elif kind == BEST and touch == 1 and row.qty > 0:
            note_post(s, time, row.price, row.qty, 0, link, tolerance)
        if side != 0 and s.returned_late == 1:
            s.returned_late = 0
            jumps[told[2 if side == BID else 3]].returned = 1
        if status == OK and row["flags"] & LAST:
            taken = kind in (LEVEL, NOTE, ADD, CHANGE, DELETE, CLEAR) if touch == 0 else kind == BEST
            status = finish_update(book, row)
            if taken and book.valid == 1:
                for k in range(2):
                    here = watch[k]
                    best = best_level(book, here.side)
                    if touch == 1:
                        best = book.bid if k == 0 else book.ask
                    lots = level_qty(book, here.side, best) if best > 0 else 0
                    if touch == 1:
                        lots = book.bid_qty if k == 0 else book.ask_qty
                    stands = touch == 1 or (here.best > 0 and level_qty(book, here.side, here.best) > 0)
                    flags = judge(
                        here,
                        time,
                        best,
                        lots,
                        stands,
                        reaction,
                        link,
                        tolerance,
                        most_ticks,
                        touch,
                        episodes[told[1]],
                        jumps[told[0]],
                    )
                    if flags & CLOSED:
                        told[1] += 1
                    if flags & JUMPED:
                        told[2 + k] = told[0]
                        told[0] += 1
        if status != OK:
            return -1 - status
    return len(rows)


@kernel
def _end(watch: Any, told: Any, time: int, reaction: int, episodes: Any) -> None:
    for k in range(2):
        told[1] += finish(watch[k], time, reaction, episodes[told[1]])


def watch_state() -> Any:
    """WATCH records of a bid and an ask side that have seen nothing."""
    watch = records(2, WATCH)
    watch["side"] = BID, ASK
    return watch


def find_jumps(
    chunks: Iterable[EventArray],
    view: View,
    *,
    reaction_ns: int = 500 * MILLISECOND,
    link_ns: int = 5 * MILLISECOND,
    tolerance: float = 0.001,
    most_ticks: int = 1,
    least_jumps: int = 2,
    venue_time: bool = True,
) -> Found:
    """Jumps and episodes of a recording (EVENT rows of one instrument, chunks that end with an update).

    `view` says what to look at: `orders` (order-level rows, ids compared), `levels` (depth updates; a player is known
    by lots that leave one level and come to another) or `touch` (best prices only; a player is known by its size
    alone, and a new best price is taken to have left the one before standing). Who moves cancels and posts within
    `link_ns`, sizes that differ by a fraction `tolerance` at most, as a player may hold its notional; on updates in
    batches the link must be as long as they are apart. Jumps of at most `most_ticks` that follow each other within
    `reaction_ns` are an episode; those of `least_jumps` or more are given back. Raises InputError for values out of
    range, ValueError if the book cannot hold the recording.
    """
    if view not in ("orders", "levels", "touch"):
        raise InputError("view", view, "must be orders, levels or touch")
    for name, value in (("reaction_ns", reaction_ns), ("most_ticks", most_ticks), ("least_jumps", least_jumps)):
        if value < 1:
            raise InputError(name, value, "must be at least 1")
    if link_ns < 0 or not 0 <= tolerance < 1:
        raise InputError("link_ns, tolerance", (link_ns, tolerance), "give 0 or more, and a tolerance below 1")
    books, orders = records(1, BOOK), records(1, ORDER_BOOK)
    books[0]["l3"] = int(view == "orders")
    watch, told = watch_state(), np.zeros(4, np.int64)
    jumps, episodes = records(1 << 12, JUMP), records(1 << 12, EPISODE)
    times: list[int] = []
    column = "exch_ts" if venue_time else "local_ts"
    touch = int(view == "touch")
    for events in chunks:
        if not len(events):
            continue
        times += [int(events[column][0]), int(events[column][-1])]
        rows, position = as_records(events), 0
        while position < len(events):
            position = int(
                _take(
                    rows,
                    position,
                    books,
                    orders,
                    watch,
                    told,
                    touch,
                    int(venue_time),
                    reaction_ns,
                    link_ns,
                    tolerance,
                    most_ticks,
                    jumps,
                    episodes,
                )
            )
            if position < 0:
                raise ValueError(f"the book cannot hold this recording (status {-1 - position}); is the tick right?")
            if position < len(events):
                jumps, episodes = _longer(jumps, JUMP), _longer(episodes, EPISODE)
    episodes = _longer(episodes, EPISODE)
    _end(watch, told, max(times, default=0), reaction_ns, episodes)
    found = np.asarray(jumps[: int(told[0])]).view(JUMP)
    all_episodes = np.asarray(episodes[: int(told[1])]).view(EPISODE)
    seconds = (max(times) - min(times)) / SECOND if times else 0.0
    return Found(found, all_episodes[all_episodes["jumps"] >= least_jumps], seconds, reaction_ns)


def _longer(table: Any, dtype: np.dtype[Any]) -> Any:
    longer = records(2 * len(table), dtype)
    longer[: len(table)] = table
    return longer


def chance_test(found: Found) -> ChanceTest:
    """Are jumps quicker after each other, and more often by whoever was jumped, than independent jumps would be?

    Under the null hypothesis each side's jumps are a Poisson process with independent sizes. Of n jumps at rate λ then
    n·(1 − e^(−λτ)) follow within τ (binomial), and a quick one looks like a return as often as its size came before and
    runners-up left their place for good (Poisson binomial). The first asks for any clustering, the second for the game.
    """
    jumps = found.jumps
    expected = variance = 0.0
    for side in (BID, ASK):
        n = int(np.count_nonzero(jumps["side"] == side))
        if n > 1 and found.seconds > 0:
            p = -math.expm1(-n / found.seconds * found.reaction / SECOND)
            expected += (n - 1) * p
            variance += (n - 1) * p * (1 - p)
    later = jumps[(jumps["gap"] > 0) & (jumps["gap"] <= found.reaction)]
    chances = later["return_chance"]
    returns = int(later["returned"].sum())
    return ChanceTest(
        len(jumps),
        len(later),
        expected,
        _z(len(later), expected, variance),
        returns,
        float(chances.sum()),
        _z(returns, float(chances.sum()), float((chances * (1 - chances)).sum())),
    )


def _z(count: int, expected: float, variance: float) -> float:
    return (count - expected) / math.sqrt(variance) if variance > 0 else math.nan
