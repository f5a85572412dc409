"""Every trial ever made on a dataset: what the luck of the best of them is judged by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sql
from sqlalchemy import exc

from quotewright.domain.errors import InputError
from quotewright.lineage.database import Database
from quotewright.lineage.documents import now, plain
from quotewright.lineage.schema import TRIALS

COMPLETE, PRUNED, FAILED = STATES = ("complete", "pruned", "failed")


@dataclass(frozen=True)
class Trial:
    """One trial: parameters, and what came of them. `sharpe` and its standard error are per interval, not annualised.

    `number` is its place in a study. A pruned trial was given up on the way, a failed one has no figures; both count.
    """

    params: Mapping[str, Any]
    metrics: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sharpe: float | None = None
    sharpe_stderr: float | None = None
    state: str = COMPLETE
    number: int | None = None

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise InputError("state", self.state, f"must be one of {', '.join(STATES)}")
        for name in ("sharpe", "sharpe_stderr"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise InputError(name, value, "must be finite, or None where there is none")
        if self.sharpe_stderr is not None and self.sharpe_stderr < 0:
            raise InputError("sharpe_stderr", self.sharpe_stderr, "must be 0 or more")


@dataclass(frozen=True)
class DatasetTrials:
    """All trials on one dataset, in the order in which they were recorded; None where a trial has no ratio.

    The two sequences are what `validation.deflated_sharpe.judge` takes.
    """

    dataset: str
    sources: tuple[str, ...]  # of each trial
    states: tuple[str, ...]
    sharpes: tuple[float | None, ...]
    stderrs: tuple[float | None, ...]

    @property
    def count(self) -> int:
        """How many trials there were."""
        return len(self.states)


class Trials:
    """The trials of one registry."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, dataset: str, source: str, trials: Sequence[Trial], *, study: int | None = None) -> None:
        """Keep trials on the dataset with this hash, all or none; `source` says what made them.

        Raises InputError for an empty hash or source, numbers without a study or a study without them, or numbers that
        the study has already.
        """
        for name, value in (("dataset", dataset), ("source", source)):
            if not value:
                raise InputError(name, value, "must not be empty")
        if not trials:
            return
        at = now()
        rows: list[dict[str, Any]] = []
        for trial in trials:
            if (trial.number is None) != (study is None):
                raise InputError("number", trial.number, "must be given in a study, and only there")
            row = {**asdict(trial), "params": plain(trial.params, "params"), "metrics": plain(trial.metrics, "metrics")}
            rows.append({**row, "dataset": dataset, "source": source, "study": study, "at": at})
        try:
            with self._database.writing() as connection:
                connection.execute(sql.insert(TRIALS), rows)
        except exc.IntegrityError:
            numbers = [trial.number for trial in trials]
            raise InputError("study", study, f"is unknown, or has one of the trials {numbers} already") from None

    def of_dataset(self, dataset: str) -> DatasetTrials:
        """Every trial on the dataset with this hash, whoever made it."""
        columns = (TRIALS.c.source, TRIALS.c.state, TRIALS.c.sharpe, TRIALS.c.sharpe_stderr)
        query = sql.select(*columns).where(TRIALS.c.dataset == dataset).order_by(TRIALS.c.id)
        with self._database.reading() as connection:
            rows = [tuple(row) for row in connection.execute(query)]
        sources, states, sharpes, stderrs = zip(*rows, strict=True) if rows else ((), (), (), ())
        return DatasetTrials(dataset, sources, states, sharpes, stderrs)

    def of_study(self, study: int) -> dict[int, Trial]:
        """The trials of a study by number, in order."""
        query = sql.select(TRIALS).where(TRIALS.c.study == study).order_by(TRIALS.c.number)
        names = list(Trial.__dataclass_fields__)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return {row["number"]: Trial(**{name: row[name] for name in names}) for row in rows}
