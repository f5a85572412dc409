"""Stylised facts of a synthetic market, measured on the market itself rather than taken from its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.events import ADD, ASK, BID, DELETE, EventArray
from quotewright.simulation.presets import Preset
from quotewright.simulation.synthetic import SECOND, SyntheticMarket
from quotewright.simulation.synthetic_exchange import Executions
from quotewright.simulation.synthetic_state import INFORMED, TREND

SAMPLE = SECOND // 10
FANO_WINDOW = 10 * SECOND


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of one run; distances in ticks, quantities in lots, rates per second."""

    rows_per_second: float
    takers_per_second: float  # executed market orders
    spread: float  # time average
    median_spread: float
    touch_qty: float  # time average of the best bid's quantity
    volatility: float  # of the mid, ticks/√s, from one-second changes
    kurtosis: float  # of one-second changes of the mid; 3 for a normal law
    mispricing: float  # mean |mid − latent value|
    sign_correlation: float  # of successive market orders' sides
    fano: float  # variance / mean of market orders in ten-second windows; 1 for a Poisson process
    lifetime: float  # median seconds from an order's ADD to its DELETE
    informed_share: float  # of the traded lots, taken by informed traders
    trend_share: float  # taken by trend followers
    maker_share: float  # of the traded lots, provided by the competing makers


def measure(preset: Preset, seed: int, duration_ns: int) -> Facts:
    """Run a market for `duration_ns` (at least a minute, or the windows are too few) and measure it."""
    market = SyntheticMarket(preset, seed)
    mids: list[float] = []
    spreads: list[int] = []
    touch: list[int] = []
    gaps: list[float] = []
    events: list[EventArray] = []
    executions: list[Executions] = []
    for time in range(preset.start_ns + SAMPLE, preset.start_ns + duration_ns + 1, SAMPLE):
        market.run_until(time)
        (bid, bid_qty), (ask, _) = market.engine.best(BID), market.engine.best(ASK)
        if bid and ask:
            mids.append(0.5 * (bid + ask))
            spreads.append(ask - bid)
            touch.append(bid_qty)
            gaps.append(abs(mids[-1] - market.value))
        events.append(market.take_events())
        executions.append(market.take_executions())
    rows = np.concatenate(events)
    done = np.concatenate(executions)
    takers = done[np.flatnonzero(np.diff(done["taker"], prepend=-1))]
    changes = np.diff(np.array(mids)[:: SECOND // SAMPLE])
    signs = takers["side"].astype(np.float64)
    counts = np.bincount((takers["ts"] - preset.start_ns) // FANO_WINDOW, minlength=1)[: duration_ns // FANO_WINDOW]
    lots = done["qty"].sum()
    by_maker = (done["maker_owner"] > 0) & (done["maker_owner"] < INFORMED)
    seconds = duration_ns / SECOND
    return Facts(
        rows_per_second=len(rows) / seconds,
        takers_per_second=len(takers) / seconds,
        spread=float(np.mean(spreads)),
        median_spread=float(np.median(spreads)),
        touch_qty=float(np.mean(touch)),
        volatility=float(changes.std()),
        kurtosis=float(((changes - changes.mean()) ** 4).mean() / changes.var() ** 2),
        mispricing=float(np.mean(gaps)),
        sign_correlation=float(np.corrcoef(signs[1:], signs[:-1])[0, 1]),
        fano=float(counts.var() / counts.mean()),
        lifetime=float(np.median(lifetimes(rows))) / SECOND,
        informed_share=float(done["qty"][done["taker_owner"] == INFORMED].sum() / lots),
        trend_share=float(done["qty"][done["taker_owner"] == TREND].sum() / lots),
        maker_share=float(done["qty"][by_maker].sum() / lots),
    )


def lifetimes(rows: EventArray) -> npt.NDArray[np.int64]:
    """Nanoseconds from ADD to DELETE of every order that `rows` shows from beginning to end."""
    added: Any = rows[rows["kind"] == ADD]
    deleted: Any = rows[rows["kind"] == DELETE]
    _, first, second = np.intersect1d(added["order_id"], deleted["order_id"], assume_unique=True, return_indices=True)
    return deleted["exch_ts"][second] - added["exch_ts"][first]
