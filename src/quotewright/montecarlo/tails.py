"""Fitted laws against data in the tails: figures with intervals, what each law would show, and a ranking."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.montecarlo.bootstrap import block_indices, length_for_returns
from quotewright.montecarlo.intervals import Interval, middle_of
from quotewright.montecarlo.numerics import Floats, checked_returns
from quotewright.montecarlo.paths import FittedPaths
from quotewright.montecarlo.tail_figures import MEASURES, Yardstick, measure_rows, measures_of, yardstick
from quotewright.montecarlo.tail_scores import Ranked, rank_tails

FEWEST = 250  # returns to judge by
AT_ONCE = 1_000_000  # returns resampled or drawn at a time


@dataclass(frozen=True)
class TailComparison:
    """What data show of their tails, and what fitted laws say of them, figure by figure (`MEASURES`).

    `data`: figures of the returns judged, with intervals from stationary bootstraps (blocks of `block`). `laws`: the
    law's own figure, and the middle 95 % of what samples of as many returns drawn from it show. `ranking`: best first.
    """

    observations: int
    block: float
    yardstick: Yardstick
    data: tuple[Interval, ...]
    laws: dict[str, tuple[Interval, ...]]
    ranking: tuple[Ranked, ...]

    def covered(self, kind: str) -> int:
        """How many of the data's figures lie within what samples of the law show."""
        return sum(law.low <= seen.value <= law.high for seen, law in zip(self.data, self.laws[kind], strict=True))

    @property
    def verdict(self) -> str:
        """Which law knows these tails best, which ones cannot be told from it, and by how many returns that is said."""
        best = self.ranking[0]
        level = [one.kind for one in self.ranking[1:] if not one.told_apart]
        others = f"; not told apart from it: {', '.join(level)}" if level else "; all others are behind"
        beyond = round(0.01 * self.observations)
        return f"{best.kind} is best{others} ({self.observations} returns, about {beyond} beyond 1 % on each side)"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "observations": self.observations,
            "block": self.block,
            "centre": self.yardstick.centre,
            "sigma": self.yardstick.sigma,
            "measures": [measure._asdict() for measure in MEASURES],
            "data": [one.to_dict() for one in self.data],
            "laws": {kind: [one.to_dict() for one in figures] for kind, figures in self.laws.items()},
            "covered": {kind: self.covered(kind) for kind in self.laws},
            "ranking": [
                {
                    "kind": one.kind,
                    "loss": one.loss if math.isfinite(one.loss) else None,
                    "behind": one.behind.to_dict(),
                    "wins": one.wins,
                    "told_apart": one.told_apart,
                }
                for one in self.ranking
            ],
            "verdict": self.verdict,
        }


def compare_tails(
    fits: Sequence[FittedPaths], returns: npt.ArrayLike, *, seed: int, draws: int = 400, samples: int = 200
) -> TailComparison:
    """Judge fitted laws by returns of the same bar length: later ones than they were fitted on, to be fair.

    Judged on the returns it was fitted on a bootstrap is right by construction. Raises InputError for no fits, two of
    one kind, fewer than 250 returns, or fewer than 20 draws (bootstraps of the data) or samples (of each law).
    """
    seen = checked_returns(returns, FEWEST)
    kinds = [one.kind for one in fits]
    if not kinds or len(set(kinds)) < len(kinds):
        raise InputError("fits", kinds, "give at least one, each of another kind")
    if min(draws, samples) < 20:
        raise InputError("draws, samples", (draws, samples), "must be at least 20")
    rng, by = np.random.default_rng(seed), yardstick(seen)
    n, length = len(seen), length_for_returns(seen)
    drawn = [
        measure_rows(seen[block_indices(rng, n, size, n, length)], by)
        for size in _portions(draws, max(AT_ONCE // n, 1))
    ]
    data = _with_intervals(measure_rows(seen[None, :], by)[0], np.concatenate(drawn))
    laws: dict[str, tuple[Interval, ...]] = {}
    for one in fits:
        shown = [measure_rows(one.law.draw(rng, size, n), by) for size in _portions(samples, max(AT_ONCE // n, 1))]
        sampled = np.concatenate(shown)
        laws[one.kind] = _with_intervals(measures_of(one.marginal, one.tail_index, by, sampled), sampled)
    return TailComparison(n, length, by, data, laws, tuple(rank_tails(fits, seen, rng, draws, length)))


def markdown(found: TailComparison, *, in_sigma: bool = False) -> str:
    """The comparison as two tables: the ranking, and every figure of the data and of each law.

    VaR and ES are told as they are, in per cent of log return, or in the σ of the yardstick.
    """
    unit = found.yardstick.sigma if in_sigma else None
    lines = [
        "| law | mean loss | behind the best, 95 % | best in | figures covered |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in found.ranking:
        behind = f"{one.behind.value:.4f} ({one.behind.low:.4f} … {one.behind.high:.4f})"
        lines.append(
            f"| {one.kind} | {one.loss:.4f} | {behind if one.behind.value else '–'} | {one.wins:.0%} "
            f"| {found.covered(one.kind)} of {len(MEASURES)} |"
        )
    kinds = [one.kind for one in found.ranking]
    lines += ["", f"| figure | data, 95 % | {' | '.join(kinds)} |", f"| --- | --- |{' --- |' * len(kinds)}"]
    for i, measure in enumerate(MEASURES):
        cells = [_cell(found.laws[kind][i].value, measure.name, unit) for kind in kinds]
        seen = found.data[i]
        shown = " … ".join(_cell(v, measure.name, unit) for v in (seen.low, seen.high))
        lines.append(f"| {measure.label} | {_cell(seen.value, measure.name, unit)} ({shown}) | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: float, name: str, unit: float | None) -> str:
    if math.isinf(value):
        return "∞"
    if name in ("var", "es") and unit is not None:
        return f"{value / unit:.2f} σ"
    return f"{value:.2f}" if name == "hill" else f"{value:.2%}"


def _with_intervals(values: Floats, drawn: Floats) -> tuple[Interval, ...]:
    return tuple(middle_of(float(value), drawn[:, i]) for i, value in enumerate(values))


def _portions(total: int, most: int) -> list[int]:
    """`total` in parts of at most `most`."""
    return [min(most, total - done) for done in range(0, total, most)]
