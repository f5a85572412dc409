"""Where Binance Spot is, and how long an adapter waits for what; times in ns."""

from __future__ import annotations

from dataclasses import dataclass

_MS = 1_000_000
_S = 1_000_000_000


@dataclass(frozen=True)
class BinanceSettings:
    """Addresses and patience; the defaults are for Binance itself."""

    rest_url: str = "https://api.binance.com"
    stream_url: str = "wss://stream.binance.com:9443"  # the adapter adds /stream
    api_url: str = "wss://ws-api.binance.com:443/ws-api/v3"

    recv_window: int = 5 * _S  # the venue refuses a request that reaches it later than this after its signing
    answer_timeout: int = 5 * _S  # an order, cancel or query unanswered so long is in doubt
    rest_timeout: int = 10 * _S
    stream_patience: int = 5 * _S  # what an answer has told and the user stream has not, so long after: it is frozen

    connect_timeout: int = 10 * _S  # from asking for a connection to being subscribed on it
    backoff: int = 500 * _MS  # before the first new attempt; doubles with each failure
    most_backoff: int = 30 * _S
    settled: int = 60 * _S  # a connection that lasted so long was sound: the back-off starts anew
    attempts: int = 60  # connections opened in `attempts_in` at most, over all streams
    attempts_in: int = 300 * _S
    probe_after: int = 5 * _S  # silence on a connection after which it is asked for a sign of life
    silence: int = 12 * _S  # after which it is given up
    connection_life: int = 23 * 3600 * _S  # the venue cuts after 24 hours
    overlap: int = 2 * _S  # how long the old connection is still read once the new one is subscribed

    snapshot_levels: int = 1000  # a side; its weight follows from it
    snapshot_retry: int = 1 * _S  # between two snapshots of one symbol
    stale_after: int = 3 * _S  # a symbol without any message while others talk
    silent_after: int = 10 * _S  # no market message at all
    behind_after: int = 2 * _S  # the depth stream without a message although the best prices have moved on
    apart_after: int = 2 * _S  # best prices other than the book's, and older
    watch_interval: int = 250 * _MS

    clock_interval: int = 300 * _S  # between two measurements of the venue's clock
    clock_samples: int = 3
    clock_bound: int = 500 * _MS  # a jump of the offset between two measurements beyond it is drift
    clock_far: int = 2 * _S  # an offset beyond it is worth a note
    rules_interval: int = 3600 * _S  # between two readings of the instruments' rules and fees
    doubt_hold: int = 60 * _S  # how long an unreadable message keeps quotes away; doubles if it happens again
