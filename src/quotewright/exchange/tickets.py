"""A new order as a client asks for it, read from its parameters and checked against everything but the book."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from quotewright.domain.journal import FOK, IOC, POST_ONLY
from quotewright.exchange.api_errors import ApiError, illegal, missing, not_needed
from quotewright.exchange.orders import SIDES
from quotewright.exchange.rules import SymbolRules

PREVENTION = ("EXPIRE_MAKER", "NONE")
_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET")
_LIFETIMES = {"GTC": 0, "IOC": IOC, "FOK": FOK}
_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}\Z")


class Ticket(msgspec.Struct, frozen=True):
    """A new order; ticks and lots; `flags` of domain.journal."""

    side: int
    type: str
    tif: str
    price: int  # 0: market
    qty: int  # 0: as much as `quote_qty` buys or sells
    quote_qty: int  # atoms
    flags: int
    client_id: str  # "": the venue makes one
    form: str  # of the answer
    prevention: str


def client_id_of(params: Mapping[str, str], name: str) -> str:
    """A client id among the parameters, "" if there is none; raises ApiError for one that is not allowed."""
    text = params.get(name, "")
    if text and not _CLIENT_ID.match(text):
        raise illegal(name, "^[\\.A-Z\\:/a-z0-9_-]{1,36}$")
    return text


def read_ticket(params: Mapping[str, str], rules: SymbolRules) -> Ticket:
    """Raises ApiError for whatever Binance refuses before it looks at balances and book."""
    side = SIDES.get(_needed(params, "side"))
    if side is None:
        raise ApiError(-1117, "Invalid side.")
    kind = _needed(params, "type")
    if kind not in _TYPES:
        raise ApiError(-1116, "Invalid orderType.")
    form = params.get("newOrderRespType", "ACK" if kind == "LIMIT_MAKER" else "FULL")
    if form not in ("ACK", "RESULT", "FULL"):
        raise illegal("newOrderRespType", "ACK, RESULT, FULL")
    prevention = params.get("selfTradePreventionMode", PREVENTION[0])
    if prevention not in PREVENTION:
        raise ApiError(-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid.")
    for name in ("stopPrice", "trailingDelta", "icebergQty"):
        if name in params:
            raise not_needed(name)
    client_id = client_id_of(params, "newClientOrderId")
    price, tif, flags = 0, "GTC", 0
    if kind == "MARKET":
        for name in ("price", "timeInForce"):
            if name in params:
                raise not_needed(name)
        flags = IOC
    else:
        price_text = _needed(params, "price")
        if kind == "LIMIT_MAKER":
            if "timeInForce" in params:
                raise not_needed("timeInForce")
            flags = POST_ONLY
        else:
            tif = _needed(params, "timeInForce")
            if tif not in _LIFETIMES:
                raise ApiError(-1115, "Invalid timeInForce.")
            flags = _LIFETIMES[tif]
        price = rules.ticks(price_text)
    quote_qty = 0
    if "quoteOrderQty" in params:
        if kind != "MARKET" or "quantity" in params:
            raise not_needed("quoteOrderQty")
        quote_qty, qty = rules.amount(_needed(params, "quoteOrderQty")), 0
        rules.check_notional(quote_qty)
    else:
        qty = rules.lots(_needed(params, "quantity"))
        if price:
            rules.check_notional(price * qty * rules.value)
    return Ticket(side, kind, tif, price, qty, quote_qty, flags, client_id, form, prevention)


def _needed(params: Mapping[str, str], name: str) -> str:
    text = params.get(name)
    if text is None:
        raise missing(name)
    if not text:
        raise ApiError(-1105, f"Parameter '{name}' was empty.")
    return text
