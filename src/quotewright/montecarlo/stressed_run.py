"""One session under one scenario: the datasets it meets, its latencies and fees, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.accounting.attribution import profit_path
from quotewright.accounting.runs import Agent, Leg
from quotewright.accounting.statistics import leg_statistics
from quotewright.domain.errors import InputError
from quotewright.domain.journal import KEEP_ALL, Record
from quotewright.domain.units import parse_rate
from quotewright.montecarlo.distortion import View, distort, slow_feed
from quotewright.montecarlo.scenarios import Scenario, Slow
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.importing import store_events
from quotewright.sessions.replay import TO_VENUE, check_market, run
from quotewright.sessions.venue_options import VenueOptions
from quotewright.sessions.wiring import Wired, wire
from quotewright.storage.feed import windows
from quotewright.storage.store import Dataset, Store
from quotewright.storage.window import Window

if TYPE_CHECKING:
    from quotewright.features.settings import FeatureSettings

SECOND = 10**9
DEAD_STEP = 10**8  # ns: how finely the wait for lines that come back is written down
KEEP = KEEP_ALL & ~(1 << Record.DECISION)


class Outcome(NamedTuple):
    """What one agent did on one instrument; money in the settle asset, positions in the quantity's unit."""

    agent: str
    instrument: str
    pnl: float  # at the end, what is held marked at the mid
    drawdown: float  # the largest fall of the profit from an earlier top
    lowest: float  # position
    highest: float
    halted: float  # seconds from a halt by the risk gate to the end
    unseen: float  # seconds without a valid book
    quotes: float  # orders placed and amended
    fills: float


METRICS = Outcome._fields[2:]


def run_stressed(
    datasets: Sequence[Dataset],
    agents: Sequence[AgentSpec],
    scenario: Scenario | None,
    folder: Path,
    *,
    venue: VenueOptions,
    seed: int = 0,
    features: Mapping[str, FeatureSettings] | None = None,
) -> list[Outcome]:
    """Replay agents over datasets as a scenario makes them (None: as they are); `folder` takes what must be written.

    Outcomes come by agent, then instrument. Raises InputError for a scenario that begins after the recording's end or
    names a market that is not there, and as a replay does.
    """
    check_market(datasets, SECOND)
    start = min(int(dataset.manifest["first_ts"]) + dataset.clock_offset for dataset in datasets)
    fees: tuple[int, Scenario] | None = None
    if scenario is not None:
        _check(scenario, datasets, start)
        venue = _slowed(venue, scenario.slow, start, folder)
        datasets = [_stressed(dataset, scenario, start, seed, folder) for dataset in datasets]
        fees = None if scenario.fees is None else (start + int(scenario.fees.at * SECOND), scenario)
    wired = wire(datasets, agents, venue, seed=seed, mark_interval_ns=SECOND, keep=KEEP, features=features)
    journal = _Kept()
    feed = windows(datasets)
    run(wired, feed if fees is None else _new_fees(feed, wired, datasets, *fees), TO_VENUE, journal)
    return _outcomes(wired, agents, datasets, journal.rows())


class _Kept:
    """Takes a journal into memory."""

    def __init__(self) -> None:
        self._blocks: list[npt.NDArray[Any]] = []

    def append(self, records: npt.NDArray[Any], /) -> None:
        """Take the next block, whose memory the engine uses again."""
        self._blocks.append(records.copy())

    def rows(self) -> npt.NDArray[Any]:
        """All of it."""
        return np.concatenate(self._blocks)


def _check(scenario: Scenario, datasets: Sequence[Dataset], start: int) -> None:
    names = [dataset.name for dataset in datasets]
    for name in scenario.instruments:
        if name not in names:
            raise InputError(f"{scenario.name}: instruments", name, f"is not in this session: {', '.join(names)}")
    end = max(int(dataset.manifest["last_ts"]) + dataset.clock_offset for dataset in datasets)
    span = (end - start) / SECOND
    if scenario.start >= span:
        raise InputError(f"{scenario.name}: start", scenario.start, f"is after the recording's end at {span:g} s")


