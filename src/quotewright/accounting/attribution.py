"""Where a leg's profit came from: spread, inventory, fees and funding, to the last money unit.

With V(atoms, half ticks) the value of `valuation`, d its direction, and at each record i position pᵢ and
reference mid hᵢ:

    total      cash + d·V(p, h) at RUN_END, less the same at RUN_START
    spread     Σ over fills  d·side·(V(q, mid at fill) − V(q, fill price))
    fees       −Σ fees; a fee in the base asset is valued at the mid of its fill
    funding    −Σ funding paid
    inventory  Σ over records  d·(V(pᵢ₋₁, hᵢ) − V(pᵢ₋₁, hᵢ₋₁)), price moves on the position held, plus `rounding`
    rounding   Σ over fills  d·(V(pᵢ, h) − V(pᵢ₋₁, h) − side·V(q, h)): what rounding values to whole units
               leaves when positions are added; always 0 for spot and linear

Without a usable book the mid last used stands for a record's; before there was any, the first one known; and if there
never was one, the price of the first fill, so that such a fill has no spread.

What an operator books (ADJUSTED) is a trade if it has a price: its edge is spread, what it cost beyond its price a fee.
Without a price it is brought in or taken out, valued at the mid, and no profit. Fees in a third asset are in no part.

Each part is summed from its own records; none is the remainder of the others. That they add up to the total
is then checked at every record, and that the position follows from the fills.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.accounting.average_cost import realised_profit
from quotewright.accounting.runs import Leg, Rows, Run
from quotewright.accounting.valuation import Integers, Valuation, exact
from quotewright.domain.errors import DataError
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import FEE_ELSEWHERE, FEE_IN_BASE, Record


@dataclass(frozen=True)
class ProfitPath:
    """A leg's profit and its parts, cumulative, at each RUN_START, FILL, FUNDING, MARK, ADJUSTED and RUN_END.

    Arrays of one length: `rows` the journal records; `position` in atoms and the rest in money units, as
    Python integers. `inventory` includes `rounding`.
    """

    rows: Rows
    position: Integers
    total: Integers
    spread: Integers
    inventory: Integers
    fees: Integers
    funding: Integers
    rounding: Integers

    @property
    def time(self) -> npt.NDArray[np.int64]:
        """Home time of each record, ns."""
        return self.rows["ts"]


@dataclass(frozen=True)
class Attribution:
    """A leg's profit and its parts in money units; spread + inventory + fees + funding = total.

    realised + unrealised = spread + inventory (average cost, see `average_cost`).
    """

    instrument: Instrument
    position: int  # atoms at the end
    total: int
    spread: int
    inventory: int
    fees: int
    funding: int
    rounding: int
    realised: int
    unrealised: int

    def decimals(self) -> dict[str, str]:
        """Every amount as an exact decimal string of the settle asset."""
        amounts = ("total", "spread", "inventory", "fees", "funding", "rounding", "realised", "unrealised")
        return {name: self.instrument.money(getattr(self, name)) for name in amounts}


def attribute(run: Run, agent: int, instrument: int) -> Attribution:
    """Attribute one leg's profit; raises DataError where the journal contradicts itself."""
    return attribute_leg(run.leg(agent, instrument))


def attribute_leg(leg: Leg) -> Attribution:
    """As `attribute`, of a leg already read."""
    path = profit_path(leg)
    realised, unrealised = realised_profit(leg)
    last = {name: int(getattr(path, name)[-1]) for name in ("position", "total", "spread", "inventory")}
    last |= {name: int(getattr(path, name)[-1]) for name in ("fees", "funding", "rounding")}
    if realised + unrealised != last["spread"] + last["inventory"]:
        raise DataError(f"{leg.name}: realised and unrealised profit do not add up to spread and inventory")
    return Attribution(leg.instrument, realised=realised, unrealised=unrealised, **last)


