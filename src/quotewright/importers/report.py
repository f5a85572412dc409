"""What an importer promises, and how it accounts for every record it read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import EventArray

Progress = Callable[[int, int], None]  # bytes done, bytes in all


@dataclass
class Refused:
    """Records refused for one reason, with the first of them as an example."""

    count: int
    example: str


@dataclass(frozen=True)
class SourceFile:
    """One input file as it was stored: its name, size in bytes and SHA-256."""

    name: str
    bytes: int
    sha256: str


class Importer(Protocol):
    """Turns one continuous recording into chunks of events.

    The attributes fill while the chunks are taken; they are complete when `chunks` is exhausted.
    """

    refused: dict[str, Refused]
    notes: list[str]
    sources: list[SourceFile]

    def chunks(self, progress: Progress | None = None) -> Iterator[EventArray]:
        """Events in order, whole updates only, about 65,536 rows a chunk; can be taken once.

        Raises DataError if the input as a whole is unusable: empty, truncated, or without one usable record.
        """
        ...


class Tally:
    """Counts records: what was read is what was accepted, refused or dropped, to the last one.

    *Refused* records are damaged or impossible; *dropped* ones are sound but not wanted (an update older than
    the snapshot, another symbol's row).
    """

    def __init__(self) -> None:
        self.read = 0
        self.accepted = 0
        self.refused: dict[str, Refused] = {}
        self.dropped: dict[str, int] = {}
        self.notes: list[str] = []

    def refuse(self, reason: str, example: str) -> None:
        """Count one refused record; the first of each reason is kept as its example."""
        entry = self.refused.get(reason)
        if entry is None:
            self.refused[reason] = Refused(1, example)
        else:
            entry.count += 1

    def refuse_field(self, error: InputError, where: str) -> None:
        """Count one record refused for a field that cannot be read exactly."""
        self.refuse(f"{error.field} {error.fix}", f"{where}: {error.field} {error.value!r}")

    def drop(self, reason: str, count: int = 1) -> None:
        """Count records that are sound but not part of the result."""
        self.dropped[reason] = self.dropped.get(reason, 0) + count

    def finish(self, paths: Sequence[Path]) -> None:
        """Tell the dropped records in the notes; raises DataError naming the files if nothing at all was accepted."""
        self.notes.extend(f"{count:,} dropped: {reason}" for reason, count in self.dropped.items())
        if self.accepted == 0:
            names = ", ".join(path.name for path in paths)
            raise DataError(f"{names}: no usable record in the input: {self._why_nothing()}")

    def _why_nothing(self) -> str:
        if self.read == 0:
            return "it is empty"
        reasons = [f"{entry.count:,} refused: {reason} ({entry.example})" for reason, entry in self.refused.items()]
        reasons += [f"{count:,} dropped: {reason}" for reason, count in self.dropped.items()]
        return "; ".join(reasons)
