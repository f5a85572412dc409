"""How often market orders reach a depth: without a form, and as λ(δ) = A·e^{−kδ} or λ(δ) = A·δ^{−k}, from prints.

What is counted is what a quote would meet that is put at depth δ from the mid, rests for `hold` seconds, and is then
moved to where the mid is by then: per stretch of `hold` and side, how far prints went from the mid at its beginning.
With a hold of 0 the quote follows the mid at once, as in the models, and each market order counts by itself, measured
from the last mid known strictly before it.

Only what goes beyond the touch is fitted: orders that stop at it say who was first in the queue there, not how deep
flow reaches, and they are too many to be on one curve with the rest.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.signals.goodness import normal_tail
from quotewright.signals.newton import Evaluation, covariance_of, maximise

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MOST_BINS = 20
TAIL_SHARE = 0.05  # of the orders beyond the touch: those that reach the deepest edge
FEWEST_IN_TAIL = 10
FEWEST_EXPECTED = 5.0  # orders a bin, for a χ² that means something


class Edges(NamedTuple):
    """Edges of equal bins of depth, bp; the last bin is open."""

    first: float
    width: float
    bins: int

    @property
    def values(self) -> Floats:
        """The lower edges of all bins, the open one included: bins + 1 of them."""
        return self.first + self.width * np.arange(self.bins + 1, dtype=np.float64)


def choose_edges(depth: Floats, half_spread: float, tick: float) -> Edges | None:
    """Bins from one tick beyond the touch to the depth that 5 % of the orders beyond it (and at least 10) reach.

    The rest, the rare sweeps, count in the open bin, but how far they went has no weight: a few of them would decide
    k otherwise. All in bp. The width is a whole number of ticks, for at most 20 bins. None if no bin but the open one
    has room.
    """
    first = half_spread + tick
    beyond = np.sort(depth[depth >= first - tick / 4])
    needed = max(FEWEST_IN_TAIL, round(TAIL_SHARE * len(beyond)))
    if len(beyond) <= needed:
        return None
    room = float(beyond[-needed]) - first + tick / 4
    width = tick * max(1, math.ceil(room / tick / MOST_BINS))
    bins = math.floor(room / width)
    return Edges(first, width, bins) if bins >= 1 else None


def bin_of(depth: Floats, edges: Edges, tick: float) -> Integers:
    """The bin of each depth, 0…bins; −1 for those that stop at the touch.

    Prices are ticks, so a quarter of one keeps an order that just reaches an edge on its right side.
    """
    place = np.floor((depth - edges.first + tick / 4) / edges.width)
    return np.clip(place, -1, edges.bins).astype(np.int64)


def fit_exponential(counts: npt.NDArray[Any], seconds: npt.NDArray[Any], edges: Edges) -> tuple[Floats, Floats]:
    """k (1/bp) and A (1/s, one side) of maximum Poisson likelihood; `counts` of both sides by bin on the last axis.

    Counts in disjoint bins of a marked Poisson stream are independent, with means 2·seconds·(λ(e_j) − λ(e_{j+1})).
    With equal bins and an open last one the maximum has a closed form: the bin number is geometric, cut at the last,
    so p̂ = Σj·c_j / (Σj·c_j + Σ_{j<bins} c_j), k̂ = −ln p̂ / width, Â = (Σc_j / 2·seconds)·e^{k̂·first}.
    """
    c = np.asarray(counts, np.float64)
    passed = c @ np.arange(edges.bins + 1, dtype=np.float64)
    stopped = c[..., :-1].sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        k = -np.log(passed / (passed + stopped)) / edges.width
        A = c.sum(axis=-1) / (2 * np.asarray(seconds, np.float64)) * np.exp(k * edges.first)
    return k, A


def chi_squared(counts: npt.NDArray[Any], k: float, edges: Edges) -> tuple[float, int]:
    """Pearson's χ² of the counts by bin against the fit, and its degrees of freedom; thin bins are joined."""
    p = math.exp(-k * edges.width)
    shares = np.append((1 - p) * p ** np.arange(edges.bins), p**edges.bins)
    expected = shares * float(counts.sum())
    total, cells, seen, due = 0.0, 0, 0.0, 0.0
    for j in range(edges.bins + 1):
        seen += float(counts[j])
        due += float(expected[j])
        left = float(expected[j + 1 :].sum())
        if (due >= FEWEST_EXPECTED and left >= FEWEST_EXPECTED) or j == edges.bins:
            total += (seen - due) ** 2 / due
            cells += 1
            seen, due = 0.0, 0.0
    return total, max(0, cells - 2)


def log_r_squared(rates: Floats, k: float, A: float, depths: Floats) -> float:
    """Share of the variance of ln rate over the depths that ln A − kδ explains; negative when a constant is better."""
    seen = rates > 0
    y = np.log(rates[seen])
    rest = float(((y - (math.log(A) - k * depths[seen])) ** 2).sum())
    spread = float(((y - y.mean()) ** 2).sum())
    return 1 - rest / spread if spread > 0 else math.nan


class Curve(NamedTuple):
    """A fitted rate at which market orders reach at least a depth, on the side or sides counted."""

    family: str  # "exponential": A·e^{−kδ}; "power": A·δ^{−k}
    A: float  # a unit of time
    k: float
    A_error: float
    k_error: float
    log_likelihood: float

    def rate(self, depth: Floats) -> Floats:
        """λ(depth)."""
        return self.A * np.exp(-self.k * _coordinate(self.family, np.asarray(depth, np.float64)))


class Shape(NamedTuple):
    """Whether the counts look like a rate that decreases, is convex, and vanishes."""

    decreasing: bool  # every bin but the open one was stopped in, so that λ falls at each edge
    convexity_p_value: float  # of density that rises from one bin to the next, the worst of all (Bonferroni)
    left: float  # λ at the deepest edge over λ at the first
    left_error: float


