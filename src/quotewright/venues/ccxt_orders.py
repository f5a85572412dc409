"""Orders as ccxt takes them, and its answers to them made whole."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from quotewright.domain.journal import FOK, IOC, POST_ONLY, REDUCE_ONLY
from quotewright.gateway.port import NewOrder

MILLISECOND = 10**6


def order_params(order: NewOrder) -> dict[str, Any]:
    """Our id and the order's flags under ccxt's names."""
    params: dict[str, Any] = {"clientOrderId": order.client_id}
    if order.flags & POST_ONLY:
        params["postOnly"] = True
    elif order.flags & (IOC | FOK):
        params["timeInForce"] = "IOC" if order.flags & IOC else "FOK"
    if order.flags & REDUCE_ONLY:
        params["reduceOnly"] = True
    return params


def listed(told: Any) -> list[Any]:
    """An answer that is a list on most venues, and something else on the others."""
    return list(told) if isinstance(told, (list, tuple)) else []  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def as_number(text: str) -> float | Decimal:
    """A decimal as ccxt takes it: a float that reads back the same, else a Decimal."""
    number = float(text)
    return number if Decimal(repr(number)) == Decimal(text) else Decimal(text)


def completed(raw: Mapping[str, Any], sent: Mapping[str, Any], now: int) -> dict[str, Any]:
    """An answer of no more than an id, filled in with what was sent: acknowledged, at the time of sending."""
    told = {name: value for name, value in raw.items() if value is not None}
    return {"status": "open", "filled": "0", "timestamp": now // MILLISECOND, **sent, **told}
