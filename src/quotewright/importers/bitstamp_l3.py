"""Order-by-order recordings of Bitstamp: `orders.csv` and `trades.csv`, times in milliseconds.

One update is one exchange millisecond: first its trades, then its order changes. Within it orders that take
liquidity appear in the book and cross it; at its end they are gone. An update becomes known at home when the last of
its rows has arrived, and never before the one ahead of it: that is the local time of all its rows.

The first millisecond is the REST snapshot. A `changed` row tells what is left of the volume. Its price is where the
order has just traded, not where it rests: an order that took at 78,490 and was reported as changed there traded
3 ms later as a maker at the 78,488 it was created with. So an order stays at its first price. Less volume keeps its
place in the queue; more is a delete and an add, which Bitstamp does not say but price-time priority implies. A trade's
order id is its maker's. What the recorder itself wrote at the end (a delete of all that still rested, at one time,
received the moment it was sent) is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeVar

from quotewright.domain.errors import InputError, ParseError
from quotewright.domain.events import ADD, ASK, BID, CHANGE, CLEAR, DELETE, LAST, TRADE, EventArray
from quotewright.domain.instrument import Instrument
from quotewright.importers.bitstamp_orders import Resting, RestingOrders
from quotewright.importers.clock import ForwardClock
from quotewright.importers.exact import price_counts, qty_counts, whole_number
from quotewright.importers.report import Progress, Refused, SourceFile, Tally
from quotewright.importers.rows import RowBuffer
from quotewright.importers.source import Sources, first_line
from quotewright.importers.table import Table, one_of

_T = TypeVar("_T")

_MS = 1_000_000
_SIDES = {"bid": BID, "ask": ASK, "buy": BID, "sell": ASK}

ORDERS_HEADER = b"id,timestamp,exchange_timestamp,price,volume,action,direction"
TRADES_HEADER = b"trade_id,timestamp,exchange_timestamp,price,amount,buy_order_id,sell_order_id,side"


class _Order(NamedTuple):
    """A row of orders.csv; times in ms."""

    where: str
    exch: int
    local: int
    order_id: int
    ticks: int
    lots: int
    action: str
    side: int


class _Trade(NamedTuple):
    """A row of trades.csv; times in ms."""

    exch: int
    local: int
    trade_id: int
    ticks: int
    lots: int
    maker: int
    side: int


class _Row(NamedTuple):
    """An event row before its update's time is known."""

    kind: int
    side: int
    ticks: int
    lots: int
    seq: int
    order_id: int


