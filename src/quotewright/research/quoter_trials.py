"""Trials of many agents on one synthetic market in one pass, and profit for the inventory risk that was run.

The measure, by agent: profit at the end, what is held marked at the mid, over √Σ(Δmid)² × √mean(position²), both taken
at the marks (each second): the standard deviation that the profit would have if a position of the same root mean square
size had met the same moves blindly. It has no unit and does not change with the size of all quotes. 0 without a fill.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.accounting.valuation import Valuation, exact
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import KEEP_RESULTS, Record
from quotewright.features.settings import FeatureSettings
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.replay import run
from quotewright.sessions.synthetic import make_market
from quotewright.sessions.venue_options import VenueOptions
from quotewright.sessions.wiring import wire
from quotewright.simulation.loop import TO_VENUE
from quotewright.storage.feed import windows
from quotewright.storage.store import Dataset, Store

SECOND = 10**9


class Trial(NamedTuple):
    """What one agent did on one market; money in the settle asset."""

    measure: float  # profit over inventory risk
    profit: float
    risk: float  # √Σ(Δmid)² × root mean square position
    fills: int


class MarkTally:
    """Takes a journal; afterwards the trial of each agent."""

    def __init__(self, instrument: Instrument, agents: int) -> None:
        self._instrument = instrument
        self._agents = agents
        self._marks: list[npt.NDArray[Any]] = []
        self._ends: list[npt.NDArray[Any]] = []

    def append(self, rows: npt.NDArray[Any], /) -> None:
        """Take the next block of journal records."""
        fields = ["agent", "mid2", "cash", "position"]
        self._marks.append(rows[rows["kind"] == Record.MARK][fields].copy())
        self._ends.append(rows[rows["kind"] == Record.RUN_END][fields].copy())

    def trials(self, fills: Sequence[int]) -> list[Trial]:
        """One trial for each agent, given how often each was filled."""
        marks, ends = np.concatenate(self._marks), np.concatenate(self._ends)
        valuation = Valuation(self._instrument)
        lot, half_tick = float(self._instrument.qty_step.fraction), float(self._instrument.price_step.fraction) / 2
        found: list[Trial] = []
        for agent in range(self._agents):
            mine, end = marks[marks["agent"] == agent], ends[ends["agent"] == agent][-1]
            worth = int(end["cash"]) + valuation.worth(exact(end["position"]), exact(end["mid2"]))
            profit = float(int(worth) * self._instrument.money_unit)
            held = mine["position"].astype(np.float64) / valuation.atoms_per_lot * lot
            mids = mine["mid2"][mine["mid2"] > 0] * half_tick
            risk = math.sqrt(float((np.diff(mids) ** 2).sum()) * float((held**2).mean()))
            found.append(Trial(profit / risk if risk > 0 else 0.0, profit, risk, fills[agent]))
        return found


def market_of(folder: Path, preset: str, seed: int, seconds: int) -> Dataset:
    """A market of a preset in a store of its own in the folder; DataError if the preset is not the frozen one."""
    name = make_market(folder / f"{preset}-{seed}", preset, seed, seconds)
    return Store(folder / f"{preset}-{seed}").dataset(name)


def run_trials(
    agents: Sequence[AgentSpec], dataset: Dataset, venue: VenueOptions, features: FeatureSettings
) -> list[Trial]:
    """The trial of each agent, each in a world of its own, in one pass."""
    wired = wire(
        [dataset],
        agents,
        venue,
        seed=0,
        mark_interval_ns=SECOND,
        keep=KEEP_RESULTS,
        features={dataset.name: features},
    )
    tally = MarkTally(dataset.instrument, len(agents))
    run(wired, windows([dataset]), TO_VENUE, tally)
    return tally.trials([int(leg["fills"]) for leg in wired.state.legs])


def trials_on(
    agents: Sequence[AgentSpec], preset: str, seed: int, seconds: int, venue: VenueOptions, features: FeatureSettings
) -> list[Trial]:
    """The same on a market that is made for it and thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        return run_trials(agents, market_of(Path(folder), preset, seed, seconds), venue, features)
