"""The table of an experiment: at each bar's close what was known, what came after, and the part it belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from quotewright.datasets.as_of import Series, as_of
from quotewright.domain.errors import InputError
from quotewright.indicators.catalogue import feature
from quotewright.indicators.stream import Stream
from quotewright.lineage.documents import digest
from quotewright.models.fitting import Spans
from quotewright.validation.labels import NEVER, Labels, directions, forward_returns
from quotewright.validation.triple_barrier import triple_barrier

if TYPE_CHECKING:
    from quotewright.datasets.dataset import Dataset
    from quotewright.datasets.splits import Split
    from quotewright.studies.experiment_spec import LabelSpec, Spec

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

PARTS = ("train", "backtest", "forward")
BAR = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Table:
    """One row a bar, n in all; `usable` rows have every feature and a label that the data reach.

    `moves` are simple returns from a bar's close to the next (NaN: none), `exits` the bar at which a decision of this
    row is over. `train`, `backtest` and `forward` mark usable rows, purged and embargoed; `span` gives all bars of a
    part, over which positions are held.
    """

    dataset: str  # hash of the bars, cleaned, and of the series
    market: str  # of the bars alone: what is traded, by which trials are counted
    name: str
    feature_hash: str
    features: tuple[str, ...]
    times: Integers  # ns: the close, when the row is decided on
    X: Floats
    y: Floats
    ends: Integers  # ns: when the label is known; NEVER: not
    exits: Integers
    moves: Floats
    split: Split
    usable: Mask
    train: Mask
    backtest: Mask
    forward: Mask

    def part(self, name: str) -> Integers:
        """The usable rows of a part. Raises InputError for another name."""
        if name not in PARTS:
            raise InputError("part", name, f"must be one of {', '.join(PARTS)}")
        return np.flatnonzero(getattr(self, name))

    def span(self, name: str) -> Integers:
        """Every bar whose return lies in a part, beginning after the embargo."""
        inside = getattr(self.split, name)
        start = inside.start + (0 if name == "train" else self.split.embargo)
        later = np.append(self.times[1:], NEVER)
        return np.flatnonzero((self.times >= start) & (later <= inside.end) & np.isfinite(self.moves))

    def spans(self, rows: Integers) -> Spans:
        """When the labels of rows begin and end."""
        return Spans(self.times[rows], self.ends[rows])

    def counts(self) -> dict[str, int]:
        """Rows by part, and bars in all."""
        return {"bars": len(self.times), **{part: int(getattr(self, part).sum()) for part in PARTS}}


def make_table(spec: Spec, bars: Dataset, series: Sequence[tuple[Series, int | None]], split: Split) -> Table:
    """Features of the bars and of series as of when they were known, labels, and the parts of the split.

    Bars without a close are left out first. Raises InputError for a series that is not there, or a feature or label
    that the bars have no column for.
    """
    frame = bars.frame.filter(bars.frame["close"].is_not_null() & bars.frame["close"].is_not_nan())
    if not frame.height:
        raise InputError("dataset", bars.manifest.name, "has no bar with a close")
    times = frame["time"].to_numpy()
    if (np.diff(times) <= 0).any():
        raise InputError("dataset", bars.manifest.name, "has times out of order or twice: clean = in_order, …")
    columns = _bar_columns(frame, spec.dataset.volume)
    for one, age in series:
        columns[one.name] = as_of(times, one, max_age=age)
    close = columns["close"]
    X, feature_hash = _features(spec, columns, series)
    labels = _labels(spec.label, spec, times, columns)
    usable = labels.known & np.isfinite(X).all(axis=1)
    bounded = np.where(labels.known, labels.ends, times)
    parts = split.parts(times, bounded)
    moves = np.full(len(times), np.nan)
    moves[:-1] = close[1:] / close[:-1] - 1
    exits = np.searchsorted(times, labels.ends, side="left")
    return Table(
        dataset=_dataset_hash(bars, series),
        market=bars.manifest.hash,
        name=bars.manifest.name,
        feature_hash=feature_hash,
        features=tuple(spec.features.names),
        times=times,
        X=X,
        y=labels.values,
        ends=labels.ends,
        exits=np.where(usable, exits, 0),
        moves=moves,
        split=split,
        usable=usable,
        train=parts.train & usable,
        backtest=parts.backtest & usable,
        forward=parts.forward & usable,
    )


def check_table(table: Table) -> Table:
    """The table, if each part has rows and every feature varies and is known; InputError naming what is not."""
    training = (table.times >= table.split.train.start) & (table.times < table.split.train.end)
    if not training.any():
        raise InputError("split.train", list(table.split.train), f"has no bar of {table.name}")
    for place, name in enumerate(table.features):
        known = table.X[training, place]
        known = known[np.isfinite(known)]
        if len(known) < 0.5 * training.sum():
            raise InputError("features.names", name, "is unknown on most of the training rows: leave it out")
        if np.ptp(known) == 0:
            raise InputError("features.names", name, "does not vary on the training rows: leave it out")
    for part in PARTS:
        if not len(table.part(part)):
            raise InputError(f"split.{part}", list(getattr(table.split, part)), "has no row with features and label")
    return table


def _bar_columns(frame: Any, volume: str) -> dict[str, Floats]:
    if volume and volume not in frame.columns:
        raise InputError("dataset.volume", volume, f"is not a column; there are {', '.join(frame.columns)}")
    renamed = {**{name: name for name in BAR}, **({"volume": volume} if volume else {})}
    return {
        name: frame[column].cast(float).fill_null(np.nan).to_numpy()
        for name, column in renamed.items()
        if column in frame.columns
    }


def _features(
    spec: Spec, columns: dict[str, Floats], series: Sequence[tuple[Series, int | None]]
) -> tuple[Floats, str]:
    """Their values, and what the columns mean: with series, also which ones and how long a value counts."""
    stream = Stream(spec.features.names)
    for column in stream.inputs:
        if column not in columns:
            of = next(one.name for one in stream.features if column in one.inputs)
            raise InputError("features.names", of, f"needs {column}; there are {', '.join(columns)}")
    X = np.ascontiguousarray(stream.extend(columns))
    if not series:
        return X, stream.hash
    return X, digest([stream.hash, [msgspec.to_builtins(one) for one in spec.series]])


def _labels(label: LabelSpec, spec: Spec, times: Integers, columns: dict[str, Floats]) -> Labels:
    close = columns["close"]
    round_trip = 2 * (spec.costs.fee_bp + spec.costs.slippage_bp) / 1e4
    cost = max(round_trip, 0.0) if label.net else 0.0
    if label.kind == "triple_barrier":
        widths = None
        if label.width:
            chosen = feature(label.width)
            widths = Stream([chosen.name]).extend(columns)[:, 0]
        whole = {"high", "low"} <= set(columns)
        found = triple_barrier(
            times,
            close,
            take=label.take,
            stop=label.stop,
            bars=label.bars,
            highs=columns["high"] if whole else None,
            lows=columns["low"] if whole else None,
            opens=columns.get("open") if whole else None,
            widths=widths,
            cost=cost,
        )
        return found.labels(deadline=label.deadline)
    found = forward_returns(times, close, label.bars, cost=cost)
    if label.kind == "return":
        return found
    if label.band_bp > 0:
        return directions(found, label.band_bp / 1e4)
    return Labels(np.where(found.known, (found.values > 0).astype(np.float64), np.nan), found.starts, found.ends)


def _dataset_hash(bars: Dataset, series: Sequence[tuple[Series, int | None]]) -> str:
    """The bars' own hash; with series, one over both."""
    if not series:
        return bars.manifest.hash
    told = [[one.name, _array_digest(one)] for one, _ in series]
    return digest([bars.manifest.hash, told])


def _array_digest(series: Series) -> str:
    content = b"".join(np.ascontiguousarray(each).tobytes() for each in (series.time, series.known, series.value))
    return hashlib.sha256(content).hexdigest()
