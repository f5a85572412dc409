"""The messages of one Binance symbol as event rows; the rules are in `binance_ws`.

Raises ParseError for a field that cannot be read exactly, and what msgspec raises for a message of another form.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BEST, BID, CLEAR, ESTIMATED_TIME, LAST, LEVEL, NOTE, STATUS, TRADE, Status
from quotewright.domain.instrument import Instrument
from quotewright.importers.binance_messages import (
    BestMessage,
    Depth,
    DepthMessage,
    Level,
    Snapshot,
    TradeMessage,
)
from quotewright.importers.binance_quick import State
from quotewright.importers.exact import price_counts, qty_counts
from quotewright.importers.rows import RowBuffer
from quotewright.market.sync import Verdict

_MS = 1_000_000
_MOST_WAITING = 100_000  # differences kept for a snapshot; two hours of the fastest stream in the recordings


class Diff(NamedTuple):
    """A parsed difference, waiting for its snapshot."""

    first: int
    last: int
    previous: int
    exch_ts: int
    prices: list[int]
    qtys: list[int]
    bids: int


class SymbolReader:
    """Turns messages into rows; `state` is shared with compiled readers, `waiting` are differences without a book."""

    def __init__(self, instrument: Instrument, state: State) -> None:
        self.rows = RowBuffer()
        self.waiting: deque[Diff] = deque()
        self.snapshots = 0
        self.gaps = 0
        self._state = state
        self._symbol = instrument.symbol.upper()
        self._futures = instrument.kind != "spot"
        self._price = price_counts(instrument)
        self._best_price = price_counts(instrument, zero=True)
        self._qty = qty_counts(instrument)
        self._trade_qty = qty_counts(instrument, zero=False)
        self._decode_depth = msgspec.json.Decoder(DepthMessage).decode
        self._decode_trade = msgspec.json.Decoder(TradeMessage).decode
        self._decode_best = msgspec.json.Decoder(BestMessage).decode
        self._decode_snapshot = msgspec.json.Decoder(Snapshot).decode

    def _check_symbol(self, symbol: str) -> None:
        if symbol != self._symbol:
            raise ParseError("symbol", symbol[:40], f"is not {self._symbol}")

    def _saw(self, exch_ts: int) -> int:
        if exch_ts > self._state.exchange:
            self._state.exchange = exch_ts
        return exch_ts

    def on_best(self, message: bytes, local: int) -> None:
        """A best bid and offer: a BEST pair."""
        best = self._decode_best(message).data
        self._check_symbol(best.s)
        bid, ask = self._best_price[best.b], self._best_price[best.a]
        bid_qty, ask_qty = self._qty[best.B], self._qty[best.A]
        self.rows.price.extend((bid, ask))
        self.rows.qty.extend((bid_qty, ask_qty))
        if self._futures and best.T:
            self.rows.run(BEST, 0, 1, 1, self._saw(best.T * _MS), local, best.u)
        else:
            self.rows.run(BEST, 0, 1, 1, self._state.exchange or local, local, best.u, flags=LAST | ESTIMATED_TIME)
        self._state.tally.accepted += 1

    def on_trade(self, message: bytes, local: int) -> None:
        """A trade, unless it is a duplicate."""
        trade = self._decode_trade(message).data
        self._check_symbol(trade.s)
        if trade.X != "MARKET":
            raise ParseError("kind of trade", trade.X[:40], "is not MARKET: it did not trade with the book")
        price, qty = self._price[trade.p], self._trade_qty[trade.q]
        if trade.t <= self._state.last_trade:
            self._state.tally.drop("trades whose id is not above the last one's (duplicates)")
            return
        self._state.last_trade = trade.t
        side = ASK if trade.m else BID  # the buyer was the maker, so the seller took
        self.rows.row(TRADE, side, price, qty, self._saw(trade.T * _MS), local, trade.t)
        self._state.tally.accepted += 1

    def on_depth(self, message: bytes, local: int) -> None:
        """A depth difference: applied, or kept for the next snapshot; after a gap the book is invalid."""
        depth = self._decode_depth(message).data
        self._check_symbol(depth.s)
        diff = self._parse(depth)
        self._saw(diff.exch_ts)
        verdict = self._state.sync.diff(diff.first, diff.last, diff.previous, diff.exch_ts)
        if verdict is Verdict.GAP:
            self.gaps += 1
            self.rows.row(STATUS, 0, Status.BOOK_GAP, 0, diff.exch_ts, local, 0)
            verdict = Verdict.WAIT
        if verdict is Verdict.WAIT:
            self._wait(diff)
        else:
            self._settle(diff, verdict, local)

    def _parse(self, depth: Depth) -> Diff:
        if depth.u < depth.U:
            raise ParseError("U", depth.U, "is above u: the update covers no ids")
        prices, qtys = self._levels(depth.b, depth.a)
        exch_ts = (depth.T if self._futures and depth.T else depth.E) * _MS
        return Diff(depth.U, depth.u, depth.pu, exch_ts, prices, qtys, len(depth.b))

    def _levels(self, bids: list[Level], asks: list[Level]) -> tuple[list[int], list[int]]:
        price, qty = self._price, self._qty
        prices = [price[level[0]] for level in bids]
        prices += [price[level[0]] for level in asks]
        qtys = [qty[level[1]] for level in bids]
        qtys += [qty[level[1]] for level in asks]
        return prices, qtys

    def _wait(self, diff: Diff) -> None:
        if len(self.waiting) == _MOST_WAITING:
            self.waiting.popleft()
            self._state.tally.drop("depth updates without a snapshot to join")
        self.waiting.append(diff)

    def _settle(self, diff: Diff, verdict: Verdict, local: int) -> None:
        if verdict is Verdict.APPLY:
            self._state.joined = True
            self._apply(diff, local)
        elif verdict is Verdict.OLD:
            self._state.tally.drop("depth updates that their snapshot already holds")
        else:
            self._state.tally.drop("depth updates received twice")

    def _apply(self, diff: Diff, local: int) -> None:
        count = len(diff.prices)
        if count == 0:
            self.rows.row(NOTE, 0, 0, 0, diff.exch_ts, local, diff.last)
        else:
            self.rows.price.extend(diff.prices)
            self.rows.qty.extend(diff.qtys)
            self.rows.run(LEVEL, 0, diff.bids, count - diff.bids, diff.exch_ts, local, diff.last)
        self._state.tally.accepted += 1

    def on_snapshot(self, message: bytes, local: int) -> None:
        """A depth snapshot, and with it the differences that waited for it."""
        snapshot = self._decode_snapshot(message)
        if snapshot.symbol:
            self._check_symbol(snapshot.symbol)
        prices, qtys = self._levels(snapshot.bids, snapshot.asks)
        if not self._state.sync.snapshot(snapshot.lastUpdateId):
            self._state.tally.drop("snapshots older than the book, which is in sync")
            return
        self.snapshots += 1
        self._state.joined = False
        judged = self._judge_waiting()
        self._write_snapshot(snapshot, prices, qtys, judged, local)
        for diff, verdict in judged:
            if verdict is Verdict.GAP:
                self.gaps += 1
                self.rows.row(STATUS, 0, Status.BOOK_GAP, 0, diff.exch_ts, local, 0)
            if verdict in (Verdict.GAP, Verdict.WAIT):
                self.waiting.append(diff)
            else:
                self._settle(diff, verdict, local)

    def _judge_waiting(self) -> list[tuple[Diff, Verdict]]:
        waiting, self.waiting = self.waiting, deque()
        return [(diff, self._state.sync.diff(diff.first, diff.last, diff.previous, diff.exch_ts)) for diff in waiting]

    def _write_snapshot(
        self, snapshot: Snapshot, prices: list[int], qtys: list[int], judged: list[tuple[Diff, Verdict]], local: int
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
        self.rows.row(CLEAR, 0, 0, 0, exch_ts, local, snapshot.lastUpdateId, flags=flags if prices else last)
        if prices:
            self.rows.price.extend(prices)
            self.rows.qty.extend(qtys)
            bids = len(snapshot.bids)
            self.rows.run(LEVEL, 0, bids, len(prices) - bids, exch_ts, local, snapshot.lastUpdateId, flags=last)
        self._state.tally.accepted += 1
