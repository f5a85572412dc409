"""Tardis's downloadable CSV files; the header tells which of the four kinds a file is.

    incremental_book_L2   rows of one message (same two timestamps) are one update; a run of is_snapshot rows is
                          one snapshot, as Tardis defines it
    book_snapshot_5, _25  every row is a whole book, cut to its depth
    trades                ids that are not integers become 0
    quotes, book_ticker   best bid and offer; one empty snapshot ahead of them makes the book valid

Files of one kind are one recording, in the order given; kinds are merged by local time, at equal times trades first,
then the book, then quotes. Times are microseconds. A row of an incremental book that is refused leaves a hole in the
book, so it is a gap: the rows up to the next snapshot are dropped.
Source: docs.tardis.dev, "Downloadable CSV files", "Data types".
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from quotewright.domain.errors import DataError, ParseError
from quotewright.domain.events import ASK, BEST, BID, CLEAR, LAST, LEVEL, STATUS, TRADE, EventArray, Status
from quotewright.domain.instrument import Instrument
from quotewright.importers.clock import ForwardClock
from quotewright.importers.exact import price_counts, qty_counts, whole_id, whole_number
from quotewright.importers.report import Progress, Refused, SourceFile, Tally
from quotewright.importers.rows import RowBuffer
from quotewright.importers.source import Sources, first_line
from quotewright.importers.table import Table, check_symbol, one_of

_US = 1_000
_KINDS = ("trades", "incremental_book_L2", "book_snapshot", "quotes")
_SIDES = {"bid": BID, "ask": ASK, "buy": BID, "sell": ASK}

Level = tuple[int, int]


class Update(NamedTuple):
    """One update: its times and its levels; `kind` LEVEL, BEST, TRADE, CLEAR or STATUS."""

    local_ts: int
    exch_ts: int
    kind: int
    clear: bool
    bids: list[Level]
    asks: list[Level]
    seq: int = 0
    rows: int = 1  # of the file


class Tardis:
    """Importer of Tardis CSV files; see the module for the kinds, `report.Importer` for the interface."""

    def __init__(self, paths: Sequence[Path], instrument: Instrument) -> None:
        self.tally = Tally()
        self.refused: dict[str, Refused] = self.tally.refused
        self.notes: list[str] = self.tally.notes
        self.sources: list[SourceFile] = []
        self._paths = paths
        self._symbol = instrument.symbol
        self._price = price_counts(instrument, exponents=True)
        self._qty = qty_counts(instrument, exponents=True)
        self._trade_qty = qty_counts(instrument, zero=False, exponents=True)
        self._buffer = RowBuffer()
        self._gaps = 0
        self._depth = 0
        self._unnumbered = 0

    def chunks(self, progress: Progress | None = None) -> Iterator[EventArray]:
        """Events in the order of arrival; see `report.Importer`."""
        files = Sources(self._paths, progress)
        self.sources = files.files
        by_kind: dict[str, list[Path]] = {}
        for path in self._paths:
            by_kind.setdefault(kind_of(path), []).append(path)
        readers = {
            "trades": self._trades,
            "incremental_book_L2": self._incremental,
            "book_snapshot": self._snapshots,
            "quotes": self._quotes,
        }
        if len(by_kind.keys() & {"incremental_book_L2", "book_snapshot"}) == 2:
            raise DataError("an incremental book and book snapshots cannot be one recording; import one of them")
        alone = "incremental_book_L2" not in by_kind and "book_snapshot" not in by_kind
        streams = [readers[kind](files, by_kind[kind]) for kind in _KINDS if kind in by_kind]
        for update in heapq.merge(*streams, key=lambda update: update.local_ts):
            if alone and update.kind == BEST:
                self._write(Update(update.local_ts, update.exch_ts, CLEAR, True, [], [], rows=0))
                alone = False
            self._write(update)
            if self._buffer.full:
                yield self._buffer.take()
        self._finish()
        if len(self._buffer):
            yield self._buffer.take()

    def _write(self, update: Update) -> None:
        exch_ts, local_ts, rows = update.exch_ts, update.local_ts, self._buffer
        levels = update.bids + update.asks
        if update.clear:
            rows.row(CLEAR, 0, 0, 0, exch_ts, local_ts, update.seq, flags=0 if levels else LAST)
        if update.kind == STATUS:
            rows.row(STATUS, 0, Status.BOOK_GAP, 0, exch_ts, local_ts, 0)
        elif levels:
            rows.price.extend(level[0] for level in levels)
            rows.qty.extend(level[1] for level in levels)
            rows.run(update.kind, 0, len(update.bids), len(update.asks), exch_ts, local_ts, update.seq)
        self.tally.accepted += update.rows

    def _rows(
        self, files: Sources, paths: Sequence[Path], names: Sequence[str], on_refused: Callable[[], None] | None = None
    ) -> Iterator[tuple[int, int, list[str], str]]:
        """Exchange time, local time, the cells of the named columns, and the place of each good row."""
        clock = ForwardClock("local_timestamp")
        for path in paths:
            table = Table(files, path, self.tally)
            table.open()
            clock.begin_file(path.name)
            symbol, exch, local = (table.column(name) for name in ("symbol", "timestamp", "local_timestamp"))
            columns = [table.column(name) for name in names]
            for number, cells in table.rows(on_refused):
                if not check_symbol(cells[symbol], self._symbol):
                    self.tally.drop(f"rows of another symbol than {self._symbol}")
                    continue
                where = f"{path.name}:{number}"
                try:
                    local_ts = whole_number(cells[local], "local_timestamp", _US)
                    exch_ts = whole_number(cells[exch], "timestamp", _US)
                    clock.advance(local_ts)
                except ParseError as error:
                    self.tally.refuse_field(error, where)
                    if on_refused is not None:
                        on_refused()
                    continue
                yield exch_ts, local_ts, [cells[column] for column in columns], where

    def _trades(self, files: Sources, paths: Sequence[Path]) -> Iterator[Update]:
        for exch_ts, local_ts, (trade_id, side, price, amount), where in self._rows(
            files, paths, ("id", "side", "price", "amount")
        ):
            try:
                aggressor = _SIDES[one_of(side, "side", ("buy", "sell"))]
                level = (self._price[price], self._trade_qty[amount])
            except ParseError as error:
                self.tally.refuse_field(error, where)
                continue
            seq = whole_id(trade_id)
            self._unnumbered += seq == 0
            bids, asks = ([level], []) if aggressor == BID else ([], [level])
            yield Update(local_ts, exch_ts, TRADE, False, bids, asks, seq)

    def _quotes(self, files: Sources, paths: Sequence[Path]) -> Iterator[Update]:
        for exch_ts, local_ts, (bid, bid_qty, ask, ask_qty), where in self._rows(
            files, paths, ("bid_price", "bid_amount", "ask_price", "ask_amount")
        ):
            try:
                bids, asks = [self._level_or_none(bid, bid_qty)], [self._level_or_none(ask, ask_qty)]
            except ParseError as error:
                self.tally.refuse_field(error, where)
                continue
            yield Update(local_ts, exch_ts, BEST, False, bids, asks)

    def _level_or_none(self, price: str, qty: str) -> Level:
        """A level; a side without orders has empty cells, and is price 0 and quantity 0."""
        return (self._price[price], self._qty[qty]) if price or qty else (0, 0)

    def _snapshots(self, files: Sources, paths: Sequence[Path]) -> Iterator[Update]:
        depths = {path: _depth_of(path) for path in paths}
        if len(set(depths.values())) > 1:
            raise DataError(f"the book snapshots have different depths, {sorted(set(depths.values()))}")
        depth = self._depth = depths[paths[0]]
        names = [
            f"{side}[{level}].{field}"
            for side in ("bids", "asks")
            for level in range(depth)
            for field in ("price", "amount")
        ]
        for exch_ts, local_ts, cells, where in self._rows(files, paths, names):
            try:
                levels = [self._level_or_none(*cells[i : i + 2]) for i in range(0, len(cells), 2)]
            except ParseError as error:
                self.tally.refuse_field(error, where)
                continue
            bids = [level for level in levels[:depth] if level[1]]
            asks = [level for level in levels[depth:] if level[1]]
            yield Update(local_ts, exch_ts, LEVEL, True, bids, asks)

    def _incremental(self, files: Sources, paths: Sequence[Path]) -> Iterator[Update]:
        book = _Incremental(self.tally)
        names = ("is_snapshot", "side", "price", "amount")
        for exch_ts, local_ts, (is_snapshot, side, price, amount), where in self._rows(files, paths, names, book.lose):
            try:
                snapshot = one_of(is_snapshot, "is_snapshot", ("true", "false")) == "true"
                sign = _SIDES[one_of(side, "side", ("bid", "ask"))]
                level = (self._price[price], self._qty[amount])
            except ParseError as error:
                self.tally.refuse_field(error, where)
                book.lose()
                continue
            yield from book.take(exch_ts, local_ts, snapshot, sign, level)
        yield from book.end()
        self._gaps = book.gaps

    def _finish(self) -> None:
        if self._gaps:
            self.notes.append(f"{self._gaps:,} gaps: the book is invalid after each until a snapshot")
        if self._depth:
            self.notes.append(f"the book holds the best {self._depth} levels of each side only")
        if self._unnumbered:
            self.notes.append(f"{self._unnumbered:,} trades have ids that are not integers; their seq is 0")
        self.tally.finish(self._paths)


class _Incremental:
    """Gathers the rows of incremental_book_L2 into updates, and knows whether the book is whole."""

    def __init__(self, tally: Tally) -> None:
        self.gaps = 0
        self._tally = tally
        self._whole = False
        self._lost = False  # a row was refused since the last one taken
        self._key: tuple[int, int, bool] | None = None
        self._levels: dict[int, list[Level]] = {BID: [], ASK: []}

    def lose(self) -> None:
        """A row is missing here."""
        self._lost = True

    def take(self, exch_ts: int, local_ts: int, snapshot: bool, side: int, level: Level) -> Iterator[Update]:
        """Add one good row; yields the update before it if that is now complete."""
        if self._lost:
            yield from self._gap(exch_ts, local_ts)
        if not snapshot and not self._whole and (self._key is None or not self._key[2]):
            self._tally.drop("book rows without a snapshot ahead of them")
            return
        key = (exch_ts, local_ts, snapshot)
        if self._key is not None and self._key != key and not (snapshot and self._key[2]):
            yield from self.flush()
        self._key = key
        self._levels[side].append(level)

    def end(self) -> Iterator[Update]:
        """The last update; if one of its rows is missing, a gap instead."""
        if self._lost and self._key is not None:
            yield from self._gap(self._key[0], self._key[1])
        yield from self.flush()

    def flush(self) -> Iterator[Update]:
        """The update gathered so far, if any."""
        if self._key is None:
            return
        exch_ts, local_ts, snapshot = self._key
        bids, asks = self._levels[BID], self._levels[ASK]
        yield Update(local_ts, exch_ts, LEVEL, snapshot, bids, asks, rows=len(bids) + len(asks))
        self._whole = True
        self._key, self._levels = None, {BID: [], ASK: []}

    def _gap(self, exch_ts: int, local_ts: int) -> Iterator[Update]:
        self._lost = False
        gathered = len(self._levels[BID]) + len(self._levels[ASK])
        if gathered:
            self._tally.drop("book rows of an update with a refused row", gathered)
        if self._whole or gathered:
            self.gaps += 1
            yield Update(local_ts, exch_ts, STATUS, False, [], [], rows=0)
        self._whole = False
        self._key, self._levels = None, {BID: [], ASK: []}


def _depth_of(path: Path) -> int:
    return first_line(path, 1 << 16).decode("utf-8", "replace").lower().count("bids[") // 2


def kind_of(path: Path) -> str:
    """Which kind of Tardis file this is, by its header; raises DataError for any other."""
    header = first_line(path, 1 << 16).decode("utf-8-sig", "replace").lower().split(",")
    if "local_timestamp" in header:
        if "is_snapshot" in header:
            return "incremental_book_L2"
        if "asks[0].price" in header:
            return "book_snapshot"
        if "bid_price" in header and "ask_price" in header:
            return "quotes"
        if "price" in header and "side" in header and "id" in header:
            return "trades"
    raise DataError(f"{path.name}: the header is not one of Tardis's book, trade or quote files")
