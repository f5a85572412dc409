"""One leg of a session against its replay: fills, slippage, queue, latency, and where the profits part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from quotewright.accounting.attribution import attribute_leg
from quotewright.accounting.order_flow import Distribution
from quotewright.accounting.runs import Leg
from quotewright.accounting.valuation import Valuation
from quotewright.domain.journal import FEE_ELSEWHERE, FEE_IN_BASE, FILL_TAKER, Record
from quotewright.live.gap_match import Matched, match_fills, waited
from quotewright.live.recorded import Table

T = TypeVar("T")

PARTS = ("total", "spread", "inventory", "fees", "funding")


@dataclass(frozen=True)
class LegGap:
    """How one leg's session and replay differ. Quantities in lots; money as decimal strings of the settle asset.

    `slippage_ticks` is the mean over matched lots of how much better (above zero) the session's price was; `apart_ms`
    the median time between matched fills. `profit` has each part in the session, in the replay, and the difference;
    `by_fills` takes the total difference apart by fills, valued at the last mid.
    """

    agent: str
    instrument: str
    venue: str
    settle: str
    fills_live: int
    fills_replay: int
    lots_live: int
    lots_replay: int
    matched_lots: int
    only_live_lots: int
    only_replay_lots: int
    slippage_ticks: float | None
    slippage: str
    apart_ms: float | None
    waited_ms: dict[str, float | None]
    ahead_lots: dict[str, float | None]
    to_venue_ms: dict[str, Distribution]
    answered_ms: dict[str, Distribution]
    profit: dict[str, dict[str, str]]
    by_fills: dict[str, str]
    came_to: dict[str, dict[str, int]]

    @property
    def agrees(self) -> bool:
        """Whether fills and profit are the same."""
        total = self.profit["total"]["difference"].strip("-0.")
        return not (self.only_live_lots or self.only_replay_lots or self.apart_ms or total)


def leg_gap(live: Leg, replay: Leg, venue: str, window_ns: int) -> LegGap:
    """Compare the records of one leg; raises DataError where a journal contradicts itself."""
    ours, theirs = live.of(Record.FILL), replay.of(Record.FILL)
    matched = match_fills(ours, theirs, window_ns)
    pairs = np.array(matched.pairs, np.int64).reshape(-1, 3)
    lots = pairs[:, 2]
    better = ours["side"][pairs[:, 0]] * (theirs["price"][pairs[:, 1]] - ours["price"][pairs[:, 0]])
    apart = np.abs(theirs["ts"][pairs[:, 1]] - ours["ts"][pairs[:, 0]])
    profits = attribute_leg(live), attribute_leg(replay)
    money = live.instrument.money
    by_fills = _by_fills(live, ours, theirs, matched, profits[0].total - profits[1].total)
    return LegGap(
        live.agent.name,
        live.instrument.name,
        venue,
        live.instrument.settle,
        len(ours),
        len(theirs),
        int(ours["qty"].sum()),
        int(theirs["qty"].sum()),
        int(lots.sum()),
        sum(matched.only_live),
        sum(matched.only_replay),
        float(np.sum(better * lots) / lots.sum()) if len(lots) else None,
        money(by_fills["slippage"]),
        float(np.median(apart)) / 1e6 if len(apart) else None,
        _both(_waited(live, ours), _waited(replay, theirs)),
        _both(_ahead(ours) if venue == "simulated" else None, _ahead(theirs)),
        _both(*(Distribution.of(delays(leg.rows)[0], 1e-6) for leg in (live, replay))),
        _both(*(Distribution.of(delays(leg.rows)[1], 1e-6) for leg in (live, replay))),
        {name: _amounts(live, *(int(getattr(each, name)) for each in profits)) for name in PARTS},
        {name: money(units) for name, units in by_fills.items()},
        _both(_came_to(live), _came_to(replay)),
    )


def delays(rows: Table) -> tuple[Table, Table]:
    """From sending a place to the venue's time of its acceptance, where it has one, and to hearing of it; ns."""
    sent = rows[rows["kind"] == Record.PLACE]
    at = dict(zip(sent["order"].tolist(), sent["ts"].tolist(), strict=True))
    first: dict[int, tuple[int, int]] = {}
    accepted = rows[rows["kind"] == Record.ACCEPTED]
    for order, ts, exch_ts in zip(*(accepted[field].tolist() for field in ("order", "ts", "exch_ts")), strict=True):
        if order in at:
            first.setdefault(order, (ts, exch_ts))
    there = [exch_ts - at[order] for order, (_, exch_ts) in first.items() if exch_ts]
    heard = [ts - at[order] for order, (ts, _) in first.items()]
    return np.array(there, np.int64), np.array(heard, np.int64)


def _both(session: T, replay: T) -> dict[str, T]:
    return {"session": session, "replay": replay}


def _amounts(leg: Leg, session: int, replay: int) -> dict[str, str]:
    money = leg.instrument.money
    return {"session": money(session), "replay": money(replay), "difference": money(session - replay)}


def _waited(leg: Leg, fills: Table) -> float | None:
    """Median time (ms) that orders filled as makers had waited."""
    values = waited(leg.rows, fills)
    known = values[(values >= 0) & (fills["flags"] & FILL_TAKER == 0)]
    return float(np.median(known)) / 1e6 if len(known) else None


def _ahead(fills: Table) -> float | None:
    """Median lots ahead at entry of orders filled as makers; a venue does not tell."""
    known = fills["ahead"][fills["flags"] & FILL_TAKER == 0]
    return float(np.median(known)) if len(known) else None


def _came_to(leg: Leg) -> dict[str, int]:
    """How often things happened that make a session and a replay part ways."""
    kinds = (Record.PLACE, Record.REJECTED, Record.DENIED, Record.UNKNOWN, Record.REFUSED, Record.ADOPTED, Record.HALT)
    return {kind.name: len(leg.of(kind)) for kind in kinds}


def _by_fills(leg: Leg, ours: Table, theirs: Table, matched: Matched, total: int) -> dict[str, int]:
    """Money units: the better price of matched lots, fills that only one has at the last mid, fees, and the rest."""
    valuation = Valuation(leg.instrument)
    last = int(leg.end["mid2"])

    def worth(lots: int, half_ticks: int) -> int:
        return int(valuation.worth(lots * valuation.atoms_per_lot, half_ticks))

    def gained(fills: Table, lots: list[int]) -> int:
        columns = zip(fills["side"].tolist(), fills["price"].tolist(), lots, strict=True)
        return sum(side * (worth(qty, last) - worth(qty, 2 * price)) for side, price, qty in columns if qty)

    def charged(fills: Table) -> int:
        columns = zip(fills["fee"].tolist(), fills["flags"].tolist(), strict=True)
        fees = [(fee, flags) for fee, flags in columns if not flags & FEE_ELSEWHERE]
        return sum(int(valuation.worth(fee, last)) if flags & FEE_IN_BASE else fee for fee, flags in fees)

    def rows(fills: Table) -> list[Any]:
        return list(zip(fills["side"].tolist(), fills["price"].tolist(), strict=True))

    live, replay = rows(ours), rows(theirs)
    found = {
        "slippage": sum(
            live[i][0] * (worth(lots, 2 * replay[j][1]) - worth(lots, 2 * live[i][1])) for i, j, lots in matched.pairs
        ),
        "fills only in the session": gained(ours, matched.only_live),
        "fills only in the replay": -gained(theirs, matched.only_replay),
        "fees": charged(theirs) - charged(ours),
    }
    return {**found, "the rest": total - sum(found.values())}
