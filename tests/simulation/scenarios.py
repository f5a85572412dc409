"""A scenario for the venue: recorded updates, messages, worlds; run by the reference or the compiled venue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from typing import Any
from unittest.mock import patch

import numpy as np
from reference_matcher import run_reference
from reference_records import Entry, Message, Resting, Result, Update

from quotewright.domain.events import EVENT, LAST
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import Record

INSTRUMENTS = {
    "spot": Instrument("v", "SPOT", "spot", "A", "Q", "0.01", "0.001", maker_rate="0.0001", taker_rate="0.001"),
    "received": Instrument(
        "v", "RECEIVED", "spot", "A", "Q", "0.01", "0.001",
        maker_rate="0.00075", taker_rate="0.0010001", fee_asset="received", post_only="reprice",
    ),
    "rebate": Instrument(
        "v", "REBATE", "spot", "A", "Q", "0.05", "0.00001",
        maker_rate="-0.00015", taker_rate="0.0004", fee_asset="received",
    ),
    "fine": Instrument("v", "FINE", "spot", "A", "Q", "1", "0.000000005", maker_rate="0.002", taker_rate="0.003"),
    "linear": Instrument(
        "v", "LINEAR", "linear", "A", "Q", "0.1", "0.001",
        maker_rate="-0.00005", taker_rate="0.0005", post_only="reprice",
    ),
    "contract": Instrument(
        "v", "CONTRACT", "linear", "A", "Q", "0.5", "1", contract_size="0.01", maker_rate="0.0002", taker_rate="0.00055"
    ),
    "small": Instrument(
        "v", "SMALL", "linear", "A", "Q", "0.0001", "0.00001", maker_rate="0.00012345", taker_rate="0.0005"
    ),
    "inverse": Instrument(
        "v", "INVERSE", "inverse", "A", "Q", "0.1", "1", contract_size="100", maker_rate="0.0001", taker_rate="0.0005"
    ),
    "inverse-rebate": Instrument(
        "v", "INVREB", "inverse", "A", "Q", "0.01", "1", contract_size="10",
        maker_rate="-0.00012345", taker_rate="0.0005", post_only="reprice",
    ),
}  # fmt: skip

# The fields that domain.journal gives each kind of record (ts, agent and instrument always).
FIELDS: dict[Record, tuple[str, ...]] = {
    Record.ACCEPTED: ("order", "exch_ts", "price", "qty", "ahead"),
    Record.REJECTED: ("order", "exch_ts", "reason"),
    Record.CANCELED: ("order", "exch_ts", "qty", "leaves", "reason"),
    Record.AMENDED: ("order", "exch_ts", "qty"),
    Record.CANCEL_REJECTED: ("order", "exch_ts", "reason"),
    Record.FILL: (
        "order", "exch_ts", "side", "price", "qty", "leaves", "ahead", "mid2", "fee", "cash", "position", "flags",
    ),
    Record.FUNDING: ("qty", "price", "fee", "cash", "position", "mid2"),
    Record.BOOK_INVALID: ("exch_ts",),
    Record.BOOK_VALID: ("exch_ts",),
}  # fmt: skip

JOURNAL_ROWS = 16
RECORD_OF = cache(Instrument.to_record)

MESSAGE = np.dtype([(name, "i8") for name in Message._fields])


@dataclass(frozen=True)
class Scenario:
    """What a run needs; `instruments` are names of INSTRUMENTS, `worlds` the world of each agent."""

    instruments: tuple[str, ...]
    updates: tuple[Update, ...]
    messages: tuple[Message, ...]
    worlds: tuple[int, ...] = (0,)
    queue_model: str = "risk-averse"
    power: float = 2.0
    response_latency: int = 0

    @cached_property
    def events(self) -> tuple[Any, Any]:
        """EVENT rows by venue time and by home time, ties as in `updates`; made once, as both venues read them."""
        return self._events("exch_ts"), self._events("local_ts")

    def _events(self, clock: str) -> Any:
        updates = sorted(self.updates, key=lambda update: getattr(update, clock))
        return np.array(
            [
                (u.exch_ts, u.local_ts, r.seq, r.order_id, r.price, r.qty, r.kind, r.side, LAST if last else 0,
                 u.instrument)
                for u in updates
                for r, last in zip(u.rows, [False] * (len(u.rows) - 1) + [True], strict=True)
            ],
            dtype=EVENT,
        )  # fmt: skip

    def run(self, matcher: Callable[..., Any], message_dtype: np.dtype[Any]) -> Any:
        """Call `matcher`, which has the signature of run_reference."""
        sent = sorted(self.messages, key=lambda message: message.ts)
        messages = np.zeros(len(sent), dtype=message_dtype)
        for name, values in zip(Message._fields, zip(*sent, strict=True), strict=False):  # no values: none was sent
            messages[name] = values
        exch, local = self.events
        return matcher(
            [INSTRUMENTS[name] for name in self.instruments],
            exch.copy(),
            local.copy(),
            messages,
            self.worlds,
            queue_model=self.queue_model,
            power=self.power,
            response_latency=self.response_latency,
        )


def by_reference(scenario: Scenario) -> Result:
    """The scenario's outcome by the reference matcher."""
    return scenario.run(run_reference, MESSAGE)


