"""The venue's state, which every method works on, and what a method is told of the request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from quotewright.domain.units import parse_rate
from quotewright.exchange.accounts import Account, View
from quotewright.exchange.api_errors import ApiError, bad_symbol, illegal, missing
from quotewright.exchange.hooks import Faults
from quotewright.exchange.keys import ApiKey
from quotewright.exchange.limits import Counters
from quotewright.exchange.publishing import Publisher, Push
from quotewright.exchange.rules import SymbolRules
from quotewright.exchange.settings import ExchangeSettings
from quotewright.exchange.streams import Connection, Subscriptions
from quotewright.exchange.trading import Report, Symbol, Trading


class Venue:
    """Symbols, accounts, limits; `report` and `push` deliver events of accounts and symbols."""

    def __init__(self, settings: ExchangeSettings, faults: Faults, report: Report, push: Push, now: int) -> None:
        self.settings = settings
        self.faults = faults
        self.counters = Counters(settings.limits)
        self.subscriptions = Subscriptions()
        self.symbols: dict[str, Symbol] = {}
        self.publishers: dict[str, Publisher] = {}
        self.accounts: dict[str, Account] = {}
        self.keys: dict[str, tuple[ApiKey, Account]] = {}
        for market in settings.markets:
            rules = SymbolRules.of(market.instrument, settings.most_open_orders)
            symbol = Symbol(rules, market.open(now), 1000)
            symbol.market.take_prints()
            symbol.book.apply(symbol.market.take_changes())
            symbol.book.take(0)
            symbol.book.take(1)
            self.symbols[rules.name] = symbol
            self.publishers[rules.name] = Publisher(symbol, self.subscriptions, self.clock, push)
        for number, given in enumerate(settings.accounts, 1):
            rates = (parse_rate(given.maker_rate, "maker_rate"), parse_rate(given.taker_rate, "taker_rate"))
            account = Account(given.name, number, given.atoms(), *rates, settings.history)
            self.accounts[given.name] = account
            self.keys |= {key.name: (key, account) for key in given.keys}
        by_number = {account.number: account for account in self.accounts.values()}
        self.trading = Trading(by_number, self.clock, report)

    def clock(self, now: int) -> int:
        """The time that clients see."""
        return now + self.faults.clock_skew(now)

    def view(self, account: Account, now: int) -> View:
        """An account as queries see it."""
        return View(account, now, self.faults.balance_lag(now))

    def symbol(self, params: Mapping[str, str]) -> Symbol:
        """The symbol that a request names; raises ApiError."""
        name = params.get("symbol", "")
        if not name:
            raise missing("symbol")
        if name not in self.symbols:
            raise bad_symbol()
        return self.symbols[name]

    def chosen(self, params: Mapping[str, str]) -> tuple[list[Symbol], bool]:
        """Symbols named by `symbol` or `symbols`, or all; and whether it was one by `symbol`."""
        if "symbol" in params:
            return [self.symbol(params)], True
        if "symbols" not in params:
            return list(self.symbols.values()), False
        try:
            names = msgspec.json.decode(params["symbols"], type=list[str])
        except msgspec.DecodeError:
            raise illegal("symbols", '^\\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\\]$') from None
        return [self.symbol({"symbol": name}) for name in names], False


@dataclass(frozen=True, slots=True)
class Call:
    """A request, admitted: what a method is told of it."""

    venue: Venue
    kind: str
    params: Mapping[str, str]
    address: str
    key: ApiKey | None = None
    of: Account | None = None
    conn: Connection | None = None

    @property
    def account(self) -> Account:
        """The account that signed it."""
        if self.of is None:
            raise ApiError(-2014, "API-key format invalid.", 401)
        return self.of

    def number(self, name: str, default: int, most: int | None = None) -> int:
        """A whole number among the parameters; raises ApiError for anything else."""
        text = self.params.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or len(text) > 19:
            raise illegal(name, "^[0-9]{1,20}$")
        return int(text) if most is None else min(int(text), most)


Handler = Callable[[Call, int], Any]
Weight = Callable[[Mapping[str, str]], int]


@dataclass(frozen=True, slots=True)
class Method:
    """What the venue does for one kind of request."""

    handler: Handler
    weight: int | Weight
    takes: frozenset[str] = frozenset()  # names of parameters
    signed: bool = False
    trades: bool = False  # needs a key that may trade, and goes to the matching engine
    order: bool = False  # counts as an order

    def cost(self, params: Mapping[str, str]) -> int:
        """Its request weight."""
        return self.weight if isinstance(self.weight, int) else self.weight(params)


def takes(names: str) -> frozenset[str]:
    """Parameter names, separated by spaces."""
    return frozenset(names.split())
