"""Methods that anyone may call: time, rules, book, trades, tickers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quotewright.domain.events import ASK, BID
from quotewright.exchange.orders import ms
from quotewright.exchange.public_book import PublicTrade
from quotewright.exchange.publishing import aggregated
from quotewright.exchange.rules import fixed8
from quotewright.exchange.tickets import PREVENTION
from quotewright.exchange.trading import Symbol
from quotewright.exchange.venue import Call, Method, Weight, takes

_ORDER_TYPES = ["LIMIT", "LIMIT_MAKER", "MARKET"]


def ping(call: Call, now: int) -> Any:
    """Nothing."""
    return {}


def time(call: Call, now: int) -> Any:
    """The venue's clock."""
    return {"serverTime": ms(call.venue.clock(now))}


def exchange_info(call: Call, now: int) -> Any:
    """Limits, symbols and their filters."""
    symbols, _ = call.venue.chosen(call.params)
    return {
        "timezone": "UTC",
        "serverTime": ms(call.venue.clock(now)),
        "rateLimits": call.venue.counters.rules(),
        "exchangeFilters": [],
        "symbols": [_symbol_json(symbol) for symbol in symbols],
    }


def _symbol_json(symbol: Symbol) -> dict[str, Any]:
    rules = symbol.rules
    return {
        "symbol": rules.name,
        "status": "TRADING",
        "baseAsset": rules.base,
        "baseAssetPrecision": 8,
        "quoteAsset": rules.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": _ORDER_TYPES,
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": rules.filters(),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": PREVENTION[0],
        "allowedSelfTradePreventionModes": sorted(PREVENTION),
    }


def depth(call: Call, now: int) -> Any:
    """The book."""
    symbol = call.venue.symbol(call.params)
    return call.venue.publishers[symbol.rules.name].depth(call.number("limit", 100, 5000))


def recent_trades(call: Call, now: int) -> Any:
    """The last trades, or those from an id on."""
    symbol = call.venue.symbol(call.params)
    limit, first = call.number("limit", 500, 1000), call.number("fromId", -1)
    found = [trade for trade in symbol.book.tape if trade.id >= first]
    return [_trade_json(symbol, trade) for trade in (found[:limit] if first >= 0 else found[-limit:])]


def _trade_json(symbol: Symbol, trade: PublicTrade) -> dict[str, Any]:
    rules = symbol.rules
    return {
        "id": trade.id,
        "price": rules.price(trade.price),
        "qty": rules.qty(trade.qty),
        "quoteQty": fixed8(trade.price * trade.qty * rules.value),
        "time": ms(trade.time),
        "isBuyerMaker": trade.side == ASK,
        "isBestMatch": True,
    }


def aggregate_trades(call: Call, now: int) -> Any:
    """The last trades, those of one moment and price together; numbered by their first trade."""
    symbol = call.venue.symbol(call.params)
    limit, first = call.number("limit", 500, 1000), call.number("fromId", -1)
    since, until = call.number("startTime", 0), call.number("endTime", 2**62)
    groups = [
        group
        for group in aggregated(list(symbol.book.tape))
        if group[0].id >= first and since <= ms(group[0].time) <= until
    ]
    return [
        {
            "a": group[0].id,
            "p": symbol.rules.price(group[0].price),
            "q": symbol.rules.qty(sum(trade.qty for trade in group)),
            "f": group[0].id,
            "l": group[-1].id,
            "T": ms(group[0].time),
            "m": group[0].side == ASK,
            "M": True,
        }
        for group in (groups[:limit] if first >= 0 or since else groups[-limit:])
    ]


def ticker_price(call: Call, now: int) -> Any:
    """The last price."""

    def last(symbol: Symbol) -> dict[str, str]:
        return {"symbol": symbol.rules.name, "price": symbol.rules.price(_last(symbol))}

    return _each(call, last)


def _last(symbol: Symbol) -> int:
    return symbol.book.tape[-1].price if symbol.book.tape else symbol.book.best(BID)[0]


def ticker_book(call: Call, now: int) -> Any:
    """The best bid and ask."""

    def best(symbol: Symbol) -> dict[str, str]:
        (bid, bid_qty), (ask, ask_qty) = symbol.book.best(BID), symbol.book.best(ASK)
        rules = symbol.rules
        return {
            "symbol": rules.name,
            "bidPrice": rules.price(bid),
            "bidQty": rules.qty(bid_qty),
            "askPrice": rules.price(ask),
            "askQty": rules.qty(ask_qty),
        }

    return _each(call, best)


def ticker_day(call: Call, now: int) -> Any:
    """The last 24 hours."""
    venue = call.venue

    def day(symbol: Symbol) -> dict[str, Any]:
        ticker = venue.publishers[symbol.rules.name].ticker
        return ticker.rest(symbol.rules, (symbol.book.best(BID), symbol.book.best(ASK)), venue.clock(now))

    return _each(call, day)


def _each(call: Call, what: Callable[[Symbol], Any]) -> Any:
    symbols, one = call.venue.chosen(call.params)
    return what(symbols[0]) if one else [what(symbol) for symbol in symbols]


def _by_symbols(one: int, more: int) -> Weight:
    def weight(params: Mapping[str, str]) -> int:
        return one if "symbol" in params else more

    return weight


def _depth_weight(params: Mapping[str, str]) -> int:
    text = params.get("limit", "100")
    limit = int(text) if text.isdigit() else 100
    return next((weight for most, weight in ((100, 5), (500, 25), (1000, 50)) if limit <= most), 250)


_TRADES = takes("symbol limit fromId startTime endTime")
_TICKERS = takes("symbol symbols type symbolStatus")
METHODS = {
    "ping": Method(ping, 1),
    "time": Method(time, 1),
    "exchangeInfo": Method(
        exchange_info, 20, takes("symbol symbols permissions showPermissionSets symbolStatus returnRateLimits")
    ),
    "depth": Method(depth, _depth_weight, takes("symbol limit symbolStatus")),
    "trades.recent": Method(recent_trades, 25, _TRADES),
    "trades.historical": Method(recent_trades, 25, _TRADES),
    "trades.aggregate": Method(aggregate_trades, 4, _TRADES),
    "ticker.price": Method(ticker_price, _by_symbols(2, 4), _TICKERS),
    "ticker.book": Method(ticker_book, _by_symbols(2, 4), _TICKERS),
    "ticker.24hr": Method(ticker_day, _by_symbols(2, 80), _TICKERS),
}
