"""The micro-price: where the mid is expected to end up, given the spread and the imbalance of the touch.

Stoikov (2018), "The micro-price: a high-frequency estimator of future prices", Quantitative Finance 18(12). The state
of the touch is a Markov chain over buckets of imbalance and spreads; the fair price is mid + G*(state), a martingale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.kernel import kernel, subkernel

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SETTLED = 1e-8  # relative
NEVER = 1e9  # expected observations until the mid moves, above which it is taken not to


@dataclass(frozen=True, eq=False)
class Microprice:
    """A fitted chain. Prices in half ticks, as mid2 = bid + ask; rows: spreads 1…, columns: buckets of imbalance."""

    adjustment: Floats  # G*, 0 where a state was not observed
    error: Floats  # its standard error, NaN where not observed
    visits: Integers  # observations with a successor, by state, its mirror image included
    observations: int  # successors altogether

    @property
    def inside_the_spread(self) -> bool:
        """Whether |G*| < half the spread in every state, the last spread standing for wider ones too.

        It holds where a tick is much next to what the mid moves; where the mid leaps by many ticks at once, as on
        most crypto venues, the micro-price rightly leaves the spread.
        """
        return bool((np.abs(self.adjustment) < np.arange(1, len(self.adjustment) + 1)[:, None]).all())


@subkernel
def bucket_of(bid_qty: int, ask_qty: int, buckets: int) -> int:
    """The bucket of (qᵇ − qᵃ)/(qᵇ + qᵃ), 0 (only asks) to buckets − 1 (only bids).

    An odd number of equal buckets centred on 0, halves rounded outwards: swapping the queues mirrors the bucket.
    """
    together = bid_qty + ask_qty
    if together <= 0:
        return buckets // 2
    apart = abs(bid_qty - ask_qty)
    away = min((buckets * apart + together) // (2 * together), buckets // 2)
    return buckets // 2 + away if bid_qty > ask_qty else buckets // 2 - away


@subkernel
def fair_price(adjustment: Any, bid: int, ask: int, bid_qty: int, ask_qty: int) -> float:
    """Mid + G* in half ticks; 0 for a book that is one-sided, locked or crossed."""
    if bid <= 0 or ask <= bid:
        return 0.0
    row = min(ask - bid, adjustment.shape[0]) - 1
    return bid + ask + adjustment[row, bucket_of(bid_qty, ask_qty, adjustment.shape[1])]


@kernel
def _fold(adjustment: Any, bids: Any, asks: Any, bid_qtys: Any, ask_qtys: Any, fair: Any) -> None:
    for i in range(len(bids)):
        fair[i] = fair_price(adjustment, bids[i], asks[i], bid_qtys[i], ask_qtys[i])


@kernel
def _states(bids: Any, asks: Any, bid_qtys: Any, ask_qtys: Any, buckets: int, spreads: int, states: Any) -> None:
    for i in range(len(bids)):
        states[i] = -1
        if 0 < bids[i] < asks[i]:
            row = min(asks[i] - bids[i], spreads) - 1
            states[i] = row * buckets + bucket_of(bid_qtys[i], ask_qtys[i], buckets)


def microprice(model: Microprice, bids: Integers, asks: Integers, bid_qtys: Integers, ask_qtys: Integers) -> Floats:
    """The fair price of each touch (ticks, lots) in half ticks; 0 where there is no proper touch."""
    touch = _touch(bids, asks, bid_qtys, ask_qtys)
    fair = np.empty(len(touch[0]))
    _fold(model.adjustment, touch[0], touch[1], touch[2], touch[3], fair)
    return fair


def fit(
    bids: Integers, asks: Integers, bid_qtys: Integers, ask_qtys: Integers, buckets: int = 9, spreads: int = 3
) -> Microprice:
    """Fit the chain to successive touches (ticks, lots; 0 for none), at events or at equal times.

    `buckets` of imbalance is odd; spreads of `spreads` ticks or more are one state. Wherever there is no proper
    touch the chain is cut. Each observation counts together with its mirror image (bid and ask swapped, moves
    reversed), so that G* is antisymmetric in imbalance and the chain has no drift.
    Raises InputError if the mid never moves, DataError if the expected moves do not settle.
    """
    if buckets < 3 or buckets % 2 == 0 or spreads < 1:
        raise InputError("buckets, spreads", (buckets, spreads), "give an odd number of at least 3, and 1 or more")
    touch = _touch(bids, asks, bid_qtys, ask_qtys)
    states = np.empty(len(touch[0]), np.int64)
    _states(touch[0], touch[1], touch[2], touch[3], buckets, spreads, states)
    moves = np.diff(touch[0] + touch[1])
    size = buckets * spreads
    leads = _leading_on(states[:-1], states[1:], size, buckets)
    return _fit_chain(states[:-1][leads], states[1:][leads], moves[leads], buckets, spreads)


def _touch(*columns: Any) -> list[Integers]:
    touch = [np.ascontiguousarray(c, np.int64) for c in columns]
    if len({len(c) for c in touch}) != 1:
        raise InputError("touch", tuple(len(c) for c in touch), "give as many bids, asks and quantities of each")
    return touch


def _mirror(states: Integers, buckets: int) -> Integers:
    return states + buckets - 1 - 2 * (states % buckets)


def _leading_on(before: Integers, after: Integers, size: int, buckets: int) -> npt.NDArray[np.bool_]:
    """Which transitions lead between proper states to one that is, itself or mirrored, left again."""
    leads = (before >= 0) & (after >= 0)
    while True:
        left = np.zeros(size, np.bool_)
        left[before[leads]] = True
        left |= left[_mirror(np.arange(size), buckets)]
        fewer = leads & left[after]
        if fewer.sum() == leads.sum():
            return leads
        leads = fewer


def _fit_chain(before: Integers, after: Integers, moves: Integers, buckets: int, spreads: int) -> Microprice:
    size = buckets * spreads
    mirrored = _mirror(np.arange(size), buckets)
    stay, go = np.zeros((size, size)), np.zeros((size, size))
    np.add.at(stay, (before[moves == 0], after[moves == 0]), 1.0)
    np.add.at(go, (before[moves != 0], after[moves != 0]), 1.0)
    expected = np.bincount(before, moves, size)
    stay += stay[mirrored][:, mirrored]
    go += go[mirrored][:, mirrored]
    expected = expected - expected[mirrored]
    visits = (stay + go).sum(axis=1)
    seen = np.flatnonzero(visits)
    if not go.any():
        raise InputError("touch", len(before), "has a mid that never moves: take a longer recording")
    rows = visits[seen, None]
    Q, R2, mean = stay[np.ix_(seen, seen)] / rows, go[np.ix_(seen, seen)] / rows, expected[seen] / rows[:, 0]
    G = _settled(Q, R2, mean, np.searchsorted(seen, mirrored[seen]))

    adjustment, error = np.zeros(size), np.full(size, np.nan)
    adjustment[seen] = G
    surprise = moves + adjustment[after] - adjustment[before]
    error[seen] = _errors(Q + R2, surprise, before, visits, seen, mirrored)
    form = (spreads, buckets)
    return Microprice(adjustment.reshape(form), error.reshape(form), visits.astype(np.int64).reshape(form), len(before))


def _settled(Q: Floats, R2: Floats, mean: Floats, mirrored: Integers) -> Floats:
    """G* = Σᵢ BⁱG¹ with G¹ = (1 − Q)⁻¹R₁K and B = (1 − Q)⁻¹R₂ (section 3), as the solution of (1 − B)G* = G¹.

    Q holds the transitions while the mid stands, R₁K the mean move and R₂ the transitions as it moves. 1 − B lets a
    constant go free; antisymmetry fixes it.
    """
    waiting = np.eye(len(Q)) - Q
    try:
        until = np.linalg.solve(waiting, np.ones(len(Q)))
    except np.linalg.LinAlgError:
        until = np.full(len(Q), np.inf)
    if not (np.isfinite(until).all() and until.min() > 0 and until.max() < NEVER):
        raise InputError("touch", len(Q), "has states from which the mid never moves: take fewer states or more data")
    onwards = np.eye(len(Q)) - np.linalg.solve(waiting, R2)
    first = np.linalg.solve(waiting, mean)
    G = np.asarray(np.linalg.lstsq(onwards, first, rcond=None)[0], np.float64)
    if np.abs(onwards @ G - first).max() > SETTLED * max(1.0, float(np.abs(first).max())):
        raise DataError(
            "the micro-price does not settle: parts of the chain drift away; take more data or fewer states"
        )
    return (G - G[mirrored]) / 2


def _errors(
    P: Floats, surprise: Floats, before: Integers, visits: Floats, seen: Integers, mirrored: Integers
) -> Floats:
    """Standard errors of G*: what each row's sampling error does to the solution of G = E[move] + PG.

    Surprises (move + change of G*) are martingale differences, so rows err independently but for a row and its
    mirror image, which share their data with opposite sign; a row that is its own mirror image cannot err.
    """
    size = len(visits)
    squares = np.bincount(before, surprise**2, size)
    squares = squares + squares[mirrored]
    variance = np.divide(squares, visits**2, out=np.zeros(size), where=visits > 0)
    noise = np.diag(variance)
    noise[np.arange(size), mirrored] -= variance
    stationary = np.linalg.lstsq(
        np.vstack([P.T - np.eye(len(P)), np.ones(len(P))]), np.append(np.zeros(len(P)), 1.0), rcond=None
    )[0]
    spreading = np.linalg.pinv(np.eye(len(P)) - P + np.outer(np.ones(len(P)), stationary))
    return np.sqrt(np.maximum(np.diag(spreading @ noise[np.ix_(seen, seen)] @ spreading.T), 0.0))
