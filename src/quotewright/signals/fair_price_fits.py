"""Fitting what fair prices need to know, on a stretch that comes before the one they are judged on.

Each parameter is chosen for the price it serves alone, to forecast the mid `horizon_ns` ahead on a grid of equal times
(the filter: by likelihood of its innovations; the micro-price and dust: by their own definitions).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import DataError, InputError
from quotewright.signals import kalman, microprice
from quotewright.signals.dust import fit_dust
from quotewright.signals.fair_prices import (
    DEPTH,
    MID,
    PRINTS_BY_TIME,
    PRINTS_BY_VOLUME,
    SOURCES,
    FairModel,
    fair_model,
    fair_prices,
    fair_state,
    measurements,
)
from quotewright.signals.least_squares import regress

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SECOND = 10**9
NORMAL = 1.96
MEMORIES = tuple(round(SECOND * 10 ** (k / 2)) for k in range(-4, 4))  # 10 ms … 31.6 s
SHARES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # of the usual size, for volumes and depths
CHAINS = ((9, 3), (5, 2), (5, 1), (3, 1))  # buckets and spreads of the micro-price, finest first
FEWEST = 10


class Parameter(NamedTuple):
    """A fitted value and its 95 % interval; for `time_memory`, `volume_memory` and `depth` those not worse than it."""

    name: str
    value: float
    low: float
    high: float
    unit: str


class Choice(NamedTuple):
    """The candidate with the least loss, and the range of those that are not significantly worse."""

    best: int  # index
    low: int
    high: int


@dataclass(frozen=True, eq=False)
class FairFit:
    """A fitted model, what was fitted, and what could not be."""

    model: FairModel
    parameters: tuple[Parameter, ...]
    notes: tuple[str, ...]


class Grid(NamedTuple):
    """Places in the events: as of equal times, and as of a horizon later; only where both mids are known."""

    now: Integers
    then: Integers


def as_of(times_ns: Integers, at_ns: Integers) -> Integers:
    """Index of the last event at or before each time; −1 before the first."""
    return np.searchsorted(times_ns, at_ns, "right") - 1


def choose(losses: Floats, lags: int) -> Choice:
    """Of candidates (columns of observations × candidates) that with the least mean; NaN is not compared.

    Not significantly worse: |t| of the mean difference to the best below 1.96, with Newey & West's (1987) error.
    """
    means = np.nanmean(losses, axis=0)
    best = int(np.nanargmin(means))
    near = [best]
    for k in range(losses.shape[1]):
        apart = losses[:, k] - losses[:, best]
        apart = apart[np.isfinite(apart)]
        if k != best and len(apart) > 2 and apart.mean() < NORMAL * _mean_error(apart, lags):
            near.append(k)
    return Choice(best, min(near), max(near))


def _mean_error(values: Floats, lags: int) -> float:
    off = values - values.mean()
    total = float(off @ off)
    for lag in range(1, min(lags, len(off) - 1) + 1):
        total += 2 * (1 - lag / (lags + 1)) * float(off[lag:] @ off[:-lag])
    return math.sqrt(max(total, 0.0)) / len(off)


def fit_last_side(changes: Floats, spread_sides: Floats, lags: int) -> tuple[float, float]:
    """φ and its error in: change of the mid = a + φ·spread/2·side of the last taker + noise, all in half ticks.

    `spread_sides` is spread·side in ticks. After R. Roll (1984), J. Finance 39, whose φ is the share of the half-spread
    that a print tells of the price to come. φ is 0, with error NaN, where either side does not vary.
    """
    if len(changes) < FEWEST or np.ptp(spread_sides) == 0 or np.ptp(changes) == 0:
        return 0.0, math.nan
    with np.errstate(invalid="ignore"):  # a perfect fit's error may round to below 0
        found = regress(changes, spread_sides, lags)
    return float(found.coefficients[1]), float(found.errors[1])


def fit_fair_prices(events: Any, horizon_ns: int = SECOND, every_ns: int = SECOND // 10) -> FairFit:
    """Fit all parameters to DEPTH_EVENT rows in order of time; what cannot be fitted keeps a plain value, with a note.

    Raises InputError if the events have fewer than 10 known mids a horizon apart.
    """
    if horizon_ns < every_ns or every_ns <= 0:
        raise InputError("horizon_ns", horizon_ns, f"must be at least {every_ns}, which must be positive")
    books, prints = events[events["qty"] == 0], events[events["qty"] > 0]
    notes: list[str] = []
    table = _fit_microprice(books, notes)
    dust = fit_dust(books["time"], *_touch(books), short_ns=horizon_ns)
    plain = fair_model(dust=dust.threshold, microprice=table)
    mids = fair_prices(fair_state(), plain, events)[:, MID]
    grid = _grid(events["time"], mids, horizon_ns, every_ns)
    lags = horizon_ns // every_ns
    later = mids[grid.then]

    spread_sides = _spread_sides(events)[grid.now]
    phi, phi_error = fit_last_side(later - mids[grid.now], spread_sides, lags)
    sure = [float(np.clip(phi + sign * NORMAL * phi_error, -1, 1)) for sign in (-1, 1)]
    if abs(phi) > 1:
        notes.append(f"the last side's weight would be {phi:.3g} ± {phi_error:.2g} if it might leave the touch")
        phi = math.copysign(1.0, phi)
    lots, usual = _usual(prints["qty"]), _usual(books["bid_qtys"][:, 0])
    if len(prints) < FEWEST:
        notes.append(f"only {len(prints)} prints to fit on: memories of prints and the last side's weight say little")
    steps = {
        "time_memory": (PRINTS_BY_TIME, MEMORIES),
        "volume_memory": (PRINTS_BY_VOLUME, _scaled(lots)),
        "depth": (DEPTH, _scaled(usual)),
    }
    chosen: dict[str, Any] = {}
    parameters = [
        Parameter("dust", dust.threshold, dust.low, dust.high, "lots"),
        Parameter("last_side", phi, sure[0], sure[1], "half-spreads"),
    ]
    for name, (column, candidates) in steps.items():
        losses = _losses(events, grid, later, table, dust.threshold, name, column, candidates)
        choice = choose(losses, lags) if np.isfinite(losses).any(axis=0).all() else Choice(2, 0, len(candidates) - 1)
        chosen[name] = candidates[choice.best]
        scale, unit = (SECOND, "s") if name == "time_memory" else (1, "lots")
        values = [candidates[k] / scale for k in choice]
        parameters.append(Parameter(name, values[0], values[1], values[2], unit))
    without = fair_model(dust=dust.threshold, last_side=phi, microprice=table, **chosen)
    variance, noise = _fit_filter(without, events, parameters, notes)
    model = fair_model(dust=dust.threshold, last_side=phi, microprice=table, variance=variance, noise=noise, **chosen)
    return FairFit(model, tuple(parameters), tuple(notes))


def _usual(lots: Any) -> int:
    """The mean of those that are more than 0, at least 1."""
    given = np.asarray(lots, np.float64)
    given = given[given > 0]
    return max(1, round(float(given.mean()))) if len(given) else 1


def _scaled(usual: int) -> tuple[int, ...]:
    return tuple(max(1, round(usual * share)) for share in SHARES)


def _touch(books: Any) -> tuple[Integers, Integers, Integers, Integers]:
    """Bids, their lots, asks and their lots."""
    names = "bids", "bid_qtys", "asks", "ask_qtys"
    bid, bid_qty, ask, ask_qty = (np.ascontiguousarray(books[name][:, 0], np.int64) for name in names)
    return bid, bid_qty, ask, ask_qty


def _fit_microprice(books: Any, notes: list[str]) -> Floats:
    """G* of the finest chain that settles; all 0 if none does."""
    bid, bid_qty, ask, ask_qty = _touch(books)
    if len(bid) > 1:
        new = np.append(True, (np.diff([bid, bid_qty, ask, ask_qty]) != 0).any(axis=0))
        touch = bid[new], ask[new], bid_qty[new], ask_qty[new]
        for buckets, spreads in CHAINS:
            try:
                return microprice.fit(*touch, buckets, spreads).adjustment
            except (InputError, DataError):
                continue
    notes.append("the micro-price could not be fitted and stands at the mid: the mid moves too little")
    return np.zeros((1, 3))


def _grid(times: Integers, mids: Floats, horizon_ns: int, every_ns: int) -> Grid:
    if len(times) == 0:
        raise InputError("events", 0, "give a recording with a book")
    at = np.arange(times[0], times[-1] - horizon_ns + 1, every_ns, dtype=np.int64)
    now, then = as_of(times, at), as_of(times, at + horizon_ns)
    known = np.isfinite(mids[now]) & np.isfinite(mids[then])
    if known.sum() < FEWEST:
        raise InputError("events", int(known.sum()), f"give at least {FEWEST} known mids a horizon apart")
    return Grid(now[known], then[known])


def _spread_sides(events: Any) -> Floats:
    """Spread in ticks × side of the last taker, as known after each event; 0 before the first print."""
    is_book, has_side = events["qty"] == 0, (events["qty"] > 0) & (events["side"] != 0)
    place = np.arange(len(events))
    book = np.maximum.accumulate(np.where(is_book, place, -1))
    taker = np.maximum.accumulate(np.where(has_side, place, -1))
    spread = (events["asks"][:, 0] - events["bids"][:, 0])[np.maximum(book, 0)]
    side = events["side"][np.maximum(taker, 0)]
    return np.where((book >= 0) & (taker >= 0), spread * side, 0).astype(np.float64)


def _losses(
    events: Any,
    grid: Grid,
    later: Floats,
    table: Floats,
    dust: int,
    name: str,
    column: int,
    candidates: tuple[int, ...],
) -> Floats:
    """Squared errors, observations × candidates."""
    tried: list[Floats] = []
    for candidate in candidates:
        given: dict[str, Any] = {name: candidate}
        prices = fair_prices(fair_state(), fair_model(dust=dust, microprice=table, **given), events)
        tried.append((later - prices[grid.now, column]) ** 2)
    return np.column_stack(tried)


def _fit_filter(model: FairModel, events: Any, parameters: list[Parameter], notes: list[str]) -> tuple[float, Floats]:
    """Variances of the filter by maximum likelihood; a source that is hardly heard is not listened to."""
    times, sources, values = measurements(model, events)
    heard = np.flatnonzero(np.bincount(sources, minlength=len(SOURCES)) >= FEWEST)
    noise = np.full(len(SOURCES), math.inf)
    missing = [name for k, name in enumerate(SOURCES) if k not in heard]
    if missing:
        notes.append(f"the filter does not listen to {', '.join(missing)}: fewer than {FEWEST} measurements")
    among = np.isin(sources, heard)
    try:
        found = kalman.fit(times[among], np.searchsorted(heard, sources[among]), values[among], len(heard))
    except InputError as refused:
        notes.append(f"the filter could not be fitted: {refused}")
        return 1.0, np.ones(len(SOURCES))
    if not found.converged:
        notes.append("the likelihood of the filter did not settle")
    noise[heard] = found.noise
    rate, error = found.variance, found.variance_error
    parameters.append(Parameter("variance", rate, rate - NORMAL * error, rate + NORMAL * error, "half ticks²/s"))
    for k, value, off in zip(heard.tolist(), found.noise.tolist(), found.noise_error.tolist(), strict=True):
        name = f"noise_{SOURCES[k]}"
        parameters.append(Parameter(name, value, value - NORMAL * off, value + NORMAL * off, "half ticks²"))
    return rate, noise
