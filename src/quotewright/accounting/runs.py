"""A run folder: `run.json`, which says what was run, and `journal.parquet`, which says what happened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import JOURNAL, Record

Rows = npt.NDArray[Any]  # one-dimensional, dtype JOURNAL

_REQUIRED = (
    "quotewright",
    "code",
    "command",
    "dataset",
    "datasets",
    "instruments",
    "agents",
    "venue",
    "seed",
    "mark_interval_ns",
    "events",
    "first_ts",
    "last_ts",
    "assumptions",
    "journal",
)
_AGENT_REQUIRED = ("name", "world", "strategy", "params", "limits", "interval_ns", "instruments")
_POLARS = {"i8": pl.Int64, "i4": pl.Int32, "u4": pl.UInt32, "u2": pl.UInt16, "u1": pl.UInt8, "i1": pl.Int8}


@dataclass(frozen=True)
class Agent:
    """One agent of a run, as configured."""

    name: str
    world: str
    strategy: str
    params: Mapping[str, Any]
    limits: Mapping[str, Any]
    interval_ns: int
    instruments: tuple[int, ...]


@dataclass(frozen=True)
class Leg:
    """The journal of one agent on one instrument, in order of `seq`.

    `rows` are the leg's own records, `book` the instrument's BOOK_INVALID and BOOK_VALID records.
    """

    agent: Agent
    instrument: Instrument
    rows: Rows
    book: Rows

    @property
    def name(self) -> str:
        """`agent on VENUE:SYMBOL`, for messages."""
        return f"{self.agent.name} on {self.instrument.name}"

    def of(self, *kinds: Record) -> Rows:
        """The leg's records of these kinds, in order."""
        return self.rows[np.isin(self.rows["kind"], [int(k) for k in kinds])]

    @property
    def start(self) -> Any:
        """The RUN_START record."""
        return self.of(Record.RUN_START)[0]

    @property
    def end(self) -> Any:
        """The RUN_END record."""
        return self.of(Record.RUN_END)[0]

    @property
    def opening_mid2(self) -> int:
        """Mid that stands for those of records before any was known: the first, or the first price traded; 0: none."""
        rows = self.rows
        traded = self.of(Record.FILL, Record.ADJUSTED)
        for known in (rows["mid2"][rows["mid2"] > 0], 2 * traded["price"][traded["price"] > 0]):
            if len(known):
                return int(known[0])
        return 0


@dataclass
class Run:
    """A verified run folder; `facts` is `run.json` as written."""

    folder: Path
    facts: Mapping[str, Any]
    instruments: tuple[Instrument, ...]
    agents: tuple[Agent, ...]
    journal: Path
    _latest: dict[tuple[int, int], Leg] = field(default_factory=dict[tuple[int, int], Leg], repr=False)

    def legs(self) -> Iterator[tuple[int, int]]:
        """Every (agent index, instrument index), in the order of `run.json`."""
        for a, agent in enumerate(self.agents):
            for i in agent.instruments:
                yield a, i

    def leg(self, agent: int, instrument: int) -> Leg:
        """Read one leg's records; only the last leg read is kept in memory.

        Raises InputError if the agent does not trade the instrument, DataError if its journal does not
        have exactly one RUN_START first and one RUN_END last.
        """
        key = (agent, instrument)
        if key not in self._latest:
            if key not in set(self.legs()):
                raise InputError("leg", key, "is not an agent and instrument of this run")
            found = self._read(agent, instrument)
            self._latest.clear()
            self._latest[key] = found
        return self._latest[key]

    def _read(self, agent: int, instrument: int) -> Leg:
        wanted = pl.col("agent").is_in([agent, -1]) & (pl.col("instrument") == instrument)
        rows = _as_rows(_scan(self.journal).filter(wanted).collect())
        mine = rows["agent"] == agent
        leg = Leg(self.agents[agent], self.instruments[instrument], rows[mine], rows[~mine])
        kinds = leg.rows["kind"]
        starts = np.flatnonzero(kinds == Record.RUN_START)
        ends = np.flatnonzero(kinds == Record.RUN_END)
        if list(starts) != [0] or list(ends) != [len(kinds) - 1]:
            raise DataError(f"{self.journal}: {leg.name} must begin with one RUN_START and end with one RUN_END")
        return leg


