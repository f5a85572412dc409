"""The look-ahead audit of an experiment: cleaning, features, labels and decisions, made again from every past."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from quotewright.datasets.dataset import Dataset
from quotewright.datasets.splits import PARTS
from quotewright.domain.errors import DataError, InputError, ParseError
from quotewright.importers.ohlcv import parse_time
from quotewright.models.fitting import Fitted
from quotewright.studies.experiment import Experiment
from quotewright.studies.experiment_data import Sources, sources_of, table_from
from quotewright.studies.experiment_fit import fit_rows
from quotewright.studies.experiment_folds import walk_folds
from quotewright.studies.experiment_rule import leans, signs, target
from quotewright.studies.experiment_table import Table
from quotewright.validation.audit import Audit, Column, Known, Maker, audit
from quotewright.validation.leakage import Suspicion, duplicates, suspicions
from quotewright.validation.splits import Fold, breaches
from quotewright.validation.user_code import frame_maker, load_function

BARS = "bars"


@dataclass(frozen=True)
class Audited:
    """What the audit found, and what is suspicious in the matrix.

    `overlaps` counts training rows of the walk-forward and of the phases that share time with a test; `doubled` test
    rows of backtest and forward that a training row equals in every feature.
    """

    audit: Audit
    suspicions: tuple[Suspicion, ...] = ()
    overlaps: int = 0
    doubled: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return self.audit.clean and not self.suspicions and not self.overlaps

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        leaks = [{**leak._asdict(), "sentence": leak.sentence} for leak in self.audit.leaks]
        for leak in leaks:
            leak["whole"], leak["cut"] = str(leak["whole"]), str(leak["cut"])
        return {
            "clean": self.clean,
            "columns": list(self.audit.columns),
            "moments": len(self.audit.moments),
            "compared": self.audit.compared,
            "leaks": leaks,
            "suspicions": [each._asdict() for each in self.suspicions],
            "overlaps": self.overlaps,
            "doubled": self.doubled,
        }


def audit_experiment(experiment: Experiment, *, number: int = 24, seed: int = 1) -> Audited:
    """Clean, join, label, fit and decide again from what was known at each moment; nothing known then may differ.

    Decisions are those after the training part, of a model that is fitted again wherever its training rows differ.
    """
    sources = sources_of(experiment)
    tables = {BARS: _known(sources.bars), **{name: _known(one) for name, one in sources.series.items()}}
    found = audit(_maker(experiment, sources), tables, number=number, seed=seed)
    table = experiment.table()
    train, spec = table.part("train"), experiment.spec
    suspicious = suspicions(table.X[train], target(spec, table.y[train]), table.features)
    return Audited(found, suspicious, _overlaps(experiment, table), _doubled(table))


def audit_function(
    named: str, data: Path, *, time: str = "time", delay: int = 0, number: int = 24, seed: int = 1
) -> Audited:
    """The audit of FILE:FUNCTION on a CSV or Parquet table whose rows are known `delay` ns after their `time`."""
    function = load_function(named)
    frame, known = _frame(data, time)
    found = audit(
        frame_maker(function, time=time, delay=delay), {"data": Known(frame, known + delay)}, number=number, seed=seed
    )
    return Audited(found)


def _maker(experiment: Experiment, sources: Sources) -> Maker:
    fits: dict[bytes, Fitted] = {}

    def make(given: dict[str, Any]) -> Mapping[str, Column]:
        part = replace(
            sources,
            bars=_with_rows(sources.bars, given[BARS]),
            series={name: _with_rows(one, given[name]) for name, one in sources.series.items()},
        )
        table = table_from(experiment, part)
        found = {name: Column(table.X[:, k], table.times, table.times) for k, name in enumerate(table.features)}
        labelled = np.isfinite(table.y)
        found["label"] = Column(table.y[labelled], table.times[labelled], table.ends[labelled])
        decided = np.flatnonzero((table.times >= table.split.train.end) & np.isfinite(table.X).all(axis=1))
        leaning = np.empty(0)
        if len(decided):
            leaning = leans(_fitted(experiment, table, fits), table.X[decided])
        times = table.times[decided]
        found["decision"] = Column(signs(experiment.spec, leaning), times, times)
        return found

    return make


def _fitted(experiment: Experiment, table: Table, fits: dict[bytes, Fitted]) -> Fitted:
    """The model of these training rows, fitted once for the same ones."""
    rows = table.part("train")
    parts = (table.X[rows], table.y[rows], table.times[rows], table.ends[rows])
    key = hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).digest()
    if key not in fits:
        fits[key] = fit_rows(experiment.spec, table, rows, 1)
    return fits[key]


def _known(dataset: Dataset) -> Known:
    """A dataset's rows and when the first of each row's columns was known: what a row may be used from."""
    frame = dataset.frame
    column = "known" if "known" in frame.columns else "time"
    delays = [each.delay for each in dataset.manifest.columns if each.type != "text"]
    known = frame[column].to_numpy() + min(delays, default=0)
    if (np.diff(known) < 0).any():
        raise InputError("dataset", dataset.manifest.name, "is not in order of time: sort its file to audit it")
    return Known(frame, known)


def _with_rows(dataset: Dataset, frame: Any) -> Dataset:
    if not frame.height:
        raise DataError(f"{dataset.manifest.name}: nothing was known")
    return replace(dataset, frame=frame)


def _overlaps(experiment: Experiment, table: Table) -> int:
    """Training rows whose label meets a test row's, over the walk-forward, and training against each phase."""
    folds = walk_folds(experiment, table)
    folds += [Fold(table.part("train"), table.part(phase)) for phase in PARTS[1:]]
    total = 0
    for fold in folds:
        rows = np.concatenate([fold.train, fold.test])
        local = Fold(np.arange(len(fold.train)), np.arange(len(fold.train), len(rows)))
        total += len(breaches(table.times[rows], table.ends[rows], local).overlaps)
    return total


def _doubled(table: Table) -> int:
    later = np.concatenate([table.part(phase) for phase in PARTS[1:]])
    return duplicates(table.X, Fold(table.part("train"), later)).number


def _frame(path: Path, time: str) -> tuple[Any, Any]:
    """A table and its times in ns, in order of time."""
    import polars as pl

    try:
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, try_parse_dates=True)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError("data", str(path), f"cannot be read: {error}") from error
    if time not in frame.columns:
        raise InputError("time", time, f"is not a column of {path.name}; there are {', '.join(frame.columns)}")
    stamps = frame[time]
    if stamps.dtype.is_temporal():
        known = stamps.cast(pl.Datetime("ns")).cast(pl.Int64)
    else:
        try:
            known = pl.Series([parse_time(str(value)) for value in stamps.to_list()], dtype=pl.Int64)
        except ParseError as error:
            raise DataError(f"{path.name}: {time} is {error.value!r}, which {error.fix}") from error
    order = known.arg_sort()
    return frame[order], known[order].to_numpy()
