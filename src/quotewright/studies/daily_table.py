"""Daily bars as a table to learn from: indicators known at each close, and the return of the day after it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from quotewright.datasets.cleaning import without_impossible_bars
from quotewright.datasets.described import published, read_dataset
from quotewright.domain.errors import InputError
from quotewright.indicators.catalogue import WINDOWS
from quotewright.indicators.stream import Stream
from quotewright.validation.labels import forward_returns

if TYPE_CHECKING:
    from quotewright.datasets.dataset import Dataset
    from quotewright.datasets.splits import Split

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

DAILY_BTC = "btcusd-1d-merged"
FAMILIES = ("cmf", "mfi", "bollinger_width", "bollinger_place", "keltner_width", "log_return")
"""Accumulation/Distribution over its volume, Money Flow, Bollinger bands, Keltner width, Δ log price: each window."""
FEATURES = (*(f"{family}_{window}" for family in FAMILIES for window in WINDOWS), "sar_distance")


@dataclass(frozen=True)
class DailyTable:
    """One row a day: what was known when the day closed, and the log return until the next close.

    `dropped` says which features were left out, and why; `left_out` how many rows had something unknown.
    """

    dataset: str  # content hash
    feature_hash: str
    features: tuple[str, ...]
    times: Integers  # ns: the close, when the row is decided on
    ends: Integers  # ns: the next close, when its return is known
    X: Floats
    returns: Floats  # log
    train: Mask
    backtest: Mask
    forward: Mask
    dropped: dict[str, str]
    left_out: int


def daily_btc(data: Path) -> Dataset:
    """The daily BTC/USD bars below `data`, cleaned; every step is in its manifest."""
    dataset = read_dataset(data, published()[DAILY_BTC])
    return without_impossible_bars(dataset)


def daily_table(dataset: Dataset, split: Split) -> DailyTable:
    """Features and returns of a dataset of daily bars, split by time.

    A feature that is not known on four fifths of the training rows, or does not vary there, is dropped; then rows are
    left out where one is unknown. Raises InputError if a part has no row left.
    """
    frame = dataset.frame
    times = frame["time"].to_numpy()
    volume = next(name for name in ("volume_usd", "volume") if name in frame.columns)
    bars = {name: frame[name].cast(float).fill_null(np.nan).to_numpy() for name in ("open", "high", "low", "close")}
    bars["volume"] = frame[volume].cast(float).fill_null(np.nan).to_numpy()
    stream = Stream(FEATURES)
    X = stream.extend(bars)
    labels = forward_returns(times, bars["close"], 1)
    known = labels.known
    parts = split.parts(times, labels.ends)
    dropped = _dropped(X[parts.train & known], FEATURES)
    kept = [place for place, name in enumerate(FEATURES) if name not in dropped]
    whole = known & np.isfinite(X[:, kept]).all(axis=1)
    inside = parts.train | parts.backtest | parts.forward
    masks = [mask[whole & inside] for mask in (parts.train, parts.backtest, parts.forward)]
    for name, mask in zip(("train", "backtest", "forward"), masks, strict=True):
        if not mask.any():
            raise InputError("split", split.name, f"leaves no row with every feature in {name}")
    chosen = whole & inside
    train, backtest, forward = masks
    return DailyTable(
        dataset=dataset.manifest.hash,
        feature_hash=stream.hash,
        features=tuple(FEATURES[place] for place in kept),
        times=times[chosen],
        ends=labels.ends[chosen],
        X=np.ascontiguousarray(X[chosen][:, kept]),
        returns=np.log1p(labels.values[chosen]),
        train=train,
        backtest=backtest,
        forward=forward,
        dropped=dropped,
        left_out=int((inside & ~whole).sum()),
    )


def _dropped(rows: Floats, names: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for place, name in enumerate(names):
        values = rows[:, place]
        finite = values[np.isfinite(values)]
        if len(finite) < 0.8 * len(values):
            found[name] = "is not known on a fifth or more of the training days"
        elif np.ptp(finite) == 0:
            found[name] = "does not vary"
    return found
