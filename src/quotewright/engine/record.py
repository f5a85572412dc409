"""Writing journal records. The session's loop guarantees room before each iteration."""

from __future__ import annotations

from typing import Any

from quotewright.domain.kernel import subkernel


@subkernel
def next_record(state: Any, leg: int, kind: int) -> int:
    """Index of the next journal row, cleared, numbered and stamped; `leg` -1 for records of no leg.

    An index, because a record returned by a kernel is a copy. Kinds that are not kept all go to the last row, which is
    neither cleared nor stamped.
    """
    engine = state.engine[0]
    kept = (engine.keep >> kind) & 1
    if not kept:
        return len(state.journal) - 1
    index = engine.journal_rows
    row = state.journal[index]
    engine.journal_rows += 1
    row.seq = engine.seq
    engine.seq += 1
    row.ts = engine.now
    row.kind = kind
    if leg >= 0:
        row.agent = state.legs[leg].agent
        row.instrument = state.legs[leg].instrument
    else:
        row.agent = -1
        row.instrument = -1
    row.exch_ts = 0
    row.order = 0
    row.price = 0
    row.qty = 0
    row.leaves = 0
    row.ahead = 0
    row.mid2 = 0
    row.fee = 0
    row.cash = 0
    row.position = 0
    row.ref = 0
    row.side = 0
    row.reason = 0
    row["flags"] = 0
    return index
