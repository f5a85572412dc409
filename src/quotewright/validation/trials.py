"""The verdict over all trials ever made on a dataset, not only those of the last study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import variance
from typing import Protocol

from quotewright.domain.errors import InputError
from quotewright.validation.deflated_sharpe import Verdict, deflated_sharpe, expected_maximum


class DatasetTrials(Protocol):
    """All trials on one dataset: ratios per period with their standard errors, None where a trial has none."""

    @property
    def count(self) -> int: ...
    @property
    def sharpes(self) -> Sequence[float | None]: ...
    @property
    def stderrs(self) -> Sequence[float | None]: ...


class Trials(Protocol):
    """Where trials are kept, by the dataset's hash."""

    def of_dataset(self, dataset: str) -> DatasetTrials: ...


@dataclass(frozen=True)
class Kept:
    """Trials in memory."""

    sharpes: tuple[float | None, ...] = ()
    stderrs: tuple[float | None, ...] = ()

    @property
    def count(self) -> int:
        """How many trials there were, with a ratio or without."""
        return len(self.sharpes)


@dataclass
class TrialsInMemory:
    """A register for a notebook or a test; the registry's outlives the process."""

    kept: dict[str, Kept] = field(default_factory=dict[str, Kept])

    def add(self, dataset: str, sharpe: float | None, stderr: float | None) -> None:
        """Keep one trial. Raises InputError for a ratio without a standard error, or values that are not finite."""
        if (sharpe is None) != (stderr is None) or not all(math.isfinite(v) for v in (sharpe, stderr) if v is not None):
            raise InputError("sharpe, stderr", (sharpe, stderr), "give two finite numbers, or None for both")
        before = self.of_dataset(dataset)
        self.kept[dataset] = Kept((*before.sharpes, sharpe), (*before.stderrs, stderr))

    def of_dataset(self, dataset: str) -> Kept:
        """Every trial on the dataset."""
        return self.kept.get(dataset, Kept())


def judge_dataset(
    trials: Trials, dataset: str, *, sharpe: float | None = None, stderr: float | None = None
) -> Verdict | None:
    """The verdict on a ratio (by default the best ever found) over every trial on the dataset.

    The ratio judged must be one of the trials already recorded, so that it counts. The threshold is √V̂·E[max of N]
    with N all trials, those that were given up or failed too, and V̂ the variance of the ratios that are known; with
    one known ratio it is 0. All ratios must be of one period. `best` is the judged ratio's place among the trials. None
    if no ratio is known. Raises InputError for a ratio that is not among them.
    """
    every = trials.of_dataset(dataset)
    known = [
        (ratio, error, k)
        for k, (ratio, error) in enumerate(zip(every.sharpes, every.stderrs, strict=True))
        if ratio is not None and error is not None
    ]
    if not known:
        return None
    if sharpe is None:
        ratio, error, place = max(known, key=lambda each: each[0])
    else:
        same = [each for each in known if each[0] == sharpe and (stderr is None or each[1] == stderr)]
        if not same:
            raise InputError("sharpe", sharpe, "is not among the dataset's trials: record it first")
        ratio, error, place = same[0]
    ratios = [each[0] for each in known]
    threshold = math.sqrt(variance(ratios)) * expected_maximum(every.count) if len(known) > 1 else 0.0
    return Verdict(every.count, place, ratio, threshold, deflated_sharpe(ratio, error, threshold))