def load_run(path: Path) -> Run:
    """Open a run folder and verify its journal: SHA-256, rows, schema, numbering, time and indices.

    Raises DataError naming the file and what is wrong with it.
    """
    facts = _read_facts(path / "run.json")
    instruments = tuple(_instrument(i, path) for i in facts["instruments"])
    agents = tuple(_agent(a, len(instruments), path) for a in facts["agents"])
    name = str(facts["journal"].get("file", ""))
    if not name or Path(name).name != name:
        raise DataError(f"{path / 'run.json'}: journal.file must be the name of a file in the run folder, not {name!r}")
    run = Run(path, facts, instruments, agents, path / name)
    _verify_journal(run)
    return run


def _read_facts(file: Path) -> dict[str, Any]:
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{file}: not found; a run folder has run.json and journal.parquet") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: cannot be read: {error}") from error
    if not isinstance(facts, dict):
        raise DataError(f"{file}: must be a JSON object")
    facts = cast("dict[str, Any]", facts)
    _require(facts, _REQUIRED, file)
    wrong = [key for key in ("datasets", "instruments", "agents", "assumptions") if not isinstance(facts[key], list)]
    wrong += [key for key in ("venue", "journal") if not isinstance(facts[key], dict)]
    wrong += [key for key in ("mark_interval_ns", "events", "first_ts", "last_ts") if not isinstance(facts[key], int)]
    if wrong:
        raise DataError(f"{file}: wrong type: {', '.join(wrong)}")
    return facts


def _require(given: Any, names: tuple[str, ...], file: Path) -> None:
    missing = [name for name in names if not isinstance(given, dict) or name not in given]
    if missing:
        raise DataError(f"{file}: missing: {', '.join(missing)}")


def _instrument(fields: Any, path: Path) -> Instrument:
    try:
        return Instrument(**fields)
    except (InputError, TypeError) as error:
        raise DataError(f"{path / 'run.json'}: instruments: {error}") from error


def _agent(fields: Any, instruments: int, path: Path) -> Agent:
    file = path / "run.json"
    _require(fields, _AGENT_REQUIRED, file)
    legs = tuple(fields["instruments"])
    if not legs or any(not isinstance(i, int) or not 0 <= i < instruments for i in legs) or len(set(legs)) < len(legs):
        raise DataError(f"{file}: agent {fields['name']}: instruments must be different indices below {instruments}")
    configured: dict[str, Any] = {name: fields[name] for name in _AGENT_REQUIRED}
    configured["instruments"] = legs
    return Agent(**configured)


def _verify_journal(run: Run) -> None:
    file, promised = run.journal, run.facts["journal"]
    if not file.is_file():
        raise DataError(f"{file}: not found")
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != promised.get("sha256"):
        raise DataError(f"{file}: SHA-256 is {digest}, run.json says {promised.get('sha256')}: the journal was changed")
    try:
        schema = dict(_scan(file).collect_schema())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{file}: is not a readable Parquet file: {error}") from error
    expected = {name: _POLARS[str(JOURNAL[name].str[1:])] for name in JOURNAL.names or ()}
    if schema != expected:
        wrong = sorted(n for n in {*schema, *expected} if schema.get(n) != expected.get(n))
        raise DataError(f"{file}: columns do not match the journal schema: {', '.join(wrong)}")
    _verify_order(run)


def _verify_order(run: Run) -> None:
    file = run.journal
    rows = pl.col("seq").len()
    checks = _scan(file).select(
        rows=rows,
        numbered=(pl.col("seq").diff().drop_nulls() == 1).all(),
        in_time=(pl.col("ts").diff().drop_nulls() >= 0).all(),
        kinds=pl.col("kind").is_between(min(Record), max(Record)).all(),
        agents=pl.col("agent").is_between(-1, len(run.agents) - 1).all(),
        instruments=pl.col("instrument").is_between(-1, len(run.instruments) - 1).all(),
    )
    found = checks.collect().row(0, named=True)
    if found["rows"] != run.facts["journal"].get("rows"):
        raise DataError(f"{file}: has {found['rows']} rows, run.json says {run.facts['journal'].get('rows')}")
    for check, fault in (
        ("numbered", "record numbers have a gap or go back"),
        ("in_time", "time goes back"),
        ("kinds", "a record of an unknown kind"),
        ("agents", "an agent that run.json does not list"),
        ("instruments", "an instrument that run.json does not list"),
    ):
        if not found[check]:
            raise DataError(f"{file}: {fault}")


def _scan(file: Path) -> pl.LazyFrame:
    """The Parquet file of exactly this name: a folder may have brackets or stars in its own."""
    return pl.scan_parquet(file, glob=False)


def _as_rows(frame: pl.DataFrame) -> Rows:
    rows = np.zeros(frame.height, dtype=JOURNAL)
    for name in JOURNAL.names or ():
        rows[name] = frame[name].to_numpy()
    return rows
