"""The price index against a plain volume-weighted mean, on minute bars, judged by a venue that neither has seen.

Each bar is one print at its close, when it closes, or two (taker buys and sells) where the venue says how much takers
bought. The plain mean weighs every venue's last close by its volume of that minute and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BID, TRADE, empty_events
from quotewright.domain.kernel import as_records, records
from quotewright.domain.units import Step
from quotewright.market.fee_netted import VenueTerms, netting_table
from quotewright.market.index import INDEX, INDEX_WORK, index_path, index_rules, index_venues

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MINUTE = 60 * 10**9
BARS = ("venue", "symbol", "ts", "close", "volume", "taker_buy_base")


class BarSource(NamedTuple):
    """One series of bars, `venue` and `symbol` as in the table, and what trading it costs."""

    venue: str
    symbol: str
    terms: VenueTerms


class IndexErrors(NamedTuple):
    """Distance from the held-out venue, bp: mean, median, 95 % and largest of the absolute values."""

    minutes: int
    mean: float
    median: float
    high: float
    largest: float


def bar_events(bars: pl.DataFrame, sources: Sequence[BarSource]) -> Any:
    """The bars of `sources` as prints in order of time; `instrument` is the place in `sources`.

    `bars` has the columns of BARS, `ts` being the opening of a minute. Prices are rounded to the venue's tick and
    volumes to its lot: bars are floats already. Raises InputError for a missing column or a series without bars.
    """
    missing = [name for name in BARS if name not in bars.columns]
    if missing:
        raise InputError("bars", missing, f"must be columns, as {', '.join(BARS)} all are")
    parts: list[Any] = []
    for place, source in enumerate(sources):
        one = bars.filter((pl.col("venue") == source.venue) & (pl.col("symbol") == source.symbol))
        one = one.filter(pl.col("volume") > 0).sort("ts")
        if one.is_empty():
            raise InputError("bars", f"{source.venue} {source.symbol}", "has no bar with volume")
        parts += _prints(one, place, source.terms)
    events = np.concatenate(parts)
    return as_records(events[np.argsort(events["local_ts"], kind="stable")])


def _prints(one: pl.DataFrame, place: int, terms: VenueTerms) -> list[Any]:
    tick, lot = (float(Step.parse(text, "step").fraction) for text in (terms.tick, terms.lot))
    closes = one["ts"].dt.epoch("ns").to_numpy() + MINUTE
    volume = one["volume"].to_numpy()
    bought = one["taker_buy_base"].cast(pl.Float64).to_numpy()
    known = np.isfinite(bought)
    shares = ((BID, np.where(known, bought, 0.0)), (ASK, np.where(known, volume - bought, 0.0)))
    parts: list[Any] = []
    for side, quantity in (*shares, (0, np.where(known, 0.0, volume))):
        lots = np.rint(quantity / lot).astype(np.int64)
        rows = empty_events(len(one))
        rows["exch_ts"] = rows["local_ts"] = closes
        rows["kind"], rows["side"], rows["instrument"] = TRADE, side, place
        rows["price"] = np.rint(one["close"].to_numpy() / tick).astype(np.int64)
        rows["qty"] = lots
        parts.append(rows[lots > 0])
    return parts


def index_on_bars(bars: pl.DataFrame, sources: Sequence[BarSource], times: Integers, **rules: float) -> Any:
    """INDEX records at `times` (ns, ascending), prices in the quote asset; `rules` as in `index_rules`."""
    table = netting_table([source.terms for source in sources])
    out = records(len(times), INDEX)
    work = records(len(sources), INDEX_WORK)
    venues = index_venues([0] * len(sources))
    index_path(venues, table.rows, index_rules(**rules), bar_events(bars, sources), times, work, out)
    for field in ("price", "low", "high", "centre", "dispersion", "error"):
        out[field] *= float(table.price_unit)
    return out


def plain_vwap(bars: pl.DataFrame, sources: Sequence[BarSource], times: Integers) -> Floats:
    """Σ close × volume / Σ volume of the minute that closes at each of `times`; the last known where none traded."""
    total, volume = np.zeros(len(times)), np.zeros(len(times))
    for source in sources:
        one = bars.filter((pl.col("venue") == source.venue) & (pl.col("symbol") == source.symbol)).sort("ts")
        closes = one["ts"].dt.epoch("ns").to_numpy() + MINUTE
        place = np.searchsorted(closes, times)
        there = (place < len(closes)) & (closes[np.minimum(place, len(closes) - 1)] == times)
        weight = np.where(there, one["volume"].to_numpy()[np.minimum(place, len(closes) - 1)], 0.0)
        price = one["close"].to_numpy()[np.minimum(place, len(closes) - 1)]
        total += weight * price
        volume += weight
    with np.errstate(invalid="ignore"):
        mean = total / volume
    last: Integers = np.maximum.accumulate(np.where(volume > 0, np.arange(len(times)), 0))
    return mean[last]


def held_out_errors(estimate: Floats, truth: Floats) -> IndexErrors:
    """How far an estimate is from the held-out venue's price; minutes where either is missing are left out."""
    away = absolute_errors(estimate, truth)
    away = away[np.isfinite(away)]
    return IndexErrors(
        len(away), float(away.mean()), float(np.median(away)), float(np.quantile(away, 0.95)), float(away.max())
    )


def absolute_errors(estimate: Floats, truth: Floats) -> Floats:
    """|estimate / truth − 1| in bp; NaN where either is missing or zero."""
    known = (truth > 0) & (estimate > 0)
    return np.where(known, np.abs(np.where(known, estimate, 1) / np.where(known, truth, 1) - 1) * 1e4, np.nan)


def paired_interval(
    first: Floats, second: Floats, *, block: int = 60, draws: int = 2000, seed: int = 1
) -> tuple[float, float, float]:
    """Mean of first − second and its 95 % interval by a moving-block bootstrap of `block` minutes.

    H. R. Künsch (1989), "The jackknife and the bootstrap for general stationary observations", Ann. Statist. 17(3).
    """
    difference = (first - second)[np.isfinite(first) & np.isfinite(second)]
    n = len(difference)
    if n < 2 * block:
        raise InputError("block", block, f"must be at most half of the {n} minutes")
    sums = np.concatenate([[0.0], np.cumsum(difference)])
    starts = np.random.default_rng(seed).integers(0, n - block + 1, size=(draws, n // block))
    means: Floats = (sums[starts + block] - sums[starts]).sum(axis=1) / (n // block * block)
    return float(difference.mean()), float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def minute_grid(first: int, last: int) -> Integers:
    """Every full minute from `first` to `last`, ns, both included if they are full."""
    return np.arange(-(-first // MINUTE) * MINUTE, last + 1, MINUTE, dtype=np.int64)
