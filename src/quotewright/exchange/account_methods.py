"""Methods that a key signs: orders, queries, balances."""

from __future__ import annotations

from typing import Any

from quotewright.exchange.accounts import Account, View
from quotewright.exchange.api_errors import ApiError, missing, no_such_order, nothing_to_cancel
from quotewright.exchange.orders import Fill, Order, canceled_json, fill_json, ms, order_json, placed_json
from quotewright.exchange.rules import fixed8
from quotewright.exchange.tickets import client_id_of, read_ticket
from quotewright.exchange.trading import Symbol
from quotewright.exchange.venue import Call, Method, takes


def place(call: Call, now: int) -> Any:
    """A new order."""
    symbol = call.venue.symbol(call.params)
    ticket = read_ticket(call.params, symbol.rules)
    call.venue.counters.order(call.account.name, now)
    order, fills = call.venue.trading.place(call.account, symbol, ticket, now)
    call.venue.counters.count_order(call.account.name, now)
    return placed_json(order, ticket.form, fills)


def test(call: Call, now: int) -> Any:
    """A new order, checked but not sent."""
    symbol = call.venue.symbol(call.params)
    call.venue.trading.check(call.account, symbol, read_ticket(call.params, symbol.rules), now)
    if call.params.get("computeCommissionRates") == "true":
        return _rates(call.account)
    return {}


def cancel(call: Call, now: int) -> Any:
    """Cancel one order, by its number or client id."""
    venue, account = call.venue, call.account
    symbol = venue.symbol(call.params)
    order = _named(call, View(account, now, 0), symbol)
    cancel_id = client_id_of(call.params, "newClientOrderId")
    if order is None or not order.open:
        raise nothing_to_cancel()
    if call.params.get("cancelRestrictions", order.status) not in (order.status, f"ONLY_{order.status}"):
        raise ApiError(-2011, "Order was not canceled due to cancel restrictions.")
    return _canceled(call, symbol, order, cancel_id, now)


def cancel_all(call: Call, now: int) -> Any:
    """Cancel every open order of the account in a symbol."""
    symbol = call.venue.symbol(call.params)
    orders = list(call.account.open.get(symbol.rules.name, {}).values())
    if not orders:
        raise nothing_to_cancel()
    return [_canceled(call, symbol, order, "", now) for order in orders]


def _canceled(call: Call, symbol: Symbol, order: Order, cancel_id: str, now: int) -> dict[str, Any]:
    cancel_id = cancel_id or f"venue-cancel-{symbol.rules.name}-{symbol.last_execution + 1}"
    call.venue.trading.cancel(call.account, symbol, order, cancel_id, now)
    return canceled_json(order, cancel_id)


def _named(call: Call, view: View, symbol: Symbol) -> Order | None:
    """The order that a request names, by number, by client id, or by both, which must agree."""
    client_id = client_id_of(call.params, "origClientOrderId")
    if "orderId" in call.params:
        order = view.order(symbol.rules.name, call.number("orderId", 0))
        return order if order is None or client_id in ("", order.client_id) else None
    if not client_id:
        raise ApiError(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    return view.by_client_id(symbol.rules.name, client_id)


def status(call: Call, now: int) -> Any:
    """One order."""
    order = _named(call, call.venue.view(call.account, now), call.venue.symbol(call.params))
    if order is None:
        raise no_such_order()
    return order_json(order)


def open_orders(call: Call, now: int) -> Any:
    """Open orders, of one symbol or all."""
    name = call.venue.symbol(call.params).rules.name if "symbol" in call.params else ""
    return [order_json(order) for order in call.venue.view(call.account, now).open(name)]


def all_orders(call: Call, now: int) -> Any:
    """Orders of a symbol, from a number on, between times, or the newest."""
    symbol, limit = call.venue.symbol(call.params), call.number("limit", 500, 1000)
    first, since, until = call.number("orderId", -1), call.number("startTime", -1), call.number("endTime", 2**62)
    found = [
        order
        for order in call.venue.view(call.account, now).orders(symbol.rules.name)
        if order.id >= first and since <= ms(order.time) <= until
    ]
    chosen = found[:limit] if max(first, since) >= 0 else found[-limit:]
    return [order_json(order) for order in chosen]


def my_trades(call: Call, now: int) -> Any:
    """Fills of a symbol: of an order, from an id on, between times, or the newest."""
    symbol, limit = call.venue.symbol(call.params), call.number("limit", 500, 1000)
    first, order = call.number("fromId", -1), call.number("orderId", -1)
    since, until = call.number("startTime", -1), call.number("endTime", 2**62)

    def wanted(fill: Fill) -> bool:
        return fill.id >= first and order in (-1, fill.order) and since <= ms(fill.time) <= until

    found = [fill for fill in call.venue.view(call.account, now).fills(symbol.rules.name) if wanted(fill)]
    chosen = found[:limit] if max(first, since, order) >= 0 else found[-limit:]
    return [fill_json(symbol.rules, fill) for fill in chosen]


def account_status(call: Call, now: int) -> Any:
    """Rates, permissions, balances."""
    account, key = call.account, call.key
    zero = call.params.get("omitZeroBalances", "false").lower() != "true"
    return {
        "makerCommission": account.maker_rate // 10_000,
        "takerCommission": account.taker_rate // 10_000,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": fixed8(account.maker_rate),
            "taker": fixed8(account.taker_rate),
            "buyer": fixed8(0),
            "seller": fixed8(0),
        },
        "canTrade": key is not None and key.may_trade,
        "canWithdraw": key is not None and key.may_withdraw,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": ms(account.updated),
        "accountType": "SPOT",
        "balances": call.venue.view(account, now).balances(zero=zero),
        "permissions": ["SPOT"],
        "uid": account.number,
    }


