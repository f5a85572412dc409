"""What became of the lots of a level: each decrement traded or cancelled, each increment posted.

A venue tells of a book's levels and of its prints in two streams, stamped by two clocks and received in either order.
The labeller lines them up; its rule is in docs/reference/signals.md. In short: an update of the book *covers* the venue
times from the update before it (exclusive) to its own, and a print belongs to the update that covers its time, give or
take `skew`. A print waits in a ledger until no later update can cover it, a decrement until no later print can belong
to it, neither longer than `wait` after its receipt. Whatever is decided is decided on what was received by then, and
told with the time of the decision.

One state and one step for an array of events and for a single one. Prices are ticks, quantities lots, times ns.
"""

# pyright: basic
# numba has no type stubs, and records have fields that no type checker sees.

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.kernel import inlined, subkernel
from quotewright.signals.state import fresh

POST = 1
CANCEL = 2
DEAL = 3  # lots of a decrement that traded
UNSEEN = 4  # lots of a print that no decrement shows: refilled within one update, hidden, or not in the book

POSTED = 0
EXACT = 1  # a decrement of just what was printed
SPLIT = 2  # of more: the rest was cancelled, or another print tells of it
SHORT = 3  # of less: the level was refilled within the update
NEAR = 4  # the update does not cover the print's time, but it does within `skew`
THROUGH = 5  # a print at a worse price took the level, which was emptied: only if sweeps are merged
QUIET = 6  # no print reached the price
REST = 7  # a print explains another part of the decrement
PASSED = 8  # prints reached or passed the price, but have no lots left for it
EVIDENCE = 10  # kinds of evidence, UNSEEN lots' own included
PRINTED = 9

CHANGES = 8192  # decrements that may wait at once; the oldest is decided early when one more comes
PRINTS = 2048

DELTA = np.dtype(
    [
        ("time", "i8"),  # of the decision: receipt of what decided it
        ("local_ts", "i8"),  # receipt of the change (UNSEEN: of the print)
        ("exch_ts", "i8"),  # its venue time
        ("number", "i8"),  # of the change since the state was new, from 0; −1 for UNSEEN
        ("price", "i8"),
        ("lots", "i8"),
        ("depth", "i8"),  # ticks behind its side's touch before the update; negative: better than that
        ("confidence", "f8"),  # expected share of the lots that the label is right for
        ("instrument", "i4"),
        ("evidence", "u2"),
        ("kind", "u1"),
        ("side", "i1"),  # of the level: BID or ASK
    ],
    align=True,
)

DELTAS = np.dtype(
    [
        ("made", "i8"),  # rows written to `out` since it was emptied
        ("changed", "i8"),  # changes of levels so far
        ("depth_clock", "i8"),  # venue time of the last finished update of the book
        ("tape_clock", "i8"),  # venue time of the last print
        ("first", "i8"),  # of the decrements that wait; counts on, the place is modulo CHANGES
        ("last", "i8"),  # one after the last
        ("first_print", "i8"),
        ("last_print", "i8"),
        ("seen", "i8"),  # receipt of the last event
        ("early", "i8"),  # decided early for want of room
        ("cover", "i8", (CHANGES,)),  # a decrement's update covers venue times after this …
        ("exch", "i8", (CHANGES,)),  # … to this
        ("local", "i8", (CHANGES,)),
        ("number", "i8", (CHANGES,)),
        ("side", "i8", (CHANGES,)),
        ("price", "i8", (CHANGES,)),
        ("depth", "i8", (CHANGES,)),
        ("instrument", "i8", (CHANGES,)),
        ("left", "i8", (CHANGES,)),  # lots without a label
        ("emptied", "i8", (CHANGES,)),  # whether nothing is left at the price
        ("printed", "i8", (CHANGES,)),  # whether a print at its price explains some of it
        ("passed", "i8", (CHANGES,)),  # whether a print reached its price
        ("p_exch", "i8", (PRINTS,)),
        ("p_local", "i8", (PRINTS,)),
        ("p_side", "i8", (PRINTS,)),  # of the level that was hit
        ("p_price", "i8", (PRINTS,)),
        ("p_depth", "i8", (PRINTS,)),
        ("p_instrument", "i8", (PRINTS,)),
        ("p_lots", "i8", (PRINTS,)),
        ("confidence", "f8", (EVIDENCE,)),
        ("skew", "i8"),  # ns
        ("wait", "i8"),  # ns
        ("merged", "i8"),  # whether a sweep of several levels has one print, at its last price
    ],
    align=True,
)

