"""Markouts: how far the mid moved for or against a fill, after fixed times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.accounting.runs import Leg
from quotewright.accounting.valuation import Integers, Valuation, exact
from quotewright.domain.errors import DataError
from quotewright.domain.journal import MARKOUT_HORIZONS, Record


@dataclass(frozen=True)
class Markout:
    """Signed edge of fills against the mid `horizon_ns` later, weighted by quantity.

    `bp`: mean of side × (mid − price) / price, in 1e-4. `stderr_bp`: its standard error (ratio mean,
    Cochran 1977, 2.7: n/(n−1) · Σ w²(x − x̄)² / (Σ w)²), which takes fills as independent. `per_unit`: edge in the
    settle asset per unit of quantity. None without fills (`stderr_bp`: with fewer than two).
    """

    horizon_ns: int
    fills: int
    bp: float | None
    stderr_bp: float | None
    per_unit: float | None


def horizon_name(nanoseconds: int) -> str:
    """A horizon as text: `0.1s`, `30s`."""
    return f"{nanoseconds / 1e9:g}s"


def markouts(leg: Leg) -> tuple[Markout, ...]:
    """Edge at the fill (horizon 0) and at each of MARKOUT_HORIZONS.

    A fill whose horizon lies after the end of the run has no MARKOUT record and does not count there.
    The mid is the last of a usable book. Raises DataError if a MARKOUT names an unknown fill.
    """
    fills = leg.of(Record.FILL)
    after = leg.of(Record.MARKOUT)
    after = after[after["mid2"] > 0]  # before a book was ever usable there is nothing to hold a fill against
    at = _fill_of(leg, fills["ref"], after["ref"])
    timely = fills[fills["mid2"] > 0]
    curve = [_edge(leg, 0, timely, timely["mid2"])]
    for horizon in MARKOUT_HORIZONS:
        due = after["qty"] == horizon
        curve.append(_edge(leg, horizon, fills[at[due]], after["mid2"][due]))
    return tuple(curve)


def _fill_of(leg: Leg, numbers: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    order = np.argsort(numbers, kind="stable")
    at = np.searchsorted(numbers[order], wanted)
    if not (at < len(order)).all() or (numbers[order[at]] != wanted).any():
        raise DataError(f"{leg.name}: a MARKOUT record names a fill that is not in the journal")
    return order[at]


def _edge(leg: Leg, horizon: int, fills: Any, mid2: npt.NDArray[Any]) -> Markout:
    count = len(fills)
    if not count:
        return Markout(horizon, 0, None, None, None)
    paid = 2.0 * fills["price"]
    moves = fills["side"] * (mid2 - paid) / paid * 1e4
    weights = fills["qty"].astype(np.float64)
    mean = float(np.sum(weights * moves) / np.sum(weights))
    stderr = None
    if count > 1:
        spread = float(np.sum((weights * (moves - mean)) ** 2)) * count / (count - 1)
        stderr = math.sqrt(spread) / float(weights.sum())
    return Markout(horizon, count, mean, stderr, _per_unit(leg, fills, exact(mid2)))


def _per_unit(leg: Leg, fills: Any, mid2: Integers) -> float:
    valuation = Valuation(leg.instrument)
    atoms = exact(fills["qty"]) * valuation.atoms_per_lot
    paid = 2 * exact(fills["price"])
    edges: list[int] = (exact(fills["side"]) * (valuation.worth(atoms, mid2) - valuation.worth(atoms, paid))).tolist()
    quantity = sum(fills["qty"].tolist()) * leg.instrument.qty_step.fraction
    return float(sum(edges) * leg.instrument.money_unit / quantity)
