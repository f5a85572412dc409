"""Laws of returns fitted to a series of closes, judged in the tails by what came after; and a strategy under stress."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.montecarlo.paths import KINDS, FittedPaths, fit, fits_markdown
from quotewright.montecarlo.pictures import exceedance_figure, qq_figure
from quotewright.montecarlo.stress import StressReport, stress_figure
from quotewright.montecarlo.tail_figures import MEASURES
from quotewright.montecarlo.tails import TailComparison, compare_tails, markdown
from quotewright.research.study_page import Figure, Notes, Table, write_study
from quotewright.studies.experiment import Experiment

Floats = npt.NDArray[np.float64]

FITTED = 0.6  # share of the returns, the earliest; laws are judged on the rest
FEWEST_FOR = {"hawkes": 1000}  # returns to fit
FEWEST = 630  # returns in all, so that 250 are left to judge by


@dataclass(frozen=True)
class Tails:
    """Laws fitted to the first part of a series, and how they stand up to the rest."""

    name: str
    returns: Floats
    fits: tuple[FittedPaths, ...]
    comparison: TailComparison
    left_out: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "name": self.name,
            "returns": len(self.returns),
            "fits": [one.to_dict() for one in self.fits],
            "tails": self.comparison.to_dict(),
            "left_out": self.left_out,
        }

    def markdown(self) -> str:
        """The fits and the comparison as tables of text."""
        return f"{fits_markdown(self.fits)}\n\n{self.comparison.verdict}\n\n{markdown(self.comparison)}"


def tails(
    name: str,
    closes: npt.ArrayLike,
    *,
    laws: Sequence[str] = tuple(KINDS),
    draws: int = 200,
    seed: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Tails:
    """Fit every law to the first 60 % of the log returns of closes and compare tails on the rest.

    Raises InputError for fewer than 631 closes, closes that are not above 0, or a law that there is not.
    """
    prices = np.asarray(closes, np.float64)
    if prices.ndim != 1 or len(prices) <= FEWEST:
        raise InputError(
            "closes",
            prices.shape,
            f"give more than {FEWEST} closes, one column: laws are fitted to one part and judged on the next",
        )
    if not (np.isfinite(prices) & (prices > 0)).all():
        raise InputError("closes", "values", "must be above 0 and finite: leave out bars without a close")
    for law in laws:
        if law not in KINDS:
            raise InputError("law", law, f"must be one of {', '.join(KINDS)}")
    returns = np.diff(np.log(prices))
    cut = round(FITTED * len(returns))
    left_out = {law: f"needs {FEWEST_FOR[law]} returns" for law in laws if cut < FEWEST_FOR.get(law, 0)}
    wanted = [law for law in laws if law not in left_out]
    fits: list[FittedPaths] = []
    for number, law in enumerate(wanted):
        if progress is not None:
            progress(number, len(wanted) + 1)
        fits.append(fit(law, returns[:cut]))
    compared = compare_tails(fits, returns[cut:], seed=seed, draws=draws, samples=max(draws // 2, 20))
    if progress is not None:
        progress(len(wanted) + 1, len(wanted) + 1)
    return Tails(name, returns, tuple(fits), compared, left_out)


def closes_of(experiment: Experiment) -> Floats:
    """The closes of an experiment up to the end of its backtest, from its moves: the first is 1."""
    table = experiment.table()
    moves = table.moves[(table.times < table.split.backtest.end) & np.isfinite(table.moves)]
    return np.concatenate([[1.0], np.cumprod(1 + moves)])


def read_closes(path: Path) -> Floats:
    """The column `close` of a CSV or Parquet table, rows without one left out."""
    import polars as pl

    try:
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError("file", str(path), f"cannot be read: {error}") from error
    if "close" not in frame.columns:
        raise InputError("file", str(path), f"has no column close; there are {', '.join(frame.columns)}")
    if not frame["close"].dtype.is_numeric():
        raise InputError("close", str(frame["close"].dtype), "must be numbers")
    return frame["close"].cast(pl.Float64).drop_nulls().drop_nans().to_numpy()


def write_tails_page(found: Tails, path: Path, stressed: StressReport | None = None) -> None:
    """Write the page: verdict, ranking, figures in the tails, quantiles; and what stress changes, if it was asked."""
    comparison = found.comparison
    cut = round(FITTED * len(found.returns))
    later = found.returns[cut:]
    said = [comparison.verdict, *(f"{law} was left out: it {why}." for law, why in found.left_out.items())]
    said.append(f"Fitted on the first {cut:,} returns, judged on the {len(later):,} after them.")
    ranking = [
        (
            one.kind,
            f"{one.loss:.4f}",
            f"{one.behind.value:.4f} ({one.behind.low:.4f} … {one.behind.high:.4f})",
            f"{one.wins:.0%}",
            f"{comparison.covered(one.kind)} of {len(MEASURES)}",
        )
        for one in comparison.ranking
    ]
    headers = ("law", "mean loss", "behind the best, 95 %", "best in", "figures covered")
    blocks: list[Figure | Table | Notes] = [
        Notes("What it says", said),
        Table("Laws by their loss in the tails.", headers, ranking, frozenset({1, 2, 3, 4})),
        _tail_table(comparison),
        _figure("Quantiles of the later returns against the laws.", qq_figure(found.fits, later)),
        _figure("How often a size is exceeded.", exceedance_figure(found.fits, later)),
    ]
    if stressed is not None:
        blocks.append(_figure("What each scenario changes of the profit, market by market.", stress_figure(stressed)))
        drawn = stress_figure(stressed, "drawdown")
        blocks.append(_figure("What each scenario changes of the largest drawdown.", drawn))
    write_study(f"Tails of {found.name}", blocks, path)


def _tail_table(found: TailComparison) -> Table:
    kinds = [one.kind for one in found.ranking]
    rows = [
        (
            measure.label,
            f"{seen.value:.4g} ({seen.low:.4g} … {seen.high:.4g})",
            *(f"{found.laws[kind][i].value:.4g}" for kind in kinds),
        )
        for i, (measure, seen) in enumerate(zip(MEASURES, found.data, strict=True))
    ]
    caption = "Figures of the tails: the later returns with bootstrap intervals, and what each law says."
    return Table(caption, ("figure", "data, 95 %", *kinds), rows, frozenset(range(1, len(kinds) + 2)))


def _figure(caption: str, drawn: Any) -> Figure:
    told: Mapping[str, Any] = drawn.to_plotly_json()
    return Figure(caption, told["data"], told["layout"])
