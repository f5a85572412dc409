"""Every statistic of one leg; docs/reference/report.md defines each with its unit and records."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from quotewright.accounting.attribution import profit_path
from quotewright.accounting.equity import Drawdown, Sharpe, drawdown, sharpe
from quotewright.accounting.holdings import Holdings, holdings
from quotewright.accounting.markouts import Markout, horizon_name, markouts
from quotewright.accounting.order_flow import OrderFlow, order_flow
from quotewright.accounting.runs import Leg, Run
from quotewright.accounting.valuation import Valuation, exact
from quotewright.domain.journal import ASK_AT_TOUCH, BID_AT_TOUCH, Record


@dataclass(frozen=True)
class TimeAtTouch:
    """Share of MARK records with an own order at the best bid, the best ask, both; None without marks."""

    marks: int
    bid: float | None
    ask: float | None
    both: float | None


@dataclass(frozen=True)
class Statistics:
    """Statistics of one leg. `turnover` in money units, `book_invalid_ns` of `span_ns` in ns."""

    orders: OrderFlow
    markouts: tuple[Markout, ...]
    at_touch: TimeAtTouch
    turnover: int
    holdings: Holdings
    drawdown: Drawdown
    sharpe: Sharpe
    span_ns: int
    book_invalid_ns: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "markouts": {horizon_name(m.horizon_ns): asdict(m) for m in self.markouts}}


def statistics(run: Run, agent: int, instrument: int) -> Statistics:
    """Statistics of one leg; raises DataError where the journal contradicts itself."""
    return leg_statistics(run.leg(agent, instrument), int(run.facts["mark_interval_ns"]))


def leg_statistics(leg: Leg, mark_interval_ns: int) -> Statistics:
    """As `statistics`, of a leg already read."""
    path = profit_path(leg)
    return Statistics(
        orders=order_flow(leg),
        markouts=markouts(leg),
        at_touch=_at_touch(leg),
        turnover=_turnover(leg),
        holdings=holdings(path),
        drawdown=drawdown(path),
        sharpe=sharpe(path, mark_interval_ns),
        span_ns=int(leg.end["ts"] - leg.start["ts"]),
        book_invalid_ns=_book_invalid(leg),
    )


def _turnover(leg: Leg) -> int:
    """Σ value of fills at their prices: quote notional, or coin for inverse contracts."""
    valuation = Valuation(leg.instrument)
    fills = leg.of(Record.FILL)
    return int(np.sum(valuation.value(exact(fills["qty"]) * valuation.atoms_per_lot, 2 * exact(fills["price"]))))


def _at_touch(leg: Leg) -> TimeAtTouch:
    flags = leg.of(Record.MARK)["flags"]
    if not len(flags):
        return TimeAtTouch(0, None, None, None)
    bid, ask = (flags & BID_AT_TOUCH) != 0, (flags & ASK_AT_TOUCH) != 0
    return TimeAtTouch(len(flags), float(bid.mean()), float(ask.mean()), float((bid & ask).mean()))


def _book_invalid(leg: Leg) -> int:
    """Time with an invalid book, ns; before a first BOOK_VALID the book was never valid."""
    invalid, since = 0, None
    first_valid = len(leg.book) > 0 and leg.book["kind"][0] == Record.BOOK_VALID
    if first_valid:
        since = int(leg.start["ts"])
    for ts, kind in zip(leg.book["ts"].tolist(), leg.book["kind"].tolist(), strict=True):
        if kind == Record.BOOK_INVALID:
            since = ts if since is None else since
        elif since is not None:
            invalid += ts - since
            since = None
    return invalid + (int(leg.end["ts"]) - since if since is not None else 0)
