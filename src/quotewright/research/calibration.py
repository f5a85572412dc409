"""Sigma, A and k of a recording, with confidence intervals: what the quoting models ask for.

Intervals are 95 %, by resampling blocks of time with replacement: orders come in clusters and volatility in spells, so
intervals that take every order and return for independent would be too narrow. The seed is fixed: one recording gives
one answer.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.research.volatility import SECOND, realised_volatility, signature, squared_returns
from quotewright.signals.arrivals import Edges, bin_of, chi_squared, choose_edges, fit_exponential, log_r_squared
from quotewright.signals.market_orders import Reaches, market_orders, orders_behind, reaches
from quotewright.strategies.catalogue import find

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

HOLD = 0.1  # s: how long a quote rests before it is moved, the strategies' interval between decisions
SIGMA_INTERVAL = 1.0  # s
SIGNATURE_INTERVALS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
BLOCK_SECONDS = 15.0
MOST_BLOCKS = 200
RESAMPLES = 2_000
LEAST_SECONDS = 60.0
LEAST_REACHES = 30  # that go beyond the touch
INTERVAL = (0.025, 0.975)


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Calibration:
    """What `calibrate` found. Depths are bp of the mid, rates orders a second, on one side unless said otherwise."""

    sigma: Estimate  # bp/√s
    k: Estimate  # 1/bp
    A: Estimate  # 1/s, extrapolated to depth 0
    mid: float  # median, in the quote currency
    tick: float  # bp of that mid
    half_spread: float  # bp, median of the orders' first prices
    seconds: float  # with a known mid
    hold: float  # s a quote rests before it is moved; 0: it follows the mid at once
    orders: int  # market orders, both sides
    inside: int  # of them, with a mid that was no longer true
    beyond: int  # stretches of the hold, on either side, that saw a print beyond the touch: those fitted
    depths: tuple[float, ...]  # the touch, then the edges of the fit
    rates: tuple[float, ...]  # times a second that flow reaches at least the depth; mean of both sides
    rates_low: tuple[float, ...]
    rates_high: tuple[float, ...]
    buy_rates: tuple[float, ...]
    sell_rates: tuple[float, ...]
    r_squared: float | None  # of ln rate over the fitted depths
    chi_squared: float
    freedom: int
    signature: tuple[tuple[float, float], ...]  # (interval in s, sigma in bp/√s)

    def fitted_rate(self, depth: float) -> float:
        """A·e^{−k·depth}: how often a second flow reaches `depth` (bp), on one side."""
        return self.A.value * math.exp(-self.k.value * depth)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def suggest(self, strategy: str) -> dict[str, float]:
        """Those of sigma, k and A that a strategy has, within its ranges; InputError for an unknown strategy."""
        found = {"sigma": self.sigma.value, "k": self.k.value, "A": self.A.value}
        return {p.name: min(max(found[p.name], p.low), p.high) for p in find(strategy).params if p.name in found}


def calibrate(
    times_ns: Integers,
    mid2: Integers,
    trade_ns: Integers,
    trade_price: Integers,
    trade_side: Integers,
    *,
    tick: float,
    hold: float = HOLD,
) -> Calibration:
    """Estimate sigma, k and A from mids as they change and prints, all by one clock.

    `times_ns` and `trade_ns` never go back; `mid2` is best bid + best ask in ticks, 0 while unknown; prices are ticks,
    `trade_side` the taker's (1 buys, −1 sells); `tick` is in the quote currency. `hold` is how long a quote rests
    before it is moved after the mid, in seconds; 0: at once. Raises InputError when there is too little to estimate
    from, saying what.
    """
    if not 0 <= hold <= 60:
        raise InputError("hold", hold, "must lie in [0, 60] s")
    _refuse_disorder(times_ns, mid2, trade_ns, trade_price, trade_side)
    known = mid2 > 0
    if not known.any():
        raise InputError("recording", 0, "has no book with both sides: sigma needs a mid")
    end = int(max(times_ns[-1], trade_ns[-1] if len(trade_ns) else 0))
    middle = float(np.median(mid2[known]))
    tick_bp = 2e4 / middle
    bounds = _block_bounds(int(times_ns[0]), end)
    seconds = _known_seconds(times_ns, known, bounds)
    if seconds.sum() < LEAST_SECONDS:
        raise InputError(
            "recording", f"{seconds.sum():.1f} s", f"is too short: at least {LEAST_SECONDS:g} s are needed"
        )

    weights = np.random.default_rng(0).multinomial(len(seconds), np.full(len(seconds), 1 / len(seconds)), RESAMPLES)
    sigma = _sigma(times_ns, mid2, end, bounds, weights)
    orders = market_orders(times_ns, mid2, trade_ns, trade_price, trade_side)
    reach = Reaches(orders.time_ns, orders.side, orders.depth)
    if hold > 0:
        reach = reaches(times_ns, mid2, trade_ns, trade_price, trade_side, max(1, round(hold * SECOND)))
    edges = _edges(reach.depth, orders.half_spread, tick_bp)
    depths = np.concatenate([[orders.half_spread], edges.values])
    reaching = _reaching(reach, edges, orders.half_spread, tick_bp, bounds)
    both = reaching.sum(axis=1)
    k, A = _intensity(both, seconds, hold, edges, weights)

    exposure = float(seconds.sum())
    rates = _rates(both.sum(axis=0), 2 * exposure, hold)
    low, high = np.quantile(_rates(weights @ both, 2 * (weights @ seconds)[:, None], hold), INTERVAL, axis=0)
    chi, freedom = chi_squared(_by_bin(rates[1:] * 2 * exposure), k.value, edges)
    r_squared = log_r_squared(rates[1:], k.value, A.value, depths[1:])
    return Calibration(
        sigma=sigma,
        k=k,
        A=A,
        mid=middle / 2 * tick,
        tick=tick_bp,
        half_spread=orders.half_spread,
        seconds=exposure,
        hold=hold,
        orders=len(orders.depth),
        inside=orders.inside,
        beyond=int(both[:, 1].sum()),
        depths=_plain(depths),
        rates=_plain(rates),
        rates_low=_plain(low),
        rates_high=_plain(high),
        buy_rates=_plain(_rates(reaching[:, 0].sum(axis=0), exposure, hold)),
        sell_rates=_plain(_rates(reaching[:, 1].sum(axis=0), exposure, hold)),
        r_squared=r_squared if np.isfinite(r_squared) else None,
        chi_squared=chi,
        freedom=freedom,
        signature=tuple(signature(times_ns, mid2, end, SIGNATURE_INTERVALS)),
    )


def _refuse_disorder(
    times_ns: Integers, mid2: Integers, trade_ns: Integers, trade_price: Integers, trade_side: Integers
) -> None:
    if len(times_ns) != len(mid2) or not len(trade_ns) == len(trade_price) == len(trade_side):
        lengths = tuple(len(a) for a in (times_ns, mid2, trade_ns, trade_price, trade_side))
        raise InputError("arrays", lengths, "must have one length for mids and one for prints")
    for name, times in (("times_ns", times_ns), ("trade_ns", trade_ns)):
        if (np.diff(times) < 0).any():
            raise InputError(name, int(np.diff(times).min()), "goes back: sort by time first")


def _block_bounds(start: int, end: int) -> Integers:
    """Bounds (ns) of equal blocks of time: of 15 s, or 200 of them."""
    blocks = int(min(MOST_BLOCKS, max(1, (end - start) // round(BLOCK_SECONDS * SECOND))))
    bounds = start + np.arange(blocks + 1, dtype=np.int64) * ((end - start) // blocks)
    bounds[-1] = end
    return bounds


def _known_seconds(times_ns: Integers, known: npt.NDArray[np.bool_], bounds: Integers) -> Floats:
    """Seconds with a known mid in each block."""
    starts: Integers = np.concatenate([times_ns, bounds[-1:]]) - bounds[0]
    passed = np.concatenate([[0.0], np.cumsum(np.diff(starts) * known)])
    marks = bounds - bounds[0]
    last = _last_before(starts, marks)
    inside = (marks - starts[last]) * np.append(known, False)[last]
    return np.diff(passed[last] + inside) / SECOND


def _last_before(sorted_times: Integers, times: Integers) -> Integers:
    """Index of the last of `sorted_times` that is not after each time."""
    return (np.searchsorted(sorted_times, times, "right") - 1).astype(np.int64)


def _block_of(times: Integers, bounds: Integers) -> Integers:
    return np.clip(_last_before(bounds, times), 0, len(bounds) - 2)


def _sigma(times_ns: Integers, mid2: Integers, end: int, bounds: Integers, weights: Integers) -> Estimate:
    at, squares = squared_returns(times_ns, mid2, end, SIGMA_INTERVAL)
    if not squares.sum() > 0:
        raise InputError("recording", float(squares.sum()), "has a mid that never moves: sigma cannot be estimated")
    block = _block_of(at, bounds)
    sums = np.bincount(block, squares, len(bounds) - 1)
    numbers = np.bincount(block, minlength=len(bounds) - 1)
    value = realised_volatility(sums.sum(keepdims=True), numbers.sum(keepdims=True), SIGMA_INTERVAL)
    return _estimate(float(value[0]), realised_volatility(weights @ sums, weights @ numbers, SIGMA_INTERVAL))


def _edges(depth: Floats, half_spread: float, tick: float) -> Edges:
    if not np.isfinite(half_spread):
        raise InputError("recording", len(depth), "has no trades against a known mid: A and k need them")
    beyond = int((depth >= half_spread + 0.75 * tick).sum())
    edges = choose_edges(depth, half_spread, tick)
    if beyond < LEAST_REACHES or edges is None:
        raise InputError(
            "recording",
            f"{beyond} of {len(depth)} market orders beyond the touch",
            f"at least {LEAST_REACHES}, of several depths, are needed for A and k: take a longer recording",
        )
    return edges


def _reaching(reach: Reaches, edges: Edges, half_spread: float, tick: float, bounds: Integers) -> Integers:
    """How many came at least so far, by block, side (buys, sells) and depth (the touch, then the edges of the fit)."""
    counts = np.zeros((len(bounds) - 1, 2, edges.bins + 2), np.int64)
    came = reach.depth >= half_spread - tick / 4
    place = bin_of(reach.depth[came], edges, tick) + 1
    np.add.at(counts, (_block_of(reach.time_ns[came], bounds), (reach.side[came] < 0).astype(np.int64), place), 1)
    return counts[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]


def _rates(reaching: npt.NDArray[Any], seconds: Any, hold: float) -> Floats:
    """Orders a second behind what was seen in `seconds` of one side."""
    return (orders_behind(reaching, seconds / hold) if hold > 0 else reaching) / seconds


def _by_bin(reaching: Floats) -> Floats:
    """What comes into each bin, from what reaches each edge."""
    return np.append(reaching[..., :-1] - reaching[..., 1:], reaching[..., -1:], axis=-1)


def _intensity(
    both: Integers, seconds: Floats, hold: float, edges: Edges, weights: Integers
) -> tuple[Estimate, Estimate]:
    def fit(reaching: Any, known: Any) -> tuple[Floats, Floats]:
        exposure = 2 * np.asarray(known, np.float64)[..., None]
        return fit_exponential(_by_bin(_rates(reaching, exposure, hold) * exposure), known, edges)

    k, A = fit(both[:, 1:].sum(axis=0), seconds.sum())
    k_again, A_again = fit(weights @ both[:, 1:], weights @ seconds)
    return _estimate(float(k), k_again), _estimate(float(A), A_again)


def _estimate(value: float, again: Floats) -> Estimate:
    low, high = np.quantile(again[np.isfinite(again)], INTERVAL)
    return Estimate(value, float(low), float(high))


def _plain(values: npt.NDArray[Any]) -> tuple[float, ...]:
    return tuple(float(v) for v in values)
