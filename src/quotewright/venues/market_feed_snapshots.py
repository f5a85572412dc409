"""Asking for depth snapshots: one at a time for a symbol, few at once, and ever more rarely while they do not help."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from quotewright.venues.binance_due import Due
from quotewright.venues.binance_rest import Answer, RestCalls
from quotewright.venues.binance_settings import BinanceSettings

_AT_ONCE = 4
_MOST_DOUBLINGS = 3
_SOUND = 10_000_000_000  # ns; a book that lasted so long was well joined


class _Symbol:
    def __init__(self) -> None:
        self.wanted = False
        self.asked = 0  # number of the question under way; 0: none is
        self.not_before = 0
        self.failures = 0
        self.joined = 0  # local time of the last snapshot that was good


class Snapshots:
    """Gets a snapshot for whoever wants one; `take` says whether it was of use."""

    def __init__(
        self,
        symbols: Sequence[str],
        rest: RestCalls,
        settings: BinanceSettings,
        due: Due,
        take: Callable[[int, bytes, int], bool],
    ) -> None:
        self._names = list(symbols)
        self._rest = rest
        self._settings = settings
        self._due = due
        self._take = take
        self._symbols = [_Symbol() for _ in symbols]
        self._under_way = 0
        self._number = 0

    def want(self, index: int, now: int) -> None:
        """A symbol needs a snapshot."""
        symbol = self._symbols[index]
        if symbol.wanted:
            return
        symbol.wanted = True
        if symbol.joined:
            symbol.not_before = max(symbol.not_before, symbol.joined + self._wait(symbol))
            symbol.failures = 0 if now - symbol.joined >= _SOUND else symbol.failures + 1
            symbol.joined = 0
        self._go(now)

    def cancel(self, index: int) -> None:
        """It needs none now; an answer under way is not taken."""
        symbol = self._symbols[index]
        symbol.wanted = False
        symbol.asked = 0

    def on_time(self, now: int) -> None:
        """Ask for what is due."""
        self._go(now)

    def _wait(self, symbol: _Symbol) -> int:
        return self._settings.snapshot_retry << min(symbol.failures, _MOST_DOUBLINGS)

    def _go(self, now: int) -> None:
        for index, symbol in enumerate(self._symbols):
            if not symbol.wanted or symbol.asked:
                continue
            begin = max(symbol.not_before, self._rest.spared)
            if begin > now:
                self._due.by(begin)
            elif self._under_way < _AT_ONCE:
                self._ask(index, symbol, now)

    def _ask(self, index: int, symbol: _Symbol, now: int) -> None:
        self._number += 1
        symbol.asked = number = self._number
        self._under_way += 1

        def answered(answer: Answer, at: int) -> None:
            self._under_way -= 1
            if symbol.asked == number:
                symbol.asked = 0
                if answer.status == 200 and self._take(index, answer.body, at):
                    symbol.wanted = False
                    symbol.joined = at
                else:
                    symbol.failures += 1
                    symbol.not_before = at + self._wait(symbol)
            self._go(at)

        target = f"/api/v3/depth?symbol={self._names[index]}&limit={self._settings.snapshot_levels}"
        self._rest.ask("GET", target, {}, answered, now)
