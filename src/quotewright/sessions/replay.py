"""A replay from datasets to a run folder: the journal, and the record that lets it be repeated exactly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from quotewright import __version__
from quotewright.domain.errors import InputError
from quotewright.domain.events import Kind
from quotewright.domain.journal import JOURNAL
from quotewright.domain.kernel import as_records
from quotewright.engine.state import NEVER
from quotewright.engine.step import on_end
from quotewright.features.slots import catalogue_hash
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.assumptions import assumptions_of, feature_assumptions
from quotewright.sessions.outside import read_outside
from quotewright.sessions.provenance import code_hash
from quotewright.sessions.venue_options import VenueOptions
from quotewright.sessions.wiring import Wired, wire
from quotewright.simulation.loop import (
    ASK_PYTHON,
    DONE,
    EMPTY_JOURNAL,
    MORE_ROOM,
    NOWHERE,
    TO_VENUE,
    repeat_window,
    run_window,
)
from quotewright.simulation.state import make_room_for_updates, set_one_order
from quotewright.simulation.status import raise_for_status
from quotewright.storage.feed import windows
from quotewright.storage.journal import JOURNAL_FILE, JournalWriter
from quotewright.storage.store import Dataset
from quotewright.storage.window import Window
from quotewright.storage.writer import replace_file
from quotewright.strategies.catalogue import find

if TYPE_CHECKING:
    from quotewright.features.settings import FeatureSettings

RUN_FILE = "run.json"
_BOOK_KINDS = (Kind.ADD.name, Kind.LEVEL.name, Kind.BEST.name)
Progress = Callable[[int, int], None]  # events done, events in all


class Journal(Protocol):
    """What takes the records of a run: blocks in order, whose memory the engine uses again."""

    def append(self, records: npt.NDArray[Any], /) -> None:
        """Take the next block."""
        ...


@dataclass(frozen=True)
class ReplaySpec:
    """Everything that determines a replay besides the data."""

    agents: Sequence[AgentSpec]
    venue: VenueOptions = field(default_factory=VenueOptions)
    seed: int = 0
    mark_interval_ns: int = 10**9
    window_rows: int = 1_000_000
    features: Mapping[str, FeatureSettings] = field(default_factory=dict[str, Any])  # by VENUE:SYMBOL
    learned_until_ns: Mapping[str, int] = field(default_factory=dict[str, int])  # local time; by VENUE:SYMBOL
    models: Mapping[str, Path] = field(default_factory=dict[str, Path])  # compiled ones' manifests, the same
    views: Mapping[str, Path] = field(default_factory=dict[str, Path])  # CSV files of slow views, the same


def replay(
    datasets: Sequence[Dataset],
    spec: ReplaySpec,
    out: Path,
    *,
    command: Sequence[str] = (),
    progress: Progress | None = None,
    told: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Replay agents over datasets; writes `journal.parquet` and `run.json` into `out` and returns the record.

    Raises InputError for agents or options that make no sense, DataError for damaged data, HaltError if the
    loop cannot go on. `told` hears what is being compiled.
    """
    if not spec.agents:
        raise InputError("strategy", "", "give at least one strategy or an agents file")
    check_market(datasets, spec.mark_interval_ns)
    outside = read_outside([dataset.name for dataset in datasets], spec.models, spec.views)
    out.mkdir(parents=True, exist_ok=True)
    wired = wire(
        datasets,
        spec.agents,
        spec.venue,
        seed=spec.seed,
        mark_interval_ns=spec.mark_interval_ns,
        told=told,
        features=spec.features,
        outside=outside,
    )
    total = sum(dataset.rows for dataset in datasets)
    if told is not None:
        told("the engine")
    with JournalWriter(out / JOURNAL_FILE) as journal:
        span = run(wired, windows(datasets, spec.window_rows), TO_VENUE, journal, total, progress)
    record = {**_record(datasets, spec, wired, journal, span, command), **outside.facts}
    replace_file(out / RUN_FILE, json.dumps(record, indent=1, sort_keys=True).encode())
    return record


def run(
    wired: Wired,
    feed: Iterable[Window],
    mode: int,
    journal: Journal,
    total: int = 0,
    progress: Progress | None = None,
) -> tuple[int, int]:
    """Drive the loop over windows of the feed; returns first and last home time (ns)."""
    state, venue = wired.state, wired.venue
    engine = state.engine[0]
    last = 0
    for window in feed:
        venue.venue[0]["exch_next"] = 0
        venue.venue[0]["local_next"] = 0
        set_one_order(venue, window.one_order and not engine["features"])
        last = min(window.until, int(window.local["local_ts"][-1]) + 1 if len(window.local) else last)
        until = last if window.until > NEVER // 2 else window.until
        exch, local = as_records(window.exch), as_records(window.local)
        status = EMPTY_JOURNAL
        while status in (EMPTY_JOURNAL, MORE_ROOM, ASK_PYTHON):
            if status == ASK_PYTHON:
                wired.in_python.decide()
            elif status == MORE_ROOM:
                make_room_for_updates(venue)
            else:
                _empty_journal(wired, journal)
            if mode == NOWHERE:
                status = repeat_window(state, venue, local, until)
            else:
                status = run_window(state, venue, exch, local, until)
        _empty_journal(wired, journal)
        if status != DONE:
            raise_for_status(status)
        if progress is not None:
            progress(int(engine["events"]), total)
    last = max(last - 1, 0)
    engine["now"] = last
    on_end(state)
    _empty_journal(wired, journal)
    return int(engine["start"]), last


