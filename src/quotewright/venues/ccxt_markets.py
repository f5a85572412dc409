"""What a venue says of itself through ccxt: instruments, capabilities, limits. Numbers as the venue's strings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from quotewright.domain.errors import DataError, InputError, ParseError
from quotewright.domain.instrument import Instrument
from quotewright.domain.units import format_fraction
from quotewright.gateway.port import Capabilities, Rule
from quotewright.venues.ccxt_reports import plain

SECOND = 10**9
MINUTE = 60 * SECOND
_DECIMAL_PLACES, _TICK_SIZE = 2, 4  # ccxt's precision modes
_UNTOLD_IF_ZERO = ("min_qty", "max_qty", "min_notional", "min_price", "max_price")
_NUMBERS = ("tick", "lot", "contract_size", *_UNTOLD_IF_ZERO, "maker_rate", "taker_rate")
_INTERVALS = {"SECOND": SECOND, "MINUTE": MINUTE, "HOUR": 60 * MINUTE, "DAY": 24 * 60 * MINUTE}
USED_HEADERS = {
    "x-mbx-used-weight-1m": ("weight", MINUTE),
    "x-mbx-order-count-10s": ("orders", 10 * SECOND),
    "x-mbx-order-count-1d": ("orders", 24 * 60 * MINUTE),
}
_LIMITS = {"REQUEST_WEIGHT": "weight", "ORDERS": "orders"}


def market_named(exchange: Any, symbol: str, kind: str = "") -> Mapping[str, Any] | None:
    """The market by the venue's own symbol, or ccxt's; None if there is none, DataError if there are several."""
    named: list[Any] = exchange.markets_by_id.get(symbol) or []
    found = [market for market in named if kind in ("", _kind(market))]
    if len(found) > 1:
        raise DataError(f"{exchange.id} has {len(found)} {kind} markets named {symbol}: name the one by ccxt's options")
    return found[0] if found else exchange.markets.get(symbol)


def find_market(exchange: Any, instrument: Instrument) -> Mapping[str, Any]:
    """The market of an instrument; InputError if there is none."""
    found = market_named(exchange, instrument.symbol, instrument.kind)
    if found is None:
        raise InputError("symbol", instrument.symbol, f"is not a {instrument.kind} market of {exchange.id}")
    return found


def stated_instrument(
    exchange: Any, market: Mapping[str, Any], venue: str, symbol: str, fees: Mapping[str, Any]
) -> Instrument:
    """A market as an instrument; rates as the venue told for this account, its usual ones if it did not."""
    limits: Mapping[str, Any] = market["limits"]
    kind = _kind(market)

    def limit(name: str, bound: str) -> str:
        bounds: Mapping[str, Any] = limits.get(name) or {}
        value = bounds.get(bound)
        return "0" if value is None else _short(value, name)

    return Instrument(
        venue=venue,
        symbol=symbol,
        kind=kind,
        base=str(market["base"]),
        quote=str(market["quote"]),
        tick=_step(exchange, market, "price"),
        lot=_step(exchange, market, "amount"),
        contract_size=_short(market["contractSize"], "contract_size") if market.get("contract") else "1",
        min_qty=limit("amount", "min"),
        max_qty=limit("amount", "max"),
        min_notional=limit("cost", "min"),
        min_price=limit("price", "min"),
        max_price=limit("price", "max"),
        maker_rate=_short(fees.get("maker", market.get("maker") or 0), "maker_rate"),
        taker_rate=_short(fees.get("taker", market.get("taker") or 0), "taker_rate"),
        fee_asset="received" if kind == "spot" and market.get("feeSide", "get") == "get" else "settle",
    )


def restated(given: Instrument, theirs: Instrument, *, fees_told: bool) -> Instrument:
    """An instrument with the venue's own figures; what ccxt does not tell stays as given."""
    kept = {name: getattr(given, name) for name in ("fee_asset", "amend_keeps_priority", "post_only", "largest_amount")}
    rates = {} if fees_told else {name: getattr(given, name) for name in ("maker_rate", "taker_rate")}
    return replace(theirs, **kept, **rates)


