"""Between event records and runs (see `runs`): compiled, one pass each.

Event records are taken as rows of seven 64-bit words, little endian: the six wide fields of EVENT in order, and in the
last word kind (8 bits), side (8), flags (16) and instrument (32).
"""

# pyright: basic
# numba has no type stubs.

from __future__ import annotations

from typing import Any

from quotewright.domain.events import LAST
from quotewright.domain.kernel import kernel

IMPOSSIBLE = 1  # a row that no event can be
UNEVEN = 2  # a row whose times are not its update's
UNFINISHED = 3  # the last update has no last row

_LATEST = 2**62  # ns; a time above it (in the year 2116) is damage, and could overflow
_ASK = 255  # -1 in eight bits
_BUY, _SELL = 1 << 8, _ASK << 8


@kernel
def split(
    rows: Any,
    exch_ts: Any,
    local_ts: Any,
    seq: Any,
    order_id: Any,
    kind: Any,
    flags: Any,
    bids: Any,
    asks: Any,
    price: Any,
    qty: Any,
    outcome: Any,
) -> int:
    """Fill the columns from the rows; returns the number of runs. What is wrong, and in which row, is in `outcome`."""
    run = -1
    began = True  # the row is the first of its update
    shared = 0  # kind and flags (without LAST) of the run, as they stand in a row's last word
    for i in range(len(rows)):
        word = rows[i, 6]
        row_kind = word & 255
        side = (word >> 8) & 255
        row_flags = (word >> 16) & 0xFFFF
        exch, local = rows[i, 0], rows[i, 1]
        sound = 1 <= row_kind <= 10 and (side <= 1 or side == _ASK)
        if not (sound and 0 <= exch <= _LATEST and 0 <= local <= _LATEST):
            outcome[0], outcome[1] = IMPOSSIBLE, i
            return 0
        if not began and (exch != exch_ts[run] or local != local_ts[run]):
            outcome[0], outcome[1] = UNEVEN, i
            return 0
        common = row_kind | ((row_flags & ~LAST) << 16)
        fresh = began or side == 0 or common != shared or bids[run] + asks[run] == 0 or (side == 1 and asks[run] > 0)
        if fresh or rows[i, 2] != seq[run] or rows[i, 3] != order_id[run]:
            run += 1
            shared = common
            exch_ts[run] = exch
            local_ts[run] = local
            seq[run] = rows[i, 2]
            order_id[run] = rows[i, 3]
            kind[run] = row_kind
            bids[run] = 0
            asks[run] = 0
        flags[run] = row_flags
        if side == 1:
            bids[run] += 1
        elif side == _ASK:
            asks[run] += 1
        price[i] = rows[i, 4]
        qty[i] = rows[i, 5]
        began = row_flags & LAST != 0
    if not began:
        outcome[0], outcome[1] = UNFINISHED, len(rows) - 1
        return 0
    return run + 1


@kernel
def number(bids: Any, asks: Any, first: Any) -> int:
    """Find the first row of every run; returns how many rows there are, -1 if a run has a negative number."""
    rows = 0
    for run in range(len(bids)):
        if bids[run] < 0 or asks[run] < 0:
            return -1
        first[run] = rows
        rows += max(int(bids[run]) + int(asks[run]), 1)
    return rows


@kernel
def expand(
    start: int,
    stop: int,
    instrument: int,
    exch_ts: Any,
    local_ts: Any,
    seq: Any,
    order_id: Any,
    kind: Any,
    flags: Any,
    bids: Any,
    asks: Any,
    first: Any,
    price: Any,
    qty: Any,
    rows: Any,
    at: int,
) -> int:
    """Write the runs from `start` to before `stop` as rows, from row `at` on; returns the row after the last."""
    for run in range(start, stop):
        exch, local, number, order_number = exch_ts[run], local_ts[run], seq[run], order_id[run]
        word = (instrument << 32) | ((int(flags[run]) & ~LAST) << 16) | int(kind[run])
        last = (int(flags[run]) & LAST) << 16
        source = first[run]
        asks_from = at + int(bids[run])
        end = asks_from + int(asks[run])
        side = _BUY
        if end == at:
            end += 1
            side = 0
        while at < end:
            if at == asks_from and side:
                side = _SELL
            rows[at, 0] = exch
            rows[at, 1] = local
            rows[at, 2] = number
            rows[at, 3] = order_number
            rows[at, 4] = price[source]
            rows[at, 5] = qty[source]
            rows[at, 6] = word | side
            source += 1
            at += 1
        rows[end - 1, 6] |= last
    return at


@kernel
def gather(rows: Any, first: Any, count: Any, out: Any) -> None:
    """Copy runs of rows one after another: `count` rows from row `first` on."""
    at = 0
    for run in range(len(first)):
        for row in range(first[run], first[run] + count[run]):
            for word in range(7):
                out[at, word] = rows[row, word]
            at += 1
