"""What is traded: spot pairs, linear and inverse contracts, as exact integers.

Money of one instrument is counted in integer *money units* of its settle asset:

    spot, linear   the largest unit of which both 1e-8 of the settle asset (fees) and half a tick × one
                   position atom (the mid may fall on half a tick) are whole numbers: nothing is rounded
    inverse        unit = 1e-8 of the settle asset; value = round_half_up(quantity × contract size / price)

Position is counted in *position atoms*: for spot the finer of the lot and 1e-8 of the base asset (a fee
charged in the base asset changes the position by less than a lot); for contracts, lots.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.units import RATE_SCALE, Step, format_fraction, parse_decimal, parse_rate

SPOT = 0
LINEAR = 1
INVERSE = 2
KINDS = {"spot": SPOT, "linear": LINEAR, "inverse": INVERSE}
ASSET_ATOM = Fraction(1, 10**8)  # venues keep balances and fees to eight decimals

MOST_TICKS = 10**14  # where a venue gives no highest price: still safe to scale by basis points in 64 bits
PLAUSIBLE = 10**7  # of the settle asset: amounts up to here must never overflow, unless an instrument says less

InstrumentKind = Literal["spot", "linear", "inverse"]

INSTRUMENT = np.dtype(
    [
        ("kind", "i8"),
        ("atoms_per_lot", "i8"),
        ("linear_value", "i8"),  # spot, linear: money units of one position atom at a price of half a tick
        ("inverse_value", "i8"),  # inverse: money units × half ticks of one lot; else 0
        ("maker_rate", "i8"),  # 1e-8; negative is a rebate
        ("taker_rate", "i8"),
        ("fee_quantum", "i8"),  # money units a fee is rounded up to
        ("fee_in_received", "i8"),  # 1: a buy pays its fee in the base asset
        ("min_qty", "i8"),  # lots
        ("max_qty", "i8"),
        ("min_notional", "i8"),  # money units
        ("min_price", "i8"),  # ticks
        ("max_price", "i8"),
        ("amend_keeps_priority", "i8"),
        ("reprice_post_only", "i8"),  # 1: a crossing post-only order is repriced, 0: rejected
        ("tick", "f8"),  # for strategies and features only, never for money
        ("lot", "f8"),
        ("contract_lot", "f8"),  # contract size × lot
        ("venue", "i8"),  # index of the venue in the run
    ],
    align=True,
)


@dataclass(frozen=True)
class Instrument:
    """One tradable thing at one venue; every number is a decimal string, so nothing is rounded.

    `tick` and `lot` are the price and quantity steps (a lot of a contract is usually "1"),
    `contract_size` the base amount (linear) or quote amount (inverse) of quantity 1.
    `maker_rate` and `taker_rate` are fractions of the notional; a rebate is a negative maker rate.
    `fee_asset` is "settle", or "received" where the venue takes a buyer's fee in the base asset.
    `largest_amount` of the settle asset is what must fit 64 bits of money units: less than PLAUSIBLE where ticks and
    lots are so fine that nothing else would, and then amounts above it must not be reached.
    `valid_from` and `valid_to` (ns, half open, 0 = open) bound this version of the definition.
    Raises InputError for any field out of range, and for notionals that could overflow 64 bits.
    """

    venue: str
    symbol: str
    kind: InstrumentKind
    base: str
    quote: str
    tick: str
    lot: str
    contract_size: str = "1"
    min_qty: str = "0"
    max_qty: str = "0"  # 0: no limit given by the venue
    min_notional: str = "0"
    min_price: str = "0"
    max_price: str = "0"
    maker_rate: str = "0"
    taker_rate: str = "0"
    fee_asset: Literal["settle", "received"] = "settle"
    amend_keeps_priority: bool = False
    post_only: Literal["reject", "reprice"] = "reject"
    valid_from: int = 0
    valid_to: int = 0
    largest_amount: str = str(PLAUSIBLE)

    def __post_init__(self) -> None:
        for name in ("venue", "symbol", "base", "quote"):
            value = getattr(self, name)
            if not value or any(c.isspace() or c in ":/\\" for c in value):
                raise InputError(name, value, "must be a non-empty name without spaces, colons or slashes")
        if self.kind not in KINDS:
            raise InputError("kind", self.kind, f"must be one of {', '.join(KINDS)}")
        if self.fee_asset not in ("settle", "received"):
            raise InputError("fee_asset", self.fee_asset, 'must be "settle" or "received"')
        if self.fee_asset == "received" and self.kind != "spot":
            raise InputError("fee_asset", self.fee_asset, "only spot venues charge in the asset received")
        if self.post_only not in ("reject", "reprice"):
            raise InputError("post_only", self.post_only, 'must be "reject" or "reprice"')
        for name in ("maker_rate", "taker_rate"):
            if abs(parse_rate(getattr(self, name), name)) > RATE_SCALE // 10:
                raise InputError(name, getattr(self, name), "is above 10 %; rates are fractions, 0.0002 is 2 bp")
        self._refuse_overflow()

    @property
    def name(self) -> str:
        """`VENUE:SYMBOL`, the name used on the command line."""
        return f"{self.venue}:{self.symbol}"

    @property
    def settle(self) -> str:
        """The asset that profit and fees are counted in."""
        return self.base if self.kind == "inverse" else self.quote

    @property
    def price_step(self) -> Step:
        """The tick."""
        return Step.parse(self.tick, "tick")

    @property
    def qty_step(self) -> Step:
        """The lot."""
        return Step.parse(self.lot, "lot")

    @property
    def atoms_per_lot(self) -> int:
        """Position atoms in a lot: more than 1 only for spot lots coarser than 1e-8 of the base asset.

        A power of ten as fine as 1e-8 allows, but coarser where prices are so small that the largest
        amount would not fit 64 bits otherwise; a base-asset fee is then rounded up to the coarser atom.
        """
        finest = self.qty_step.fraction / ASSET_ATOM
        if self.kind != "spot" or finest.denominator != 1:
            return 1
        atoms = 1
        while atoms * 10 <= finest and finest % (atoms * 10) == 0 and self._fits(atoms * 10):
            atoms *= 10
        return atoms

    @property
    def money_unit(self) -> Fraction:
        """One money unit in the settle asset, exact."""
        if self.kind == "inverse":
            return ASSET_ATOM
        return _common_unit(self._half_tick_value(self.atoms_per_lot))

    @property
    def linear_value(self) -> int:
        """Spot and linear: money units of one position atom at a price of half a tick."""
        return 0 if self.kind == "inverse" else int(self._half_tick_value(self.atoms_per_lot) / self.money_unit)

    def _half_tick_value(self, atoms_per_lot: int) -> Fraction:
        contract = Step.parse(self.contract_size, "contract_size").fraction
        return self.price_step.fraction * contract * self.qty_step.fraction / (2 * atoms_per_lot)

    def _fits(self, atoms_per_lot: int) -> bool:
        largest = Step.parse(self.largest_amount, "largest_amount").fraction
        return largest / _common_unit(self._half_tick_value(atoms_per_lot)) <= 2**62

    @property
    def inverse_value(self) -> int:
        """Inverse contracts: value of one lot in money units, times the price in half ticks."""
        if self.kind != "inverse":
            return 0
        contract = Step.parse(self.contract_size, "contract_size").fraction
        value = 2 * contract * self.qty_step.fraction / (self.price_step.fraction * ASSET_ATOM)
        if value.denominator != 1:
            raise InputError("contract_size", self.contract_size, "is not a whole number of ticks × 1e-8")
        return int(value)

    def money(self, units: int) -> str:
        """`units` money units as an exact decimal string of the settle asset."""
        return format_fraction(units * self.money_unit)

    def position(self, atoms: int) -> str:
        """`atoms` position atoms as an exact decimal string of the quantity."""
        return format_fraction(atoms * self.qty_step.fraction / self.atoms_per_lot)

    def price_ticks(self, text: str) -> int:
        """A price string in ticks; raises ParseError unless it is a whole number of ticks."""
        return self.price_step.count(text, "price")

    def qty_lots(self, text: str) -> int:
        """A quantity string in lots; raises ParseError unless it is a whole number of lots."""
        return self.qty_step.count(text, "qty")

    def notional_units(self, text: str) -> int:
        """A settle-asset amount in money units, rounded up to the next whole unit."""
        digits, scale = parse_decimal(text, "notional")
        if digits < 0:
            raise InputError("notional", text, "must not be negative")
        return math.ceil(Fraction(digits, 10**scale) / self.money_unit)

    def to_record(self, venue_index: int) -> Any:
        """The instrument as one INSTRUMENT record for the compiled core."""
        record = np.zeros(1, dtype=INSTRUMENT)
        bounds = {
            "min_qty": self.qty_step.count(self.min_qty, "min_qty"),
            "max_qty": self.qty_step.count(self.max_qty, "max_qty") or self._most_lots(),
            "min_price": self.price_step.count(self.min_price, "min_price") or 1,
            "max_price": self.price_step.count(self.max_price, "max_price") or MOST_TICKS,
        }
        values = {
            "kind": KINDS[self.kind],
            "atoms_per_lot": self.atoms_per_lot,
            "linear_value": self.linear_value,
            "inverse_value": self.inverse_value,
            "maker_rate": parse_rate(self.maker_rate, "maker_rate"),
            "taker_rate": parse_rate(self.taker_rate, "taker_rate"),
            "fee_quantum": int(ASSET_ATOM / self.money_unit),
            "fee_in_received": int(self.fee_asset == "received"),
            "min_notional": self.notional_units(self.min_notional),
            "amend_keeps_priority": int(self.amend_keeps_priority),
            "reprice_post_only": int(self.post_only == "reprice"),
            "tick": float(self.price_step.fraction),
            "lot": float(self.qty_step.fraction),
            "contract_lot": float(self.qty_step.fraction * Step.parse(self.contract_size, "contract_size").fraction),
            "venue": venue_index,
            **bounds,
        }
        for field, value in values.items():
            record[field] = value
        return record

    def to_dict(self) -> dict[str, Any]:
        """Every field, as plain values for JSON and manifests; a largest amount only where it is not PLAUSIBLE."""
        fields = asdict(self)
        if self.largest_amount == str(PLAUSIBLE):
            del fields["largest_amount"]  # so that datasets keep the hashes they had before there was this field
        return fields

    def _most_lots(self) -> int:
        return max(10**12 // self.atoms_per_lot, 1)

    def _refuse_overflow(self) -> None:
        """The largest amount of the settle asset must fit 62 bits of money units."""
        if self.kind == "inverse":
            if self.inverse_value > 2**53:
                raise InputError("contract_size", self.contract_size, "with this tick can overflow 64 bits")
        elif not self._fits(1):
            amount = f"{self.largest_amount} {self.quote}"
            fix = f"with lot {self.lot} makes money units so small that {amount} overflow 64 bits"
            raise InputError("tick", self.tick, fix)


def _common_unit(value: Fraction) -> Fraction:
    """The largest amount of which both `value` and 1e-8 are whole multiples."""
    return Fraction(
        math.gcd(value.numerator * ASSET_ATOM.denominator, ASSET_ATOM.numerator * value.denominator),
        value.denominator * ASSET_ATOM.denominator,
    )
