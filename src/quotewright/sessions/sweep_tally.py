"""What a sweep keeps of a journal: the results of every parameter set, one row each, and nothing in between."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.accounting.valuation import Valuation, exact
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import FEE_IN_BASE, KEEP_RESULTS, Record
from quotewright.sessions.sweep_figures import MarkFigures, mark_figures
from quotewright.sessions.wiring import Wired

_MARK_FIELDS = ("agent", "mid2", "cash", "position")
_FILL_FIELDS = ("agent", "qty", "fee", "price", "mid2")


class Result(NamedTuple):
    """One parameter set on one dataset. Money in money units of the settle asset, position in atoms, volume in lots.

    `fees` and `funding` are what they did to the profit: negative where they were paid. A fee in the base asset counts
    at the mid of its fill.
    """

    pnl: int  # equity at the mid, at the end
    fees: int
    funding: int
    fills: int
    volume: int
    turnover: int  # Σ value of the fills at their prices
    position: int
    mid2: int  # at the end, half ticks
    decisions: int
    orders: int
    halted: bool
    marks: MarkFigures


KEEP = KEEP_RESULTS | 1 << Record.FILL  # the journal records that a tally needs


class Tally:
    """Takes the journal of one pass of agents over one instrument; `append` as a journal, then `results`."""

    def __init__(self, instrument: Instrument, agents: int) -> None:
        self._valuation = Valuation(instrument)
        self._marks: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
        self._fees, self._volume, self._turnover = (exact(np.zeros(agents, np.int64)) for _ in range(3))
        self._mid2 = np.zeros(agents, np.int64)

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Take the next block of journal records."""
        kinds = np.ascontiguousarray(rows["kind"])
        self._take_marks(rows[kinds == Record.MARK])
        self._take_fills(rows[kinds == Record.FILL])
        ends = rows[kinds == Record.RUN_END]
        self._mid2[ends["agent"]] = ends["mid2"]

    def results(self, wired: Wired) -> list[Result]:
        """The result of each agent, after the pass has ended."""
        legs = wired.state.legs
        columns = ("cash", "position", "fills", "decisions", "orders_sent", "halted", "funding")
        cash, position, fills, decisions, orders, halted, funding = (legs[name].tolist() for name in columns)
        found: list[Result] = []
        for agent, marks in enumerate(self._marks_by_agent()):
            mid2 = int(self._mid2[agent])
            pnl = cash[agent] + self._valuation.worth(position[agent], mid2)
            found.append(
                Result(
                    pnl=pnl,
                    fees=-self._fees[agent],
                    funding=-funding[agent],
                    fills=fills[agent],
                    volume=self._volume[agent],
                    turnover=self._turnover[agent],
                    position=position[agent],
                    mid2=mid2,
                    decisions=decisions[agent],
                    orders=orders[agent],
                    halted=halted[agent] != 0,
                    marks=mark_figures(marks, 0, pnl),
                )
            )
        return found

    def _take_marks(self, rows: npt.NDArray[Any]) -> None:
        agents, mid2, cash, position = (np.ascontiguousarray(rows[name]) for name in _MARK_FIELDS)
        self._marks.append((agents, cash + self._valuation.worth(position, mid2)))

    def _take_fills(self, rows: npt.NDArray[Any]) -> None:
        """Add up fees, lots and value: each fits 64 bits, as the core has computed it in them; their sums may not."""
        agents, lots, fee, price, mid2 = (rows[name].astype(np.int64) for name in _FILL_FIELDS)
        in_base = (rows["flags"] & FEE_IN_BASE) != 0
        fees = np.where(in_base, self._valuation.worth(fee, mid2), fee)
        value = self._valuation.value(lots * self._valuation.atoms_per_lot, 2 * price)
        for sums, amounts in ((self._fees, fees), (self._volume, lots), (self._turnover, value)):
            np.add.at(sums, agents, exact(amounts))

    def _marks_by_agent(self) -> list[npt.NDArray[np.int64]]:
        """Equity at each mark, in order of time; the same arrays whoever else was in the pass."""
        agents = np.concatenate([of for of, _ in self._marks])
        equity = np.concatenate([values for _, values in self._marks])
        by_agent = np.argsort(agents, kind="stable")
        counts = np.bincount(agents, minlength=len(self._mid2))
        parts = np.split(equity[by_agent], np.cumsum(counts)[:-1])
        return [np.ascontiguousarray(part) for part in parts]
