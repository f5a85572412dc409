"""Binance's public data files (data.binance.vision): trades, aggTrades and klines; spot, USD-M and COIN-M.

Columns, in order (spot files have no header line, futures files have one; both are read either way):

    trades      id, price, qty, quote qty (COIN-M: base qty), time, buyer is maker [, best match]
    aggTrades   id, price, qty, first id, last id, time, buyer is maker [, best match]
    klines      open time, open, high, low, close, volume, close time, and five more that are not used

Times are milliseconds, and microseconds in spot files since 2025; which is told by their size. The files have no
receive time: local time is exchange time, as if the feed had no latency. Klines follow `bars`.
Source: github.com/binance/binance-public-data, README.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from quotewright.domain.errors import DataError, ParseError
from quotewright.domain.events import ASK, BID, TRADE, EventArray
from quotewright.domain.instrument import Instrument
from quotewright.importers import bars
from quotewright.importers.clock import ForwardClock
from quotewright.importers.exact import price_counts, qty_counts, whole_number
from quotewright.importers.report import Progress, Refused, SourceFile, Tally
from quotewright.importers.rows import RowBuffer
from quotewright.importers.source import Sources
from quotewright.importers.table import Table, one_of

_MICROSECONDS_FROM = 10**14  # in milliseconds this is the year 5138
_NO_TIME_FROM = 10**17
_BOOLEANS = ("true", "false")


class BinanceDump:
    """Importer of Binance's public files; all files of one import are of one kind."""

    def __init__(self, paths: Sequence[Path], instrument: Instrument) -> None:
        self.tally = Tally()
        self.refused: dict[str, Refused] = self.tally.refused
        self.notes: list[str] = self.tally.notes
        self.sources: list[SourceFile] = []
        self._paths = paths
        self._price = price_counts(instrument)
        self._qty = qty_counts(instrument, zero=False)
        self._buffer = RowBuffer()
        self._bars = bars.BarWriter(instrument, self._buffer, exponents=False)
        self._clock = ForwardClock("time")
        self._last_id = -1

    def chunks(self, progress: Progress | None = None) -> Iterator[EventArray]:
        """Events in order of time; see `report.Importer`."""
        files = Sources(self._paths, progress)
        self.sources = files.files
        kinds: set[str] = set()
        for path in self._paths:
            table = Table(files, path, self.tally)
            table.open()
            self._clock.begin_file(path.name)
            kind = kind_of_cells(table.header)
            kinds.add(kind)
            if not kind or len(kinds) > 1:
                known = " and ".join(sorted(kinds)) + " in one import" if kind else "not trades, aggTrades or klines"
                raise DataError(f"{path.name}: the columns are {known}")
            yield from self._table(table, kind)
        self.notes.append("the files have no receive time: local time is exchange time, the feed latency is 0")
        if "klines" in kinds:
            self.notes.append(bars.NOTE)
        if "aggTrades" in kinds:
            self.notes.append("aggTrades: fills of one taker order at one price are one trade")
        self.tally.finish(self._paths)
        if len(self._buffer):
            yield self._buffer.take()

    def _table(self, table: Table, kind: str) -> Iterator[EventArray]:
        row: Callable[[list[str]], bool] = self._bar
        if kind != "klines":
            time, maker = (4, 5) if kind == "trades" else (5, 6)
            row = lambda cells: self._trade(cells, time, maker)  # noqa: E731
        for number, cells in table.rows(header_is_data=table.header[0].isdigit()):
            try:
                self.tally.accepted += row(cells)
            except ParseError as error:
                self.tally.refuse_field(error, f"{table.name}:{number}")
            if self._buffer.full:
                yield self._buffer.take()

    def _trade(self, cells: list[str], time: int, maker: int) -> bool:
        seq = whole_number(cells[0], "id")
        price, qty = self._price[cells[1]], self._qty[cells[2]]
        buyer_is_maker = one_of(cells[maker].lower(), "buyer is maker", _BOOLEANS) == "true"
        exch_ts = _nanoseconds(cells[time])
        if seq <= self._last_id:
            self.tally.drop("trades whose id is not above the last one's (duplicates)")
            return False
        self._clock.advance(exch_ts)
        self._last_id = seq
        self._buffer.row(TRADE, ASK if buyer_is_maker else BID, price, qty, exch_ts, exch_ts, seq)
        return True

    def _bar(self, cells: list[str]) -> bool:
        ticks, lots = self._bars.parse(cells[1:5], cells[5])
        closed = _nanoseconds(cells[6])
        if closed == self._clock.now:
            self.tally.drop("bars received twice")
            return False
        self._bars.write(ticks, lots, self._clock.advance(closed))
        return True


def kind_of_cells(cells: Sequence[str]) -> str:
    """ "trades", "aggTrades" or "klines" by the first line's cells, header or data; "" if none of them."""
    width = len(cells)
    if cells and cells[0].isdigit():
        if width == 12 and all(_is_number(cell) for cell in cells):
            return "klines"
        booleans = [cell.lower() in _BOOLEANS for cell in cells]
        if width in (6, 7) and booleans[5] and not any(booleans[:5]):
            return "trades"
        if width in (7, 8) and booleans[6] and not any(booleans[:6]):
            return "aggTrades"
        return ""
    names = {cell.lower().replace("_", "") for cell in cells}
    if {"opentime", "closetime", "open", "high", "low", "close", "volume"} <= names and width == 12:
        return "klines"
    if "isbuyermaker" in names and "price" in names:
        return "aggTrades" if names & {"aggtradeid", "firsttradeid"} else "trades"
    return ""


def _is_number(cell: str) -> bool:
    return cell.replace(".", "", 1).isdigit()


def _nanoseconds(text: str) -> int:
    time = whole_number(text, "time")
    if time >= _NO_TIME_FROM:
        raise ParseError("time", text, "is neither milliseconds nor microseconds since 1970")
    return whole_number(text, "time", 1_000 if time >= _MICROSECONDS_FROM else 1_000_000)
