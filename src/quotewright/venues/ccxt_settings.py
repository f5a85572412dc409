"""What an adapter over ccxt is told."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

SECOND = 10**9


class CcxtKey(msgspec.Struct, frozen=True):
    """An account's key as ccxt names its parts; `secret` may be a private key in PEM form where the venue takes one."""

    api_key: str
    secret: str
    password: str = ""
    uid: str = ""

    def __repr__(self) -> str:
        return "CcxtKey(…)"


class CcxtSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which venue, and how patient to be with it; times in ns."""

    exchange: str  # ccxt's id, such as "binance" or "kraken"
    base_url: str = ""  # http://host:port of a test server that answers for every host of the venue
    ca_file: str = ""  # certificates to trust instead of the usual ones
    time_out: int = 5 * SECOND  # of every request, ours on top of ccxt's
    request_window: int = 5 * SECOND  # recvWindow, where the venue has one
    start_time_out: int = 30 * SECOND  # of loading markets, and of a subscription
    settle: int = SECOND  # connected for so long counts as subscribed, where the venue doesn't acknowledge
    stream_patience: int = 5 * SECOND  # an acknowledged order that the stream does not show for so long: it is dead
    ping_interval: int = 10 * SECOND  # of WebSocket pings; two unanswered end the connection
    stale_after: int = 30 * SECOND  # a book without an update for so long is taken for dead
    backoff: int = SECOND // 2  # before the first reconnect; doubles
    longest_backoff: int = 30 * SECOND
    doubt_hold: int = 60 * SECOND  # how long an unreadable message keeps quotes away
    dead_man: int = 60 * SECOND  # after which the venue cancels all, where it can; 0: it is not asked to
    depth: int = 20  # levels a side in the events of the market feed
    rules_interval: int = 3600 * SECOND  # between two readings of the venue's markets and our fees
    options: Mapping[str, object] = {}  # ccxt's own, such as {"defaultType": "swap"}