def _empty_journal(wired: Wired, journal: Journal) -> None:
    engine = wired.state.engine[0]
    rows = int(engine["journal_rows"])
    journal.append(np.asarray(wired.state.journal[:rows]).view(JOURNAL))
    engine["journal_rows"] = 0


def check_market(datasets: Sequence[Dataset], mark_interval_ns: int) -> None:
    """Raise InputError unless there are datasets, each with a book, and marks are not too close."""
    if not datasets:
        raise InputError("instrument", "", "give at least one VENUE:SYMBOL")
    if mark_interval_ns < 1_000_000:
        raise InputError("mark-interval", mark_interval_ns, "must be at least 1ms")
    for dataset in datasets:
        kinds = dataset.manifest["quality"]["rows_by_kind"]
        if not any(kind in kinds for kind in _BOOK_KINDS):
            raise InputError(
                "instrument", dataset.name, "has trades or bars only; a market maker needs a recorded book to quote on"
            )


def combined_hash(datasets: Sequence[Dataset]) -> str:
    """One hash for the datasets of a run, in order."""
    if len(datasets) == 1:
        return datasets[0].hash
    return hashlib.sha256(json.dumps([d.hash for d in datasets]).encode()).hexdigest()


def _record(
    datasets: Sequence[Dataset],
    spec: ReplaySpec,
    wired: Wired,
    journal: JournalWriter,
    span: tuple[int, int],
    command: Sequence[str],
) -> dict[str, Any]:
    agents: list[dict[str, Any]] = []
    for number, agent in enumerate(spec.agents):
        legs = [leg for leg, (owner, _) in enumerate(wired.pairs) if owner == number]
        agents.append(
            {
                **agent.to_dict(),
                "world": agent.world or agent.name,
                "settings": agent.to_dict(),
                "params": _bound_params(wired, legs, agent),
                "interval_ns": int(wired.state.legs[legs[0]]["interval"]) if legs else 0,
                "instruments": [wired.pairs[leg][1] for leg in legs],
                "limits": agent.to_dict()["limits"],
                "limits_in_lots": [wired.limits[leg] for leg in legs],
            }
        )
    return {
        "quotewright": __version__,
        "code": code_hash(),
        "command": list(command),
        "dataset": combined_hash(datasets),
        "datasets": [
            {
                "name": d.name,
                "hash": d.hash,
                "rows": d.rows,
                "first_ts": d.manifest["first_ts"],
                "last_ts": d.manifest["last_ts"],
                "clock_offset": d.clock_offset,
                "clock_offset_chosen": d.manifest["clock_offset_chosen"],
                "l3": d.manifest["l3"],
            }
            for d in datasets
        ],
        "instruments": [d.instrument.to_dict() for d in datasets],
        "agents": agents,
        "venue": spec.venue.to_dict(),
        "seed": spec.seed,
        "mark_interval_ns": spec.mark_interval_ns,
        "features": {name: settings.to_dict() for name, settings in spec.features.items()},
        "feature_catalogue": catalogue_hash() if wired.state.engine[0]["features"] else "",
        "events": int(wired.state.engine[0]["events"]),
        "first_ts": span[0],
        "last_ts": span[1],
        "assumptions": assumptions_of(datasets, spec.venue) + _of_features(datasets, spec, wired),
        "journal": {"file": JOURNAL_FILE, "rows": journal.rows, "sha256": journal.sha256},
    }


def _of_features(datasets: Sequence[Dataset], spec: ReplaySpec, wired: Wired) -> list[str]:
    read = wired.state.engine[0]["features"]
    return feature_assumptions(datasets, spec.features, spec.learned_until_ns) if read else []


def _bound_params(wired: Wired, legs: Sequence[int], agent: AgentSpec) -> dict[str, float]:
    """The parameters as the strategy saw them, defaults included."""
    names = [param.name for param in find(agent.strategy).params]
    if not legs:
        return dict(agent.params)
    leg = wired.state.legs[legs[0]]
    values = wired.state.params[int(leg["params_from"]) : int(leg["params_to"])]
    return {name: float(value) for name, value in zip(names, values, strict=True)}
