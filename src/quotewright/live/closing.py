"""From a session's log to a run folder: journal, record, and the session's own feed as a store.

Everything that works on a replay then works on the session. One that was killed has its books closed here, and the
record says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from quotewright import __version__
from quotewright.domain.errors import DataError
from quotewright.domain.events import EVENT
from quotewright.domain.journal import FEE_ELSEWHERE, JOURNAL, LATE, Record
from quotewright.live.recorded import RecordedSession, Table, read_recorded
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.assumptions import assumptions_of
from quotewright.sessions.importing import store_events
from quotewright.sessions.provenance import code_hash
from quotewright.sessions.replay import RUN_FILE, combined_hash
from quotewright.storage.journal import JOURNAL_FILE, JournalWriter
from quotewright.storage.session_log import EVENTS, RECORDS
from quotewright.storage.store import Dataset, Store
from quotewright.storage.writer import replace_file
from quotewright.strategies.catalogue import find

FEED_FOLDER = "feed"
MILLISECOND = 1_000_000
_STATED = (  # kinds that say what a leg has
    Record.RUN_START, Record.FILL, Record.MARK, Record.HALT, Record.FUNDING, Record.RUN_END, Record.ADJUSTED,
    Record.ACTIVATED,
)  # fmt: skip


def close_run(log_folder: Path, out: Path, session: int | None = None) -> dict[str, Any]:
    """Write the run folder of one session of a log, the last one if none is named, to `out`; returns its record.

    The session may still be going on: the folder then has what is with the operating system. Raises InputError if there
    is no such session, DataError for a damaged log and for a session that heard nothing of its market.
    """
    recorded = read_recorded(log_folder, session)
    blocks = recorded.tables(RECORDS, JOURNAL)
    first = next(blocks, None)
    if first is None:
        raise DataError(f"{log_folder}: the session heard nothing of its market: there is nothing to report")
    out.mkdir(parents=True, exist_ok=True)
    (out / RUN_FILE).unlink(missing_ok=True)  # until all is written, this is no run folder
    tally = _Tally(recorded)
    with JournalWriter(out / JOURNAL_FILE) as journal:
        for block in chain([first], blocks):
            journal.append(block)
            tally.take(block)
        ends = tally.ends()
        journal.append(ends)
    datasets = _store_feed(recorded, out / FEED_FOLDER)
    record = {
        "quotewright": __version__,
        "code": code_hash(),
        "command": ["quotewright", recorded.mode],
        "dataset": combined_hash(datasets) if datasets else "",
        "datasets": [_dataset(dataset) for dataset in datasets],
        "instruments": [market.instrument.to_dict() for market in recorded.markets],
        "agents": [
            _agent(recorded, agent, number, [i for a, i in tally.began if a == number])
            for number, agent in enumerate(recorded.agents)
            if any(a == number for a, _ in tally.began)
        ],
        "venue": recorded.settings.simulated.to_dict(),
        "seed": recorded.settings.seed,
        "mark_interval_ns": recorded.settings.mark_interval,
        "features": {},
        "feature_catalogue": "",
        "events": sum(dataset.rows for dataset in datasets),
        "first_ts": tally.first,
        "last_ts": tally.last,
        "assumptions": _assumptions(recorded, tally, datasets, killed=len(ends) > 0),
        "mode": recorded.mode,
        "session": recorded.start.session,
        "killed": len(ends) > 0,
        "log": os.path.relpath(log_folder, out),
        "feed": FEED_FOLDER,
        "legs": [
            {"agent": leg.agent_name, "instrument": leg.instrument_name, "venue": _traded_at(recorded, leg.instrument)
             if leg.live else "simulated"}
            for leg in recorded.legs
        ],
        "settings": recorded.start.config,
        "journal": {"file": JOURNAL_FILE, "rows": journal.rows, "sha256": journal.sha256},
    }  # fmt: skip
    replace_file(out / RUN_FILE, json.dumps(record, indent=1, sort_keys=True).encode())
    return record


class _Tally:
    """What the records of a session came to, block by block."""

    def __init__(self, recorded: RecordedSession) -> None:
        self.began: list[tuple[int, int]] = []  # (agent, instrument) with a RUN_START, in its order
        self.first = 0
        self.last = 0
        self.fees_elsewhere: dict[tuple[int, int], int] = {}  # 1e-8 of a third asset
        self.late = 0
        self.unknown = 0
        self._rows = 0
        self._ended: set[tuple[int, int]] = set()
        self._stated: dict[tuple[int, int], tuple[int, int, int]] = {}  # cash, position, funding paid
        self._mids = [0] * len(recorded.markets)

    def take(self, block: Table) -> None:
        """Look at the next records."""
        self.first = self.first or int(block["ts"][0])
        self.last = int(block["ts"][-1])
        self._rows = int(block["seq"][-1]) + 1
        kinds, flags = block["kind"], block["flags"]
        fills = kinds == Record.FILL
        self.late += int((fills & (flags & LATE != 0)).sum())
        self.unknown += int((kinds == Record.UNKNOWN).sum())
        for instrument in range(len(self._mids)):
            mids = block["mid2"][(block["instrument"] == instrument) & (block["mid2"] > 0)]
            if len(mids):
                self._mids[instrument] = int(mids[-1])
        stated = block[np.isin(kinds, _STATED)]
        for row in stated[stated["kind"] == Record.RUN_START]:
            self.began.append((int(row["agent"]), int(row["instrument"])))
            self._stated[self.began[-1]] = (0, 0, 0)
        for pair in self.began:
            mine = stated[(stated["agent"] == pair[0]) & (stated["instrument"] == pair[1])]
            if not len(mine):
                continue
            self._stated[pair] = (int(mine["cash"][-1]), int(mine["position"][-1]), self._funding(pair, mine))
            if mine["kind"][-1] == Record.RUN_END:
                self._ended.add(pair)
            told = mine[(mine["kind"] == Record.FILL) & (mine["flags"] & FEE_ELSEWHERE != 0)]
            if len(told):
                self.fees_elsewhere[pair] = self.fees_elsewhere.get(pair, 0) + int(told["fee"].sum())

    def _funding(self, pair: tuple[int, int], mine: Table) -> int:
        sums = np.isin(mine["kind"], (Record.RUN_START, Record.MARK, Record.RUN_END))
        at = int(np.flatnonzero(sums)[-1]) if sums.any() else -1
        base = int(mine["fee"][at]) if at >= 0 else self._stated[pair][2]
        later = mine[at + 1 :]
        return base + int(later["fee"][later["kind"] == Record.FUNDING].sum())

    def ends(self) -> Table:
        """RUN_END for every leg that has none: as it stood when it was last heard of."""
        open_pairs = [pair for pair in self.began if pair not in self._ended]
        rows = np.zeros(len(open_pairs), JOURNAL)
        for number, (agent, instrument) in enumerate(open_pairs):
            row = rows[number]
            row["seq"], row["ts"], row["kind"] = self._rows + number, self.last, Record.RUN_END
            row["agent"], row["instrument"], row["mid2"] = agent, instrument, self._mids[instrument]
            row["cash"], row["position"], row["fee"] = self._stated[agent, instrument]
        return rows


def _store_feed(recorded: RecordedSession, store: Path) -> list[Dataset]:
    """One dataset an instrument, with the rows and times as the step took them; none for one that sent nothing."""
    found: list[Dataset] = []
    for index, market in enumerate(recorded.markets):
        if next(_rows_of(recorded, index), None) is None:
            continue
        details: dict[str, Any] = {
            "format": "session",
            "sources": [{"name": f"session {recorded.start.session}", "bytes": 0, "sha256": ""}],
            "refused": {},
            "notes": [f"taken by a {recorded.mode} session; local times are those of its step"],
        }
        store_events(store, market.instrument, _rows_of(recorded, index), partial(dict[str, Any], details), "auto")
        found.append(Store(store).dataset(market.name))
    return found


def _rows_of(recorded: RecordedSession, index: int) -> Iterator[Table]:
    for block in recorded.tables(EVENTS, EVENT):
        mine = block[block["instrument"] == index]
        if len(mine):
            mine["instrument"] = 0
            yield mine


def _dataset(dataset: Dataset) -> dict[str, Any]:
    manifest = dataset.manifest
    told = ("hash", "rows", "first_ts", "last_ts", "clock_offset", "clock_offset_chosen", "l3")
    return {"name": dataset.name, **{name: manifest[name] for name in told}}


def _agent(recorded: RecordedSession, agent: AgentSpec, number: int, instruments: list[int]) -> dict[str, Any]:
    strategy = find(agent.strategy)
    bound = strategy.bind(agent.params)
    settings = agent.to_dict() | {"world": agent.world.removeprefix("\0")}
    return {
        **settings,
        "number": number,
        "world": settings["world"] or agent.name,
        "settings": settings,
        "params": {param.name: float(value) for param, value in zip(strategy.params, bound, strict=True)},
        "interval_ns": int(agent.interval_ms * MILLISECOND) or strategy.interval,
        "instruments": instruments,
        "limits_in_lots": [
            agent.limits.to_limits(recorded.markets[i].instrument, recorded.markets[i].reference2) for i in instruments
        ],
    }


def _traded_at(recorded: RecordedSession, instrument: int) -> str:
    return recorded.markets[instrument].instrument.venue


def _assumptions(recorded: RecordedSession, tally: _Tally, datasets: list[Dataset], *, killed: bool) -> list[str]:
    """What was real and what was simulated, in words."""
    live = sorted({(leg.agent_name, _traded_at(recorded, leg.instrument)) for leg in recorded.legs if leg.live})
    simulated = sorted({leg.agent_name for leg in recorded.legs if not leg.live})
    said = [f"A {recorded.mode} session: market data came from the venues as it ran."]
    said += [
        f"{agent}: its orders went to {venue}; fills, fees and delays are the venue's own." for agent, venue in live
    ]
    if simulated:
        said.append(
            f"{', '.join(simulated)}: no order left; all were simulated on the same feed, by a venue that hears of the "
            "market when we do, so that the order's latency stands for both ways."
        )
        said += assumptions_of(datasets, recorded.settings.simulated)
    for leg in recorded.start.legs:
        if leg.position or leg.cash:
            said.append(f"{leg.agent} on {leg.instrument} began with what an earlier session left.")
    for (agent, instrument), units in sorted(tally.fees_elsewhere.items()):
        said.append(
            f"{recorded.agents[agent].name} on {recorded.markets[instrument].name}: fees of {units} × 1e-8 of a third "
            "asset are in the journal, and not in its profit."
        )
    if tally.unknown:
        said.append(f"{tally.unknown} times the state of an order was in doubt; it counted as open until it was known.")
    if tally.late:
        said.append(f"{tally.late} fills came after their order was taken for ended.")
    if killed:
        said.append(
            "The session did not end by itself: RUN_END was added afterwards, from each leg's last known cash, "
            "position and mid. Orders may have rested on; the next session takes them over."
        )
    return said