class BitstampL3:
    """Importer of Bitstamp order-level recordings; `paths` is their folder, or both files in any order."""

    def __init__(self, paths: Sequence[Path], instrument: Instrument) -> None:
        self.tally = Tally()
        self.refused: dict[str, Refused] = self.tally.refused
        self.notes: list[str] = self.tally.notes
        self.sources: list[SourceFile] = []
        self._orders_path, self._trades_path = _both_files(paths)
        self._order_price = price_counts(instrument, zero=True, exponents=True)
        self._trade_price = price_counts(instrument, exponents=True)
        self._qty = qty_counts(instrument, exponents=True)
        self._trade_qty = qty_counts(instrument, zero=False, exponents=True)
        self._buffer = RowBuffer()
        self._book = RestingOrders()
        self._local = 0
        self._started = False
        self._never_rested: set[int] = set()  # refused when created
        self._emptied: set[int] = set()
        self._purged: list[int] = []
        self._late = 0
        self._crossed = 0
        self._makers_missing = 0

    def chunks(self, progress: Progress | None = None) -> Iterator[EventArray]:
        """Events in exchange-time order; see `report.Importer`."""
        paths = [path for path in (self._orders_path, self._trades_path) if path is not None]
        files = Sources(paths, progress)
        self.sources = files.files
        for orders, trades in self._milliseconds(files):
            self._update(orders, trades)
            if self._buffer.full:
                yield self._buffer.take()
        self._finish()
        if len(self._buffer):
            yield self._buffer.take()

    def _milliseconds(self, files: Sources) -> Iterator[tuple[list[_Order], list[_Trade]]]:
        """Order and trade rows of each exchange millisecond; the recorder's final deletes left out."""
        trades = groupby(self._read_trades(files), key=lambda trade: trade.exch)
        next_trades = _next_group(trades)
        orders = groupby(self._read_orders(files), key=lambda order: order.exch)
        ahead = _next_group(orders)
        while ahead:
            group, ahead = ahead, _next_group(orders)
            while next_trades and next_trades[0].exch < group[0].exch:
                yield [], next_trades
                next_trades = _next_group(trades)
            if not ahead and all(order.action == "deleted" and order.local == order.exch for order in group):
                self.tally.drop("the recorder's own deletes of what still rested at its end", len(group))
                continue
            now: list[_Trade] = []
            if next_trades and next_trades[0].exch == group[0].exch:
                now, next_trades = next_trades, _next_group(trades)
            yield group, now
        while next_trades:
            yield [], next_trades
            next_trades = _next_group(trades)

    def _read_orders(self, files: Sources) -> Iterator[_Order]:
        table = Table(files, self._orders_path, self.tally)
        table.open()
        columns = [table.column(name.decode()) for name in ORDERS_HEADER.split(b",")]
        exch, local = ForwardClock("exchange_timestamp"), ForwardClock("timestamp")
        snapshot = 0
        for number, cells in table.rows():
            where = f"{table.name}:{number}"
            try:
                order = self._parse_order(where, [cells[column] for column in columns])
                snapshot = snapshot or order.exch
                exch.advance(order.exch)
                if order.exch != snapshot:
                    local.advance(order.local)
            except ParseError as error:
                self.tally.refuse_field(error, where)
                continue
            yield order

    def _parse_order(self, where: str, cells: list[str]) -> _Order:
        order_id, local, exch, price, volume, action, direction = cells
        one_of(action, "action", ("created", "changed", "deleted"))
        one_of(direction, "direction", ("bid", "ask"))
        return _Order(
            where,
            whole_number(exch, "exchange_timestamp", _MS) // _MS,
            whole_number(local, "timestamp", _MS) // _MS,
            whole_number(order_id, "id"),
            self._order_price[price],
            self._qty[volume],
            action,
            _SIDES[direction],
        )

    def _read_trades(self, files: Sources) -> Iterator[_Trade]:
        if self._trades_path is None:
            self.notes.append("no trades.csv: the recording has no trades")
            return
        table = Table(files, self._trades_path, self.tally)
        table.open()
        columns = [table.column(name.decode()) for name in TRADES_HEADER.split(b",")]
        exch, local = ForwardClock("exchange_timestamp"), ForwardClock("timestamp")
        for number, cells in table.rows():
            try:
                trade = self._parse_trade([cells[column] for column in columns])
                exch.advance(trade.exch)
                local.advance(trade.local)
            except ParseError as error:
                self.tally.refuse_field(error, f"{table.name}:{number}")
                continue
            yield trade

    def _parse_trade(self, cells: list[str]) -> _Trade:
        trade_id, local, exch, price, amount, buyer, seller, side = cells
        aggressor = _SIDES[one_of(side, "side", ("buy", "sell"))]
        return _Trade(
            whole_number(exch, "exchange_timestamp", _MS) // _MS,
            whole_number(local, "timestamp", _MS) // _MS,
            whole_number(trade_id, "trade_id"),
            self._trade_price[price],
            self._trade_qty[amount],
            whole_number(seller if aggressor == BID else buyer, "maker's order id"),
            aggressor,
        )

    def _update(self, orders: list[_Order], trades: list[_Trade]) -> None:
        rows: list[_Row] = []
        first = not self._started and bool(orders)
        if first:
            self._started = True
            snapshot = len(orders) > 1 and len({(order.local, order.action) for order in orders}) == 1
            if snapshot and orders[0].action == "created":
                rows.append(_Row(CLEAR, 0, 0, 0, 0, 0))
            else:
                first = False
                self.notes.append("the recording does not begin with a snapshot: the book is never valid")
        waiting = self._trades_before(rows, orders, trades)
        for order in orders:
            if self._change(rows, order, first):
                self.tally.accepted += 1
                if order.order_id in waiting:
                    rows.extend(waiting.pop(order.order_id))
        rows.extend(row for late in waiting.values() for row in late)
        self._purge(rows)
        if rows:
            exch = orders[0].exch if orders else trades[0].exch
            received = max([order.local for order in orders] + [trade.local for trade in trades])
            self._write(rows, exch * _MS, received * _MS)

    def _trades_before(self, rows: list[_Row], orders: list[_Order], trades: list[_Trade]) -> dict[int, list[_Row]]:
        """Add the trades, but return those whose maker arrives in this very millisecond, by maker."""
        waiting: dict[int, list[_Row]] = {}
        created = {order.order_id for order in orders if order.action == "created"} if trades else set[int]()
        for trade in trades:
            row = _Row(TRADE, trade.side, trade.ticks, trade.lots, trade.trade_id, trade.maker)
            self.tally.accepted += 1
            if trade.maker in self._book.by_id:
                rows.append(row)
            elif trade.maker in created:
                waiting.setdefault(trade.maker, []).append(row)
            else:
                self._makers_missing += 1
                rows.append(row)
        return waiting

    def _change(self, rows: list[_Row], order: _Order, from_snapshot: bool) -> bool:
        """Apply one order row to the book and add its event rows; False if it is refused or dropped."""
        order_id = order.order_id
        known = self._book.by_id.get(order_id)
        if order.action == "created":
            return self._create(rows, order, from_snapshot)
        if known is None:
            return self._refuse_unknown(order)
        if order.action == "changed" and 0 < order.lots <= known.lots:
            known.lots = order.lots
            rows.append(_Row(CHANGE, known.side, known.ticks, order.lots, 0, order_id))
            return True
        self._book.remove(order_id)
        remaining = order.lots if order.action == "deleted" else known.lots
        rows.append(_Row(DELETE, known.side, known.ticks, remaining, 0, order_id))
        if order.action == "changed" and order.lots:
            self._place(rows, order_id, Resting(known.side, known.ticks, order.lots, False))
        elif order.action == "changed":
            self._emptied.add(order_id)
        return True

    def _create(self, rows: list[_Row], order: _Order, from_snapshot: bool) -> bool:
        if order.order_id in self._book.by_id:
            self.tally.refuse("created, but the order already rests", f"{order.where}: id {order.order_id}")
            return False
        if order.ticks == 0 or order.lots == 0:
            nothing = "at a price of zero (a stub, or a market sell)" if order.lots else "with a volume of zero"
            self.tally.refuse(f"created {nothing}", f"{order.where}: id {order.order_id}")
            self._never_rested.add(order.order_id)
            return False
        self._place(rows, order.order_id, Resting(order.side, order.ticks, order.lots, from_snapshot))
        return True

    def _place(self, rows: list[_Row], order_id: int, order: Resting) -> None:
        self._book.add(order_id, order)
        rows.append(_Row(ADD, order.side, order.ticks, order.lots, 0, order_id))

    def _refuse_unknown(self, order: _Order) -> bool:
        order_id, deleted = order.order_id, order.action == "deleted"
        if order_id in self._never_rested:
            self.tally.drop("changes and deletes of orders refused when created")
            if deleted:
                self._never_rested.remove(order_id)
        elif order_id in self._emptied and deleted:
            self.tally.drop("deletes of orders that a change had already emptied")
            self._emptied.remove(order_id)
        else:
            self.tally.refuse(f"{order.action}, but the order is not known", f"{order.where}: id {order_id}")
        return False

    def _purge(self, rows: list[_Row]) -> None:
        while dead := self._book.proven_dead():
            for order_id in dead:
                order = self._book.remove(order_id)
                rows.append(_Row(DELETE, order.side, order.ticks, order.lots, 0, order_id))
            self._purged.extend(dead)
        self._crossed += self._book.crossed()

    def _write(self, rows: list[_Row], exch_ts: int, received: int) -> None:
        self._late += received < self._local
        self._local = max(self._local, received)
        for row in rows:
            flags = LAST if row is rows[-1] else 0
            self._buffer.row(
                row.kind, row.side, row.ticks, row.lots, exch_ts, self._local, row.seq, row.order_id, flags
            )

    def _finish(self) -> None:
        if self._purged:
            ids = ", ".join(str(order_id) for order_id in self._purged)
            self.notes.append(
                f"{len(self._purged)} snapshot orders purged, crossed by a later resting order: ids {ids}"
            )
        if self._late:
            self.notes.append(
                f"{self._late:,} updates arrived before what precedes them (the snapshot came last): "
                "their local time was raised to its"
            )
        if self._makers_missing:
            self.notes.append(f"{self._makers_missing:,} trades name a maker that is not in the book")
        if self._crossed:
            self.notes.append(f"the book is crossed at the end of {self._crossed:,} exchange milliseconds")
        self.notes.append("the order of snapshot orders at one price is the snapshot's own: taken as the queue")
        self.tally.finish([path for path in (self._orders_path, self._trades_path) if path is not None])


def _next_group(groups: Iterator[tuple[int, Iterator[_T]]]) -> list[_T]:
    for _, group in groups:
        return list(group)
    return []


def _both_files(paths: Sequence[Path]) -> tuple[Path, Path | None]:
    if len(paths) == 1 and paths[0].is_dir():
        paths = sorted(path for path in paths[0].iterdir() if path.name.startswith(("orders.csv", "trades.csv")))
    orders = [path for path in paths if path.is_file() and first_line(path).startswith(ORDERS_HEADER)]
    trades = [path for path in paths if path.is_file() and first_line(path).startswith(TRADES_HEADER)]
    if len(orders) != 1 or len(trades) > 1 or len(orders) + len(trades) != len(paths):
        raise InputError(
            "path",
            ", ".join(str(path) for path in paths),
            "give one folder with orders.csv and trades.csv (or .csv.gz), or these two files",
        )
    return orders[0], trades[0] if trades else None