def profit_path(leg: Leg) -> ProfitPath:
    """The parts of a leg's profit over time; raises DataError where the journal contradicts itself."""
    valuation = Valuation(leg.instrument)
    rows = leg.of(Record.RUN_START, Record.FILL, Record.FUNDING, Record.MARK, Record.ADJUSTED, Record.RUN_END)
    mid2, position = exact(_mids(leg, rows)), exact(rows["position"])
    filled = rows["kind"] == Record.FILL
    side = exact(np.where(filled, rows["side"], 0))
    atoms = exact(np.where(filled, rows["qty"], 0)) * valuation.atoms_per_lot
    base_fee, money_fee = _fees(rows, filled)
    funding = exact(np.where(rows["kind"] == Record.FUNDING, rows["fee"], 0))
    booked = rows["kind"] == Record.ADJUSTED
    added = exact(np.where(booked, rows["qty"], 0))
    brought = exact(np.where(booked, rows["fee"], 0))
    priced = exact((booked & (rows["price"] > 0)).astype(np.int64))
    _check_mids(leg, rows, mid2)
    _check_position(leg, rows, side * atoms - base_fee + added)

    before = np.concatenate((position[:1], position[:-1]))
    mid2_before = np.concatenate((mid2[:1], mid2[:-1]))
    worth = valuation.worth
    moved = worth(before, mid2) - worth(before, mid2_before)
    price2 = 2 * exact(rows["price"])
    edge = side * (worth(atoms, mid2) - worth(atoms, price2)) + priced * (worth(added, mid2) - worth(added, price2))
    charged = -priced * (brought + worth(added, price2))
    given = (1 - priced) * (brought + worth(added, mid2))
    residue = worth(position, mid2) - worth(before, mid2) - side * worth(atoms, mid2) + worth(base_fee, mid2)
    residue -= worth(added, mid2)
    rounding = np.cumsum(residue)
    equity = exact(rows["cash"]) + worth(position, mid2)
    path = ProfitPath(
        rows=rows,
        position=position,
        total=equity - equity[0] - np.cumsum(given),
        spread=np.cumsum(edge),
        inventory=np.cumsum(moved) + rounding,
        fees=-np.cumsum(money_fee + charged + worth(base_fee, mid2)),
        funding=-np.cumsum(funding),
        rounding=rounding,
    )
    _check_identity(leg, path)
    return path


def _fees(rows: Rows, filled: Any) -> tuple[Integers, Integers]:
    in_base = filled & ((rows["flags"] & FEE_IN_BASE) != 0)
    in_money = filled & ((rows["flags"] & (FEE_IN_BASE | FEE_ELSEWHERE)) == 0)
    return exact(np.where(in_base, rows["fee"], 0)), exact(np.where(in_money, rows["fee"], 0))


def _mids(leg: Leg, rows: Rows) -> Any:
    """Mids of the records; those before the first known one have that."""
    return np.where(np.cumsum(rows["mid2"] > 0) == 0, leg.opening_mid2, rows["mid2"])


def _check_mids(leg: Leg, rows: Rows, mid2: Integers) -> None:
    if not leg.opening_mid2:  # what it began with, or was given, was never worth anything that we know of
        return
    needs_mid = (rows["position"] != 0) | (rows["kind"] == Record.FILL)
    missing = np.flatnonzero(needs_mid & (mid2 <= 0).astype(bool))
    if len(missing):
        raise DataError(f"{_place(leg, rows[missing[0]])}: a position or fill without a mid to value it at")


def _check_position(leg: Leg, rows: Rows, change: Integers) -> None:
    expected = exact(rows["position"][:1])[0] + np.cumsum(change)
    wrong = np.flatnonzero(expected != exact(rows["position"]))
    if len(wrong):
        at = wrong[0]
        raise DataError(
            f"{_place(leg, rows[at])}: position is {rows['position'][at]} atoms, the fills make it {expected[at]}"
        )


def _check_identity(leg: Leg, path: ProfitPath) -> None:
    parts = path.spread + path.inventory + path.fees + path.funding
    wrong = np.flatnonzero(parts != path.total)
    if len(wrong):
        at = wrong[0]
        raise DataError(
            f"{_place(leg, path.rows[at])}: cash and position make a profit of {path.total[at]} money units, "
            f"fills, fees and funding make {parts[at]}"
        )


def _place(leg: Leg, row: Any) -> str:
    return f"journal record {row['seq']} ({Record(int(row['kind'])).name}, {leg.name})"
