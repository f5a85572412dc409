"""One symbol's live streams: messages in, rows out, its book kept and watched.

Usual messages are read compiled (`binance_live`), all others as a recording's are (`binance_symbol`); the state goes to
and fro between the two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from quotewright.domain.events import BEST as BEST_KIND
from quotewright.domain.events import EVENT, STATUS, EventArray, Status
from quotewright.domain.instrument import Instrument
from quotewright.domain.kernel import INTERPRETED, as_records, entry_of, records
from quotewright.importers.binance_fields import READER
from quotewright.importers.binance_live import FULL, OLD, WATCH, follow_rows, read_message
from quotewright.importers.binance_messages import Envelope
from quotewright.importers.binance_quick import State
from quotewright.importers.binance_symbol import SymbolReader
from quotewright.importers.clock import ForwardClock
from quotewright.importers.report import Tally
from quotewright.market.levels import BOOK
from quotewright.market.sync import DepthSync, SyncRule

_ROOM = 65_536  # rows
_WORDS = EVENT.itemsize // 8
DEPTH, TRADES, BEST = "depth", "trade", "bookTicker"


class Room:
    """Memory for rows, shared by symbols: rows handed out are never written to again."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew; who holds rows of the old memory keeps it."""
        self.events: EventArray = np.empty(_ROOM * _WORDS, np.int64).view(EVENT)
        self.rows: Any = as_records(self.events)
        self.words = self.events.view(np.int64).reshape(-1, _WORDS)
        self.at = 0


class SymbolStream:
    """One symbol; `out` gets whole updates. See `binance_messages` for what `take` raises of a damaged message."""

    def __init__(self, instrument: Instrument, index: int, room: Room, out: Callable[[EventArray, int], None]) -> None:
        sync = DepthSync(SyncRule.SPOT if instrument.kind == "spot" else SyncRule.FUTURES)
        self._state = State(Tally(), ForwardClock("local time"), sync)
        self._reader = SymbolReader(instrument, self._state)
        self._handlers = {
            DEPTH: self._reader.on_depth,
            TRADES: self._reader.on_trade,
            BEST: self._reader.on_best,
        }
        self._index = index
        self._room = room
        self._out = out
        self._symbol = _of(instrument.symbol.upper().encode())
        self._readers = records(1, READER)
        reader = self._readers[0]
        reader["futures"] = instrument.kind != "spot"
        reader["instrument"] = index << 32
        for name, step in (("price", instrument.price_step), ("qty", instrument.qty_step)):
            reader[f"{name}_digits"], reader[f"{name}_scale"] = step.digits, step.scale
        self._books = records(1, BOOK)
        self._watches = records(1, WATCH)
        self._envelope = msgspec.json.Decoder(Envelope).decode
        self._take_over()
        self._read_message = entry_of(
            read_message,
            _of(b" "),
            self._readers,
            self._symbol,
            room.words,
            room.rows,
            0,
            self._books,
            self._watches,
            0,
        )

    @property
    def watch(self) -> Any:
        """The record that `binance_live` keeps of best pairs and the book; read only."""
        return self._watches[0]

    @property
    def book_id(self) -> int:
        """The update id that the book stands at."""
        return int(self._readers[0]["last_id"])

    @property
    def synced(self) -> bool:
        """Whether there is a book without a gap."""
        return self._state.sync.synced

    def take(self, kind: str, text: bytes, now: int) -> None:
        """Take one wrapped message of a stream: `depth`, `trade` or `bookTicker`."""
        if not INTERPRETED:  # byte by byte, it is slower than the reader of all messages
            room = self._room
            at = room.at
            found = self._read_message(
                _of(text), self._readers, self._symbol, room.words, room.rows, at, self._books, self._watches, now
            )
            if found > 0:
                room.at = at + found
                self._out(room.events[at : at + found], now)
                return
            if found == OLD:
                return
            if found == FULL and at:
                room.renew()
                self.take(kind, text, now)
                return
        self._take_unusual(kind, text, now)

    def snapshot(self, text: bytes, now: int) -> bool:
        """Take a depth snapshot; False if it is older than the differences that wait for one: ask for another."""
        last = self._envelope(text).lastUpdateId
        waiting = self._reader.waiting
        if last is not None and waiting and waiting[0].first > last + 1:
            return False
        self._give_back()
        self._reader.on_snapshot(text, now)
        self._finish(now)
        return self.synced

    def lose(self, now: int) -> None:
        """The book cannot be trusted from here: said at once, before anything else is done about it."""
        self._give_back()
        self._reader.waiting.clear()
        sync = self._state.sync
        if sync.synced:
            sync.synced = False
            self._reader.rows.row(STATUS, 0, Status.BOOK_GAP, 0, self._state.exchange or now, now, 0)
        self._finish(now)

    def forget_best(self) -> None:
        """After a loss the venue may count anew."""
        watch = self._watches[0]
        for name in ("best_seq", "behind", "apart", "differs"):
            watch[name] = 0

    def _take_unusual(self, kind: str, text: bytes, now: int) -> None:
        self._give_back()
        try:
            self._handlers[kind](text, now)
        finally:
            self._finish(now)

    def _finish(self, now: int) -> None:
        """Hand out what the other reader wrote."""
        if len(self._reader.rows):
            rows = self._reader.rows.take()
            if rows[0]["kind"] != BEST_KIND or rows[0]["seq"] >= self._watches[0]["best_seq"]:
                rows["instrument"] = self._index
                follow_rows(as_records(rows), 0, len(rows), self._books, self._watches)
                self._out(rows, now)
        self._take_over()

    def _give_back(self) -> None:
        reader, state = self._readers[0], self._state
        state.exchange = int(reader["exchange"])
        state.last_trade = int(reader["last_trade"])
        last = int(reader["last_id"])
        if last != state.sync.last_id:  # the differences in between, as one
            state.sync.diff(state.sync.last_id + 1, last, state.sync.last_id, int(reader["last_time"]))

    def _take_over(self) -> None:
        reader, state = self._readers[0], self._state
        reader["exchange"] = state.exchange
        reader["last_trade"] = state.last_trade
        reader["last_id"] = state.sync.last_id
        reader["in_sync"] = state.sync.synced and state.joined


def _of(text: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(text, np.uint8)
