"""Thresholds and quotes tuned through replay: sets of a strategy's parameters, judged on stretches of recordings.

A stretch is replayed from the beginning of its recording, so that books and the strategy's memory are warm, and judged
from `since` on; the feed ends at `until`, so that nothing later can matter.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.accounting.valuation import Valuation, exact
from quotewright.domain.errors import DataError, InputError
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import FEE_IN_BASE, JOURNAL, Record
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.replay import check_market, combined_hash, run
from quotewright.sessions.sweep_figures import mark_figures
from quotewright.sessions.sweep_plan import SweepSpec
from quotewright.sessions.sweep_tally import KEEP
from quotewright.sessions.venue_options import VenueOptions
from quotewright.sessions.wiring import wire
from quotewright.simulation.loop import TO_VENUE
from quotewright.storage.feed import windows
from quotewright.storage.store import Dataset, Store
from quotewright.storage.window import Window
from quotewright.strategies.catalogue import find
from quotewright.tuning.outcome import Metrics
from quotewright.tuning.space import Dimension, Params, Space

if TYPE_CHECKING:
    from quotewright.features.settings import FeatureSettings

WINDOW_ROWS = 200_000
_WIRING = threading.Lock()  # a user's strategy is loaded into the one table of modules


class Stretch(NamedTuple):
    """A part of one recording: judged are home times in [since, until), ns, of the dataset VENUE:SYMBOL."""

    name: str
    since: int
    until: int


class ReplayFold(NamedTuple):
    """A stretch of a dataset of known content; small, and the same on any machine."""

    store: str
    name: str
    hash: str
    since: int
    until: int


class ReplayFolds:
    """Stretches of recordings of one store as folds, all of them before `training_until` (ns).

    Raises InputError for stretches that are empty, begin outside their recording, or reach beyond the training part;
    for a recording without a book; DataError for a damaged store.
    """

    def __init__(self, store: Path, stretches: Sequence[Stretch], *, training_until: int) -> None:
        if not stretches:
            raise InputError("stretches", "", "give at least one")
        opened = {each.name: Store(store).dataset(each.name) for each in stretches}
        check_market(list(opened.values()), SweepSpec.mark_interval_ns)
        for name, since, until in stretches:
            manifest = opened[name].manifest
            first, last = (manifest[key] + opened[name].clock_offset for key in ("first_ts", "last_ts"))
            if not first <= since < until or since > last:
                raise InputError(f"stretch {name}", (since, until), f"must begin in [{first}, {last}] and end later")
            if until > training_until:
                raise InputError(
                    f"stretch {name}", until, f"must end by {training_until}, the end of the training part"
                )
        place = str(store.resolve())
        self.dataset = combined_hash([opened[name] for name in sorted(opened)])
        self._folds = [ReplayFold(place, name, opened[name].hash, since, until) for name, since, until in stretches]
        self._training_until = training_until

    def __len__(self) -> int:
        return len(self._folds)

    def __iter__(self) -> Iterator[ReplayFold]:
        return iter(self._folds)

    def facts(self) -> dict[str, Any]:
        """The stretches, by the hash of their data."""
        folds = [[fold.name, fold.hash, fold.since, fold.until] for fold in self._folds]
        return {"stretches": folds, "training_until": self._training_until}


@dataclass(frozen=True)
class ReplayObjective:
    """Evaluates parameter sets of a strategy by replay, all of a batch in one pass, each in a world of its own.

    `agent` has the strategy, what is fixed of its parameters, and its limits. Metrics, money in the settle asset: `pnl`
    (marked at the mid, since the last mark before the stretch), `fees` (negative where paid), `turnover`, `fills`,
    `max_drawdown`, and of equity changes from mark to mark `sharpe`, `sharpe_stderr` (`sessions.sweep_figures`; None
    without variation). A set that never trades has a pnl of 0 and no Sharpe ratio.
    """

    agent: AgentSpec
    venue: VenueOptions = field(default_factory=VenueOptions)
    seed: int = 0
    mark_interval_ns: int = 10**9
    features: FeatureSettings | None = None

    def __call__(self, params: Params, fold: ReplayFold) -> Metrics:
        """The metrics of one set on one stretch."""
        return self.many([params], fold)[0]

    def many(self, sets: Sequence[Params], fold: ReplayFold) -> Sequence[Metrics]:
        """The metrics of each set on one stretch; the same whoever else is in the pass."""
        dataset = _dataset(fold.store, fold.name, fold.hash)
        given = [{name: _number(name, value) for name, value in params.items()} for params in sets]
        spec = SweepSpec(self.agent, given, self.venue, self.seed, self.mark_interval_ns, chunk=4096)
        with _WIRING:
            wired = wire(
                [dataset],
                [spec.agent_of(number) for number in range(len(sets))],
                self.venue,
                seed=self.seed,
                mark_interval_ns=self.mark_interval_ns,
                keep=KEEP,
                features={dataset.name: self.features} if self.features else None,
            )
        tally = _StretchTally(dataset.instrument, len(sets), fold.since)
        run(wired, before(windows([dataset], WINDOW_ROWS), fold.until), TO_VENUE, tally)
        return tally.metrics()


def strategy_space(strategy: str, names: Sequence[str] = ()) -> Space:
    """The declared ranges of a strategy's parameters, or of those named: the bounds that nothing may leave."""
    known = {param.name: param for param in find(strategy).params}
    for name in names:
        if name not in known:
            raise InputError("param", name, f"is not a parameter of {strategy}; it has {', '.join(known)}")
    chosen = [known[name] for name in names or known]
    return tuple(Dimension(param.name, param.low, param.high, whole=param.whole) for param in chosen)


