"""The folder of a sweep: its plan, one part for each finished chunk, and in the end the table.

A part appears whole or not at all, so a sweep that was killed has lost no more than the chunks it was at.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, cast

from quotewright.domain.errors import DataError, InputError
from quotewright.sessions.sweep_plan import Chunk, Plan
from quotewright.storage.schema import arrow, parquet
from quotewright.storage.writer import replace_file

TABLE_FILE = "sweep.parquet"
PLAN_FILE = "plan.json"
_PARTS = "parts"
_KEY = b"quotewright_sweep"


class SweepStore:
    """A sweep's folder, held for one process at a time; use as a context manager.

    Raises InputError if another process works there, or if it holds a sweep with another plan.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.table = folder / TABLE_FILE
        self._folder = folder
        self._plan = plan
        self._hash = plan.hash
        self._lock: Any = None

    def __enter__(self) -> Self:
        try:
            (self._folder / _PARTS).mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise InputError("out", str(self._folder), "is not a folder") from None
        self._lock = (self._folder / ".lock").open("wb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise InputError("out", str(self._folder), "is at work for another sweep process") from None
        try:
            self._claim()
            for stray in (self._folder / _PARTS).glob(".chunk-*"):  # of a writer that was killed
                stray.unlink()
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    def missing(self) -> list[Chunk]:
        """The chunks that are not done; a part that cannot be read counts as not done."""
        return [chunk for chunk in self._plan.chunks if not self._is_done(chunk)]

    def write(self, chunk: Chunk, table: Any) -> None:
        """Keep a chunk's rows."""
        replace_file(self._part(chunk), self._encoded(table))

    def finish(self) -> Path:
        """Write the table from all parts, in the order of datasets and sets; returns its path."""
        parts = [self._read(chunk) for chunk in self._plan.chunks]
        replace_file(self.table, self._encoded(arrow.concat_tables(parts)))
        return self.table

    def _claim(self) -> None:
        path = self._folder / PLAN_FILE
        facts = dict(self._plan.facts)
        if not path.exists():
            replace_file(path, (json.dumps(facts, indent=1, sort_keys=True) + "\n").encode())
            return
        try:
            known = json.loads(path.read_bytes())
        except ValueError as error:
            raise DataError(f"{path}: not readable as JSON: {error}; remove the folder and start again") from error
        if known != facts:
            which = ", ".join(_differing(known, facts))
            fix = f"holds a sweep with another plan ({which}); give another folder, or remove this one"
            raise InputError("out", str(self._folder), fix)

    def _part(self, chunk: Chunk) -> Path:
        return self._folder / _PARTS / f"chunk-{chunk.number:06}.parquet"

    def _is_done(self, chunk: Chunk) -> bool:
        path = self._part(chunk)
        if not path.is_file():
            return False
        try:
            self._read(chunk)
        except DataError:
            return False
        return True

    def _read(self, chunk: Chunk) -> Any:
        path = self._part(chunk)
        try:
            table = parquet.read_table(str(path))
        except (OSError, ValueError, arrow.ArrowException) as error:
            raise DataError(f"{path}: cannot be read ({error}); start the sweep again") from error
        metadata: dict[bytes, bytes] = table.schema.metadata or {}
        if metadata.get(_KEY) != self._hash.encode() or len(table) != chunk.last - chunk.first:
            raise DataError(f"{path}: is no part of this sweep; start the sweep again")
        return table

    def _encoded(self, table: Any) -> bytes:
        sink = arrow.BufferOutputStream()
        parquet.write_table(table.replace_schema_metadata({_KEY: self._hash.encode()}), sink, compression="zstd")
        return sink.getvalue().to_pybytes()


def _differing(known: object, facts: Mapping[str, Any]) -> Iterable[str]:
    held = cast("dict[str, Any]", known if isinstance(known, dict) else {})
    return sorted(key for key in {*held, *facts} if held.get(key) != facts.get(key))