# Shares of lots rightly labelled by evidence, from `research.deltas_truth.truth_study`: the transitional synthetic
# market (seeds 11 and 12, 600 s each) shown every 100 ms, print clock off by 2 ms; THROUGH from the same with
# merged sweeps.
CONFIDENCE = (1.0, 0.999, 0.991, 0.997, 0.83, 0.742, 0.9999, 0.998, 0.989, 1.0)


def new_deltas(
    skew_ns: int, wait_ns: int, confidence: tuple[float, ...] = CONFIDENCE, *, merged_sweeps: bool = False
) -> Any:
    """The state of the labeller before the first event."""
    state = fresh(DELTAS)
    state.merged[0] = merged_sweeps
    state.skew[0] = skew_ns
    state.wait[0] = wait_ns
    state.confidence[0] = confidence
    return state


@inlined
def room_needed(s: Any) -> int:
    """The most rows that the next row of the market can write to `out`."""
    return s.last - s.first + 2 * (s.last_print - s.first_print) + 4


@inlined
def take_change(
    s: Any, instrument: int, local: int, exch: int, side: int, price: int, before: int, after: int, touch: int, out: Any
) -> None:
    """A level went from `before` to `after` lots, where its side's best price was `touch` before the update (0: none).

    `end_update` must follow the last change of an update.
    """
    if before == after:
        return
    depth = (touch - price) * side if touch > 0 else 0
    if after > before:
        _tell(s, out, local, local, exch, s.changed, instrument, side, price, depth, after - before, POST, POSTED)
    else:
        if s.last - s.first == CHANGES:
            s.early += 1
            _cancel(s, s.first & (CHANGES - 1), local, out)
            s.first += 1
        at = s.last & (CHANGES - 1)
        s.cover[at] = s.depth_clock
        s.exch[at] = exch
        s.local[at] = local
        s.number[at] = s.changed
        s.side[at] = side
        s.price[at] = price
        s.depth[at] = depth
        s.instrument[at] = instrument
        s.left[at] = before - after
        s.emptied[at] = 1 if after == 0 else 0
        s.printed[at] = 0
        s.passed[at] = 0
        s.last += 1
    s.changed += 1


@subkernel
def take_print(
    s: Any, instrument: int, local: int, exch: int, taker: int, price: int, lots: int, touch: int, out: Any
) -> None:
    """A print: the taker's side, and the best price of the side it hit, as last known (0: none)."""
    if s.last_print - s.first_print == PRINTS:
        s.early += 1
        _explain(s, s.first_print & (PRINTS - 1), local, out)
        s.first_print += 1
    at = s.last_print & (PRINTS - 1)
    s.p_exch[at] = exch
    s.p_local[at] = local
    s.p_side[at] = -taker
    s.p_price[at] = price
    s.p_depth[at] = (price - touch) * taker if touch > 0 else 0
    s.p_instrument[at] = instrument
    s.p_lots[at] = lots
    s.last_print += 1
    s.tape_clock = max(s.tape_clock, exch)


@inlined
def end_update(s: Any, exch: int) -> None:
    """An update of the book ended; the next one covers what comes after its venue time."""
    s.depth_clock = max(s.depth_clock, exch)


@inlined
def settle(s: Any, now: int, out: Any) -> None:
    """Decide what can be decided at the receipt time `now`; to be called after each update and each print."""
    s.seen = max(s.seen, now)
    while s.first_print < s.last_print:
        at = s.first_print & (PRINTS - 1)
        if s.depth_clock < s.p_exch[at] + s.skew and now - s.p_local[at] < s.wait:
            break
        _explain(s, at, now, out)
        s.first_print += 1
    while s.first < s.last:
        at = s.first & (CHANGES - 1)
        if s.left[at] > 0:
            latest = s.exch[at] + s.skew  # of a print that belongs to it
            waiting = s.first_print < s.last_print and s.p_exch[s.first_print & (PRINTS - 1)] <= latest
            if now - s.local[at] < s.wait:
                if waiting or s.tape_clock <= latest:
                    break
            elif waiting:
                _explain(s, s.first_print & (PRINTS - 1), now, out)
                s.first_print += 1
                continue
            _cancel(s, at, now, out)
        s.first += 1


