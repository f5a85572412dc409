"""What a venue is made of: markets, accounts, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from quotewright.domain.errors import InputError
from quotewright.domain.units import parse_rate
from quotewright.exchange.keys import ApiKey
from quotewright.exchange.limits import Limits
from quotewright.exchange.markets import MarketSettings
from quotewright.exchange.rules import to_atoms


@dataclass(frozen=True)
class AccountSettings:
    """One account; balances and rates are decimal strings. Raises InputError for what cannot be read exactly."""

    name: str
    keys: Sequence[ApiKey]
    balances: Mapping[str, str]
    maker_rate: str = "0.001"
    taker_rate: str = "0.001"

    def __post_init__(self) -> None:
        self.atoms()
        parse_rate(self.maker_rate, "maker_rate")
        parse_rate(self.taker_rate, "taker_rate")

    def atoms(self) -> dict[str, int]:
        """Balances in atoms of 1e-8."""
        return {asset: to_atoms(text, f"balance of {asset}") for asset, text in self.balances.items()}


@dataclass(frozen=True)
class ExchangeSettings:
    """A venue; raises InputError if it has no market, or names a symbol, an account or a key twice."""

    markets: Sequence[MarketSettings]
    accounts: Sequence[AccountSettings] = ()
    limits: Limits = field(default_factory=Limits)
    most_open_orders: int = 200  # an account and symbol
    history: int = 20_000  # ended orders, and fills a symbol, that an account can still ask for

    def __post_init__(self) -> None:
        if not self.markets:
            raise InputError("markets", (), "a venue needs at least one")
        named = {
            "symbol": [market.instrument.symbol.upper() for market in self.markets],
            "account": [account.name for account in self.accounts],
            "key": [key.name for account in self.accounts for key in account.keys],
        }
        for what, names in named.items():
            for name in names:
                if names.count(name) > 1:
                    raise InputError(what, name, "is given twice")
