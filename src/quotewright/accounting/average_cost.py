"""Realised and unrealised trading profit by average cost, in whole money units.

The open position carries the cash that opening it brought or cost. A fill that reduces the position
releases that cash in proportion, rounded down to a whole unit; what is released and what the fill itself
brought are realised. A fill through zero closes first, then opens. A fee in the base asset is a
delivery at the mid of its fill; what an operator adds is a trade at its price, or at the mid if it has
none. Nothing is lost to rounding: realised + unrealised is the trading profit before fees and funding,
exactly.
"""

from __future__ import annotations

from quotewright.accounting.runs import Leg
from quotewright.accounting.valuation import Valuation
from quotewright.domain.journal import FEE_IN_BASE, Record


class AverageCost:
    """One position: `atoms` held, `open_cash` that opening it brought (negative: cost), `realised` so far."""

    def __init__(self, valuation: Valuation, atoms: int = 0, open_cash: int = 0) -> None:
        self.valuation = valuation
        self.atoms = atoms
        self.open_cash = open_cash
        self.realised = 0

    def trade(self, change: int, half_ticks: int) -> None:
        """Change the position by signed atoms at a price in half ticks."""
        cash = -self.valuation.worth(change, half_ticks)
        closing = min(abs(change), abs(self.atoms)) if (change > 0) != (self.atoms > 0) else 0
        if closing:
            signed = closing if change > 0 else -closing
            part = cash if closing == abs(change) else -self.valuation.worth(signed, half_ticks)
            released = self.open_cash * closing // abs(self.atoms)
            self.realised += part + released
            self.open_cash -= released
            cash -= part
        self.open_cash += cash
        self.atoms += change


def realised_profit(leg: Leg) -> tuple[int, int]:
    """Realised and unrealised trading profit of a leg, before fees and funding, in money units."""
    valuation = Valuation(leg.instrument)
    start, end = leg.start, leg.end
    opening, first = int(start["position"]), leg.opening_mid2
    book = AverageCost(valuation, opening, -valuation.worth(opening, int(start["mid2"]) or first))
    fills = leg.of(Record.FILL, Record.ADJUSTED)
    columns = ("kind", "side", "qty", "price", "fee", "flags", "mid2")
    for kind, side, qty, price, fee, flags, mid2 in zip(*(fills[c].tolist() for c in columns), strict=True):
        if kind == Record.ADJUSTED:
            book.trade(qty, 2 * price or mid2 or first)
            continue
        book.trade(side * qty * valuation.atoms_per_lot, 2 * price)
        if flags & FEE_IN_BASE and fee:
            book.trade(-fee, mid2 or first)
    unrealised = book.open_cash + valuation.worth(int(end["position"]), int(end["mid2"]) or first)
    return book.realised, unrealised