@subkernel
def _explain(s: Any, print_at: int, now: int, out: Any) -> None:
    """Find the decrement that a print tells of: of its own size first, then of its order's, then the nearest in time.

    A print is of one instant, so its lots are of one update. Where a sweep has one print at its last price, the better
    levels that were emptied come first, best first. Lots left over were never seen in the book.
    """
    side = s.p_side[print_at]
    price = s.p_price[print_at]
    update = -1  # the one that covers the print's time and has some of its lots
    while s.p_lots[print_at] > 0 and s.merged == 1:
        best = -1
        for k in range(s.first, s.last):
            at = k & (CHANGES - 1)
            through = s.side[at] == side and (s.price[at] - price) * side > 0 and s.emptied[at] == 1
            free = s.printed[at] == 0 and s.left[at] > 0 and _belongs(s, at, print_at)
            if through and free and (best < 0 or (s.price[at] - s.price[best]) * side > 0):
                best = at
        if best < 0:
            break
        _deal(s, best, print_at, now, THROUGH, out)
    while s.p_lots[print_at] > 0:
        lots = s.p_lots[print_at]
        together = _printed_together(s, print_at)
        best = -1
        best_miss = 0
        best_size = 0
        for k in range(s.first, s.last):
            at = k & (CHANGES - 1)
            if s.side[at] != side or (price - s.price[at]) * side > 0 or not _belongs(s, at, print_at):
                continue
            s.passed[at] = 1
            left = s.left[at]
            if s.price[at] != price or left == 0 or (update >= 0 and s.exch[at] != update):
                continue
            size = 0 if left == lots else (1 if left == together else 2)
            miss = _miss(s, at, print_at)
            if best < 0 or size < best_size or (size == best_size and miss < best_miss):
                best = at
                best_size = size
                best_miss = miss
        if best < 0:
            break
        evidence = EXACT
        if best_miss > 0:
            evidence = NEAR
        elif best_size == 2:
            evidence = SPLIT if s.left[best] > together else SHORT
        s.printed[best] = 1
        if best_miss == 0:
            update = s.exch[best]
        _deal(s, best, print_at, now, evidence, out)
    if s.p_lots[print_at] > 0:
        _tell(
            s,
            out,
            now,
            s.p_local[print_at],
            s.p_exch[print_at],
            -1,
            s.p_instrument[print_at],
            side,
            price,
            s.p_depth[print_at],
            s.p_lots[print_at],
            UNSEEN,
            PRINTED,
        )


@inlined
def _belongs(s: Any, at: int, print_at: int) -> bool:
    time = s.p_exch[print_at]
    return s.cover[at] - s.skew < time <= s.exch[at] + s.skew


@inlined
def _miss(s: Any, at: int, print_at: int) -> int:
    """How far a print's time is from the times that a decrement's update covers, ns; 0 within."""
    time = s.p_exch[print_at]
    return max(0, time - s.exch[at], s.cover[at] + 1 - time)


@subkernel
def _printed_together(s: Any, print_at: int) -> int:
    """Lots that this print and those behind it with its price and venue time still have to explain."""
    lots = 0
    for k in range(s.first_print, s.last_print):
        at = k & (PRINTS - 1)
        same = s.p_side[at] == s.p_side[print_at] and s.p_price[at] == s.p_price[print_at]
        if same and s.p_exch[at] == s.p_exch[print_at]:
            lots += s.p_lots[at]
    return lots


@subkernel
def _deal(s: Any, at: int, print_at: int, now: int, evidence: int, out: Any) -> None:
    lots = min(s.left[at], s.p_lots[print_at])
    s.left[at] -= lots
    s.p_lots[print_at] -= lots
    _tell_change(s, at, now, lots, DEAL, evidence, out)


@inlined
def _cancel(s: Any, at: int, now: int, out: Any) -> None:
    if s.left[at] > 0:
        evidence = REST if s.printed[at] == 1 else (PASSED if s.passed[at] == 1 else QUIET)
        _tell_change(s, at, now, s.left[at], CANCEL, evidence, out)
        s.left[at] = 0


@inlined
def _tell_change(s: Any, at: int, now: int, lots: int, kind: int, evidence: int, out: Any) -> None:
    _tell(
        s,
        out,
        now,
        s.local[at],
        s.exch[at],
        s.number[at],
        s.instrument[at],
        s.side[at],
        s.price[at],
        s.depth[at],
        lots,
        kind,
        evidence,
    )


@inlined
def _tell(
    s: Any,
    out: Any,
    now: int,
    local: int,
    exch: int,
    number: int,
    instrument: int,
    side: int,
    price: int,
    depth: int,
    lots: int,
    kind: int,
    evidence: int,
) -> None:
    d = out[s.made]
    d.time = now
    d.local_ts = local
    d.exch_ts = exch
    d.number = number
    d.price = price
    d.lots = lots
    d.depth = depth
    d.confidence = s.confidence[evidence]
    d.instrument = instrument
    d.kind = kind
    d.evidence = evidence
    d.side = side
    s.made += 1
