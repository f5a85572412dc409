"""Scripted orders against recorded data: the replay venue and the books of account, without strategies or risk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.events import ADD, CHANGE, DELETE, EventArray
from quotewright.domain.instrument import INSTRUMENT, Instrument
from quotewright.domain.journal import JOURNAL
from quotewright.domain.kernel import as_records
from quotewright.engine.functions import no_functions
from quotewright.engine.state import LEG, NEVER, new_state
from quotewright.risk.limits import LIMITS
from quotewright.simulation.flight import MESSAGES, send_off
from quotewright.simulation.loop import DONE, EMPTY_JOURNAL, MORE_ROOM, run_window
from quotewright.simulation.state import QUEUE_MODELS, Latency, VenueState, make_room_for_updates, new_venue
from quotewright.simulation.status import raise_for_status

MESSAGE = np.dtype(
    [
        ("ts", "i8"),  # arrival at the venue
        ("order", "i8"),  # id, unique, above 0
        ("price", "i8"),
        ("qty", "i8"),  # amend: new total
        ("agent", "i4"),
        ("instrument", "i4"),
        ("kind", "u1"),  # domain.messages PLACE, CANCEL, AMEND
        ("side", "i1"),
        ("flags", "u4"),
    ],
    align=True,
)

RESTS = np.dtype(
    [
        ("order", "i8"),
        ("agent", "i4"),
        ("instrument", "i4"),
        ("side", "i4"),
        ("price", "i8"),
        ("leaves", "i8"),
        ("ahead", "i8"),
    ],
    align=True,
)


class ScriptResult(NamedTuple):
    """The journal of a scripted run, and what still rests, by agent and arrival."""

    journal: npt.NDArray[Any]
    resting: npt.NDArray[Any]


def run_script(
    instruments: Sequence[Instrument],
    exch: EventArray,
    local: EventArray,
    messages: npt.NDArray[Any],
    worlds: Sequence[int],
    *,
    queue_model: str = "risk-averse",
    power: float = 2.0,
    response_latency: int = 0,
) -> ScriptResult:
    """Deliver `messages` (MESSAGE rows by time) to the venue and book what it answers.

    `worlds` gives the world of each agent; `exch` and `local` are the same rows by venue time and by home time.
    """
    count = len(instruments)
    table = np.zeros(count, INSTRUMENT)
    for index, instrument in enumerate(instruments):
        table[index] = instrument.to_record(0)[0]
    l3 = [bool(np.isin(exch["kind"][exch["instrument"] == i], (ADD, CHANGE, DELETE)).any()) for i in range(count)]
    pairs = [(agent, i) for agent in range(len(worlds)) for i in range(count)]
    legs = np.zeros(len(pairs), LEG)
    legs["agent"] = [agent for agent, _ in pairs]
    legs["instrument"] = [i for _, i in pairs]
    legs["strategy"] = -1
    limits = np.zeros(len(pairs), LIMITS)
    state = new_state(as_records(table), l3, legs, limits, np.zeros(1), no_functions(), mark_interval=0)
    ids = sorted(set(messages["order"].tolist()))
    venue = new_venue(
        as_records(table),
        l3,
        [(worlds[agent], i) for agent, i in pairs],
        max(len(ids), 1),
        Latency.constant(0, response_latency),
        queue_model=QUEUE_MODELS[queue_model],
        power=power,
        in_flight=len(messages) + 1024,
    )
    venue.venue[0]["one_order"] = int(exch is local)
    _queue_messages(venue, messages, ids, count)
    journal: list[npt.NDArray[Any]] = []
    status = EMPTY_JOURNAL
    while status in (EMPTY_JOURNAL, MORE_ROOM):
        if status == MORE_ROOM:
            make_room_for_updates(venue)
        status = run_window(state, venue, as_records(exch), as_records(local), NEVER)
        rows = int(state.engine[0]["journal_rows"])
        journal.append(np.array(state.journal[:rows], dtype=JOURNAL))
        state.engine[0]["journal_rows"] = 0
    if status != DONE:
        raise_for_status(status)
    return ScriptResult(np.concatenate(journal), _resting(venue, pairs))


def _queue_messages(venue: VenueState, messages: npt.NDArray[Any], ids: list[int], instruments: int) -> None:
    slots = {order: slot for slot, order in enumerate(ids)}
    for row in messages:
        at = int(send_off(venue.flights[MESSAGES], venue.messages, venue.message_heap, int(row["ts"])))
        queued = venue.messages[at]
        for field in ("order", "price", "qty", "flags", "kind", "side"):
            queued[field] = row[field]
        queued["slot"] = slots[int(row["order"])]
        queued["leg"] = row["agent"] * instruments + row["instrument"]


def _resting(venue: VenueState, pairs: list[tuple[int, int]]) -> npt.NDArray[Any]:
    rows: list[tuple[Any, ...]] = []
    numbers: dict[int, int] = {}
    for order in venue.resting:
        if order["id"] == 0:
            continue
        agent, instrument = pairs[int(order["leg"])]
        numbers[int(order["id"])] = int(order["number"])
        ahead = venue.cohorts[int(order["cohort"])]["ahead"]
        rows.append((order["id"], agent, instrument, order["side"], order["price"], order["leaves"], ahead))
    rows.sort(key=lambda row: (row[1], numbers[int(row[0])]))
    return np.array(rows, dtype=RESTS)
