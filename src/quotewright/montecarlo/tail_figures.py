"""The figures that describe tails: value at risk, expected shortfall, exceedances, Hill's index."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from quotewright.montecarlo.bootstrap import Bootstrap
from quotewright.montecarlo.hill import FEWEST, SHARE
from quotewright.montecarlo.laws import Marginal
from quotewright.montecarlo.numerics import Floats, spread_of

LEVELS = (0.05, 0.01, 0.005)
MULTIPLES = (3.0, 5.0, 8.0, 12.0)  # of the middle half's σ
NODES = 200


class Yardstick(NamedTuple):
    """Where exceedances are counted from: the median, and σ of a normal law with the same middle half."""

    centre: float
    sigma: float


class Measure(NamedTuple):
    """A figure: `var`, `es` (losses, positive) at a level; `beyond` a multiple of σ; `hill` of a side's size.

    `side` is down (a long position's losses), up (a short one's) or both.
    """

    name: str
    side: str
    at: float

    @property
    def label(self) -> str:
        """For tables."""
        if self.name == "beyond":
            return f"share beyond {self.at:g} σ"
        if self.name == "hill":
            return f"Hill's index, {self.side}"
        return f"{'VaR' if self.name == 'var' else 'ES'} {self.at:.1%}, {self.side}"


MEASURES = (
    *(Measure(name, side, level) for side in ("down", "up") for level in LEVELS for name in ("var", "es")),
    *(Measure("beyond", "both", multiple) for multiple in MULTIPLES),
    *(Measure("hill", side, SHARE) for side in ("down", "up")),
)


def yardstick(returns: Floats) -> Yardstick:
    """Of the returns that are judged."""
    return Yardstick(float(np.median(returns)), spread_of(returns))


def measure_rows(rows: Floats, by: Yardstick) -> Floats:
    """float64[rows, MEASURES] of samples[rows, n]: historical simulation, each row on its own.

    VaR is minus the ⌈n·level⌉-th smallest return, ES minus the mean of those up to it.
    """
    ordered = np.sort(rows, axis=1)
    n = rows.shape[1]
    found: list[Floats] = []
    for measure in MEASURES:
        if measure.name in ("var", "es"):
            worst = ordered if measure.side == "down" else -ordered[:, ::-1]
            number = max(math.ceil(n * measure.at), 1)
            found.append(-worst[:, number - 1] if measure.name == "var" else -worst[:, :number].mean(axis=1))
        elif measure.name == "beyond":
            found.append((np.abs(rows - by.centre) > measure.at * by.sigma).mean(axis=1))
        else:
            sizes = by.centre - ordered if measure.side == "down" else (ordered - by.centre)[:, ::-1]
            number = max(round(measure.at * n), FEWEST)
            largest = np.maximum(sizes[:, : number + 1], 1e-300)
            found.append(1 / np.log(largest[:, :number] / largest[:, number:]).mean(axis=1))
    return np.column_stack(found)


def measures_of(law: Marginal, tail_index: float, by: Yardstick, sampled: Floats) -> Floats:
    """The same figures of a law itself; of Hill's index, which depends on the number of returns, the mean `sampled`."""
    found: list[float] = []
    for i, measure in enumerate(MEASURES):
        if measure.name == "var":
            found.append(-_worst(law, measure.at, measure.side))
        elif measure.name == "es":
            found.append(expected_shortfall(law, tail_index, measure.at, measure.side))
        elif measure.name == "beyond":
            edges = by.centre + measure.at * by.sigma * np.array([-1.0, 1.0])
            low, high = np.asarray(law.cdf(edges)).tolist()
            found.append(low + 1 - high)
        else:
            found.append(float(sampled[:, i].mean()))
    return np.array(found)


def expected_shortfall(law: Marginal, tail_index: float, level: float, side: str) -> float:
    """−(1/p)∫₀ᵖ q(u) du, infinite for a tail index of 1 or less (but for a bootstrap, which ends at what was seen).

    C. Acerbi & D. Tasche (2002), J. Banking & Finance 26, proposition 3.2; by Gauss & Legendre's rule in s, u = p·s⁸,
    to take the edge off q at 0.
    """
    if tail_index <= 1 and not isinstance(law, Bootstrap):
        return math.inf
    nodes, weights = _gauss()
    s = (nodes + 1) / 2
    u = np.maximum(level * s**8, 1e-15)
    quantiles = law.quantile(u) if side == "down" else -np.asarray(law.quantile(1 - u))
    return -float((weights / 2 * 8 * s**7 * np.asarray(quantiles)).sum())


@lru_cache(maxsize=1)
def _gauss() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return np.asarray(nodes, np.float64), np.asarray(weights, np.float64)


def _worst(law: Marginal, level: float, side: str) -> float:
    at = np.array([level if side == "down" else 1 - level])
    value = float(np.asarray(law.quantile(at))[0])
    return value if side == "down" else -value
