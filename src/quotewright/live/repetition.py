"""A session repeated from its log: the same inputs in the same order, the same records out, bit for bit.

What venues answered comes from the log's answers, what the simulated venue answered from the journal itself, for that
venue is not simulated again. Everything the step then writes is compared with what it wrote then.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from quotewright.domain.errors import DataError, HaltError, InputError
from quotewright.domain.journal import FILL_TAKER, JOURNAL, Record
from quotewright.domain.kernel import as_records
from quotewright.domain.messages import RESPONSE
from quotewright.engine.step import on_end
from quotewright.live.assemble import wired_again
from quotewright.live.operator import decision_place, settle_agent
from quotewright.live.recorded import ROWS, Activation, RecordedSession, Stretch, Table, read_recorded
from quotewright.sessions.repeat import COMMANDS, compare
from quotewright.sessions.replay import RUN_FILE, Progress
from quotewright.sessions.wiring import Wired
from quotewright.simulation.loop import ASK_PYTHON, DONE, EMPTY_JOURNAL, deliver, repeat_window
from quotewright.simulation.state import set_one_order
from quotewright.simulation.status import raise_for_status
from quotewright.storage.journal import JOURNAL_FILE, JournalWriter

IN_FLIGHT = 1 << 18  # more answers than a stretch has; rooms that are not used cost no memory
_RESPONSES = [
    int(kind)
    for kind in Record
    if kind in range(Record.ACCEPTED, Record.FILL + 1) or kind in range(Record.UNKNOWN, Record.ACTIVATED + 1)
]
_BOTH = ("ts", "exch_ts", "order", "price", "qty", "leaves", "ahead", "kind", "side", "reason")


def is_session(folder: Path) -> bool:
    """Whether a run folder is that of a session, with a log to repeat it from."""
    try:
        return "log" in json.loads((folder / RUN_FILE).read_bytes())
    except (OSError, ValueError):
        return False


def log_of(folder: Path) -> tuple[Path, int]:
    """Log folder and number of the session that a run folder is of; InputError if it is of none, or the log is gone."""
    try:
        record = json.loads((folder / RUN_FILE).read_bytes())
        log, session = (folder / record["log"]).resolve(), int(record["session"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError("run", str(folder), f"is not the run folder of a session: {error}") from None
    if not log.is_dir():
        raise InputError("run", str(folder), f"its session's log is not at {log}: put it back there")
    return log, session


def repeat_session(
    folder: Path,
    out: Path,
    *,
    progress: Progress | None = None,
    told: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Repeat the session of a run folder from its log; writes the repeated journal into `out`.

    Returns the number of commands and records that agree. Raises HaltError naming the first record that differs.
    """
    recorded = read_recorded(*log_of(folder))
    total = int(json.loads((folder / RUN_FILE).read_bytes()).get("events", 0))
    return {"run": str(folder), **repeat_recorded(recorded, out, total=total, progress=progress, told=told)}