def _stressed(dataset: Dataset, scenario: Scenario, start: int, seed: int, folder: Path) -> Dataset:
    """The dataset as the scenario makes it, stored anew; itself where nothing of it changes."""
    concerned = not scenario.instruments or dataset.name in scenario.instruments
    stages = scenario.stages if concerned else ()
    if not stages and scenario.slow is None:
        return dataset
    reference = float(dataset.manifest["quality"]["reference2"]) / 2
    views = [
        View(start + int(stage.at * SECOND), round(reference * stage.move_bp / 1e4), stage.keep, stage.dark)
        for stage in stages
    ]
    events = distort(dataset.read(), views, seed)
    if scenario.slow is not None and np.isfinite(scenario.slow.times):  # a dead line to a dark venue has no feed
        begin, end = (start + int(at * SECOND) for at in (scenario.slow.start, scenario.slow.end))
        events = slow_feed(events, begin, end, scenario.slow.times, dataset.clock_offset)

    def described() -> dict[str, Any]:
        source = {"name": f"{dataset.name} under {scenario.name}", "bytes": 0, "sha256": dataset.hash}
        return {"format": "stressed", "sources": [source], "refused": {}, "notes": [scenario.doc]}

    store_events(folder / "store", dataset.instrument, [events], described, f"{dataset.clock_offset}ns")
    return Store(folder / "store").dataset(dataset.name)


def _slowed(venue: VenueOptions, slow: Slow | None, start: int, folder: Path) -> VenueOptions:
    """Options whose latency is as usual, but for the time that lines are slow or dead."""
    if slow is None:
        return venue
    if venue.latency_file:
        raise InputError("latency-file", venue.latency_file, "cannot be slowed: give constant latencies")
    entry, response = venue.entry_latency_ns, venue.response_latency_ns
    begin, end = start + int(slow.start * SECOND), start + int(slow.end * SECOND)
    if np.isinf(slow.times):
        rows = [(at, end - at + entry, end - at + response) for at in range(begin, end, DEAD_STEP)]
    else:
        rows = [(begin, int(entry * slow.times), int(response * slow.times))]
    rows = [(0, entry, response), *rows, (end, entry, response)]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "latency.csv"
    lines = ["ts,entry_ns,response_ns", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return replace(venue, latency_file=str(path))


def _new_fees(
    feed: Iterable[Window], wired: Wired, datasets: Sequence[Dataset], at: int, scenario: Scenario
) -> Iterator[Window]:
    """The same windows, with the rates changed between what is before `at` and what is not (by home time)."""
    changed = False
    for window in feed:
        if changed or window.until <= at:
            yield window
            continue
        exch, local = (int(np.searchsorted(rows[name], at)) for rows, name in _both(window))
        yield window._replace(exch=window.exch[:exch], local=window.local[:local], until=at)
        for index, dataset in enumerate(datasets):
            if scenario.fees is not None and (not scenario.instruments or dataset.name in scenario.instruments):
                instrument = wired.state.instruments[index]
                instrument["maker_rate"] = parse_rate(scenario.fees.maker, "maker")
                instrument["taker_rate"] = parse_rate(scenario.fees.taker, "taker")
        changed = True
        yield window._replace(exch=window.exch[exch:], local=window.local[local:])


def _both(window: Window) -> tuple[tuple[Any, str], tuple[Any, str]]:
    return (window.exch, "exch_ts"), (window.local, "local_ts")


def _outcomes(
    wired: Wired, agents: Sequence[AgentSpec], datasets: Sequence[Dataset], rows: npt.NDArray[Any]
) -> list[Outcome]:
    found: list[Outcome] = []
    for number, index in wired.pairs:
        spec, instrument = agents[number], datasets[index].instrument
        here = rows[rows["instrument"] == index]
        agent = Agent(spec.name, spec.world or spec.name, spec.strategy, spec.params, {}, 0, (index,))
        leg = Leg(agent, instrument, here[here["agent"] == number], here[here["agent"] == -1])
        path, figures = profit_path(leg), leg_statistics(leg, SECOND)
        halts = leg.of(Record.HALT)
        found.append(
            Outcome(
                spec.name,
                instrument.name,
                pnl=float(instrument.money(int(path.total[-1]))),
                drawdown=float(instrument.money(figures.drawdown.units)),
                lowest=float(instrument.position(figures.holdings.lowest)),
                highest=float(instrument.position(figures.holdings.highest)),
                halted=float(leg.end["ts"] - halts["ts"][0]) / SECOND if len(halts) else 0.0,
                unseen=figures.book_invalid_ns / SECOND,
                quotes=float(figures.orders.places + figures.orders.amends),
                fills=float(figures.orders.fills),
            )
        )
    return found
