"""Posts, cancels and trades as features: their imbalance between bids and asks, by distance from the touch.

Each quantity is a sum of lots worth half after every half-life. One state and one step for an array of deltas and for a
single one; see `deltas` for where they come from.
"""

# pyright: basic
# numba has no type stubs, and records have fields that no type checker sees.

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BID
from quotewright.domain.kernel import as_records, inlined, kernel, subkernel
from quotewright.signals.deltas import CANCEL, DEAL, UNSEEN
from quotewright.signals.state import fresh

Floats = npt.NDArray[np.float64]

FLOWS = 3  # posts, cancels, trades
MOST_BANDS = 8
LN2 = math.log(2.0)
DEPTH_EDGES = (1, 10, 100)  # ticks: at the touch or better, to 9 behind it, to 99, further

DELTA_FLOW = np.dtype(
    [
        ("time", "i8"),  # ns, of the last delta
        ("bands", "i8"),
        ("half_life", "i8"),  # ns
        ("edges", "i8", (MOST_BANDS,)),  # ticks; a band is below its edge, the last has none
        ("lots", "f8", (FLOWS * MOST_BANDS * 2,)),  # [flow, band, bids or asks]
    ],
    align=True,
)


def delta_flow_state(half_life_ns: int, depth_edges: tuple[int, ...] = DEPTH_EDGES) -> Any:
    """The state of `delta_flow` before the first delta.

    Bands of depth, in ticks behind the touch: below the first edge, between edges, from the last edge on. Raises
    InputError for a half-life that is not positive, or edges that do not rise or are more than seven.
    """
    if half_life_ns <= 0:
        raise InputError("half_life_ns", half_life_ns, "give a positive number")
    if len(depth_edges) >= MOST_BANDS or any(a >= b for a, b in pairwise(depth_edges)):
        raise InputError("depth_edges", depth_edges, f"give at most {MOST_BANDS - 1} rising numbers of ticks")
    state = fresh(DELTA_FLOW)
    state.half_life[0] = half_life_ns
    state.bands[0] = len(depth_edges) + 1
    state.edges[0, : len(depth_edges)] = depth_edges
    return state


@inlined
def add_delta(s: Any, time: int, kind: int, side: int, depth: int, lots: int) -> None:
    """Take in one delta at the time of its decision; prints unseen in the book are trades too."""
    if time > s.time:
        kept = math.exp(-LN2 * (time - s.time) / s.half_life)
        for i in range(FLOWS * MOST_BANDS * 2):
            s.lots[i] *= kept
        s.time = time
    band = 0
    while band < s.bands - 1 and depth >= s.edges[band]:
        band += 1
    flow = 0
    if kind == CANCEL:
        flow = 1
    elif kind in (DEAL, UNSEEN):
        flow = 2
    s.lots[(flow * MOST_BANDS + band) * 2 + (0 if side == BID else 1)] += lots


@subkernel
def flow_imbalance(s: Any, flow: int, band: int) -> float:
    """(bids − asks)/(bids + asks) of posts (0), cancels (1) or trades (2) in a band, in [−1, 1]; 0 without any."""
    bids = s.lots[(flow * MOST_BANDS + band) * 2]
    asks = s.lots[(flow * MOST_BANDS + band) * 2 + 1]
    return (bids - asks) / (bids + asks) if bids + asks > 0.0 else 0.0


@subkernel
def traded_share(s: Any, side: int, band: int) -> float:
    """Trades / (trades + cancels) of a side's lots in a band, in [0, 1]; 0 without any."""
    at = band * 2 + (0 if side == BID else 1)
    cancels = s.lots[MOST_BANDS * 2 + at]
    trades = s.lots[2 * MOST_BANDS * 2 + at]
    return trades / (trades + cancels) if trades + cancels > 0.0 else 0.0


@kernel
def _fold(state: Any, deltas: Any, imbalances: Any, shares: Any) -> None:
    s = state[0]
    for i in range(len(deltas)):
        d = deltas[i]
        add_delta(s, d.time, d.kind, d.side, d.depth, d.lots)
        for band in range(s.bands):
            for flow in range(FLOWS):
                imbalances[i, flow, band] = flow_imbalance(s, flow, band)
            shares[i, 0, band] = traded_share(s, BID, band)
            shares[i, 1, band] = traded_share(s, ASK, band)


def delta_flow(state: Any, deltas: Any) -> tuple[Floats, Floats]:
    """After each delta: imbalances (n × [posts, cancels, trades] × bands) and traded shares (n × [bids, asks] × bands).

    An imbalance is (bids − asks)/(bids + asks) of the side whose level changed: trades > 0 means that sellers hit bids.
    `deltas` are in order of decision, as `delta_labels.Labeller` gives them; the state is carried on.
    """
    bands = int(state.bands[0])
    imbalances, shares = np.empty((len(deltas), FLOWS, bands)), np.empty((len(deltas), 2, bands))
    _fold(state, as_records(deltas), imbalances, shares)
    return imbalances, shares
