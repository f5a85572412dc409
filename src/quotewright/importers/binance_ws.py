"""Raw Binance WebSocket recordings: lines of `<local_ns> <json>`, spot, USD-M and COIN-M.

The streams `depth`, `trade` and `bookTicker` and bare REST depth snapshots become events; several files are
one recording. The depth book is joined by `market.sync`. Differences that came before their snapshot are applied
right after it: they get its local time, since before it they were of no use, and keep their own exchange time.

Exchange times: futures `T`; spot trades `T`, spot depth `E`. Spot best prices and snapshots carry none: they get the
latest exchange time seen so far (their local time if there is none yet) and the flag ESTIMATED_TIME; a snapshot
is never later than the first difference applied to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import (
    ASK,
    BEST,
    BID,
    CLEAR,
    ESTIMATED_TIME,
    LAST,
    LEVEL,
    NOTE,
    STATUS,
    TRADE,
    EventArray,
    Status,
)
from quotewright.domain.instrument import Instrument
from quotewright.domain.units import INT64_MAX
from quotewright.importers.binance_lines import FULL, UNUSUAL
from quotewright.importers.binance_messages import (
    BestMessage,
    Depth,
    DepthMessage,
    Envelope,
    Level,
    Snapshot,
    TradeMessage,
)
from quotewright.importers.binance_quick import LineBlock, QuickReader, State
from quotewright.importers.clock import ForwardClock
from quotewright.importers.exact import price_counts, qty_counts
from quotewright.importers.report import Progress, Refused, SourceFile, Tally
from quotewright.importers.rows import Assembly, RowBuffer
from quotewright.importers.source import Sources
from quotewright.market.sync import DepthSync, SyncRule, Verdict

_MS = 1_000_000
_WRAPPED = b'{"stream":"'
_NAME = len(_WRAPPED)
_MOST_WAITING = 100_000  # differences kept for a snapshot; two hours of the fastest stream in the recordings


_Handler = Callable[[bytes, int], None]


class _Diff(NamedTuple):
    """A parsed difference, waiting for its snapshot."""

    first: int
    last: int
    previous: int
    exch_ts: int
    prices: list[int]
    qtys: list[int]
    bids: int


class BinanceWs:
    """Importer of raw Binance recordings; see the module for the rules, `report.Importer` for the interface."""

    def __init__(self, paths: Sequence[Path], instrument: Instrument) -> None:
        self.tally = Tally()
        self.refused: dict[str, Refused] = self.tally.refused
        self.notes: list[str] = self.tally.notes
        self.sources: list[SourceFile] = []
        self._paths = paths
        self._symbol = instrument.symbol.upper()
        self._futures = instrument.kind != "spot"
        sync = DepthSync(SyncRule.FUTURES if self._futures else SyncRule.SPOT)
        self._state = State(self.tally, ForwardClock("local time"), sync)
        self._quick = QuickReader(instrument, self._state)
        self._rows = RowBuffer()
        self._assembly = Assembly(self._rows)
        self._price = price_counts(instrument)
        self._best_price = price_counts(instrument, zero=True)
        self._qty = qty_counts(instrument)
        self._trade_qty = qty_counts(instrument, zero=False)
        self._waiting: deque[_Diff] = deque()
        self._snapshots = 0
        self._gaps = 0
        self._blank = 0
        self._handlers: dict[bytes, _Handler] = {}
        self._depth = msgspec.json.Decoder(DepthMessage).decode
        self._trade = msgspec.json.Decoder(TradeMessage).decode
        self._best = msgspec.json.Decoder(BestMessage).decode
        self._snapshot = msgspec.json.Decoder(Snapshot).decode
        self._envelope = msgspec.json.Decoder(Envelope).decode

    def chunks(self, progress: Progress | None = None) -> Iterator[EventArray]:
        """Events in the order of arrival; see `report.Importer`."""
        files = Sources(self._paths, progress)
        self.sources = files.files
        for path in self._paths:
            self._state.clock.begin_file(path.name)
            lines = 0
            for text in files.whole_lines(path):
                lines += yield from self._block(text, path.name, lines)
        self._quick.give_back()
        self._finish()
        if self._assembly.rows:
            yield self._assembly.take()

    def _block(self, text: bytes, name: str, before: int) -> Generator[EventArray, None, int]:
        """Read whole lines, with chunks when they are full; returns how many lines. `before` have been read before."""
        block = LineBlock(text)
        line = 0
        while line < len(block.ends):
            outcome = UNUSUAL
            if before + line:  # the first line of a file tells whether the files are in order
                line, outcome = self._quick.read(block, line, self._assembly)
            if outcome == UNUSUAL:
                self._quick.give_back()
                stop = min(line + self._quick.unusual, len(block.ends))
                while line < stop and not self._assembly.full:
                    self._line(block.line(line), name, before + line + 1)
                    line += 1
                self._quick.take_over()
            if outcome == FULL or self._assembly.full:
                yield self._assembly.take()
        return len(block.ends)

    def _line(self, line: bytes, name: str, number: int) -> None:
        head, _, message = line.partition(b" ")
        if not head.strip():
            self._blank += 1
            return
        self.tally.read += 1
        try:
            local = self._local_time(head)
            self._handler(message)(message, local)
        except ParseError as error:
            self.tally.refuse_field(error, f"{name}:{number}")
        except msgspec.ValidationError as error:
            self.tally.refuse("the message does not have the form of its stream", f"{name}:{number}: {error}")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.tally.refuse("the line is not valid JSON", f"{name}:{number}: {error}")

    def _local_time(self, head: bytes) -> int:
        local = int(head) if head.isdigit() and len(head) <= 19 else -1
        if not 0 <= local <= INT64_MAX:
            raise ParseError("local time", head[:40].decode("latin-1"), "is not a time in nanoseconds")
        return self._state.clock.advance(local)

    def _handler(self, message: bytes) -> _Handler:
        """Which message this is, by the stream's name, which comes first in every wrapped message."""
        if message.startswith(_WRAPPED):
            stream = message[_NAME : message.find(b'"', _NAME)]
            handler = self._handlers.get(stream)
            if handler is None:
                handler = self._handlers[stream] = self._stream_handler(stream.decode())
            return handler
        envelope = self._envelope(message)
        if envelope.lastUpdateId is not None:
            return self._on_snapshot
        return self._stream_handler(envelope.stream)

    def _stream_handler(self, stream: str) -> _Handler:
        kind = stream.partition("@")[2]
        if kind == "bookTicker":
            return self._on_best
        if kind == "trade":
            return self._on_trade
        if kind == "depth" or kind.startswith("depth@"):
            return self._on_depth
        if kind:
            return partial(self._other_stream, kind)
        raise msgspec.ValidationError("neither a stream message nor a depth snapshot")

    def _other_stream(self, kind: str, message: bytes, local: int) -> None:
        self._envelope(message)
        self.tally.drop(f"stream {kind[:40]} is not imported")

    def _check_symbol(self, symbol: str) -> None:
        if symbol != self._symbol:
            raise ParseError("symbol", symbol[:40], f"is not {self._symbol}")

    def _saw(self, exch_ts: int) -> int:
        if exch_ts > self._state.exchange:
            self._state.exchange = exch_ts
        return exch_ts

    def _on_best(self, message: bytes, local: int) -> None:
        best = self._best(message).data
        self._check_symbol(best.s)
        bid, ask = self._best_price[best.b], self._best_price[best.a]
        bid_qty, ask_qty = self._qty[best.B], self._qty[best.A]
        self._rows.price.extend((bid, ask))
        self._rows.qty.extend((bid_qty, ask_qty))
        if self._futures and best.T:
            self._rows.run(BEST, 0, 1, 1, self._saw(best.T * _MS), local, best.u)
        else:
            self._rows.run(BEST, 0, 1, 1, self._state.exchange or local, local, best.u, flags=LAST | ESTIMATED_TIME)
        self.tally.accepted += 1

    def _on_trade(self, message: bytes, local: int) -> None:
        trade = self._trade(message).data
        self._check_symbol(trade.s)
        if trade.X != "MARKET":
            raise ParseError("kind of trade", trade.X[:40], "is not MARKET: it did not trade with the book")
        price, qty = self._price[trade.p], self._trade_qty[trade.q]
        if trade.t <= self._state.last_trade:
            self.tally.drop("trades whose id is not above the last one's (duplicates)")
            return
        self._state.last_trade = trade.t
        side = ASK if trade.m else BID  # the buyer was the maker, so the seller took
        self._rows.row(TRADE, side, price, qty, self._saw(trade.T * _MS), local, trade.t)
        self.tally.accepted += 1

    def _on_depth(self, message: bytes, local: int) -> None:
        depth = self._depth(message).data
        self._check_symbol(depth.s)
        diff = self._parse(depth)
        self._saw(diff.exch_ts)
        verdict = self._state.sync.diff(diff.first, diff.last, diff.previous, diff.exch_ts)
        if verdict is Verdict.GAP:
            self._gaps += 1
            self._rows.row(STATUS, 0, Status.BOOK_GAP, 0, diff.exch_ts, local, 0)
            verdict = Verdict.WAIT
        if verdict is Verdict.WAIT:
            self._wait(diff)
        else:
            self._settle(diff, verdict, local)

    def _parse(self, depth: Depth) -> _Diff:
        if depth.u < depth.U:
            raise ParseError("U", depth.U, "is above u: the update covers no ids")
        prices, qtys = self._levels(depth.b, depth.a)
        exch_ts = (depth.T if self._futures and depth.T else depth.E) * _MS
        return _Diff(depth.U, depth.u, depth.pu, exch_ts, prices, qtys, len(depth.b))

    def _levels(self, bids: list[Level], asks: list[Level]) -> tuple[list[int], list[int]]:
        price, qty = self._price, self._qty
        prices = [price[level[0]] for level in bids]
        prices += [price[level[0]] for level in asks]
        qtys = [qty[level[1]] for level in bids]
        qtys += [qty[level[1]] for level in asks]
        return prices, qtys

    def _wait(self, diff: _Diff) -> None:
        if len(self._waiting) == _MOST_WAITING:
            self._waiting.popleft()
            self.tally.drop("depth updates without a snapshot to join")
        self._waiting.append(diff)

    def _settle(self, diff: _Diff, verdict: Verdict, local: int) -> None:
        if verdict is Verdict.APPLY:
            self._state.joined = True
            self._apply(diff, local)
        elif verdict is Verdict.OLD:
            self.tally.drop("depth updates that their snapshot already holds")
        else:
            self.tally.drop("depth updates received twice")

    def _apply(self, diff: _Diff, local: int) -> None:
        count = len(diff.prices)
        if count == 0:
            self._rows.row(NOTE, 0, 0, 0, diff.exch_ts, local, diff.last)
        else:
            self._rows.price.extend(diff.prices)
            self._rows.qty.extend(diff.qtys)
            self._rows.run(LEVEL, 0, diff.bids, count - diff.bids, diff.exch_ts, local, diff.last)
        self.tally.accepted += 1

    def _on_snapshot(self, message: bytes, local: int) -> None:
        snapshot = self._snapshot(message)
        if snapshot.symbol:
            self._check_symbol(snapshot.symbol)
        prices, qtys = self._levels(snapshot.bids, snapshot.asks)
        if not self._state.sync.snapshot(snapshot.lastUpdateId):
            self.tally.drop("snapshots older than the book, which is in sync")
            return
        self._snapshots += 1
        self._state.joined = False
        judged = self._judge_waiting()
        self._write_snapshot(snapshot, prices, qtys, judged, local)
        for diff, verdict in judged:
            if verdict is Verdict.GAP:
                self._gaps += 1
                self._rows.row(STATUS, 0, Status.BOOK_GAP, 0, diff.exch_ts, local, 0)
            if verdict in (Verdict.GAP, Verdict.WAIT):
                self._waiting.append(diff)
            else:
                self._settle(diff, verdict, local)

    def _judge_waiting(self) -> list[tuple[_Diff, Verdict]]:
        waiting, self._waiting = self._waiting, deque()
        return [(diff, self._state.sync.diff(diff.first, diff.last, diff.previous, diff.exch_ts)) for diff in waiting]

    def _write_snapshot(
        self, snapshot: Snapshot, prices: list[int], qtys: list[int], judged: list[tuple[_Diff, Verdict]], local: int
    ) -> None:
        flags = 0
        exch_ts = snapshot.T * _MS
        if not exch_ts:
            exch_ts, flags = self._state.exchange or local, ESTIMATED_TIME
        first = next((diff.exch_ts for diff, verdict in judged if verdict is Verdict.APPLY), exch_ts)
        if first < exch_ts:
            exch_ts, flags = first, ESTIMATED_TIME
        self._saw(exch_ts)
        last = flags | LAST
        self._rows.row(CLEAR, 0, 0, 0, exch_ts, local, snapshot.lastUpdateId, flags=flags if prices else last)
        if prices:
            self._rows.price.extend(prices)
            self._rows.qty.extend(qtys)
            bids = len(snapshot.bids)
            self._rows.run(LEVEL, 0, bids, len(prices) - bids, exch_ts, local, snapshot.lastUpdateId, flags=last)
        self.tally.accepted += 1

    def _finish(self) -> None:
        if self._waiting:
            self.tally.drop("depth updates without a snapshot to join", len(self._waiting))
        if self._blank:
            self.notes.append(f"{self._blank:,} blank lines skipped")
        if self._snapshots == 0:
            self.notes.append("no depth snapshot in the recording: there are trades and best prices, but no book")
        if self._gaps:
            self.notes.append(
                f"{self._gaps:,} gaps in the depth stream: the book is invalid after each until a snapshot"
            )
        self.tally.finish(self._paths)
