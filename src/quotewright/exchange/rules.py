"""One symbol of the venue: its units, its filters, and numbers as the wire writes them.

Prices are ticks and quantities lots inside; amounts of assets are atoms of 1e-8, and on the wire every number has
eight decimals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from quotewright.domain.errors import InputError, ParseError
from quotewright.domain.instrument import Instrument
from quotewright.domain.units import RATE_SCALE, Step, parse_decimal
from quotewright.exchange.api_errors import ApiError, filter_failure, illegal

ATOM = 10**8
MOST_OPEN_ORDERS = 200
_LEGAL_NUMBER = "^([0-9]{1,20})(\\.[0-9]{1,20})?$"


def fixed8(atoms: int) -> str:
    """Atoms of 1e-8 as the wire writes them."""
    if atoms < 0:
        return "-" + fixed8(-atoms)
    return f"{atoms // ATOM}.{atoms % ATOM:08d}"


def to_atoms(text: str, field: str) -> int:
    """A decimal string of an asset in atoms; raises ParseError if it is finer."""
    return Step(1, 8).count(text, field)


def fee_of(amount: int, rate: int) -> int:
    """A rate (1e-8) of an amount in atoms, rounded up to the next atom, as the simulators charge it."""
    return -(-amount * rate // RATE_SCALE)


@dataclass(frozen=True, slots=True)
class SymbolRules:
    """What a symbol's orders must obey; built from a spot instrument by `of`."""

    name: str
    base: str
    quote: str
    tick: int  # atoms of the quote asset
    lot: int  # atoms of the base asset
    min_price: int  # ticks
    max_price: int
    min_qty: int  # lots
    max_qty: int
    min_notional: int  # atoms of the quote asset
    value: int  # atoms of the quote asset for one lot at one tick
    most_open: int

    @classmethod
    def of(cls, instrument: Instrument, most_open: int = MOST_OPEN_ORDERS) -> SymbolRules:
        """Raises InputError for steps that eight decimals cannot write, and notionals that they cannot."""
        tick, lot = (_atoms(instrument.tick, "tick"), _atoms(instrument.lot, "lot"))
        value, rest = divmod(tick * lot, ATOM)
        if rest:
            raise InputError("tick", instrument.tick, f"times the lot {instrument.lot} is finer than eight decimals")
        most = 9_000_000_000 * ATOM
        return cls(
            instrument.symbol.upper(),
            instrument.base,
            instrument.quote,
            tick,
            lot,
            max(instrument.price_step.count(instrument.min_price, "min_price"), 1),
            instrument.price_step.count(instrument.max_price, "max_price") or min(10**6 * ATOM, most) // tick,
            max(instrument.qty_step.count(instrument.min_qty, "min_qty"), 1),
            instrument.qty_step.count(instrument.max_qty, "max_qty") or 9_000_000 * ATOM // lot,
            to_atoms(instrument.min_notional, "min_notional"),
            value,
            most_open,
        )

    def price(self, ticks: int) -> str:
        """Ticks as the wire writes them."""
        return fixed8(ticks * self.tick)

    def qty(self, lots: int) -> str:
        """Lots as the wire writes them."""
        return fixed8(lots * self.lot)

    def ticks(self, text: str) -> int:
        """A price sent by a client; raises ApiError outside PRICE_FILTER."""
        ticks, rest = divmod(_number(text, "price"), self.tick)
        if rest or not self.min_price <= ticks <= self.max_price:
            raise filter_failure("PRICE_FILTER")
        return ticks

    def lots(self, text: str) -> int:
        """A quantity sent by a client; raises ApiError outside LOT_SIZE."""
        lots, rest = divmod(_number(text, "quantity"), self.lot)
        if rest or not self.min_qty <= lots <= self.max_qty:
            raise filter_failure("LOT_SIZE")
        return lots

    def amount(self, text: str) -> int:
        """An amount of the quote asset sent by a client, atoms."""
        return _number(text, "quoteOrderQty")

    def check_notional(self, value: int) -> None:
        """Raises ApiError for a value (atoms of the quote asset) below NOTIONAL."""
        if value < self.min_notional:
            raise filter_failure("NOTIONAL")

    def filters(self) -> list[dict[str, Any]]:
        """As exchangeInfo lists them."""
        steps = {"minQty": self.qty(self.min_qty), "maxQty": self.qty(self.max_qty), "stepSize": self.qty(1)}
        return [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": self.price(self.min_price),
                "maxPrice": self.price(self.max_price),
                "tickSize": self.price(1),
            },
            {"filterType": "LOT_SIZE", **steps},
            {"filterType": "MARKET_LOT_SIZE", **steps},
            {
                "filterType": "NOTIONAL",
                "minNotional": fixed8(self.min_notional),
                "applyMinToMarket": True,
                "maxNotional": fixed8(9_000_000 * ATOM),
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": self.most_open},
        ]


def _atoms(text: str, field: str) -> int:
    try:
        return to_atoms(text, field)
    except ParseError:
        raise InputError(field, text, "is finer than the eight decimals of the wire") from None


def _number(text: str, field: str) -> int:
    """A client's number in atoms; raises ApiError for what is no plain number, or is too fine."""
    try:
        digits, scale = parse_decimal(text, field)
    except ParseError:
        raise illegal(field, _LEGAL_NUMBER) from None
    if digits < 0:
        raise illegal(field, _LEGAL_NUMBER)
    if scale > 8:
        digits, rest = divmod(digits, 10 ** (scale - 8))
        if rest:
            raise ApiError(-1111, f"Parameter '{field}' has too much precision.")
        return digits
    return digits * 10 ** (8 - scale)
