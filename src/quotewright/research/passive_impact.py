"""What our resting quotes do to a market, by running it twice: with them and without, everything else equal.

Only a synthetic market has such a counterfactual. Both runs have one preset and one seed; the latent value takes the
same path in both, so that spreads, others' quotes and the mid are paired moment by moment. The draws of takers and
makers are the same streams, but come to different uses once somebody has reacted.

Seeds are independent, so the intervals are Student's over seeds. What is estimated is the reaction of this market's
makers and takers, who react as they are written (simulation.synthetic_makers), not that of any venue.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BID
from quotewright.research.own_quotes import Look, Participant, Quote, Quoting
from quotewright.simulation.presets import Preset
from quotewright.simulation.synthetic import SECOND, SyntheticMarket
from quotewright.simulation.synthetic_state import FIRST_MAKER, INFORMED

Floats = npt.NDArray[np.float64]

LOOK_EVERY = SECOND // 20
DELAY = SECOND // 200
FEWEST_SEEDS = 2

UNITS = {
    "spread": "ticks",
    "others' spread": "ticks",
    "others' bid less value": "ticks",
    "others' ask less value": "ticks",
    "makers' bid less value": "ticks",
    "makers' ask less value": "ticks",
    "mid less value": "ticks",
    "makers' fills": "lots/s",
    "market orders": "lots/s",
    "our fills": "lots/s",
    "ours best": "share of time",
    "ours jumped": "1/s",
}


class Effect(NamedTuple):
    """The mean of a figure without and with our quotes, and the paired difference with its 95 % interval over seeds."""

    name: str
    unit: str
    without: float
    with_quotes: float
    difference: float
    error: float
    low: float
    high: float


def passive_impact(
    preset: Preset,
    quoting: Callable[[SyntheticMarket], Quoting],
    seeds: Sequence[int],
    *,
    seconds: int = 60,
    every_ns: int = LOOK_EVERY,
    delay_ns: int = DELAY,
) -> list[Effect]:
    """The effect on everyone of quoting for `seconds` in each seed's market, one Effect a figure of UNITS.

    `quoting` makes our rule for a market (`own_quotes.resting`, `by_strategy`); it looks every `every_ns` and its
    orders arrive `delay_ns` later. Figures are averages over the looks. *Ours jumped* counts the looks at which a quote
    of ours that was to be the best finds the others one tick ahead of it.
    Raises InputError for fewer than two seeds or times out of range.
    """
    if len(seeds) < FEWEST_SEEDS:
        raise InputError("seeds", list(seeds), "must be at least two, for an interval")
    if seconds < 1 or not 0 <= delay_ns < every_ns:
        raise InputError(
            "seconds, every_ns, delay_ns", (seconds, every_ns, delay_ns), "give a second, and a delay below"
        )
    runs = [[_run(preset, seed, make, seconds, every_ns, delay_ns) for make in (None, quoting)] for seed in seeds]
    without, with_quotes = (np.array([pair[k] for pair in runs]) for k in (0, 1))
    return [_effect(name, without[:, i], with_quotes[:, i]) for i, name in enumerate(UNITS)]


def _effect(name: str, without: Floats, with_quotes: Floats) -> Effect:
    change = with_quotes - without
    change = change[np.isfinite(change)]
    error = float(np.std(change, ddof=1)) / math.sqrt(len(change)) if len(change) > 1 else math.nan
    wide = float(stdtrit(len(change) - 1, 0.975)) * error if len(change) > 1 else math.nan
    mean = float(change.mean()) if len(change) else math.nan
    before, after = float(np.nanmean(without)), float(np.nanmean(with_quotes))
    return Effect(name, UNITS[name], before, after, mean, error, mean - wide, mean + wide)


def _run(
    preset: Preset,
    seed: int,
    make: Callable[[SyntheticMarket], Quoting] | None,
    seconds: int,
    every: int,
    delay: int,
) -> Floats:
    """The figures of UNITS of one market."""
    market = SyntheticMarket(preset, seed)
    us = Participant(market)
    quoting = make(market) if make is not None else _no_quotes
    looks: list[list[float]] = []
    fills: list[Any] = []
    jumped = 0
    led: dict[int, int] = {}
    start = market.now
    for time in range(start + every, start + seconds * SECOND + 1, every):
        fills.append(_advance(market, time))
        us.hear(fills[-1])
        look = us.look()
        others = {BID: look.other_bid, ASK: look.other_ask}
        jumped += sum(others[side] - price == side for side, price in led.items())
        own = us.open()
        if look.other_bid and look.other_ask:
            ours_best = sum((price - others[side]) * side >= 0 for side, price in own) / max(len(own), 1)
            looks.append(
                [
                    look.ask - look.bid,
                    look.other_ask - look.other_bid,
                    look.other_bid - market.value,
                    look.other_ask - market.value,
                    _makers_best(market, BID) - market.value,
                    _makers_best(market, ASK) - market.value,
                    0.5 * (look.ask + look.bid) - market.value,
                    ours_best,
                ]
            )
        wanted = quoting(look)
        fills.append(_advance(market, time + delay))
        us.hear(fills[-1])
        us.want(wanted)
        led = {side: price for side, price, _ in wanted if (price - others[side]) * side >= 0}
    done = np.concatenate(fills)
    by_makers = (done["maker_owner"] >= FIRST_MAKER) & (done["maker_owner"] < INFORMED)
    means = np.nanmean(np.array(looks), axis=0)
    rates = np.array([done["qty"][by_makers].sum(), done["qty"].sum(), us.lots]) / seconds
    return np.concatenate([means[:7], rates, means[7:], [jumped / seconds]])


def _no_quotes(_: Look) -> list[Quote]:
    return []


def _advance(market: SyntheticMarket, time: int) -> Any:
    """Run to `time`; the executions on the way."""
    while not market.run_until(time, most_rows=1 << 12):
        market.take_events()
    market.take_events()
    return market.take_executions()


def _makers_best(market: SyntheticMarket, side: int) -> float:
    """The best price of the competing makers, NaN while they quote none."""
    orders = np.asarray(market.engine.orders)
    theirs = (orders["owner"] >= FIRST_MAKER) & (orders["owner"] < INFORMED) & (orders["id"] != 0)
    prices = orders["price"][theirs & (orders["side"] == side)]
    return float((prices * side).max() * side) if len(prices) else math.nan
