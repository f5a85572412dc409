"""What a search found: every trial as a row, and those that no other beats."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quotewright.lineage.trials import COMPLETE
from quotewright.tuning.outcome import Outcome
from quotewright.tuning.search import Search
from quotewright.tuning.space import Dimension, Params

if TYPE_CHECKING:
    import polars

PARAM = "param_"  # before a parameter's name, so that none collides with a metric's
TABLE_FILE, RESULT_FILE = "tuning.parquet", "tuning.json"


@dataclass(frozen=True)
class Tuned:
    """A finished search: its outcomes by number, and how many of them were known before this run."""

    name: str
    dataset: str
    search: Search
    outcomes: tuple[Outcome, ...]
    resumed: int

    @property
    def front(self) -> tuple[Outcome, ...]:
        """The complete trials that no other beats in one objective and equals in the rest; best first."""
        complete = [outcome for outcome in self.outcomes if outcome.state == COMPLETE]
        signed = [[s * v for s, v in zip(self.search.signs, o.values(self.search), strict=True)] for o in complete]
        beaten = [any(_beats(other, mine) for other in signed) for mine in signed]
        kept = [(mine, o) for mine, o, lost in zip(signed, complete, beaten, strict=True) if not lost]
        return tuple(o for _, o in sorted(kept, key=lambda each: ([-v for v in each[0]], each[1].number)))

    @property
    def best(self) -> Params | None:
        """The parameters that lead the front; None if no trial is complete."""
        front = self.front
        return front[0].params if front else None

    def table(self) -> polars.DataFrame:
        """A row a trial: number, state, folds, `front`, `param_…`, and the mean of every metric over its folds."""
        import polars as pl

        front = {outcome.number for outcome in self.front}
        metrics = [outcome.metrics() for outcome in self.outcomes]
        names = sorted({name for each in metrics for name in each})
        columns: dict[str, Any] = {
            "number": pl.Series([o.number for o in self.outcomes], dtype=pl.Int64),
            "state": pl.Series([o.state for o in self.outcomes], dtype=pl.String),
            "folds": pl.Series([len(o.folds) for o in self.outcomes], dtype=pl.Int64),
            "front": pl.Series([o.number in front for o in self.outcomes], dtype=pl.Boolean),
        }
        for dimension in self.search.space:
            columns[PARAM + dimension.name] = _column(dimension, [o.params[dimension.name] for o in self.outcomes])
        for name in names:
            columns[name] = pl.Series([each.get(name) for each in metrics], dtype=pl.Float64)
        return pl.DataFrame(columns)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: counts, the search, and the front with its metrics."""
        states = [outcome.state for outcome in self.outcomes]
        return {
            "study": self.name,
            "dataset": self.dataset,
            "trials": len(states),
            "states": {state: states.count(state) for state in sorted(set(states))},
            "search": self.search.to_dict(),
            "front": [{"number": o.number, "params": o.params, "metrics": o.metrics()} for o in self.front],
        }

    def write(self, folder: Path) -> Path:
        """Write `tuning.parquet` and `tuning.json`; returns the path of the table."""
        from quotewright.storage.writer import replace_file  # brings the compiler

        folder.mkdir(parents=True, exist_ok=True)
        path = folder / TABLE_FILE
        parquet = io.BytesIO()
        self.table().write_parquet(parquet)
        replace_file(path, parquet.getvalue())
        replace_file(folder / RESULT_FILE, (json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n").encode())
        return path


def _beats(a: Sequence[float], b: Sequence[float]) -> bool:
    return all(x >= y for x, y in zip(a, b, strict=True)) and any(x > y for x, y in zip(a, b, strict=True))


def _column(dimension: Dimension, values: Sequence[Any]) -> Any:
    """A parameter's values in the type they all have; choices of several types as JSON."""
    import polars as pl

    if not dimension.choices:
        return pl.Series(values, dtype=pl.Int64 if dimension.whole else pl.Float64)
    for kind, dtype in ((str, pl.String), (bool, pl.Boolean), (int, pl.Int64), (float, pl.Float64)):
        if all(type(choice) is kind for choice in dimension.choices):
            return pl.Series(values, dtype=dtype)
    return pl.Series([json.dumps(value) for value in values], dtype=pl.String)
