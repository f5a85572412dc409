"""The data of an experiment: bars and series, read or made, and cleaned by recorded steps."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from quotewright.datasets import cleaning
from quotewright.datasets.as_of import Series
from quotewright.datasets.dataset import Dataset, make_dataset
from quotewright.datasets.described import Description, published, read_dataset
from quotewright.datasets.manifest import Column
from quotewright.datasets.print_bars import time_bars
from quotewright.datasets.prints import Prints
from quotewright.datasets.splits import Interval, Split, find_split
from quotewright.domain.errors import InputError
from quotewright.domain.events import TRADE
from quotewright.domain.units import parse_duration
from quotewright.studies.experiment import Experiment
from quotewright.studies.experiment_spec import DatasetSpec, SeriesSpec, SplitSpec, Synthetic
from quotewright.studies.experiment_table import Table, check_table, make_table

STEPS: dict[str, Callable[..., Dataset]] = {
    step.__name__: step
    for step in (
        cleaning.in_order,
        cleaning.without_duplicates,
        cleaning.without_flagged,
        cleaning.without_columns,
        cleaning.without_impossible_bars,
        cleaning.with_outliers_flagged,
        cleaning.with_volumes_put_right,
        cleaning.with_zeros_empty,
        cleaning.carried_forward,
        cleaning.rescaled,
    )
}


@dataclass(frozen=True)
class Sources:
    """What an experiment reads, as it was read: bars, and for each of its series a dataset; steps are still to do.

    A series of the bars' own columns has no dataset of its own. `split` is that of the cleaned bars, fixed once: what
    is made of less data must not move it.
    """

    bars: Dataset
    series: Mapping[str, Dataset]
    split: Split


def table_of(experiment: Experiment) -> Table:
    """The experiment's table; kept, so that asking again costs nothing."""
    return _kept_table(experiment.packed())


def sources_of(experiment: Experiment) -> Sources:
    """Read or make what the experiment names. Raises InputError for what is not there, DataError for damaged files."""
    spec = experiment.spec
    bars = _read(experiment, spec.dataset)
    others = {one.name: _read(experiment, one) for one in spec.series if one.published or one.file}
    return Sources(bars, others, _split(spec.split, cleaned(bars, spec.dataset)))


def table_from(experiment: Experiment, sources: Sources) -> Table:
    """Clean, join and label: a function of the sources' rows alone, which is what the audit holds it to."""
    spec = experiment.spec
    bars = cleaned(sources.bars, spec.dataset)
    series = [
        (_series(one, cleaned(sources.series[one.name], one) if one.name in sources.series else bars), _age(one))
        for one in spec.series
    ]
    return make_table(spec, bars, series, sources.split)


def cleaned(dataset: Dataset, spec: DatasetSpec | SeriesSpec) -> Dataset:
    """The dataset after the steps asked for; raises InputError for a step or setting that there is not."""
    if isinstance(spec, DatasetSpec) and spec.keys:
        dataset = cleaning.only(dataset, **spec.keys)
    for number, given in enumerate(spec.clean):
        settings = dict(given)
        name = settings.pop("step", "")
        where = f"clean {number + 1}"
        if name not in STEPS:
            raise InputError(f"{where}: step", name, f"must be one of {', '.join(STEPS)}")
        columns: Sequence[str] = ()
        if any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(STEPS[name]).parameters.values()):
            columns = settings.pop("columns", ())
        try:
            inspect.signature(STEPS[name]).bind(dataset, *columns, **settings)
        except TypeError as error:
            raise InputError(f"{where}: {name}", settings, str(error)) from None
        dataset = STEPS[name](dataset, *columns, **settings)
    return dataset


@lru_cache(maxsize=4)
def _kept_table(packed: tuple[str, str, str]) -> Table:
    experiment = Experiment.unpacked(packed)
    return check_table(table_from(experiment, sources_of(experiment)))


