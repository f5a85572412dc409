"""OHLCV in CSV with a header: bars of any interval, from any publisher.

Columns by name: time (`ts`, `time`, `timestamp`, `date`, `datetime`, `open_time`, `unix`), `open`, `high`, `low`,
`close`, and, if there, `volume` (or `volume_<base>`; a volume in the quote asset is not a quantity and is left out),
`symbol` (rows of other symbols are dropped) and `is_interpolated` (rows that are true are dropped: no market made
them). A time is ISO 8601, UTC if it names no zone, or a whole number of seconds, ms, us or ns since 1970 (by its
size), and is the bar's opening. The interval is the most frequent step between bars; a bar is complete one interval
after its time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from quotewright.domain.errors import DataError, ParseError
from quotewright.domain.events import EventArray
from quotewright.domain.instrument import Instrument
from quotewright.domain.units import format_decimal
from quotewright.importers import bars
from quotewright.importers.clock import ForwardClock
from quotewright.importers.exact import whole_number
from quotewright.importers.report import Progress, Refused, SourceFile, Tally
from quotewright.importers.rows import RowBuffer
from quotewright.importers.source import Sources
from quotewright.importers.table import Table, check_symbol

TIME_COLUMNS = ("ts", "timestamp", "time", "datetime", "date", "open_time", "unix")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SCALES = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (10**19, 1))  # below this size: times this many ns


class Ohlcv:
    """Importer of OHLCV CSV files; see the module for the columns, `report.Importer` for the interface."""

    def __init__(self, paths: Sequence[Path], instrument: Instrument) -> None:
        self.tally = Tally()
        self.refused: dict[str, Refused] = self.tally.refused
        self.notes: list[str] = self.tally.notes
        self.sources: list[SourceFile] = []
        self._paths = paths
        self._symbol = instrument.symbol
        self._base = instrument.base.lower()
        self._buffer = RowBuffer()
        self._bars = bars.BarWriter(instrument, self._buffer, exponents=True)

    def chunks(self, progress: Progress | None = None) -> Iterator[EventArray]:
        """Bars in order of time; the files are read twice, first for the interval. See `report.Importer`."""
        interval, missing = self._interval()
        files = Sources(self._paths, progress)
        self.sources = files.files
        clock = ForwardClock("time")
        for path in self._paths:
            clock.begin_file(path.name)
            columns = _Columns(files, path, self.tally, self._base)
            for where, cells in columns.rows(self._symbol):
                try:
                    self._bar(columns, cells, clock, interval)
                except ParseError as error:
                    self.tally.refuse_field(error, where)
                if self._buffer.full:
                    yield self._buffer.take()
            if columns.volume < 0:
                self.notes.append(f"{path.name} has no volume in {self._base.upper()}: quantities are 0")
        self.notes.append(bars.NOTE)
        self.notes.append(f"bar interval {format_decimal(interval, 9)} s; {missing:,} bars missing in between")
        self.tally.finish(self._paths)
        if len(self._buffer):
            yield self._buffer.take()

    def _bar(self, columns: _Columns, cells: list[str], clock: ForwardClock, interval: int) -> None:
        opened = parse_time(cells[columns.time])
        prices = [cells[column] for column in columns.prices]
        ticks, lots = self._bars.parse(prices, cells[columns.volume] if columns.volume >= 0 else None)
        if opened == clock.now:
            self.tally.drop("bars received twice")
            return
        self._bars.write(ticks, lots, clock.advance(opened) + interval)
        self.tally.accepted += 1

    def _interval(self) -> tuple[int, int]:
        """The most frequent step between bars (ns; 0 for a single bar), and how many bars are missing."""
        files = Sources(self._paths, None)
        tally = Tally()
        times: list[int] = []
        for path in self._paths:
            columns = _Columns(files, path, tally, self._base)
            for where, cells in columns.rows(self._symbol):
                try:
                    times.append(parse_time(cells[columns.time]))
                except ParseError as error:
                    tally.refuse_field(error, where)
        steps = Counter(later - earlier for earlier, later in pairwise(times) if later > earlier)
        interval = max(steps, key=lambda step: (steps[step], -step), default=0)
        return interval, sum((step // interval - 1) * count for step, count in steps.items() if step > interval)


class _Columns:
    """Where an OHLCV file keeps what; -1 for a column it does not have."""

    def __init__(self, files: Sources, path: Path, tally: Tally, base: str) -> None:
        self._table = Table(files, path, tally)
        self._tally = tally
        self._table.open()
        self.time = self._table.column(*TIME_COLUMNS)
        self.prices = [self._table.column(name) for name in ("open", "high", "low", "close")]
        self.volume = self._optional("volume", f"volume_{base}", "volume_base")
        self._symbol = self._optional("symbol", "pair")
        self._interpolated = self._optional("is_interpolated")

    def _optional(self, *names: str) -> int:
        try:
            return self._table.column(*names)
        except DataError:
            return -1

    def rows(self, symbol: str) -> Iterator[tuple[str, list[str]]]:
        """Place and cells of the rows of one symbol that a market made."""
        for number, cells in self._table.rows():
            if self._symbol >= 0 and not check_symbol(cells[self._symbol], symbol):
                self._tally.drop(f"rows of another symbol than {symbol}")
            elif self._interpolated >= 0 and cells[self._interpolated].lower() in ("true", "1"):
                self._tally.drop("interpolated bars")
            else:
                yield f"{self._table.name}:{number}", cells


def parse_time(text: str) -> int:
    """A time in ns since the epoch from ISO 8601 or a whole number; raises ParseError."""
    if text.isascii() and text.isdigit():
        time = whole_number(text, "time")
        scale = next(scale for limit, scale in _SCALES if time < limit)
        return time * scale
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ParseError("time", text[:40], "is not ISO 8601 such as 2024-08-08T00:00:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    time = (moment - _EPOCH) // timedelta(microseconds=1) * 1_000
    if time < 0 or time >= 2**63:
        raise ParseError("time", text[:40], "is before 1970 or after 2262")
    return time
