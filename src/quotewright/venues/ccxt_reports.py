"""From ccxt's unified structures to facts of `gateway.port`, exactly: numbers come as the venue's own strings.

Ids that are not integers (Kraken, UUIDs) become 62-bit numbers by hash, and back by a table; such ids have no order.
Anything that cannot be read raises ParseError: the caller makes an alarm of it, never a guess.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import ASSET_ATOM, Instrument
from quotewright.domain.journal import Reject
from quotewright.domain.units import Step
from quotewright.gateway.port import OrderReport, OrderStatus, Source, TradeReport

MILLISECOND = 10**6
REMEMBERED = 100_000  # orders and ids kept by name; older ones are found by the venue's number
_STATUS = {
    "open": OrderStatus.OPEN,
    "canceling": OrderStatus.OPEN,
    "canceled": OrderStatus.CANCELED,
    "rejected": OrderStatus.REJECTED,
}
_IMMEDIATE = {"IOC": Reject.IOC, "FOK": Reject.FOK}


class VenueIds:
    """Numbers for a venue's ids; the same id has the same number in every run."""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}

    def number(self, text: str) -> int:
        """The id as a positive integer: itself if it is one."""
        if text.isdecimal() and text.isascii() and len(text) <= 18 and str(int(text)) == text:
            return int(text)
        number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 2 | 1 << 61
        remember(self._texts, number, text)
        return number

    def text(self, number: int) -> str:
        """The id the number was made of; the number itself if it is one, "" if it was never seen."""
        return self._texts.get(number, str(number) if number < 10**18 else "")

    @staticmethod
    def ordered(number: int) -> bool:
        """Whether later ids have greater numbers."""
        return number < 10**18


def remember(table: dict[Any, Any], key: Any, value: Any) -> None:
    """Keep it, forgetting the oldest if there are too many."""
    table[key] = value
    if len(table) > REMEMBERED:
        del table[next(iter(table))]


def plain(value: Any, field: str) -> str:
    """A number of ccxt's as a plain decimal string: strings as they are but for exponents; a float by its repr."""
    if isinstance(value, bool) or value is None:
        raise ParseError(field, value, "is missing")
    text = value if isinstance(value, str) else repr(value)
    if "e" in text or "E" in text:
        return format(Decimal(text), "f")
    return text


