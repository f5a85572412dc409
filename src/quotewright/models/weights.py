"""How much each row says that others do not: weights for labels that overlap in time, and draws that avoid overlap.

M. López de Prado (2018), "Advances in Financial Machine Learning", chapter 4. A label spans [start, end); where c
labels are alive, each is 1/c unique. Averages are over time; with bar numbers as times (end: the last bar + 1) they are
his averages over bars.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.models.fitting import Spans, check_spans

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def average_uniqueness(spans: Spans) -> Floats:
    """By label, in (0, 1]: the mean over its life of 1/(labels alive), 1 where it is alone (section 4.4).

    Raises InputError for spans that are empty or out of order.
    """
    check_spans(spans, len(spans.starts))
    if not len(spans.starts):
        return np.empty(0)
    lengths, first, last = _pieces(spans)
    change = np.bincount(first, minlength=len(lengths) + 1) - np.bincount(last, minlength=len(lengths) + 1)
    alive = np.cumsum(change)[:-1]
    shared = np.concatenate([[0.0], np.cumsum(np.where(alive > 0, lengths / np.maximum(alive, 1), 0.0))])
    return np.minimum((shared[last] - shared[first]) / (spans.ends - spans.starts), 1.0)


def sequential_bootstrap(spans: Spans, draws: int, seed: int) -> Integers:
    """Rows drawn one after the other, each likelier the more unique it would be among those drawn (section 4.5).

    Time grows with draws × labels: thousands of each, not millions. Raises InputError for no label or draw.
    """
    check_spans(spans, len(spans.starts))
    if not len(spans.starts) or draws < 1:
        raise InputError("draws", (len(spans.starts), draws), "give at least one label and one draw")
    lengths, first, last = _pieces(spans)
    life = (spans.ends - spans.starts).astype(np.float64)
    drawn, alive = np.empty(draws, np.int64), np.zeros(len(lengths))
    uniforms = np.random.default_rng(seed).random(draws)
    for k in range(draws):
        shared = np.concatenate([[0.0], np.cumsum(lengths / (alive + 1))])
        odds: Floats = np.cumsum((shared[last] - shared[first]) / life)
        drawn[k] = min(int(np.searchsorted(odds, float(uniforms[k] * odds[-1]), side="right")), len(odds) - 1)
        alive[first[drawn[k]] : last[drawn[k]]] += 1
    return drawn


def _pieces(spans: Spans) -> tuple[Floats, Integers, Integers]:
    """Lengths of the stretches between all starts and ends, and by label its first and the one after its last."""
    edges: Integers = np.unique(np.concatenate([spans.starts, spans.ends]))
    return np.diff(edges).astype(np.float64), np.searchsorted(edges, spans.starts), np.searchsorted(edges, spans.ends)
