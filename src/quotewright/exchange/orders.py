"""Orders and fills as the venue keeps them, and as REST, WebSocket API and user stream tell of them."""

from __future__ import annotations

from typing import Any

import msgspec

from quotewright.domain.events import BID
from quotewright.exchange.rules import SymbolRules, fixed8

MILLISECOND = 1_000_000

NEW = "NEW"
PARTIALLY_FILLED = "PARTIALLY_FILLED"
FILLED = "FILLED"
CANCELED = "CANCELED"
EXPIRED = "EXPIRED"
EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"  # self-trade prevention took it off

SIDES = {"BUY": 1, "SELL": -1}
ENDED = frozenset({FILLED, CANCELED, EXPIRED, EXPIRED_IN_MATCH})


class Order(msgspec.Struct, gc=False):
    """One order; ticks, lots, atoms, ns. `locked` is what is still held of the asset it pays with."""

    rules: SymbolRules
    id: int
    owner: int  # number of the account
    client_id: str
    side: int
    type: str  # LIMIT, LIMIT_MAKER, MARKET
    tif: str
    price: int  # 0: market
    qty: int
    quote_qty: int  # atoms, where a market order says how much to spend
    prevention: str
    time: int
    updated: int
    filled: int = 0
    spent: int = 0  # atoms of the quote asset
    status: str = NEW
    locked: int = 0
    resting: bool = False

    @property
    def pays(self) -> str:
        """The asset that it pays with."""
        return self.rules.quote if self.side == BID else self.rules.base

    @property
    def open(self) -> bool:
        """Whether it can still be filled or cancelled."""
        return self.status not in ENDED


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One fill of one account's order."""

    id: int  # the trade's, unique in the symbol
    order: int
    owner: int
    side: int
    price: int
    qty: int
    quote: int  # atoms
    fee: int  # atoms of fee_asset
    fee_asset: str
    time: int  # of the venue's clock as clients see it
    at: int  # of the server's own clock
    maker: bool


def side_name(side: int) -> str:
    """BUY or SELL."""
    return "BUY" if side == BID else "SELL"


def ms(time: int) -> int:
    """Ns as the wire's milliseconds."""
    return time // MILLISECOND


def order_json(order: Order) -> dict[str, Any]:
    """As queries and lists give it."""
    rules = order.rules
    return {
        "symbol": rules.name,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        **_state(order),
        "stopPrice": "0.00000000",
        "icebergQty": "0.00000000",
        "time": ms(order.time),
        "updateTime": ms(order.updated),
        "isWorking": True,
        "workingTime": ms(order.time),
        "selfTradePreventionMode": order.prevention,
    }


def placed_json(order: Order, form: str, fills: list[Fill]) -> dict[str, Any]:
    """The answer to a new order, in the form asked for: ACK, RESULT or FULL."""
    rules = order.rules
    answer: dict[str, Any] = {
        "symbol": rules.name,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "transactTime": ms(order.updated),
    }
    if form == "ACK":
        return answer
    answer |= _outcome(order)
    if form == "FULL":
        answer["fills"] = [
            {
                "price": rules.price(fill.price),
                "qty": rules.qty(fill.qty),
                "commission": fixed8(fill.fee),
                "commissionAsset": fill.fee_asset,
                "tradeId": fill.id,
            }
            for fill in fills
        ]
    return answer


def canceled_json(order: Order, cancel_id: str) -> dict[str, Any]:
    """The answer to a cancel."""
    answer = {
        "symbol": order.rules.name,
        "origClientOrderId": order.client_id,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": cancel_id,
        "transactTime": ms(order.updated),
    }
    answer |= _outcome(order)
    return answer


def _outcome(order: Order) -> dict[str, Any]:
    return {**_state(order), "workingTime": ms(order.time), "selfTradePreventionMode": order.prevention}


def _state(order: Order) -> dict[str, Any]:
    """What every answer about an order holds, in the venue's order."""
    rules = order.rules
    return {
        "price": rules.price(order.price),
        "origQty": rules.qty(order.qty),
        "executedQty": rules.qty(order.filled),
        "origQuoteOrderQty": fixed8(order.quote_qty),
        "cummulativeQuoteQty": fixed8(order.spent),
        "status": order.status,
        "timeInForce": order.tif,
        "type": order.type,
        "side": side_name(order.side),
    }


def fill_json(rules: SymbolRules, fill: Fill) -> dict[str, Any]:
    """As myTrades gives it."""
    return {
        "symbol": rules.name,
        "id": fill.id,
        "orderId": fill.order,
        "orderListId": -1,
        "price": rules.price(fill.price),
        "qty": rules.qty(fill.qty),
        "quoteQty": fixed8(fill.quote),
        "commission": fixed8(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": ms(fill.time),
        "isBuyer": fill.side == BID,
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def execution_report(
    order: Order, what: str, execution_id: int, now: int, *, fill: Fill | None = None, cancel_id: str = ""
) -> dict[str, Any]:
    """The user stream's event, sent at `now`: `what` is NEW, TRADE, CANCELED, EXPIRED or TRADE_PREVENTION."""
    rules = order.rules
    report: dict[str, Any] = {
        "e": "executionReport",
        "E": ms(now),
        "s": rules.name,
        "c": cancel_id or order.client_id,
        "S": side_name(order.side),
        "o": order.type,
        "f": order.tif,
        "q": rules.qty(order.qty),
        "p": rules.price(order.price),
        "P": "0.00000000",
        "F": "0.00000000",
        "g": -1,
        "C": order.client_id if cancel_id else "",
        "x": what,
        "X": order.status,
        "r": "NONE",
        "i": order.id,
        "l": rules.qty(fill.qty if fill else 0),
        "z": rules.qty(order.filled),
        "L": rules.price(fill.price if fill else 0),
        "n": fixed8(fill.fee) if fill else "0",
        "N": fill.fee_asset if fill else None,
        "T": ms(order.updated),
        "t": fill.id if fill else -1,
        "I": execution_id,
        "w": order.resting,
        "m": fill.maker if fill else False,
        "M": fill is not None,
        "O": ms(order.time),
        "Z": fixed8(order.spent),
        "Y": fixed8(fill.quote if fill else 0),
        "Q": fixed8(order.quote_qty),
        "W": ms(order.time),
        "V": order.prevention,
    }
    if what == "TRADE_PREVENTION":
        left = rules.qty(order.qty - order.filled)
        report |= {"v": execution_id, "A": left, "B": left, "u": 1}
    return report
