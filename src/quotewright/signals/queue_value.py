"""What a place in the queue is worth, and when a tick for priority is well paid.

After Moallemi & Yuan (2017), "A model for queue position valuation in a limit order book", on a grid of lots: a small
order rests behind q lots at distance δ ("edge") from the fundamental price, itself a martingale.
- Trades into this queue come at rate μ; one of u lots takes the u lots in front (and the order if u > q) and moves the
  fundamental price θu towards the order. Trades on the other side come as often and move it as far away.
- Every lot ahead is cancelled at rate η.
- At rate γ the price jumps by J: up or down alike. Through the order, which is filled and loses what J exceeds the
  edge; or away from it, and the order is worth nothing more.
The value is V(q, δ) = α(q)δ − β(q): α the probability of a fill, β the expected adverse selection. Prices are in one
unit throughout, ticks or basis points; lots may be any unit, such as a typical trade.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel, subkernel

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

OUT = 0
JOIN = 1
IMPROVE = 2
STAY = 3

MOST_LOTS = 10_000  # a trade, in the unit chosen

RATES = ("trades", "cancels", "jumps", "impact")


@dataclass(frozen=True, eq=False)
class QueueModel:
    """The rates above, with the distribution of trade sizes."""

    trades: float  # μ, 1/s into this queue
    cancels: float  # η, 1/s a lot ahead
    jumps: float  # γ, 1/s
    impact: float  # θ, price a lot
    jump: float  # J, price
    sizes: Floats  # probability of a trade of 1, 2, … lots

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", np.asarray(self.sizes, np.float64))
        rates = (self.trades, self.cancels, self.jumps, self.impact, self.jump)
        if not (min(rates) >= 0 and self.trades > 0 and self.jumps > 0):
            raise InputError("rates", rates, "give none below 0, and trades and jumps above 0")
        if self.sizes.ndim != 1 or (self.sizes < 0).any() or abs(float(self.sizes.sum()) - 1) > 1e-9:
            raise InputError("sizes", float(self.sizes.sum()), "give probabilities that add up to 1")


class QueueValue(NamedTuple):
    """α and β by lots ahead, 0 to the deepest asked for."""

    fill: Floats
    adverse: Floats

    def value(self, ahead: Any, edge: float) -> Any:
        """V(q, δ) = α(q)δ − β(q) at `ahead` lots."""
        return self.fill[ahead] * edge - self.adverse[ahead]


class Rates(NamedTuple):
    """A model estimated from counts, and standard errors of its rates by name."""

    model: QueueModel
    errors: dict[str, float]


def queue_value(model: QueueModel, deepest: int) -> QueueValue:
    """Solve for α and β, from the front backwards: with R = μ + ηq + γ and p the sizes,

    R·α(q) = μ[P(u > q) + Σ_{u ≤ q} p_u α(q−u)] + ηq·α(q−1) + γ/2
    R·β(q) = μ[Σ_{u > q} p_u θu + Σ_{u ≤ q} p_u(β(q−u) + θu·α(q−u))] − μθū·α(q) + ηq·β(q−1) + γJ/2

    which is the paper's balance over the next event (section 3), where the other side's trades give −μθū·α(q).
    """
    if deepest < 0:
        raise InputError("deepest", deepest, "give 0 lots or more")
    p, size = model.sizes, np.arange(1, len(model.sizes) + 1, dtype=np.float64)
    moved = model.impact * size * p
    alpha, beta = np.empty(deepest + 1), np.empty(deepest + 1)
    for q in range(deepest + 1):
        reach = min(q, len(p))
        left = slice(q - reach, q)  # places after trades of `reach`, …, 2, 1 lots
        shares, costs = p[:reach][::-1], moved[:reach][::-1]
        total = model.trades + model.cancels * q + model.jumps
        a = model.trades * (float(p[reach:].sum()) + float(shares @ alpha[left])) + model.jumps / 2
        b = model.trades * (float(moved[reach:].sum()) + float(shares @ beta[left] + costs @ alpha[left]))
        b += model.jumps * model.jump / 2
        if q > 0:
            a += model.cancels * q * alpha[q - 1]
            b += model.cancels * q * beta[q - 1]
        alpha[q] = a / total
        beta[q] = (b - model.trades * float(moved.sum()) * alpha[q]) / total
    return QueueValue(alpha, beta)


def front_over_average(values: QueueValue, edge: float) -> float:
    """Value of the front of a queue over the average of all its places (those that `values` was solved for)."""
    return float(values.value(0, edge) - np.mean(values.fill * edge - values.adverse))


def dearest_tick(values: QueueValue, ahead: Any, edge: float) -> Any:
    """The tick (same unit as the edge) below which improving by one beats joining behind `ahead` lots.

    From α(0)(δ − τ) − β(0) = α(q)δ − β(q): a better price that starts a queue of its own, and meets the same flow.
    """
    return (values.value(0, edge) - values.value(ahead, edge)) / values.fill[0]


def improvement_gains(values: QueueValue, ahead: int, edge: float, ticks: Floats) -> Floats:
    """Improving by one tick less joining behind `ahead` lots, for each tick size; NaN where the spread has no room.

    `edge` is half the spread, in the unit of the ticks (basis points, to compare venues); there is room if the
    spread is 2 ticks at least. Price priority is worth its tick where the gain is above 0; elsewhere time is.
    """
    tick = np.asarray(ticks, np.float64)
    gains = values.fill[0] * (edge - tick) - values.adverse[0] - float(values.value(ahead, edge))
    return np.where(tick <= edge, gains, math.nan)


@subkernel
def best_place(fill: Any, adverse: Any, held: int, ahead: int, edge: float, tick: float, ticks_wide: int) -> int:
    """STAY, JOIN, IMPROVE or OUT, whichever is worth most; of equals the first in this order.

    `held` is the lots ahead of our order, −1 if there is none; `ahead` the whole queue; beyond the tables the last
    entry stands. OUT is worth 0.
    """
    last = len(fill) - 1
    best = OUT
    most = 0.0
    if ticks_wide >= 2:
        value = fill[0] * (edge - tick) - adverse[0]
        if value > most:
            most = value
            best = IMPROVE
    behind = min(ahead, last)
    value = fill[behind] * edge - adverse[behind]
    if value > 0.0 and value >= most:
        most = value
        best = JOIN
    if held >= 0:
        place = min(held, last)
        value = fill[place] * edge - adverse[place]
        if value > 0.0 and value >= most:
            best = STAY
    return best


@kernel
def _choose(fill: Any, adverse: Any, held: Any, ahead: Any, edges: Any, tick: float, widths: Any, chosen: Any) -> None:
    for i in range(len(held)):
        chosen[i] = best_place(fill, adverse, held[i], ahead[i], edges[i], tick, widths[i])


def best_places(
    values: QueueValue, held: Integers, ahead: Integers, edges: Floats, tick: float, ticks_wide: Integers
) -> Integers:
    """`best_place` over arrays."""
    columns = [np.ascontiguousarray(c, np.int64) for c in (held, ahead, ticks_wide)]
    chosen = np.empty(len(columns[0]), np.int64)
    prices = np.ascontiguousarray(edges, np.float64)
    _choose(values.fill, values.adverse, columns[0], columns[1], prices, float(tick), columns[2], chosen)
    return chosen


def estimate(
    sizes: Integers, moves: Floats, cancelled: int, lot_seconds: float, jumps: int, jump: float, seconds: float
) -> Rates:
    """The model from what was counted in `seconds`.

    `sizes` are the trades into the queue (lots) and `moves` how the fundamental price moved by each; `cancelled` lots
    left in `lot_seconds`, the integral of the queue over time; the price jumped `jumps` times by `jump` on average.
    Rates of Poisson processes, n/t ± √n/t; θ by least squares through 0, with White's errors.
    """
    sizes = np.asarray(sizes, np.int64)
    n = len(sizes)
    if n < 2 or sizes.min() < 1 or jumps < 1 or not (seconds > 0 and lot_seconds > 0):
        raise InputError("sizes, jumps", (n, jumps), "give two trades of a lot or more, a jump, and times above 0")
    if sizes.max() > MOST_LOTS:
        raise InputError("sizes", int(sizes.max()), "count in larger lots, such as a typical trade")
    lots = sizes.astype(np.float64)
    power = float(lots @ lots)
    impact = float(lots @ moves) / power
    model = QueueModel(
        n / seconds, cancelled / lot_seconds, jumps / seconds, max(impact, 0.0), jump, np.bincount(sizes)[1:] / n
    )
    error = math.sqrt(float((lots**2) @ (moves - impact * lots) ** 2)) / power
    errors = (math.sqrt(n) / seconds, math.sqrt(cancelled) / lot_seconds, math.sqrt(jumps) / seconds, error)
    return Rates(model, dict(zip(RATES, errors, strict=True)))


def value_error(rates: Rates, ahead: int, edge: float) -> float:
    """Standard error of V(ahead, edge) by the delta method, the rates independent and the sizes taken as known."""
    variance = 0.0
    for name, error in rates.errors.items():
        at = float(getattr(rates.model, name))
        step = 1e-4 * at if at > 0 else 1e-8
        up, down = (
            queue_value(replace(rates.model, **{name: max(at + way * step, 0.0)}), ahead).value(ahead, edge)
            for way in (1, -1)
        )
        variance += (float(up - down) / (2 * step if at > 0 else step) * error) ** 2
    return math.sqrt(variance)
