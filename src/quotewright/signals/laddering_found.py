"""Ladders that moved in a run of book changes, and the players that they look like."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BID
from quotewright.domain.kernel import kernel, records
from quotewright.signals.book_changes import Changes
from quotewright.signals.laddering import LADDERS, MOST, MOVE, add_change, end_batch

MILLISECOND = 1_000_000


class LadderPlayer(NamedTuple):
    """Moves of ladders of one form."""

    levels: int
    spacing: int  # ticks
    qty: int  # lots of the level nearest to the market
    ratio: float
    moves: int
    surprise: float  # median, nats


@kernel
def _fold(
    state: Any,
    times: Any,
    sides: Any,
    prices: Any,
    lots: Any,
    together: int,
    least: int,
    tolerance: float,
    last: int,
    moves: Any,
) -> int:
    count = 0
    for i in range(len(times)):
        s = state[0 if sides[i] == BID else 1]
        count += add_change(s, times[i], prices[i], lots[i], together, least, tolerance, moves[count])
    if last == 1:
        for k in range(2):
            count += end_batch(state[k], least, tolerance, moves[count])
    return count


def ladders_state() -> Any:
    """LADDERS records of a bid and an ask side that have seen nothing."""
    state = records(2, LADDERS)
    state["side"] = BID, ASK
    return state


def ladder_moves(
    state: Any,
    changes: Changes,
    *,
    together_ns: int = MILLISECOND,
    least_levels: int = 3,
    tolerance: float = 0.001,
    last: bool = True,
) -> npt.NDArray[Any]:
    """Ladders of at least `least_levels` that moved, dtype MOVE, in order of the ends of their batches.

    Changes of a side within `together_ns` are a batch; sizes may differ by a fraction `tolerance` from their ratio.
    The state is carried on; with `last` the batches still open are closed. Raises InputError for values out of range.
    """
    if together_ns < 0 or not 3 <= least_levels <= MOST or not 0 <= tolerance < 1:
        given = (together_ns, least_levels, tolerance)
        raise InputError("together_ns, least_levels, tolerance", given, f"give 0 or more, 3 … {MOST}, and below 1")
    moves = records(len(changes.time_ns) + 3, MOVE)
    columns = changes.time_ns, changes.side, changes.price, changes.lots
    count = int(
        _fold(
            state,
            columns[0],
            columns[1],
            columns[2],
            columns[3],
            together_ns,
            least_levels,
            float(tolerance),
            int(last),
            moves,
        )
    )
    return np.asarray(moves[:count]).view(MOVE).copy()


def ladder_players(moves: npt.NDArray[Any], least_surprise: float = 2.0) -> list[LadderPlayer]:
    """Moves at least so surprising, by form (levels, spacing, lots to two digits, ratio), the most frequent first."""
    forms: dict[tuple[int, int, int, float], list[float]] = {}
    for move in moves[moves["surprise"] >= least_surprise]:
        qty = int(move["qty"])
        digits = max(len(str(qty)) - 2, 0)
        form = (int(move["levels"]), int(move["spacing"]), round(qty, -digits), round(float(move["ratio"]), 2))
        forms.setdefault(form, []).append(float(move["surprise"]))
    players = [LadderPlayer(*form, len(found), float(np.median(found))) for form, found in forms.items()]
    return sorted(players, key=lambda p: -p.moves)