def by_compiled(scenario: Scenario) -> Result:
    """The scenario's outcome by the compiled venue, in the reference's form."""
    from quotewright.simulation import script

    # A journal that scenarios fill, so that it is emptied half-way; and an instrument's record is worked out once.
    small = patch.object(script, "new_state", partial(script.new_state, journal_rows=JOURNAL_ROWS))
    with small, patch.object(Instrument, "to_record", RECORD_OF):
        outcome = scenario.run(script.run_script, script.MESSAGE)
    entries = entries_of(outcome.journal)
    names = outcome.resting.dtype.names
    resting = [Resting(**dict(zip(names, row, strict=True))) for row in outcome.resting.tolist()]
    return Result(entries, resting)


def entries_of(journal: Any) -> list[Entry]:
    """The journal records that the venue's rules determine, with the fields that their kind fills."""
    entries: list[Entry] = []
    for values in journal.tolist():
        row = dict(zip(journal.dtype.names, values, strict=True))
        kind = Record(row["kind"])
        if kind in FIELDS:
            fields = {name: row[name] for name in ("ts", "agent", "instrument", *FIELDS[kind])}
            entries.append(Entry(kind, **fields))
    return entries


def by_subject(entries: Sequence[Entry], worlds: Sequence[int]) -> dict[str, list[Entry]]:
    """Entries whose order the rules fix, together: orders by world, funding by agent, validity by instrument."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.agent < 0:
            key = f"book of instrument {entry.instrument}"
        elif entry.kind == Record.FUNDING:
            key = f"funding of agent {entry.agent} on instrument {entry.instrument}"
        else:
            key = f"orders of world {worlds[entry.agent]}"
        groups.setdefault(key, []).append(entry)
    return groups


def difference(scenario: Scenario, expected: Result, found: Result) -> str:
    """What differs first between two outcomes of a scenario, or an empty string."""
    theirs, ours = by_subject(found.entries, scenario.worlds), by_subject(expected.entries, scenario.worlds)
    for key in sorted(theirs.keys() | ours.keys()):
        told = first_difference(ours.get(key, []), theirs.get(key, []))
        if told:
            return f"{key}: {told}"
    return first_difference(expected.resting, found.resting)


def first_difference(expected: Sequence[Any], found: Sequence[Any]) -> str:
    for i in range(max(len(expected), len(found))):
        a = expected[i] if i < len(expected) else None
        b = found[i] if i < len(found) else None
        if a != b:
            return f"no. {i}\n  reference: {brief(a)}\n  compiled:  {brief(b)}"
    return ""


def brief(entry: Any) -> str:
    if entry is None:
        return "nothing"
    fields = {k: v for k, v in entry._asdict().items() if v != 0 or isinstance(entry, Resting)}
    fields.pop("kind", None)
    name = entry.kind.name if isinstance(entry, Entry) else "RESTING"
    return name + " " + " ".join(f"{k}={v}" for k, v in fields.items())


def minimise(scenario: Scenario, disagrees: Callable[[Scenario], bool]) -> Scenario:
    """Drop updates, rows and messages one by one as long as the outcomes still disagree."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in simpler(scenario):
            if disagrees(candidate):
                scenario, smaller = candidate, True
                break
    return scenario


def simpler(scenario: Scenario) -> Any:
    """Scenarios with one thing less, the biggest cuts first."""
    for field in ("messages", "updates"):
        items = getattr(scenario, field)
        size = len(items)
        while size:
            for start in range(0, len(items), size):
                yield replace(scenario, **{field: items[:start] + items[start + size :]})
            size //= 2
    for i, update in enumerate(scenario.updates):
        for j in range(len(update.rows) if len(update.rows) > 1 else 0):
            rows = update.rows[:j] + update.rows[j + 1 :]
            if paired(update) or (j == 0 and update.rows[0].kind != rows[0].kind):
                continue
            yield replace(
                scenario, updates=(*scenario.updates[:i], update._replace(rows=rows), *scenario.updates[i + 1 :])
            )
    if scenario.response_latency:
        yield replace(scenario, response_latency=0)
    if any(u.local_ts != u.exch_ts for u in scenario.updates):
        yield replace(scenario, updates=tuple(u._replace(local_ts=u.exch_ts) for u in scenario.updates))
    if len(set(scenario.worlds)) > 1:
        yield replace(scenario, worlds=(0,) * len(scenario.worlds))


def paired(update: Update) -> bool:
    """Is it a BEST pair, which means nothing without either row?"""
    return len(update.rows) == 2 and {row.side for row in update.rows} == {1, -1} and update.rows[0].kind == 8


def as_test(scenario: Scenario) -> str:
    """The scenario as Python, ready to paste into a test."""
    lines = ["Scenario(", f"    instruments={scenario.instruments!r},", "    updates=("]
    for update in scenario.updates:
        rows = ", ".join(f"Row({', '.join(map(str, row))})" for row in update.rows)
        lines.append(f"        Update({update.exch_ts}, {update.local_ts}, {update.instrument}, ({rows},)),")
    lines += ["    ),", "    messages=("]
    lines += [f"        Message({', '.join(map(str, message))})," for message in scenario.messages]
    lines += ["    ),", f"    worlds={scenario.worlds!r},", f"    queue_model={scenario.queue_model!r},"]
    lines += [f"    power={scenario.power!r},", f"    response_latency={scenario.response_latency!r},", ")"]
    return "\n".join(lines)
