"""A dollar price of bitcoin from four markets, one of which is quoted in a coin that loses its peg.

    python examples/06_price_index.py out [minute-bars.parquet]

Without a file the bars are made up. A file needs the columns venue, symbol, ts, close, volume, taker_buy_base, with the
series named below.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from quotewright.market.fee_netted import VenueTerms
from quotewright.research.index_study import BarSource, index_on_bars, minute_grid, plain_vwap
from quotewright.research.study_page import Figure, write_study

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
LOT = "0.00000001"
SERIES = [
    BarSource("kraken", "BTC/USD", VenueTerms("a", "0.1", LOT, "0.0016", "0.0026")),
    BarSource("kraken", "BTC/USDC", VenueTerms("b", "0.01", LOT, "0.0016", "0.0026")),
    BarSource("binanceus", "BTC/USD", VenueTerms("c", "0.01", LOT)),
    BarSource("binanceus", "BTC/USDT", VenueTerms("d", "0.01", LOT)),
]


def made_up_bars() -> pl.DataFrame:
    """Six hours of a random walk; from the second hour on a USDC is worth up to 12 % less than a dollar."""
    rng = np.random.default_rng(11)
    minutes = 360
    dollars = 20_000 * np.exp(np.cumsum(rng.normal(0, 4e-4, minutes)))
    peg = 1 - 0.12 * np.exp(-(((np.arange(minutes) - 200) / 60) ** 2))
    start = datetime(2023, 3, 11, tzinfo=UTC)
    tables = []
    for source, volume in zip(SERIES, (10, 6, 8, 3), strict=True):
        close = dollars / (peg if source.symbol == "BTC/USDC" else 1) * np.exp(rng.normal(0, 1e-4, minutes))
        traded = rng.exponential(volume, minutes)
        columns = {
            "ts": [start + timedelta(minutes=m) for m in range(minutes)],
            "close": close,
            "volume": traded,
            "taker_buy_base": traded * rng.beta(4, 4, minutes),
        }
        named = pl.DataFrame(columns).with_columns(venue=pl.lit(source.venue), symbol=pl.lit(source.symbol))
        tables.append(named)
    return pl.concat(tables)


bars = pl.read_parquet(sys.argv[2]) if len(sys.argv) > 2 else made_up_bars()
if len(sys.argv) > 2:
    first_day, last_day = datetime(2023, 3, 10, 20, tzinfo=UTC), datetime(2023, 3, 13, 12, tzinfo=UTC)
    bars = bars.filter(pl.col("ts").is_between(first_day, last_day))
opened = bars["ts"].dt.epoch("ns").to_numpy()
times = minute_grid(int(opened.min()) + 10 * 60 * 10**9, int(opened.max()))

index = index_on_bars(bars, SERIES, times, price_memory=20, volume_memory=1800, idle_memory=120, max_age=600)
vwap = plain_vwap(bars, SERIES, times)
dollar = index_on_bars(bars, [SERIES[0], SERIES[2]], times, price_memory=20, volume_memory=1800, max_age=600)["price"]

for name, values in (("index", index["price"]), ("plain VWAP", vwap)):
    away = np.abs(values / dollar - 1) * 1e4
    print(f"{name:>10}: from the dollar markets {away.mean():6.1f} bp on average, {away.max():7.1f} bp at most")

when = (times.astype("datetime64[ns]").astype("datetime64[s]")).astype(str)
lines = [("plain VWAP", vwap), ("index", index["price"]), ("dollar markets alone", dollar)]
page = out / "price_index.html"
write_study(
    "A price index through a de-peg",
    [
        Figure(
            "One market is quoted in a coin that loses its peg. The plain mean follows it, the index does not.",
            [{"type": "scatter", "name": name, "x": when.tolist(), "y": values} for name, values in lines],
            {"yaxis": {"title": {"text": "USD a BTC"}}},
        ),
        Figure(
            "Distance of the market that is furthest from the median, and the index's own error.",
            [
                {"type": "scatter", "name": "furthest market", "x": when.tolist(), "y": index["distance"] * 1e4},
                {"type": "scatter", "name": "error", "x": when.tolist(), "y": index["error"] / index["price"] * 1e4},
            ],
            {"yaxis": {"title": {"text": "bp"}}},
        ),
    ],
    page,
)
print(page)