def repeat_recorded(
    recorded: RecordedSession,
    out: Path,
    *,
    rows: int = ROWS,
    total: int = 0,
    progress: Progress | None = None,
    told: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """As `repeat_session`, of a session already found in its log, `rows` rows at a time."""
    out.mkdir(parents=True, exist_ok=True)
    wired = wired_again(recorded.start, recorded.markets, recorded.settings, max(IN_FLIGHT, 4 * rows), as_live=True)
    if told is not None:
        told("the engine")
    commands = records = 0
    with JournalWriter(out / JOURNAL_FILE) as journal:
        repetition = _Repetition(wired, recorded)
        for stretch in recorded.stretches(rows):
            for block in repetition.repeat(stretch):
                journal.append(block)
            commands += int(np.isin(stretch.records["kind"], COMMANDS).sum())
            records += len(stretch.records)
            if progress is not None:
                progress(int(wired.state.engine[0]["events"]), total)
    return {"commands": commands, "records": records, "same": True}


class _Repetition:
    def __init__(self, wired: Wired, recorded: RecordedSession) -> None:
        self._wired = wired
        self._recorded = recorded
        self._leg_of = {(leg.agent, leg.instrument): number for number, leg in enumerate(recorded.legs)}
        set_one_order(wired.venue, False)

    def repeat(self, stretch: Stretch) -> list[Table]:
        """Take in a stretch; returns what was journaled. Raises HaltError if that is not what was journaled before."""
        if stretch.activation is not None:
            settle_again(self._wired, self._recorded, stretch.activation, as_live=True)
        known = stretch.records
        answers = self._answers(stretch)
        if len(answers) and deliver(self._wired.venue, as_records(answers), len(answers)):
            raise HaltError("more answers in a stretch of the log than there is room for")
        ends = known["ts"][known["kind"] == Record.RUN_END]
        blocks = self._run(stretch.events, int(ends[0]) + 1 if len(ends) else stretch.until)
        if len(ends):
            self._wired.state.engine[0]["now"] = int(ends[0])
            on_end(self._wired.state)
            blocks.append(self._taken())
        repeated = np.concatenate(blocks)
        if stretch.last and not len(ends):  # killed: the last records may not have been written
            repeated = repeated[: len(known)]
        compare(known, repeated, int(known["seq"][0]) if len(known) else 0)
        return [repeated]

    def _run(self, events: Table, until: int) -> list[Table]:
        state, venue = self._wired.state, self._wired.venue
        rows = events.copy()
        if not state.engine[0]["features"]:  # then the step hears of updates by way of the simulated venue, at its time
            rows["exch_ts"] = rows["local_ts"]
        local = as_records(rows)
        venue.venue[0]["local_next"] = 0
        blocks: list[Table] = []
        if not len(rows) and not state.engine[0]["start"]:
            return [np.zeros(0, JOURNAL)]
        status = EMPTY_JOURNAL
        while status in (EMPTY_JOURNAL, ASK_PYTHON):
            if status == ASK_PYTHON:
                self._wired.in_python.decide()
            status = repeat_window(state, venue, local, until)
            blocks.append(self._taken())
        if status != DONE:
            raise_for_status(status)
        return blocks

    def _taken(self) -> Table:
        engine = self._wired.state.engine[0]
        rows = np.asarray(self._wired.state.journal[: int(engine["journal_rows"])]).view(JOURNAL).copy()
        engine["journal_rows"] = 0
        return rows

    def _answers(self, stretch: Stretch) -> Table:
        """Answers in the order in which they were taken in: from the log where it has them, else from the journal."""
        told = stretch.records[np.isin(stretch.records["kind"], _RESPONSES)]
        given = stretch.answers
        rows = np.zeros(len(told), RESPONSE)
        for field in _BOTH:
            rows[field] = told[field]
        rows["flags"] = told["flags"] & FILL_TAKER
        rows["slot"] = -1  # the loop finds it by the order's id
        pairs = list(zip(told["agent"].tolist(), told["instrument"].tolist(), strict=True))
        rows["leg"] = [self._leg_of[pair] for pair in pairs]
        if not len(given):
            return rows
        at = np.minimum(np.searchsorted(given["ts"], rows["ts"]), len(given) - 1)
        same = np.ones(len(rows), bool)
        for field in ("ts", "leg", "kind", "order"):
            same &= given[field][at] == rows[field]
        rows[same] = given[at[same]]
        unheard = np.setdiff1d(np.arange(len(given)), at[same])
        if not len(unheard):
            return rows
        if not stretch.last or int(given["ts"][unheard[0]]) <= (int(told["ts"][-1]) if len(told) else 0):
            raise DataError(f"{self._recorded.log}: the answer at {given['ts'][unheard[0]]} was never journaled")
        return np.concatenate([rows, given[unheard]])


def settle_again(wired: Wired, recorded: RecordedSession, activation: Activation, *, as_live: bool) -> None:
    """Prepare a spare leg for an agent that began in mid-session, as it was then."""
    market = recorded.markets[activation.instrument]
    settle_agent(
        wired, activation.leg, activation.agent, market, activation.instrument, elsewhere=activation.live and as_live
    )
    decision_place(wired, activation.agent)
