"""Bars as events: honest about what they are, and of no use for making markets.

A bar is four TRADE rows in one update, open, high, low, close, at the time the bar was complete, so that nothing sees
it early. All carry the flag FROM_BARS and side 0: a bar has no aggressor. The close carries the bar's whole volume and
the others none; the path between them is not known. No book comes from bars, so no order is ever accepted on them.
"""

from __future__ import annotations

from quotewright.domain.errors import ParseError
from quotewright.domain.events import FROM_BARS, LAST, TRADE
from quotewright.domain.instrument import Instrument
from quotewright.importers.exact import price_counts, qty_counts
from quotewright.importers.rows import RowBuffer

NOTE = "bars are not ticks: four prints a bar at its close, flagged FROM_BARS, no book; they cannot be market-made"


class BarWriter:
    """Parses a bar's texts exactly and writes its rows."""

    def __init__(self, instrument: Instrument, rows: RowBuffer, *, exponents: bool) -> None:
        self._price = price_counts(instrument, exponents=exponents)
        self._qty = qty_counts(instrument, exponents=exponents)
        self._rows = rows

    def parse(self, prices: list[str], volume: str | None) -> tuple[list[int], int]:
        """Open, high, low, close in ticks and the volume in lots; raises ParseError, also if they contradict."""
        ticks = [self._price[text] for text in prices]
        first, high, low, last = ticks
        if high < max(first, last, low) or low > min(first, last):
            raise ParseError("high and low", f"{prices[1]} and {prices[2]}", "do not enclose open and close")
        return ticks, 0 if volume is None else self._qty[volume]

    def write(self, ticks: list[int], lots: int, closed: int) -> None:
        """Write the four rows of a bar that was complete at `closed` (ns)."""
        self._rows.price.extend(ticks)
        self._rows.qty.extend((0, 0, 0, lots))
        self._rows.run(TRADE, 4, 0, 0, closed, closed, 0, flags=LAST | FROM_BARS)