def counts_by_depth(depths: npt.NDArray[Any], edges: npt.NDArray[Any]) -> Integers:
    """How many depths lie in each [edge, next edge), the last bin being open; shallower ones are left out."""
    place = np.searchsorted(edges, depths, "right") - 1
    return np.bincount(place[place >= 0], minlength=len(edges)).astype(np.int64)


def rates_by_depth(counts: npt.NDArray[Any], seconds: float) -> tuple[Floats, Floats]:
    """λ̂ at each edge, orders that reach at least so far a second, and its Poisson standard error √n/seconds."""
    reached = np.asarray(counts, np.float64)[::-1].cumsum()[::-1]
    return reached / seconds, np.sqrt(reached) / seconds


def fit_curve(counts: npt.NDArray[Any], seconds: float, edges: npt.NDArray[Any], family: str) -> Curve:
    """A and k of maximum Poisson likelihood, with standard errors from the observed information.

    `counts` by bin of ascending `edges`, the last bin open, in `seconds` of observation (of both sides together if
    the counts are): independent Poisson with means seconds·(λ(e_j) − λ(e_{j+1})), whatever the widths of the bins.
    In x = δ, or x = ln δ for a power (edges > 0), both families are A·e^{−kx}. A power law is what orders with
    Pareto sizes meet on a flat book (Gabaix et al. 2006), the exponential what Avellaneda & Stoikov (2008, section
    2.4) take from a logarithmic impact.
    """
    x, c = _coordinate(family, np.asarray(edges, np.float64)), np.asarray(counts, np.float64)
    if len(x) != len(c) or len(x) < 2 or not (np.diff(x) > 0).all() or not np.isfinite(x).all():
        raise InputError("edges", len(x), "give ascending edges, one for each count, above 0 for a power law")
    total, stopped = float(c.sum()), float(c[:-1].sum())
    if stopped == 0 or stopped == c[0] == total or not seconds > 0:
        raise InputError("counts", c.tolist(), "give a time above 0 and orders that stop at several depths")
    w = np.diff(x)

    def evaluate(at: Floats) -> Evaluation:
        a, k = float(at[0]), math.exp(float(at[1]))
        rise = np.expm1(k * w)
        reaching = seconds * math.exp(a - k * x[0])
        value = total * (a + math.log(seconds)) - k * float(c @ x) + float(c[:-1] @ np.log(-np.expm1(-k * w)))
        by_k = -float(c @ x) + float(c[:-1] @ (w / rise)) + reaching * x[0]
        by_k_twice = -float(c[:-1] @ (w * w * (rise + 1) / rise**2)) - reaching * x[0] ** 2
        mixed = reaching * x[0] * k
        hessian = np.array([[-reaching, mixed], [mixed, by_k_twice * k * k + by_k * k]])
        return value - reaching, np.array([total - reaching, by_k * k]), hessian

    start = total / stopped / float(w.mean())
    top = maximise(evaluate, np.array([math.log(total / seconds) + start * x[0], math.log(start)]))
    A, k = math.exp(float(top.point[0])), math.exp(float(top.point[1]))
    errors = np.sqrt(np.diag(covariance_of(-top.hessian)))
    return Curve(family, A, k, A * float(errors[0]), k * float(errors[1]), float(top.value))


def better_curve(counts: npt.NDArray[Any], edges: npt.NDArray[Any], one: Curve, other: Curve) -> tuple[float, float]:
    """Vuong's (1989) z of one fitted curve over another, above 0 where the first is nearer the truth, and its p-value.

    Both have as many parameters, so the likelihoods compare as they are.
    """
    c = np.asarray(counts, np.float64)
    gain = np.log(_shares(one, edges)) - np.log(_shares(other, edges))
    mean = float(c @ gain) / float(c.sum())
    variance = float(c @ (gain - mean) ** 2) / float(c.sum())
    z = mean * math.sqrt(float(c.sum()) / variance) if variance > 0 else 0.0
    return z, normal_tail(z)


def shape(counts: npt.NDArray[Any], edges: npt.NDArray[Any]) -> Shape:
    """Test the counts by bin against a decreasing, convex, vanishing rate.

    λ at an edge counts what reaches it, so it cannot rise; it is convex where the density of stops, count over
    width, does not rise. Each neighbouring pair of bins is compared as two Poisson counts.
    """
    c, width = np.asarray(counts, np.float64)[:-1], np.diff(np.asarray(edges, np.float64))
    rise = c[1:] / width[1:] - c[:-1] / width[:-1]
    error = np.sqrt(c[1:] / width[1:] ** 2 + c[:-1] / width[:-1] ** 2)
    z = float(np.divide(rise, error, out=np.zeros(len(rise)), where=error > 0).max()) if len(rise) else 0.0
    p_value = min(1.0, len(rise) * (normal_tail(z) / 2)) if z > 0 else 1.0
    total = float(np.sum(counts))
    left = float(counts[-1]) / total if total > 0 else math.nan
    error_left = math.sqrt(left * (1 - left) / total) if total > 0 else math.nan
    return Shape(bool((c > 0).all()), p_value, left, error_left)


def _coordinate(family: str, depths: Floats) -> Floats:
    if family == "exponential":
        return depths
    if family == "power":
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(depths)
    raise InputError("family", family, 'choose "exponential" or "power"')


def _shares(curve: Curve, edges: npt.NDArray[Any]) -> Floats:
    """Of the orders that reach the first edge, those that stop in each bin."""
    reach = curve.rate(np.asarray(edges, np.float64))
    return (reach - np.append(reach[1:], 0.0)) / reach[0]
