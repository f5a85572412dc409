"""A run repeated from its own journal: the same feed and the journaled answers in, the same commands out.

The venue is not simulated again. What the venue answered is taken from the journal, delivered at the journaled
times, and everything the step then writes is compared with the journal, record by record.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import DataError, HaltError, InputError
from quotewright.domain.journal import FILL_TAKER, JOURNAL, Record
from quotewright.sessions.agents import agent_from_dict
from quotewright.sessions.outside import recorded_outside
from quotewright.sessions.replay import RUN_FILE, Progress, combined_hash, run
from quotewright.sessions.venue_options import VenueOptions
from quotewright.sessions.wiring import Wired, wire
from quotewright.simulation.flight import RESPONSES, send_off
from quotewright.simulation.loop import NOWHERE
from quotewright.storage.feed import windows
from quotewright.storage.journal import JOURNAL_FILE, JournalWriter, read_journal
from quotewright.storage.store import Store

ANSWERS = (
    Record.ACCEPTED,
    Record.REJECTED,
    Record.CANCELED,
    Record.AMENDED,
    Record.CANCEL_REJECTED,
    Record.FILL,
)
COMMANDS = (Record.PLACE, Record.CANCEL, Record.AMEND)


def repeat_from_journal(
    folder: Path,
    store: Store,
    out: Path,
    *,
    progress: Progress | None = None,
    told: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Repeat the run in `folder`; writes the repeated journal into `out`.

    Returns the number of commands and records that agree. Raises InputError if the store holds other data than the
    run used, HaltError naming the first record that differs.
    """
    record = _record(folder)
    datasets = [store.dataset(entry["name"]) for entry in record["datasets"]]
    if combined_hash(datasets) != record["dataset"]:
        raise InputError("store", str(store.path), f"does not hold the data of this run ({record['dataset'][:12]})")
    agents = [agent_from_dict(agent["settings"], number) for number, agent in enumerate(record["agents"], 1)]
    known = read_journal(folder / JOURNAL_FILE)
    answers = known[np.isin(known["kind"], ANSWERS)]
    wired = wire(
        datasets,
        agents,
        VenueOptions(**record["venue"]),
        seed=record["seed"],
        mark_interval_ns=record["mark_interval_ns"],
        told=told,
        in_flight=len(answers) + 1,
        features=_features(record),
        outside=recorded_outside([dataset.name for dataset in datasets], record),
    )
    _deliver(wired, answers)
    out.mkdir(parents=True, exist_ok=True)
    total = sum(dataset.rows for dataset in datasets)
    with JournalWriter(out / JOURNAL_FILE) as journal:
        run(wired, windows(datasets), NOWHERE, journal, total, progress)
    repeated = read_journal(out / JOURNAL_FILE)
    compare(known, repeated)
    commands = int(np.isin(known["kind"], COMMANDS).sum())
    return {"run": str(folder), "commands": commands, "records": len(known), "same": True}


def _features(record: dict[str, Any]) -> dict[str, Any]:
    if not record.get("features"):
        return {}
    from quotewright.features.settings import FeatureSettings  # a session without features need not import them

    return {name: FeatureSettings.from_dict(given) for name, given in record["features"].items()}


def _record(folder: Path) -> dict[str, Any]:
    path = folder / RUN_FILE
    if not path.is_file():
        raise InputError("journal", str(folder), f"is not a run folder: it has no {RUN_FILE}")
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise DataError(f"{path}: not readable as JSON: {error}") from error


def _deliver(wired: Wired, answers: npt.NDArray[Any]) -> None:
    """Queue the journaled answers as responses on their way home."""
    legs = {pair: leg for leg, pair in enumerate(wired.pairs)}
    venue = wired.venue
    for row in answers:
        at = int(send_off(venue.flights[RESPONSES], venue.responses, venue.response_heap, int(row["ts"])))
        response = venue.responses[at]
        for field in ("exch_ts", "order", "price", "qty", "leaves", "ahead", "kind", "side", "reason"):
            response[field] = row[field]
        response["leg"] = legs[int(row["agent"]), int(row["instrument"])]
        response["flags"] = int(row["flags"]) & FILL_TAKER
        response["slot"] = -1  # the loop finds it by the order's id


def compare(known: npt.NDArray[Any], repeated: npt.NDArray[Any], first: int = 0) -> None:
    """Raise HaltError at the first record that differs; records are numbered from `first`."""
    shared = min(len(known), len(repeated))
    apart = np.flatnonzero(known[:shared] != repeated[:shared])
    if len(apart):
        number = int(apart[0])
        differing = [name for name in JOURNAL.names or () if known[number][name] != repeated[number][name]]
        kind = Record(int(known[number]["kind"])).name
        raise HaltError(
            f"record {first + number} ({kind}) differs in {', '.join(differing)}: the step is not repeatable"
        )
    if len(known) != len(repeated):
        raise HaltError(f"the journal has {len(known)} records, its repetition {len(repeated)}")