def commission(call: Call, now: int) -> Any:
    """The account's rates in a symbol."""
    return {"symbol": call.venue.symbol(call.params).rules.name, **_rates(call.account)}


def _rates(account: Account) -> dict[str, Any]:
    none = {"maker": fixed8(0), "taker": fixed8(0), "buyer": fixed8(0), "seller": fixed8(0)}
    discount = {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": fixed8(0)}
    standard = none | {"maker": fixed8(account.maker_rate), "taker": fixed8(account.taker_rate)}
    names = ("standardCommission", "specialCommission", "taxCommission")
    return {**dict(zip(names, (standard, none, none), strict=True)), "discount": discount}


def order_counts(call: Call, now: int) -> Any:
    """How many orders the account has sent in the present intervals."""
    return call.venue.counters.order_rules(call.account.name, now)


def currencies(call: Call, now: int) -> Any:
    """Assets of the venue's symbols, without networks to withdraw by."""
    assets = {asset for symbol in call.venue.symbols.values() for asset in (symbol.rules.base, symbol.rules.quote)}
    flags = {"depositAllEnable": False, "withdrawAllEnable": False, "trading": True, "isLegalMoney": False}
    balances = {
        asset: {"free": fixed8(call.account.free.get(asset, 0)), "locked": fixed8(call.account.locked.get(asset, 0))}
        for asset in sorted(assets)
    }
    return [{"coin": asset, "name": asset, **balances[asset], **flags, "networkList": []} for asset in sorted(assets)]


def trade_fees(call: Call, now: int) -> Any:
    """The account's rates in every symbol, or one."""
    symbols, _ = call.venue.chosen(call.params)
    rates = {
        "makerCommission": fixed8(call.account.maker_rate),
        "takerCommission": fixed8(call.account.taker_rate),
    }
    return [{"symbol": symbol.rules.name, **rates} for symbol in symbols]


def key_restrictions(call: Call, now: int) -> Any:
    """What the key that signs may do."""
    if call.key is None:
        raise missing("apiKey")
    no = ("ipRestrict", "enableInternalTransfer", "enableMargin", "enableFutures", "permitsUniversalTransfer")
    return {
        **dict.fromkeys(no, False),
        "createTime": 0,
        "enableReading": True,
        "enableWithdrawals": call.key.may_withdraw,
        "enableSpotAndMarginTrading": call.key.may_trade,
        "enableVanillaOptions": False,
        "enablePortfolioMarginTrading": False,
    }


def nothing(call: Call, now: int) -> Any:
    """An empty list."""
    return []


_ORDER = takes(
    "symbol side type timeInForce quantity quoteOrderQty price newClientOrderId newOrderRespType "
    "selfTradePreventionMode strategyId strategyType stopPrice trailingDelta icebergQty computeCommissionRates"
)
_NAMED = takes("symbol orderId origClientOrderId newClientOrderId cancelRestrictions")
_LIST = takes("symbol orderId startTime endTime fromId limit")


def _per_symbol(params: Any) -> int:
    return 6 if "symbol" in params else 80


METHODS = {
    "order.place": Method(place, 1, _ORDER, signed=True, trades=True, order=True),
    "order.test": Method(test, 1, _ORDER, signed=True),
    "order.cancel": Method(cancel, 1, _NAMED, signed=True, trades=True),
    "openOrders.cancelAll": Method(cancel_all, 1, takes("symbol"), signed=True, trades=True),
    "order.status": Method(status, 4, _NAMED, signed=True),
    "openOrders.status": Method(open_orders, _per_symbol, takes("symbol"), signed=True),
    "allOrders": Method(all_orders, 20, _LIST, signed=True),
    "myTrades": Method(my_trades, lambda params: 5 if "orderId" in params else 20, _LIST, signed=True),
    "account.status": Method(account_status, 20, takes("omitZeroBalances"), signed=True),
    "account.commission": Method(commission, 20, takes("symbol"), signed=True),
    "account.rateLimits.orders": Method(order_counts, 40, signed=True),
    "sapi.currencies": Method(currencies, 0, signed=True),
    "sapi.tradeFee": Method(trade_fees, 0, takes("symbol"), signed=True),
    "sapi.apiRestrictions": Method(key_restrictions, 0, signed=True),
    "sapi.marginPairs": Method(nothing, 0, takes("symbol")),
}