def _read(experiment: Experiment, spec: DatasetSpec | SeriesSpec) -> Dataset:
    if isinstance(spec, DatasetSpec) and spec.synthetic is not None:
        return _synthetic(spec.synthetic)
    if spec.file:
        try:
            described = msgspec.convert(spec.file, Description)
        except msgspec.ValidationError as error:
            raise InputError("file", spec.file, f"{error}; `quotewright.datasets.described` lists the fields") from None
        return read_dataset(Path(experiment.folder), described)
    known = published()
    if spec.published not in known:
        raise InputError("published", spec.published, f"is not one of {', '.join(known)}")
    if not experiment.data:
        raise InputError("data", "", f"give the folder that holds {known[spec.published].path}")
    return read_dataset(Path(experiment.data), known[spec.published])


def _series(spec: SeriesSpec, dataset: Dataset) -> Series:
    found = dataset.series(spec.column, **spec.keys)
    return Series(spec.name, found.time, found.known, found.value)


def _age(spec: SeriesSpec) -> int | None:
    return parse_duration(spec.max_age, f"max_age of {spec.name}") if spec.max_age else None


def _split(spec: SplitSpec, bars: Dataset) -> Split:
    given = [bool(spec.name), bool(spec.train or spec.backtest or spec.forward), bool(spec.shares)]
    if sum(given) != 1:
        raise InputError("split", spec.name, "give one of name; train, backtest and forward; shares")
    wait = parse_duration(spec.embargo, "split.embargo")
    if spec.name:
        found = find_split(spec.name)
        return Split(found.name, found.train, found.backtest, found.forward, wait or found.embargo)
    if spec.shares:
        if len(spec.shares) != 2:
            raise InputError("split.shares", spec.shares, "give two: of train and of backtest")
        span = Interval(bars.manifest.first, bars.manifest.last + 1)
        return Split.by_share("shares", span, spec.shares[0], spec.shares[1], embargo=wait)
    return Split.from_dict(
        {"name": "dates", **{p: getattr(spec, p) for p in ("train", "backtest", "forward")}, "embargo": wait}
    )


@lru_cache(maxsize=4)
def _synthetic(spec: Synthetic) -> Dataset:
    """Bars of a whole market, by the time at which prints arrived: `imbalance` is (bought − sold)/volume."""
    from quotewright.sessions.synthetic import make_market
    from quotewright.storage.store import Store

    interval = parse_duration(spec.bar, "dataset.synthetic.bar")
    if not 10 <= spec.seconds <= 86_400 or interval < 1:
        raise InputError("dataset.synthetic", (spec.seconds, spec.bar), "give 10 to 86400 seconds, and bars of a time")
    with tempfile.TemporaryDirectory() as folder:
        name = make_market(Path(folder), spec.preset, spec.seed, spec.seconds)
        store = Store(Path(folder)).dataset(name)
        events = store.read()
        instrument = store.instrument
    rows = events[events["kind"] == TRADE]
    tape = Prints(*(np.ascontiguousarray(rows[f]) for f in ("local_ts", "price", "qty", "side")))
    bars = time_bars(tape, interval)
    tick, lot = float(instrument.tick), float(instrument.lot)
    times = np.arange(bars.time[0], bars.time[-1], interval, dtype=np.int64)  # the last bar may be incomplete
    place = np.searchsorted(bars.time, times, side="right") - 1
    made = bars.time[place] == times
    close = bars.close[place] * tick
    columns = {name: np.where(made, getattr(bars, name)[place] * tick, close) for name in ("open", "high", "low")}
    volume = np.where(made, bars.volume[place], 0)
    bought = np.where(made, bars.bought[place], 0)
    imbalance = np.where(volume > 0, (2 * bought - volume) / np.maximum(volume, 1), 0.0)
    frame = pl.DataFrame({"time": times, **columns, "close": close, "volume": volume * lot, "imbalance": imbalance})
    declared = [Column(name, "float", "USDT") for name in ("open", "high", "low", "close")]
    declared += [Column("volume", "float", "BTC"), Column("imbalance", "float", "(bought − sold)/volume")]
    return make_dataset(
        frame,
        f"synthetic-{spec.preset}-{spec.seed}",
        "bars",
        declared,
        period=interval,
        licence="made by quotewright",
        publisher="quotewright's own market",
        instrument=instrument,
    )
