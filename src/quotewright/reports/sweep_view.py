"""A finished sweep as reports see it: its table, what was varied, and what the number of trials makes of the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

PARAM = "param_"  # before a parameter's name in the table
ENOUGH = 0.95


@dataclass(frozen=True)
class Trials:
    """Sets tried on one instrument, and the set with the best Sharpe ratio (per mark) judged by their number.

    `expected_maximum` is the ratio that the best of as many sets without any edge would show; `deflated` the
    probability that the best one's true ratio is above it (deflated Sharpe ratio, Bailey and López de Prado 2014).
    """

    instrument: str
    trials: int
    best_set: int
    sharpe: float
    stderr: float
    expected_maximum: float
    deflated: float

    @property
    def sentence(self) -> str:
        """What this means, for a reader."""
        if self.trials == 1:
            return f"{self.instrument}: one set traded; how many others were tried before it is not known here."
        found = (
            f"{self.instrument}: {self.trials:,} sets traded. Were none of them any good, the best would still show a "
            f"Sharpe ratio of about {self.expected_maximum:.3f} a mark by luck. The best, set {self.best_set}, has "
            f"{self.sharpe:.3f} ± {self.stderr:.3f}"
        )
        if self.sharpe <= 0:
            return f"{found}: none of them made money."
        good = self.deflated >= ENOUGH
        meaning = "luck alone would rarely give that" if good else "luck explains it, do not trust it"
        return f"{found}; deflated Sharpe ratio {self.deflated:.2f}: {meaning}."


@dataclass(frozen=True)
class SweepView:
    """What a report of a sweep shows; `frame` is `sweep.parquet`."""

    strategy: str
    frame: pl.DataFrame
    varied: Sequence[str]
    trials: Sequence[Trials]
    facts: Mapping[str, Any]
    assumptions: Sequence[str]
    command: Sequence[str]

    @property
    def instruments(self) -> list[str]:
        """The instruments, in the table's order."""
        return self.frame["instrument"].unique(maintain_order=True).to_list()

    def of(self, instrument: str) -> pl.DataFrame:
        """The rows of one instrument."""
        return self.frame.filter(pl.col("instrument") == instrument)


def read_table(path: Path) -> pl.DataFrame:
    """`sweep.parquet` as a data frame."""
    return pl.read_parquet(path, glob=False)


def best(frame: pl.DataFrame, count: int) -> list[dict[str, Any]]:
    """The rows with the most profit in the quote asset; at equal profit in the table's order."""
    return frame.sort("pnl_quote", descending=True, maintain_order=True).head(count).to_dicts()
