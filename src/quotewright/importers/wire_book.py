"""What every decoder of a venue's messages builds its rows with: snapshots, changes, prints, gaps, checksums.

Quantities and prices come as the venue's own text and become lots and ticks exactly, before any row is written; so a
message is taken whole or not at all. Changes are judged by `market.sync`; one that comes before its snapshot waits for
it and is applied right after it, with the snapshot's local time. A change that is lost (a gap in the ids, a refused
message, a wrong checksum) makes the book invalid until the next snapshot.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

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
    Status,
)
from quotewright.domain.instrument import Instrument
from quotewright.importers.exact import price_counts, qty_counts
from quotewright.importers.report import Tally
from quotewright.importers.rows import RowBuffer
from quotewright.importers.wire_levels import LevelBook
from quotewright.market.sync import DepthSync, SyncRule, Verdict

Level = tuple[str, str]  # price and quantity, as the venue wrote them
Checksum = Callable[[LevelBook], int]

TAKEN = ""  # what a decoder says of a message that became rows; any other word is the reason why it was dropped
WAITS = "waits for a snapshot"  # and is counted when that has come

_OLD = "book changes that their snapshot already holds"
_TWICE = "book changes received twice"
_UNJOINED = "book changes without a snapshot to join"
_LATE = "whole books older than the one before"
_STALE = "snapshots older than the book, which is in sync"
_MOST_WAITING = 100_000


class PrintError(ParseError):
    """A print that cannot be read exactly: it is refused, and the book is what it was."""


class _Change(NamedTuple):
    """A parsed change of the book."""

    first: int
    last: int
    previous: int
    seq: int
    time: int
    bids: int
    prices: list[int]
    qtys: list[int]


class WireBook:
    """Rows of one instrument; `local` is the receive time of the message at hand, ns.

    `rule` is how changes name their ids; `checksum` computes the venue's from the book; `depth` cuts each side to so
    many levels, where the venue leaves that to its clients.
    """

    def __init__(
        self,
        instrument: Instrument,
        tally: Tally,
        rule: SyncRule = SyncRule.SPOT,
        *,
        checksum: Checksum | None = None,
    ) -> None:
        self.rows = RowBuffer()
        self.local = 0
        self.depth = 0
        self.snapshots = self.changes = self.prints = self.gaps = 0
        self.checksums = self.checksums_equal = 0
        self._tally = tally
        self._newest = 0  # venue time
        self._numbered = 0  # changes of a venue that does not number them
        self._price = price_counts(instrument, exponents=True)
        self._best_price = price_counts(instrument, zero=True, exponents=True)
        self._qty = qty_counts(instrument, exponents=True)
        self._trade_qty = qty_counts(instrument, zero=False, exponents=True)
        self._sync = DepthSync(rule)
        self._waiting: deque[_Change] = deque()
        self._checksum = checksum
        self._levels = LevelBook() if checksum is not None else None
        self._shown: dict[tuple[int, int], int] = {}  # of `show`: (side, price) to lots
        self._shown_time = 0

    def snapshot(
        self,
        bids: Sequence[Level],
        asks: Sequence[Level],
        time: int = 0,
        id: int | None = None,
        *,
        expected: int | None = None,
    ) -> str:
        """Start the book anew; `time` 0 where the venue gives none, `id` None where it does not number updates."""
        return self._start(self._change(bids, asks, time, id, 0, 0), expected)

    def _start(self, change: _Change, expected: int | None) -> str:
        if not self._sync.snapshot(change.last):
            return _STALE
        change = self._check(change, expected, anew=True)
        self.snapshots += 1
        judged = [(waiting, self._judge(waiting)) for waiting in self._waiting]
        self._waiting.clear()
        self._write_snapshot(change, next((c.time for c, v in judged if v is Verdict.APPLY and c.time), 0))
        for waiting, verdict in judged:
            reason = self._settle(waiting, verdict)
            if reason == TAKEN:
                self._tally.accepted += 1
            elif reason != WAITS:
                self._tally.drop(reason)
        return TAKEN

    def change(
        self,
        bids: Sequence[Level],
        asks: Sequence[Level],
        time: int = 0,
        last: int | None = None,
        *,
        first: int = 0,
        previous: int = 0,
        expected: int | None = None,
    ) -> str:
        """Change levels to what they now are; `first`, `last` and `previous` are ids as in `market.sync`.

        `expected` is the checksum of the book after it. Raises ParseError for a field that is not exact, and for a
        checksum that is not that of the book.
        """
        change = self._change(bids, asks, time, last, first, previous)
        verdict = self._judge(change)
        if verdict is Verdict.APPLY:
            change = self._check(change, expected, anew=False)
        return self._settle(change, verdict)

    def show(self, bids: Sequence[Level], asks: Sequence[Level], time: int, seq: int) -> str:
        """Take a whole book of a venue that sends nothing else: the first is a snapshot, others what is different.

        One that is older than the one before was overtaken on its way, and is dropped.
        """
        if time < self._shown_time:
            return _LATE
        shown = self._change(bids, asks, time, None, 0, 0)._replace(seq=seq)
        sides = [BID] * shown.bids + [ASK] * (len(shown.prices) - shown.bids)
        levels = dict(zip(zip(sides, shown.prices, strict=True), shown.qtys, strict=True))
        before, self._shown, self._shown_time = self._shown, levels, time
        if not self._sync.synced:
            return self._start(shown, None)
        new = {level: 0 for level in before if level not in levels}
        new |= {level: qty for level, qty in levels.items() if before.get(level) != qty}
        ordered = sorted(new.items(), key=lambda entry: entry[0][0] != BID)
        change = shown._replace(
            bids=sum(side == BID for side, _ in new),
            prices=[price for (_, price), _ in ordered],
            qtys=[qty for _, qty in ordered],
        )
        return self._settle(change, self._judge(change))

    def best(self, bid: Level, ask: Level, time: int, seq: int) -> str:
        """Take a pair of best prices; a price of zero is an empty side."""
        prices = self._best_price[bid[0]], self._best_price[ask[0]]
        quantities = self._qty[bid[1]], self._qty[ask[1]]
        self.rows.price.extend(prices)
        self.rows.qty.extend(quantities)
        exch_ts, flags = self._stamp(time)
        self.rows.run(BEST, 0, 1, 1, exch_ts, self.local, seq, flags=flags | LAST)
        return TAKEN

    def trades(self, trades: Iterable[tuple[int, str, str, int, int, int]]) -> str:
        """Take prints: side of the taker, price, quantity, venue time, id or 0, maker's order id or 0."""
        try:
            exact = [
                (side, self._price[price], self._trade_qty[qty], time, id, maker)
                for side, price, qty, time, id, maker in trades
            ]
        except ParseError as error:
            raise PrintError(error.field, error.value, error.fix) from error
        for side, price, qty, time, id, maker in exact:
            exch_ts, flags = self._stamp(time)
            self.rows.row(TRADE, side, price, qty, exch_ts, self.local, id, maker, flags=flags | LAST)
        self.prints += len(exact)
        return TAKEN

    def lost(self) -> None:
        """Something is missing: the book is invalid from here until a snapshot."""
        if self._sync.synced:
            self._sync.synced = False
            self._gap()

    def finish(self) -> None:
        """Drop what still waits, and tell what was found in the notes."""
        if self._waiting:
            self._tally.drop(_UNJOINED, len(self._waiting))
        if self.snapshots == 0:
            self._tally.notes.append("no book in the recording, only trades or best prices")
        if self.gaps:
            self._tally.notes.append(f"{self.gaps:,} gaps in the book: it is invalid after each until a snapshot")
        if self.checksums:
            equal = f"{self.checksums_equal:,} of {self.checksums:,}"
            self._tally.notes.append(f"{equal} checksums of the venue are those of the book")

    def _change(
        self, bids: Sequence[Level], asks: Sequence[Level], time: int, last: int | None, first: int, previous: int
    ) -> _Change:
        price, qty = self._price, self._qty
        try:
            prices = [price[level[0]] for level in bids]
            prices += [price[level[0]] for level in asks]
            qtys = [qty[level[1]] for level in bids]
            qtys += [qty[level[1]] for level in asks]
        except ParseError:
            self.lost()
            raise
        if last is None:
            self._numbered += 1
            return _Change(0, self._numbered, self._numbered - 1, 0, time, len(bids), prices, qtys)
        return _Change(first, last, previous, last, time, len(bids), prices, qtys)

    def _judge(self, change: _Change) -> Verdict:
        return self._sync.diff(change.first, change.last, change.previous, change.time)

    def _settle(self, change: _Change, verdict: Verdict) -> str:
        if verdict is Verdict.APPLY:
            self._write_change(change)
            return TAKEN
        if verdict is Verdict.OLD:
            return _OLD
        if verdict is Verdict.DUPLICATE:
            return _TWICE
        if verdict is Verdict.GAP:
            self._gap()
        if len(self._waiting) == _MOST_WAITING:
            self._waiting.popleft()
            self._tally.drop(_UNJOINED)
        self._waiting.append(change)
        return WAITS

    def _check(self, change: _Change, expected: int | None, *, anew: bool) -> _Change:
        """Bring the compiled book up to date, add what falls below the depth to the change, compare checksums."""
        if self._levels is None or self._checksum is None:
            return change
        if anew:
            self._levels.clear()
        self._levels.set(change.bids, change.prices, change.qtys)
        if self.depth and not anew:
            change = self._cut(change, self._levels)
        if expected is None:
            return change
        self.checksums += 1
        if self._checksum(self._levels) == expected:
            self.checksums_equal += 1
            return change
        self.lost()
        raise ParseError("checksum", expected, "is not that of the book")

    def _cut(self, change: _Change, levels: LevelBook) -> _Change:
        """The change, with the levels that fell below the depth taken away as well."""
        for side in (BID, ASK):
            over = levels.count(side) - self.depth
            if over <= 0:
                continue
            gone = [price for price, _ in levels.best(side, over, self.depth)]
            levels.set(over if side == BID else 0, gone, [0] * over)
            at = change.bids if side == BID else len(change.prices)
            change = change._replace(
                bids=change.bids + (over if side == BID else 0),
                prices=change.prices[:at] + gone + change.prices[at:],
                qtys=change.qtys[:at] + [0] * over + change.qtys[at:],
            )
        return change

    def _write_change(self, change: _Change) -> None:
        self.changes += 1
        exch_ts, flags = self._stamp(change.time)
        flags |= LAST
        if not change.prices:
            self.rows.row(NOTE, 0, 0, 0, exch_ts, self.local, change.seq, flags=flags)
            return
        self.rows.price.extend(change.prices)
        self.rows.qty.extend(change.qtys)
        asks = len(change.prices) - change.bids
        self.rows.run(LEVEL, 0, change.bids, asks, exch_ts, self.local, change.seq, flags=flags)

    def _write_snapshot(self, change: _Change, first: int) -> None:
        """`first` is the venue time of the first change on top of it, which a snapshot is never later than."""
        exch_ts, flags = self._stamp(change.time)
        if 0 < first < exch_ts:
            exch_ts, flags = first, ESTIMATED_TIME
        last = flags | LAST
        self.rows.row(CLEAR, 0, 0, 0, exch_ts, self.local, change.seq, flags=flags if change.prices else last)
        if change.prices:
            self.rows.price.extend(change.prices)
            self.rows.qty.extend(change.qtys)
            asks = len(change.prices) - change.bids
            self.rows.run(LEVEL, 0, change.bids, asks, exch_ts, self.local, change.seq, flags=last)

    def _gap(self) -> None:
        self.gaps += 1
        exch_ts, flags = self._stamp(0)
        self.rows.row(STATUS, 0, Status.BOOK_GAP, 0, exch_ts, self.local, 0, flags=flags | LAST)

    def _stamp(self, time: int) -> tuple[int, int]:
        """The venue's time, or the latest one seen so far and that it is estimated."""
        if time:
            self._newest = max(self._newest, time)
            return time, 0
        return self._newest or self.local, ESTIMATED_TIME
