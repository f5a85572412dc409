"""The life of resting orders, as stretches of price and time, from the journal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quotewright.accounting.runs import Leg
from quotewright.domain.journal import Record


@dataclass(frozen=True)
class Stretches:
    """Resting orders of one side: from home time of acceptance (ns) to home time of the end, at a price in ticks."""

    since: npt.NDArray[np.int64]
    until: npt.NDArray[np.int64]
    price: npt.NDArray[np.int64]


def resting(leg: Leg) -> dict[int, Stretches]:
    """Resting orders by side (+1, −1): from ACCEPTED to CANCELED, a FILL with nothing left, or the run's end."""
    side_of = dict(zip(*(leg.of(Record.PLACE)[c].tolist() for c in ("order", "side")), strict=True))
    rows = leg.of(Record.ACCEPTED, Record.CANCELED, Record.FILL)
    columns = ("kind", "ts", "order", "price", "side", "leaves")
    open_at: dict[int, tuple[int, int, int]] = {}
    found: dict[int, list[tuple[int, int, int]]] = {1: [], -1: []}
    for kind, ts, order, price, side, leaves in zip(*(rows[c].tolist() for c in columns), strict=True):
        if kind == Record.ACCEPTED:
            open_at[order] = (ts, price, side_of.get(order, side))
        elif order in open_at and (kind == Record.CANCELED or leaves == 0):
            _close(found, open_at.pop(order), ts)
    for since in open_at.values():
        _close(found, since, int(leg.end["ts"]))
    return {side: _stretches(stretches) for side, stretches in found.items()}


def _close(found: dict[int, list[tuple[int, int, int]]], opened: tuple[int, int, int], until: int) -> None:
    since, price, side = opened
    if side in found:
        found[side].append((since, until, price))


def _stretches(found: list[tuple[int, int, int]]) -> Stretches:
    columns = np.array(sorted(found), dtype=np.int64).reshape(-1, 3)
    return Stretches(columns[:, 0], columns[:, 1], columns[:, 2])
