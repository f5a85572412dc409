"""A venue on sockets with one account, `desk`, whose key lies in `keys.toml` where a session file finds it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from quotewright.exchange.accounts import Account
from quotewright.exchange.http_driver import Serving, running
from quotewright.exchange.keys import ApiKey
from quotewright.exchange.limits import Limits
from quotewright.exchange.markets import MarketSettings
from quotewright.exchange.settings import AccountSettings, ExchangeSettings

ROOMY = Limits(orders_10s=10_000, weight_minute=1_000_000)


@contextmanager
def served_desk(
    folder: Path,
    markets: Sequence[MarketSettings],
    balances: Mapping[str, str],
    limits: Limits = ROOMY,
    history: int = 20_000,
) -> Iterator[tuple[Serving, Account]]:
    """The venue, and the account in its own books."""
    name, secret = secrets.token_hex(16), secrets.token_hex(16)
    keys = folder / "keys.toml"
    keys.write_text(f'api_key = "{name}"\nsecret = "{secret}"\n')
    keys.chmod(0o600)
    account = AccountSettings("desk", [ApiKey(name, secret)], balances)
    with running(ExchangeSettings(markets, [account], limits, history=history)) as serving:
        yield serving, serving.server.accounts["desk"]
