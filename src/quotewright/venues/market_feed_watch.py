"""Whether the market data may be believed: silence, streams that lag behind each other, a book that is not the venue's.

    stale      no message of a symbol for long, while others talk or at all; the depth stream stands still although
               best prices go on; the venue's own update id is known to be ahead
    diverging  the venue's best prices at the book's own update id are not the book's, or differ for long

Before a symbol counts as stale for silence alone the venue is asked, half-way: a market may just be quiet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from quotewright.gateway.port import Alarm, Cleared, Fact
from quotewright.importers.binance_stream import SymbolStream
from quotewright.venues.binance_settings import BinanceSettings

STALE, DIVERGING, NO_ROOM = "stale-market", "diverging-market", "book-full"


class WatchOwner(Protocol):
    """Who can do something about it."""

    def ask_venue(self, index: int, now: int) -> None:
        """Ask the venue for its update id of a symbol; `told` is to be called."""
        ...

    def resynchronise(self, index: int, why: str, now: int) -> None:
        """The book of a symbol is wrong."""
        ...

    def reconnect(self, why: str, now: int) -> None:
        """The connection does not bring what it should."""
        ...


class _Symbol:
    """What is known of one symbol beside its stream's own record."""

    def __init__(self) -> None:
        self.quiet = 0  # local time at which the venue confirmed that nothing has happened
        self.asked = 0
        self.ahead = 0  # an update id the venue has told
        self.ahead_since = 0
        self.alarms: dict[str, str] = {}


class MarketWatch:
    """Judges every symbol from time to time, raises alarms and clears them."""

    def __init__(
        self,
        streams: Sequence[SymbolStream],
        settings: BinanceSettings,
        sink: Callable[[Fact, int], None],
        owner: WatchOwner,
    ) -> None:
        self._streams = streams
        self._settings = settings
        self._sink = sink
        self._owner = owner
        self._symbols = [_Symbol() for _ in streams]
        self._since = 0

    def begin(self, now: int) -> None:
        """A new connection: nothing can have been heard on it before."""
        self._since = now
        for symbol in self._symbols:
            symbol.ahead = symbol.asked = 0

    def told(self, index: int, update_id: int, now: int) -> None:
        """The venue's update id of a symbol, asked for apart from the stream; 0: it gave none."""
        symbol, stream = self._symbols[index], self._streams[index]
        symbol.asked = 0
        if not stream.synced or not update_id:
            return
        if update_id <= stream.book_id:
            symbol.quiet = now
        elif not symbol.ahead:
            symbol.ahead = update_id
            symbol.ahead_since = now

    def judge(self, now: int) -> None:
        """Look at every symbol."""
        heard = [max(int(stream.watch["heard"]), self._since) for stream in self._streams]
        latest = max(heard)
        lost = ""
        for index, stream in enumerate(self._streams):
            symbol = self._symbols[index]
            if stream.synced:
                self._ask_if_silent(index, heard[index], latest, now)
                lost = lost or self._frozen(index, now)
            found = self._found(index, heard[index], latest, now) if stream.synced else {}
            if DIVERGING in found and DIVERGING not in symbol.alarms and stream.watch["differs"]:
                self._owner.resynchronise(index, found[DIVERGING], now)
            self._settle(index, found, now)
        if lost:
            self._owner.reconnect(lost, now)

    def _patience(self, heard: int, latest: int, now: int) -> int:
        """How long a symbol may be silent."""
        others = latest > heard and now - latest < self._settings.stale_after
        return self._settings.stale_after if others else self._settings.silent_after

    def _ask_if_silent(self, index: int, heard: int, latest: int, now: int) -> None:
        symbol = self._symbols[index]
        known = max(heard, symbol.quiet)
        if now - known >= self._patience(heard, latest, now) // 2 and not symbol.asked:
            symbol.asked = now
            self._owner.ask_venue(index, now)

    def _frozen(self, index: int, now: int) -> str:
        """Why the connection is to be given up, if it is."""
        symbol, stream = self._symbols[index], self._streams[index]
        if symbol.ahead and stream.book_id >= symbol.ahead:
            symbol.ahead = 0
        if symbol.ahead and now - symbol.ahead_since >= self._settings.behind_after:
            return f"the venue stands at update {symbol.ahead}, its stream at {stream.book_id}"
        behind = int(stream.watch["behind"])
        if behind and now - behind >= 2 * self._settings.behind_after:
            return "the depth stream stands still while best prices go on"
        return ""

    def _found(self, index: int, heard: int, latest: int, now: int) -> dict[str, str]:
        """Alarms that hold now."""
        symbol, stream = self._symbols[index], self._streams[index]
        watch = stream.watch
        settings = self._settings
        found: dict[str, str] = {}
        silent = now - max(heard, symbol.quiet)
        behind, apart = int(watch["behind"]), int(watch["apart"])
        if silent >= self._patience(heard, latest, now):
            found[STALE] = f"nothing heard for {silent / 1e9:.1f} s"
        elif symbol.ahead and now - symbol.ahead_since >= settings.behind_after // 2:
            found[STALE] = f"the venue stands at update {symbol.ahead}, its stream at {stream.book_id}"
        elif behind and now - behind >= settings.behind_after:
            found[STALE] = f"no depth update for {(now - behind) / 1e9:.1f} s although best prices have moved on"
        if watch["differs"]:
            found[DIVERGING] = "the book's best prices are not the venue's at the same update"
        elif apart and now - apart >= settings.apart_after:
            found[DIVERGING] = f"the venue's best prices have been others for {(now - apart) / 1e9:.1f} s"
        if watch["full"]:
            found[NO_ROOM] = "the book cannot hold all its levels; is the tick right?"
        return found

    def _settle(self, index: int, found: dict[str, str], now: int) -> None:
        """Tell what is new, and what holds no longer; while there is no book, nothing is cleared."""
        symbol = self._symbols[index]
        for name, text in found.items():
            if name not in symbol.alarms:
                symbol.alarms[name] = text
                self._sink(Alarm(name, text, "pause", index), now)
        if not self._streams[index].synced:
            return
        for name in [name for name in symbol.alarms if name not in found]:
            del symbol.alarms[name]
            self._sink(Cleared(name, index), now)
