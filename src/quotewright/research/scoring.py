"""How well fair prices forecast the mid, against the mid itself: shares of squared error, slopes, hits, intervals.

All figures are ratios of sums over equal times, so that one moving-block bootstrap of the sums serves them all, and any
two prices are compared on the same draws. H. R. Künsch (1989), "The jackknife and the bootstrap for general stationary
observations", Ann. Statist. 17(3). With few blocks a bootstrap is too sure of itself: intervals are the estimate
± Student's 97.5 % point at blocks − 1 degrees of freedom × the bootstrap's standard error.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

FEWEST_BLOCKS = 3  # below, there are no intervals
DRAWS = 400
STUDENT = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)  # 97.5 %, freedom 1 to 10
SUMS = (
    8  # of a price: squared errors (the mid's, its own, scaled), cross products, squared distances, hits, decided, all
)


class Interval(NamedTuple):
    """An estimate and its 95 % interval; NaN where it does not exist."""

    value: float
    low: float
    high: float


class Score(NamedTuple):
    """One price over one horizon."""

    price: str
    skill: Interval  # 1 − MSE/MSE of the mid: R² of fair − mid with slope 1
    gain: Interval  # MSE of the mid − MSE, in the unit of the prices squared
    slope: Interval  # of the mid's change on fair − mid, through 0, fitted on these very data
    r_squared: Interval  # with that slope
    hit_rate: Interval  # of the sign, where the mid moves and the price is not the mid
    scaled: Interval  # skill of mid + slope·(fair − mid) with a slope that was given


class Scores(NamedTuple):
    """All prices over one horizon, and what the best of them has over the next."""

    number: int  # of observations
    blocks: int  # that the observations fill
    scores: tuple[Score, ...]
    lead: Interval  # skill of the best − skill of the second best


def student(freedom: int) -> float:
    """97.5 % point of Student's t; beyond 10 by Cornish & Fisher's expansion (Abramowitz & Stegun 26.7.5)."""
    if freedom < 1:
        return math.nan
    if freedom <= len(STUDENT):
        return STUDENT[freedom - 1]
    z = 1.959964
    terms = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + sum(term / freedom ** (k + 1) for k, term in enumerate(terms))


def score(
    mid: Floats,
    later: Floats,
    prices: dict[str, Floats],
    among: Booleans,
    block: int,
    *,
    slopes: dict[str, float] | None = None,
    draws: int = DRAWS,
    seed: int = 1,
) -> Scores:
    """Score prices at equal times against the mid a horizon `later`, over the times `among`.

    `block` is in observations, at least the horizon; `slopes` are 1 where they are not given. Times where anything is
    NaN are left out for all prices alike. Raises InputError for arrays of different lengths, a block longer than they
    are, or no price.
    """
    n = len(mid)
    if not prices or any(len(p) != n for p in (later, among, *prices.values())):
        raise InputError("prices", {name: len(p) for name, p in prices.items()}, f"give prices at all {n} times")
    if not 0 < block <= n:
        raise InputError("block", block, f"must be 1 to {n}")
    every = np.column_stack(list(prices.values()))
    used = among & np.isfinite(mid) & np.isfinite(later) & np.isfinite(every).all(axis=1)
    scales = np.array([(slopes or {}).get(name, 1.0) for name in prices])
    terms = _terms(np.where(used, later - mid, 0.0), np.where(used[:, None], every - mid[:, None], 0.0), scales, used)
    total = terms.sum(axis=0)
    number = int(used.sum())
    drawn, blocks = _draw(terms, used, block, draws, seed)
    half = student(blocks - 1) if blocks >= FEWEST_BLOCKS else math.nan
    together, apart = _figures(total), _figures(drawn)
    scores = [
        Score(name, *(_interval(together[f][k], apart[f][:, k], half) for f in range(len(together))))
        for k, name in enumerate(prices)
    ]
    hits = [s._replace(hit_rate=_within(s.hit_rate), r_squared=_within(s.r_squared)) for s in scores]
    return Scores(number, blocks, tuple(hits), _lead(together[0], apart[0], half))


def fitted_slope(mid: Floats, later: Floats, price: Floats) -> float:
    """Slope of the mid's change on fair − mid through 0; 1 where the price is the mid, or nothing is known."""
    known = np.isfinite(mid) & np.isfinite(later) & np.isfinite(price)
    away = price[known] - mid[known]
    power = float(away @ away)
    return float(away @ (later[known] - mid[known])) / power if power > 0 else 1.0


def _terms(changes: Floats, away: Floats, scales: Floats, used: Booleans) -> Floats:
    """Observations × prices × SUMS."""
    change = changes[:, None]
    decided = (change != 0) & (away != 0)
    columns = (
        np.broadcast_to(change**2, away.shape),
        (change - away) ** 2,
        (change - scales * away) ** 2,
        change * away,
        away**2,
        (decided & (change * away > 0)).astype(np.float64),
        decided.astype(np.float64),
        np.broadcast_to(used[:, None].astype(np.float64), away.shape),
    )
    return np.stack(columns, axis=2)


def _draw(terms: Floats, used: Booleans, block: int, draws: int, seed: int) -> tuple[Floats, int]:
    """Sums of drawn moving blocks (draws × prices × SUMS), and how many blocks there are observations for."""
    n = len(terms)
    parts = n // block
    filled = int(used[: parts * block].reshape(parts, block).any(axis=1).sum())
    flat = terms.reshape(n, -1)
    upto = np.concatenate([np.zeros((1, flat.shape[1])), np.cumsum(flat, axis=0)])
    of_block = upto[block:] - upto[:-block]
    starts = np.random.default_rng(seed).integers(0, n - block + 1, size=(draws, parts))
    sums = np.array([of_block[row].sum(axis=0) for row in starts])
    return sums.reshape(draws, *terms.shape[1:]), min(filled, math.ceil(used.sum() / block))


def _figures(sums: Floats) -> list[Floats]:
    """Skill, gain, slope, R², hit rate and scaled skill from the sums, in the order of `Score`."""
    of_mid, own, scaled, cross, squares, hits, decided, all_of = (sums[..., k] for k in range(SUMS))
    with np.errstate(divide="ignore", invalid="ignore"):
        skill, in_hindsight, beforehand = 1 - own / of_mid, cross**2 / (squares * of_mid), 1 - scaled / of_mid
        return [skill, (of_mid - own) / all_of, cross / squares, in_hindsight, hits / decided, beforehand]


def _interval(value: float, drawn: Floats, half: float) -> Interval:
    known = drawn[np.isfinite(drawn)]
    if len(known) < 0.9 * len(drawn) or not math.isfinite(value) or not math.isfinite(half):
        return Interval(float(value) if math.isfinite(value) else math.nan, math.nan, math.nan)
    away = half * float(known.std(ddof=1))
    return Interval(float(value), float(value) - away, float(value) + away)


def _within(interval: Interval) -> Interval:
    """Cut to 0 … 1, where the figure lives."""
    if not math.isfinite(interval.low):
        return interval
    return Interval(interval.value, max(0.0, interval.low), min(1.0, interval.high))


def _lead(skills: Floats, drawn: Floats, half: float) -> Interval:
    if len(skills) < 2 or not np.isfinite(skills).all():
        return Interval(math.nan, math.nan, math.nan)
    first, second = (int(k) for k in np.argsort(-skills, kind="stable")[:2])
    with np.errstate(invalid="ignore"):
        return _interval(float(skills[first] - skills[second]), drawn[:, first] - drawn[:, second], half)
