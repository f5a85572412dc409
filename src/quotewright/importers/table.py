"""Reading CSV without quoting, as venues and recorders publish it: cells by name, with line numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from quotewright.domain.errors import DataError, ParseError
from quotewright.importers.report import Tally
from quotewright.importers.source import Sources


class Table:
    """One CSV file; `header` is its first line's cells, in lower case, once `rows` or `open` has begun."""

    def __init__(self, files: Sources, path: Path, tally: Tally) -> None:
        self.name = path.name
        self.header: list[str] = []
        self._tally = tally
        self._lines = self._numbered(files, path)

    def _numbered(self, files: Sources, path: Path) -> Iterator[tuple[int, bytes]]:
        number = 0
        for lines in files.line_blocks(path):
            for line in lines:
                number += 1
                stripped = line.strip()
                if stripped:
                    yield number, stripped

    def open(self) -> None:
        """Read the header line; raises DataError if the file is empty."""
        for _, line in self._lines:
            self.header = [cell.strip() for cell in line.decode("utf-8-sig", "replace").lower().split(",")]
            return
        raise DataError(f"{self.name}: the file is empty")

    def column(self, *names: str) -> int:
        """Where the first of these column names stands; raises DataError if none does."""
        for name in names:
            if name in self.header:
                return self.header.index(name)
        raise DataError(f"{self.name}: no column {' or '.join(names)}; the header has {', '.join(self.header)[:200]}")

    def rows(
        self, on_refused: Callable[[], None] | None = None, *, header_is_data: bool = False
    ) -> Iterator[tuple[int, list[str]]]:
        """Line number and cells of each row; rows of the wrong width are refused, counted, and told to `on_refused`."""
        width = len(self.header)
        first: Iterable[tuple[int, bytes]] = [(1, ",".join(self.header).encode())] if header_is_data else []
        for numbered in (first, self._lines):
            for number, line in numbered:
                self._tally.read += 1
                cells = line.decode("utf-8", "replace").split(",")
                if len(cells) == width:
                    yield number, cells
                else:
                    self._tally.refuse(
                        "the row has not as many cells as the header", f"{self.name}:{number}: {line[:80]!r}"
                    )
                    if on_refused is not None:
                        on_refused()


def check_symbol(text: str, symbol: str) -> bool:
    """Whether a symbol cell means this symbol: venues write BTC/USD, BTC-USD, btcusd."""
    return _bare(text) == _bare(symbol)


def _bare(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum()).upper()


def one_of(text: str, field: str, choices: Sequence[str]) -> str:
    """The text if it is one of the choices; raises ParseError."""
    if text not in choices:
        raise ParseError(field, text[:40], f"is not one of {', '.join(choices)}")
    return text