def atoms(value: Any, field: str) -> int:
    """An asset amount in 1e-8; what is finer is rounded away from zero, as a fee is."""
    try:
        exact = Fraction(plain(value, field)) / ASSET_ATOM
    except ValueError:
        raise ParseError(field, value, "is not a decimal amount") from None
    return -(-exact.numerator // exact.denominator) if exact > 0 else exact.numerator // exact.denominator


class Reader:
    """Reads orders, trades and balances of the instruments it was made with."""

    def __init__(self, instruments: Sequence[Instrument], symbols: Sequence[str], *, binance: bool = False) -> None:
        self._binance = binance  # raw reports are of Binance's form: they say more than ccxt hands on
        self._index = {symbol: number for number, symbol in enumerate(symbols)}
        self._ticks: list[Step] = [each.price_step for each in instruments]
        self._lots: list[Step] = [each.qty_step for each in instruments]
        self.ids = VenueIds()
        self._client_ids: dict[tuple[int, int], str] = {}  # by instrument and venue id, which is unique in it alone
        self._venue_ids: dict[str, int] = {}

    def instrument(self, symbol: Any) -> int:
        """The index of a ccxt symbol; -1 if it is not one of ours."""
        return self._index.get(symbol, -1)

    def order(self, raw: Mapping[str, Any], source: Source, *, ref: int = 0, client_id: str = "") -> OrderReport:
        """An order structure; `client_id` of the command it answers, where the venue's answer names another's."""
        number = self._instrument(raw)
        venue_id = self.ids.number(str(self._told(raw, "id")))
        name = client_id or self._client_ids.get((number, venue_id)) or str(raw.get("clientOrderId") or "")
        if name:
            remember(self._client_ids, (number, venue_id), name)
            remember(self._venue_ids, name, venue_id)
        qty = self._lots[number].count(plain(raw.get("amount"), "amount"), "amount")
        filled = self._lots[number].count(plain(raw.get("filled"), "filled"), "filled")
        status, reason = self._status(raw, qty, filled)
        info = self._info(raw)
        text = str(info.get("r", "NONE"))
        return OrderReport(
            client_id=name,
            venue_id=venue_id,
            instrument=number,
            side=_side(raw),
            price=self._ticks[number].count(plain(raw.get("price") or "0", "price"), "price"),
            qty=qty,
            filled=filled,
            status=status,
            time=self._time(raw),
            source=source,
            reason=reason,
            text="" if text == "NONE" else text,
            ref=ref,
            execution_id=int(info.get("I", 0)),
        )

    def trade(self, raw: Mapping[str, Any], source: Source) -> TradeReport:
        """A trade structure of one of our orders."""
        number = self._instrument(raw)
        venue_id = self.ids.number(str(self._told(raw, "order")))
        fee, asset = _fee(raw)
        info = self._info(raw)
        return TradeReport(
            client_id=self._client_ids.get((number, venue_id)) or str(info.get("C") or info.get("c") or ""),
            venue_id=venue_id,
            trade_id=self.ids.number(str(self._told(raw, "id"))),
            instrument=number,
            side=_side(raw),
            price=self._ticks[number].count(plain(raw.get("price"), "price"), "price"),
            qty=self._lots[number].count(plain(raw.get("amount"), "amount"), "amount"),
            maker=raw.get("takerOrMaker") == "maker",
            fee=fee,
            fee_asset=asset,
            time=self._time(raw),
            source=source,
        )

    def balances(self, raw: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
        """Free and locked atoms of every asset whose both amounts are told."""
        free: Mapping[str, Any] = raw.get("free") or {}
        used: Mapping[str, Any] = raw.get("used") or {}
        return {
            asset: (_floor_atoms(amount, "free"), _floor_atoms(used[asset], "used"))
            for asset, amount in free.items()
            if amount is not None and used.get(asset) is not None
        }

    def venue_id(self, client_id: str) -> str:
        """The venue's id of an order by ours, "" if it was never told."""
        number = self._venue_ids.get(client_id, 0)
        return self.ids.text(number) if number else ""

    def _instrument(self, raw: Mapping[str, Any]) -> int:
        number = self.instrument(raw.get("symbol"))
        if number < 0:
            raise ParseError("symbol", raw.get("symbol"), "is not one of this session's")
        return number

    def _status(self, raw: Mapping[str, Any], qty: int, filled: int) -> tuple[OrderStatus, int]:
        told = raw.get("status")
        if told == "closed":
            if filled >= qty:
                return OrderStatus.FILLED, 0
            told = "expired"  # an IOC whose rest ended
        if told == "expired":
            info = self._info(raw)
            if "EXPIRED_IN_MATCH" in (info.get("X"), info.get("status")):
                return OrderStatus.CANCELED, Reject.SELF_TRADE
            if (reason := _IMMEDIATE.get(str(raw.get("timeInForce")))) is not None:
                return OrderStatus.EXPIRED, reason
            return OrderStatus.CANCELED, Reject.OTHER
        status = _STATUS.get(str(told))
        if status is None:
            raise ParseError("status", told, "is not one of ccxt's order states")
        return status, Reject.OTHER if status is OrderStatus.REJECTED else 0

    def _info(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        info: Any = raw.get("info") if self._binance else None
        return info or {}

    def _told(self, raw: Mapping[str, Any], field: str) -> Any:
        value = raw.get(field)
        if value is None or value == "":
            raise ParseError(field, value, "is missing")
        return value

    def _time(self, raw: Mapping[str, Any]) -> int:
        for field in ("lastUpdateTimestamp", "lastTradeTimestamp", "timestamp"):
            if isinstance(value := raw.get(field), int):
                return value * MILLISECOND
        raise ParseError("timestamp", None, "is missing")


def _side(raw: Mapping[str, Any]) -> int:
    side = raw.get("side")
    if side not in ("buy", "sell"):
        raise ParseError("side", side, "is neither buy nor sell")
    return BID if side == "buy" else ASK


def _fee(raw: Mapping[str, Any]) -> tuple[int, str]:
    """The fee of a trade; ParseError if it was charged in two assets."""
    fees: list[Any] = raw.get("fees") or ([raw["fee"]] if raw.get("fee") else [])
    charged = [fee for fee in fees if fee and fee.get("cost") is not None and fee.get("currency")]
    if not charged:
        return 0, ""
    if len({fee["currency"] for fee in charged}) > 1:
        raise ParseError("fees", charged, "are in more than one asset")
    return sum(atoms(fee["cost"], "fee") for fee in charged), str(charged[0]["currency"])


def _floor_atoms(value: Any, field: str) -> int:
    try:
        return int(Fraction(plain(value, field)) // ASSET_ATOM)
    except ValueError:
        raise ParseError(field, value, "is not a decimal amount") from None