def differences(ours: Instrument, theirs: Instrument) -> list[tuple[str, str, str]]:
    """Fields that differ, as (field, ours, theirs); bounds that either side leaves open are passed."""
    found: list[tuple[str, str, str]] = []
    for field in _NUMBERS:
        mine, said = getattr(ours, field), getattr(theirs, field)
        if field in _UNTOLD_IF_ZERO and "0" in (_short(mine, field), _short(said, field)):
            continue
        if Fraction(mine) != Fraction(said):
            found.append((field, mine, said))
    return found + [
        (field, getattr(ours, field), getattr(theirs, field))
        for field in ("kind", "base", "quote")
        if getattr(ours, field) != getattr(theirs, field)
    ]


async def told_fees(exchange: Any, market: Mapping[str, Any]) -> Mapping[str, Any]:
    """The account's own rates; empty if there is no account or the venue does not tell."""
    if not exchange.apiKey or exchange.has.get("fetchTradingFee") is not True:
        return {}
    return await exchange.fetch_trading_fee(market["symbol"])


def capabilities(exchange: Any, markets: Sequence[Mapping[str, Any]], *, account: bool) -> Capabilities:
    """What ccxt can ask of the venue for an account, or without one; what it cannot tell counts as not there."""
    has: Mapping[str, Any] = exchange.has
    contracts = all(market.get("contract") for market in markets)
    return Capabilities(
        post_only=bool(has.get("createPostOnlyOrder")) or _feature_post_only(exchange, markets),
        cancel_all=has.get("cancelAllOrders") is True,
        amend=False,  # ccxt's editOrder is a cancel and a new order on most venues, and does not say on which not
        reduce_only=contracts and bool(has.get("createReduceOnlyOrder")),
        dead_man_switch=has.get("cancelAllOrdersAfter") is True,
        query_by_client_id=has.get("fetchOrder") is True and _takes_client_id(exchange.fetch_order),
        user_stream=account and has.get("watchOrders") is True and has.get("watchMyTrades") is True,
    )


def rules(exchange: Any, raw: Mapping[str, Any]) -> list[Rule]:
    """The venue's limits: as it tells (Binance's `rateLimits`), else ccxt's pace of one unit each `rateLimit` ms."""
    told: list[Any] = raw.get("rateLimits") or []
    found = [
        Rule(
            _LIMITS[each["rateLimitType"]], _INTERVALS[each["interval"]] * int(each["intervalNum"]), int(each["limit"])
        )
        for each in told
        if each["rateLimitType"] in _LIMITS
    ]
    return found or [Rule("weight", MINUTE, max(int(60_000 // float(exchange.rateLimit)), 1))]


def _kind(market: Mapping[str, Any]) -> Any:
    if market.get("spot"):
        return "spot"
    return "inverse" if market.get("inverse") else "linear"


def _short(value: Any, field: str) -> str:
    return format_fraction(Fraction(plain(value, field)))


def _step(exchange: Any, market: Mapping[str, Any], name: str) -> str:
    """A step: as it is where ccxt keeps steps, 10 ** -places where it keeps decimal places."""
    precision = market["precision"].get(name)
    if precision is None:
        raise ParseError(name, precision, f"has no step in {exchange.id}'s market {market['symbol']}")
    if exchange.precisionMode == _TICK_SIZE:
        return _short(precision, name)
    if exchange.precisionMode == _DECIMAL_PLACES:
        return format_fraction(Fraction(10) ** -int(precision))
    raise DataError(f"{exchange.id} rounds prices to significant digits: they have no fixed step")


def _feature_post_only(exchange: Any, markets: Sequence[Mapping[str, Any]]) -> bool:
    try:
        return all(
            bool(exchange.feature_value(market["symbol"], "createOrder", "timeInForce")["PO"]) for market in markets
        )
    except (KeyError, TypeError):
        return False


def _takes_client_id(method: Any) -> bool:
    """Whether a venue's method reads the parameter at all: ccxt has no table of it."""
    return any("clientOrderId" in str(constant) for constant in method.__func__.__code__.co_consts[1:])
