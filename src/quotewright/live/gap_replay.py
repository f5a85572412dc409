"""A session's own feed through the replay venue: the same agents and limits, and what the operator asked of them.

The venue hears of the market when the session did (as in paper trading), so that no clock but ours matters and an
order's latency stands for both ways. Orders that an earlier session left at a venue are not there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from quotewright.domain.errors import HaltError
from quotewright.domain.journal import JOURNAL, Record
from quotewright.domain.kernel import as_records
from quotewright.engine.step import on_end
from quotewright.live.assemble import wired_again
from quotewright.live.recorded import RecordedSession, Stretch, Table
from quotewright.live.repetition import settle_again
from quotewright.sessions.venue_options import VenueOptions
from quotewright.sessions.wiring import Wired
from quotewright.simulation.loop import ASK_PYTHON, DONE, EMPTY_JOURNAL, MORE_ROOM, deliver, run_window
from quotewright.simulation.state import make_room_for_updates, set_one_order
from quotewright.simulation.status import raise_for_status

_LEFT_OUT = (Record.DECISION, Record.MARKOUT)


def simulate(recorded: RecordedSession, options: VenueOptions, told: Callable[[str], None] | None = None) -> Table:
    """The journal, without decisions and markouts, of the session's agents at a venue of these options."""
    wired = wired_again(
        recorded.start, recorded.markets, replace(recorded.settings, simulated=options), 0, as_live=False
    )
    if told is not None:
        told("the engine")
    set_one_order(wired.venue, False)
    blocks: list[Table] = [np.zeros(0, JOURNAL)]
    for stretch in recorded.stretches():
        if stretch.activation is not None:
            settle_again(wired, recorded, stretch.activation, as_live=False)
        _take(wired, stretch, blocks)
    on_end(wired.state)
    blocks.append(_taken(wired))
    return np.concatenate(blocks)


def _take(wired: Wired, stretch: Stretch, blocks: list[Table]) -> None:
    """Run one stretch; what was journaled goes to `blocks`, and `now` is left at its end."""
    state, venue = wired.state, wired.venue
    words = stretch.answers[stretch.answers["kind"] > Record.ADOPTED]
    if len(words) and deliver(venue, as_records(words), len(words)):
        raise HaltError("more of an operator's words in a stretch of the log than there is room for")
    ends = stretch.records["ts"][stretch.records["kind"] == Record.RUN_END]
    until = int(ends[0]) + 1 if len(ends) else stretch.until
    if not len(stretch.events) and not state.engine[0]["start"]:
        return
    here = stretch.events.copy()
    here["exch_ts"] = here["local_ts"]
    exch, local = as_records(here), as_records(stretch.events.copy())
    venue.venue[0]["exch_next"] = venue.venue[0]["local_next"] = 0
    status = EMPTY_JOURNAL
    while status in (EMPTY_JOURNAL, MORE_ROOM, ASK_PYTHON):
        if status == ASK_PYTHON:
            wired.in_python.decide()
        elif status == MORE_ROOM:
            make_room_for_updates(venue)
        status = run_window(state, venue, exch, local, until)
        blocks.append(_taken(wired))
    if status != DONE:
        raise_for_status(status)
    state.engine[0]["now"] = until - 1


def _taken(wired: Wired) -> Table:
    engine = wired.state.engine[0]
    rows = np.asarray(wired.state.journal[: int(engine["journal_rows"])]).view(JOURNAL)
    engine["journal_rows"] = 0
    return rows[~np.isin(rows["kind"], _LEFT_OUT)]
