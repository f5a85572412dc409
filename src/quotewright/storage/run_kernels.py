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
def expand(
    order: Any,
    instrument: Any,
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
) -> None:
    """Write the rows of the runs in `order` one after another."""
    at = 0
    for k in range(len(order)):
        run = order[k]
        exch, local, number, order_number = exch_ts[run], local_ts[run], seq[run], order_id[run]
        buys = int(bids[run])
        count = buys + int(asks[run])
        sided = count > 0
        if not sided:
            count = 1
        last_word = (int(instrument[run]) << 32) | (int(flags[run]) << 16) | int(kind[run])
        inner_word = last_word & ~(LAST << 16)
        source = first[run]
        for i in range(count):
            word = last_word if i == count - 1 else inner_word
            if sided:
                word |= (1 if i < buys else _ASK) << 8
            rows[at, 0] = exch
            rows[at, 1] = local
            rows[at, 2] = number
            rows[at, 3] = order_number
            rows[at, 4] = price[source + i]
            rows[at, 5] = qty[source + i]
            rows[at, 6] = word
            at += 1
