"""One recording read in all ways there are: sections of numbers, pictures and warnings."""

# pyright: basic
# Arrays have no types that a checker could follow.

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from quotewright.domain.errors import DataError, InputError
from quotewright.research.explain_arrivals import arrivals, clustering
from quotewright.research.explain_book import book, quality
from quotewright.research.explain_deltas import deltas
from quotewright.research.explain_impact import impact
from quotewright.research.explain_queue import makers, queue
from quotewright.research.explain_recording import Recording, read_recording
from quotewright.research.explain_section import Section
from quotewright.research.explain_state import features, regimes, volatilities
from quotewright.research.scoreboard import scoreboard_of
from quotewright.storage.store import Dataset

Told = Callable[[str, int, int], None]  # the section begun, sections done, sections in all


class Explanation(NamedTuple):
    """What `explain` found; `warnings` are those of all sections, with where they are from."""

    name: str
    dataset: str
    seconds: float
    sections: tuple[Section, ...]

    @property
    def warnings(self) -> list[str]:
        return [f"{one.title}: {said}" for one in self.sections for said in one.warnings]

    @property
    def left_out(self) -> list[str]:
        return [f"{one.title}: {one.reason}" for one in self.sections if one.reason]

    def to_dict(self) -> dict[str, Any]:
        return {
            "instrument": self.name,
            "dataset": self.dataset,
            "seconds": self.seconds,
            "warnings": self.warnings,
            "left_out": self.left_out,
            "sections": [one.to_dict() for one in self.sections],
        }


def fair_prices(rec: Recording, out: Section) -> None:
    """The scoreboard of fair prices, out of sample."""
    board = scoreboard_of(rec.depth, rec.name)
    out.warnings += board.warnings
    for row in board.winners.filter(pl.col("regime") == "all").iter_rows(named=True):
        low, high = (float("nan") if row[key] is None else row[key] for key in ("skill_low", "skill_high"))
        value = float("nan") if row["skill"] is None else row["skill"]
        note = "best of nine, chosen on the same data" if row["skill"] is not None else "the mid does not move"
        out.between(
            f"{row['horizon']:g} s ahead: {row['best']}", value, low, high, "share of squared error saved", note
        )
    for row in board.parameters.iter_rows(named=True):
        value, low, high = (float("nan") if row[key] is None else row[key] for key in ("value", "low", "high"))
        out.between(f"fitted: {row['name']}", value, low, high, row["unit"])
    out.figures += board.figures


SECTIONS: tuple[tuple[str, str, Callable[[Recording, Section], None]], ...] = (
    ("quality", "Data", quality),
    ("book", "Book", book),
    ("deltas", "Traded, cancelled, posted", deltas),
    ("fair_prices", "Fair prices", fair_prices),
    ("arrivals", "Takers: how far they reach", arrivals),
    ("clustering", "Takers: when they come", clustering),
    ("impact", "Takers: imbalance and impact", impact),
    ("queue", "Queue", queue),
    ("makers", "Other makers", makers),
    ("volatility", "Volatility and bounce", volatilities),
    ("regimes", "Regimes and stress", regimes),
    ("features", "Features", features),
)


def explain(dataset: Dataset, told: Told | None = None) -> Explanation:
    """Compute every section of a stored recording; one that cannot be says why in its `reason`.

    Raises InputError for a recording without events, DataError for a damaged one.
    """
    if told is not None:
        told("reading", 0, len(SECTIONS))
    rec = read_recording(dataset)
    sections: list[Section] = []
    for done, (key, title, fill) in enumerate(SECTIONS):
        if told is not None:
            told(title.lower(), done, len(SECTIONS))
        sections.append(_section(key, title, fill, rec))
    if told is not None:
        told("done", len(SECTIONS), len(SECTIONS))
    return Explanation(dataset.name, dataset.hash, rec.seconds, tuple(sections))


def _section(key: str, title: str, fill: Callable[[Recording, Section], None], rec: Recording) -> Section:
    out = Section(key, title)
    began = time.perf_counter()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)
            fill(rec, out)
    except (InputError, DataError) as error:
        out = Section(key, title, reason=str(error))
    except (ArithmeticError, np.linalg.LinAlgError, ValueError) as error:
        out = Section(key, title, reason=f"these data allow no estimate ({error})")
    out.seconds = time.perf_counter() - began
    return out