def before(feed: Iterable[Window], until: int) -> Iterator[Window]:
    """The feed up to a time: what is due at `until` or later, at the venue or at home, is not in it."""
    for window in feed:
        if window.until <= until:
            yield window
            if window.until == until:
                return
            continue
        exch = window.exch[: int(np.searchsorted(window.exch["exch_ts"], until))]
        local = window.local[: int(np.searchsorted(window.local["local_ts"], until))]
        yield window._replace(exch=exch, local=local, until=until)
        return


class _StretchTally:
    """Takes the journal of a pass, and keeps what happened from a time on, and each agent's last mark before it."""

    def __init__(self, instrument: Instrument, agents: int, since: int) -> None:
        self._instrument = instrument
        self._valuation = Valuation(instrument)
        self._agents = agents
        self._since = since
        self._base = np.zeros(agents, JOURNAL)  # worth nothing where there is no mark yet
        self._marks: list[npt.NDArray[Any]] = []
        self._fills: list[npt.NDArray[Any]] = []
        self._ends: list[npt.NDArray[Any]] = []

    def append(self, rows: npt.NDArray[Any], /) -> None:
        """Take the next block of journal records."""
        early = rows[(rows["ts"] < self._since) & (rows["kind"] == Record.MARK)]
        self._base[early["agent"]] = early
        late = rows[rows["ts"] >= self._since]
        for kept, kind in ((self._marks, Record.MARK), (self._fills, Record.FILL), (self._ends, Record.RUN_END)):
            kept.append(late[late["kind"] == kind].copy())

    def metrics(self) -> list[dict[str, float | None]]:
        """The metrics of each agent, after the pass has ended."""
        marks, fills, ends = (np.concatenate(kept) for kept in (self._marks, self._fills, self._ends))
        return [
            self._of(self._base[agent : agent + 1], *(rows[rows["agent"] == agent] for rows in (marks, fills, ends)))
            for agent in range(self._agents)
        ]

    def _of(
        self, base: npt.NDArray[Any], marks: npt.NDArray[Any], fills: npt.NDArray[Any], ends: npt.NDArray[Any]
    ) -> dict[str, float | None]:
        unit = self._instrument.money_unit
        path = self._equity(np.concatenate([base, marks, ends]))
        start, end = int(path[0]), int(path[-1])
        figures = mark_figures(path[1 : 1 + len(marks)].astype(np.int64), start, end)
        lots = exact(fills["qty"])
        value = self._valuation.value(lots * self._valuation.atoms_per_lot, 2 * exact(fills["price"]))
        fees = np.where(
            (fills["flags"] & FEE_IN_BASE) != 0,
            self._valuation.worth(exact(fills["fee"]), exact(fills["mid2"])),
            exact(fills["fee"]),
        )
        return {
            "pnl": float((end - start) * unit),
            "fees": float(-int(fees.sum()) * unit),
            "turnover": float(int(value.sum()) * unit),
            "fills": float(len(fills)),
            "max_drawdown": float(figures.max_drawdown * unit),
            "sharpe": figures.sharpe,
            "sharpe_stderr": figures.sharpe_stderr,
        }

    def _equity(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return exact(rows["cash"]) + self._valuation.worth(exact(rows["position"]), exact(rows["mid2"]))


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"param {name}", value, "must be a number: a strategy has no other parameters")
    return float(value)


@lru_cache(maxsize=64)
def _dataset(store: str, name: str, expected: str) -> Dataset:
    if not Path(store).is_dir():
        raise InputError("store", store, "is not there; workers must share it under the same path")
    found = Store(Path(store)).dataset(name)
    if found.hash != expected:
        raise DataError(f"{store}: {name} has hash {found.hash[:12]}, not {expected[:12]}: it was replaced meanwhile")
    return found
