"""What buyer and seller really pay: prices of several venues, standardised by fees, in one exact unit.

A print at price p between a taker with rate t and a maker with rate m is really two prices. Where the taker lifted
the offer, the buyer pays p(1 + t) and the seller gets p(1 − m); the *fair price* of the print is their middle,
p(1 + (t − m)/2). Where the taker hit the bid it is p(1 − (t − m)/2). K. Zhou, "A Guide to Algorithmic Trading in
Crypto" (2019): a print of 4000 lifting the offer at 0 / 30 bp is worth 4006; at 25 / 25 bp it is worth 4000.

Every factor by which a venue's ticks are turned into such a price is a whole number of one *price unit*, the largest
that serves all venues at once, so a netted price is one integer product: nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import Any

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.instrument import PLAUSIBLE
from quotewright.domain.kernel import as_records, records
from quotewright.domain.units import RATE_SCALE, Step, parse_rate

MOST_RATE = RATE_SCALE // 10  # 10 %: above it a rate was given in the wrong unit
LARGEST = 2**62  # price units and quantity units of plausible amounts stay below it

# Price units of one tick, in eleven meanings; quantity units of one lot.
NETTING = np.dtype(
    [
        ("plain", "i8"),
        ("taker_pays", "i8"),  # our own tier: a taking buyer, fee included
        ("taker_gets", "i8"),
        ("maker_pays", "i8"),
        ("maker_gets", "i8"),
        ("lifted_low", "i8"),  # the fair price of a print that lifted the offer, over the tiers its parties may be on
        ("lifted_mid", "i8"),
        ("lifted_high", "i8"),
        ("hit_low", "i8"),  # of a print that hit the bid
        ("hit_mid", "i8"),
        ("hit_high", "i8"),
        ("quantity", "i8"),
        ("most_ticks", "i8"),  # beyond it a netted price would not fit 62 bits
    ],
    align=True,
)


@dataclass(frozen=True)
class VenueTerms:
    """A venue's steps and fees, as decimal strings; rates are fractions of the notional, a rebate is negative.

    `lot` is a lot in the base asset (contracts: contract size × lot; inverse contracts have no such constant and are
    not taken). `maker` and `taker` are our own tier. `makers` and `takers` are the lowest and highest rates on which
    the parties of the venue's prints may be; left out, everyone is taken to be on our tier.
    Raises InputError for a step that is not positive, a rate beyond 10 % or an empty range.
    """

    name: str
    tick: str
    lot: str
    maker: str = "0"
    taker: str = "0"
    makers: tuple[str, str] | None = None
    takers: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        Step.parse(self.tick, "tick")
        Step.parse(self.lot, "lot")
        for text, field in self._own:
            _rate(text, field)
        for field, (low, high) in (("makers", self.maker_rates), ("takers", self.taker_rates)):
            if low > high:
                raise InputError(field, getattr(self, field), "must be the lowest rate, then the highest")

    @property
    def maker_rates(self) -> tuple[int, int]:
        """The lowest and highest maker rate of a print's parties, in 1e-8."""
        low, high = self.makers or (self.maker, self.maker)
        return _rate(low, "makers"), _rate(high, "makers")

    @property
    def taker_rates(self) -> tuple[int, int]:
        """The lowest and highest taker rate of a print's parties, in 1e-8."""
        low, high = self.takers or (self.taker, self.taker)
        return _rate(low, "takers"), _rate(high, "takers")

    def factors(self) -> dict[str, Fraction]:
        """The price of one tick in every meaning of NETTING, in the quote asset, exact."""
        tick = Step.parse(self.tick, "tick").fraction
        m, t = (Fraction(_rate(text, field), RATE_SCALE) for text, field in self._own)
        (m_low, m_high), (t_low, t_high) = self.maker_rates, self.taker_rates
        narrow, wide = (Fraction(d, 2 * RATE_SCALE) for d in (t_low - m_high, t_high - m_low))
        middle = (narrow + wide) / 2
        shares = {
            "plain": Fraction(1),
            "taker_pays": 1 + t,
            "taker_gets": 1 - t,
            "maker_pays": 1 + m,
            "maker_gets": 1 - m,
            "lifted_low": 1 + narrow,
            "lifted_mid": 1 + middle,
            "lifted_high": 1 + wide,
            "hit_low": 1 - wide,
            "hit_mid": 1 - middle,
            "hit_high": 1 - narrow,
        }
        return {name: tick * share for name, share in shares.items()}

    @property
    def _own(self) -> tuple[tuple[str, str], tuple[str, str]]:
        return (self.maker, "maker"), (self.taker, "taker")


@dataclass(frozen=True)
class NettingTable:
    """One NETTING record a venue, and what its units are worth: `price_unit` quote, `quantity_unit` base."""

    venues: tuple[str, ...]
    price_unit: Fraction
    quantity_unit: Fraction
    rows: Any

    def price(self, units: float) -> float:
        """A statistic in price units as a float of the quote asset."""
        return units * float(self.price_unit)


def netting_table(venues: Sequence[VenueTerms], highest_price: int = PLAUSIBLE) -> NettingTable:
    """The exact common units of `venues` and their factors, in the order given.

    Raises InputError where a price of `highest_price` quote would not fit 62 bits in the unit that they share, for
    no venue at all, and for a name given twice.
    """
    names = tuple(v.name for v in venues)
    if not names or len(set(names)) != len(names):
        raise InputError("venues", names, "must be at least one venue, each named once")
    factors = [v.factors() for v in venues]
    unit = _largest_unit([value for each in factors for value in each.values()])
    if highest_price / unit > LARGEST:
        raise InputError(
            "tick", [v.tick for v in venues], f"and the rates leave no room for a price of {highest_price}"
        )
    lots = [Step.parse(v.lot, "lot").fraction for v in venues]
    quantity = _largest_unit(lots)
    rows = records(len(names), NETTING)
    for row, each, lot in zip(rows, factors, lots, strict=True):
        for name, value in each.items():
            row[name] = int(value / unit)
        row["quantity"] = int(lot / quantity)
        row["most_ticks"] = LARGEST * unit // max(each.values())
    return NettingTable(names, unit, quantity, as_records(rows))


def paid(terms: VenueTerms, price: str, taker_buys: bool) -> tuple[Fraction, Fraction, Fraction]:
    """What the buyer pays, what the seller gets, and the fair price between, if both are on the tier of `terms`.

    Per unit of base asset, in the quote asset, exact. `price` is a decimal string on the venue's tick.
    """
    ticks = Step.parse(terms.tick, "tick").count(price, "price")
    factors = terms.factors()
    buyer, seller = ("taker_pays", "maker_gets") if taker_buys else ("maker_pays", "taker_gets")
    pays, gets = ticks * factors[buyer], ticks * factors[seller]
    return pays, gets, (pays + gets) / 2


def _rate(text: str, field: str) -> int:
    rate = parse_rate(text, field)
    if abs(rate) > MOST_RATE:
        raise InputError(field, text, "is above 10 %; rates are fractions, 0.0002 is 2 bp")
    return rate


def _largest_unit(values: Sequence[Fraction]) -> Fraction:
    """The largest amount of which every value is a whole multiple."""
    unit = Fraction(0)
    for value in values:
        unit = Fraction(
            gcd(unit.numerator * value.denominator, value.numerator * unit.denominator),
            unit.denominator * value.denominator,
        )
    return unit
