"""A ccxt exchange object made fit for trading: nothing coalesced, nothing throttled, every request's fate recorded.

ccxt's classes differ by venue, so the one wanted is subclassed when it is loaded. What is changed, and why:

    caches of orders, own trades    `watch_orders` hands on the newest state only (60 reports on the wire, 33 seen):
                                    every append to a cache is told at once, before the cache merges it
    `handle_message`                an exception in a message handler ends ccxt's receive loop in silence: it is
                                    caught and told; so are messages that ccxt ignores or hangs on
    draining aiohttp's queue        with aiohttp 3.14 the queue then thinks itself ever fuller and, after some thousand
                                    messages, reads no more, in silence: the queue is left alone
    `sign`, `fetch`, `handle_errors`  whether a request left, what status came, whether it was the venue that refused
    throttling, retries             off: the gateway budgets, and an order must never be sent twice
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any

from quotewright.domain.errors import InputError, MissingExtraError
from quotewright.venues.ccxt_settings import CcxtKey, CcxtSettings

BINANCE_FAMILY = frozenset({"binance", "binanceus", "binanceusdm", "binancecoinm"})


@dataclass(slots=True)
class Fate:
    """What is known of a command's requests: the last one's answer, and whether any that matters left."""

    critical: bool = False  # the request being made is signed, or changes something
    sent: bool = False  # a critical request was handed to the network
    status: int = 0  # HTTP
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str = ""
    refused: bool = False  # the exception was made of the venue's own answer


FATE: ContextVar[Fate | None] = ContextVar("FATE", default=None)


@dataclass(frozen=True, slots=True)
class Taps:
    """What an exchange tells while it works; each is called from within ccxt and must not raise."""

    order: Callable[[Any], None]
    trade: Callable[[Any], None]
    message: Callable[[Any, str], None]  # (message, what is wrong with it); "" for the venue's own warnings
    lost: Callable[[str], None]  # a WebSocket connection ended
    headers: Callable[[Mapping[str, str]], None]


def ccxt_pro() -> ModuleType:
    """The `ccxt.pro` module; MissingExtraError where ccxt is not installed."""
    try:
        import ccxt.pro
    except ImportError:
        raise MissingExtraError("this venue's adapter needs: pip install 'quotewright[ccxt]'") from None
    return ccxt.pro


def make_exchange(settings: CcxtSettings, key: CcxtKey | None, taps: Taps, *, exact: bool) -> Any:
    """The exchange object; `exact`: numbers as the venue's strings (orders, balances), else floats (books).

    Raises InputError for a venue that ccxt does not know, MissingExtraError without ccxt.
    """
    base = getattr(ccxt_pro(), settings.exchange, None) if settings.exchange in ccxt_pro().exchanges else None
    if base is None:
        raise InputError("exchange", settings.exchange, "is not a venue that ccxt has WebSockets for")
    config: dict[str, Any] = {
        "enableRateLimit": False,
        "timeout": settings.time_out // 10**6,
        "options": {"maxRetriesOnFailure": 0, "recvWindow": settings.request_window // 10**6, **settings.options},
    }
    if settings.ca_file:
        config["cafile"] = settings.ca_file
    if key is not None:
        config |= {"apiKey": key.api_key, "secret": key.secret, "password": key.password, "uid": key.uid}
    exchange = _tapped(base, taps)(config)
    exchange.streaming = {**exchange.streaming, "keepAlive": settings.ping_interval // 10**6}
    if exact:
        exchange.number = str
    if settings.exchange in BINANCE_FAMILY:
        _narrow_binance(exchange, settings)
    if settings.base_url:
        exchange.urls["api"] = _redirected(exchange.urls["api"], settings.base_url.rstrip("/"))
    return exchange


def _narrow_binance(exchange: Any, settings: CcxtSettings) -> None:
    """Only the markets asked for, and no wallet calls at start: they need permissions that trading doesn't."""
    exchange.has["fetchCurrencies"] = False
    exchange.options["fetchMargins"] = False
    types = {"binanceusdm": ["linear"], "binancecoinm": ["inverse"]}.get(settings.exchange, ["spot"])
    exchange.options["fetchMarkets"] = settings.options.get("fetchMarkets", {"types": types})
    if settings.base_url:  # which rules and error codes hold, ccxt reads off the host's name
        spot = types == ["spot"]
        exchange.is_spot_url = lambda client: spot  # pyright: ignore[reportUnknownLambdaType]
        named = exchange.get_exceptions_by_url
        official = {"spot": "https://api.", "linear": "https://fapi.", "inverse": "https://dapi."}[types[0]]
        url = official + (exchange.hostname or "binance.com") + "/"
        exchange.get_exceptions_by_url = lambda _, kind: named(url, kind)  # pyright: ignore[reportUnknownLambdaType]


def _redirected(urls: Any, base: str) -> Any:
    """The same tree of URLs on another host: paths are kept, wss becomes ws where the base is http."""
    if isinstance(urls, dict):
        return {name: _redirected(url, base) for name, url in urls.items()}  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(urls, str) or "://" not in urls:
        return urls
    scheme, rest = urls.split("://", 1)
    path = rest[rest.find("/") :] if "/" in rest else ""
    return ("ws" + base.removeprefix("http") if scheme.startswith("ws") else base) + path


def _tapped(base: Any, taps: Taps) -> Any:
    """A subclass of an exchange class that tells `taps` what passes."""

    class Tapped(base):  # type: ignore[misc]
        """The venue's class with every report delivered and every failure recorded."""

        @property
        def orders(self) -> Any:
            return self.__dict__.get("_orders")

        @orders.setter
        def orders(self, kept: Any) -> None:
            self.__dict__["_orders"] = _told(kept, taps.order)

        @property
        def myTrades(self) -> Any:  # noqa: N802
            return self.__dict__.get("_my_trades")

        @myTrades.setter
        def myTrades(self, kept: Any) -> None:  # noqa: N802
            self.__dict__["_my_trades"] = _told(kept, taps.trade)

        def client(self, url: Any) -> Any:
            venue: Any = super()
            made: Any = venue.client(url)
            made.__class__ = _left_alone(made.__class__)
            return made

        def handle_message(self, client: Any, message: Any) -> Any:
            venue: Any = super()
            if _event_kind(message) in {"eventStreamTerminated", "serverShutdown"}:
                taps.message(message, "")
            try:
                return venue.handle_message(client, message)
            except Exception as error:
                taps.message(message, f"{type(error).__name__}: {error}")

        def on_error(self, client: Any, error: Any) -> None:
            venue: Any = super()
            if self.clients.get(client.url) is client:  # else it is one that was replaced: ccxt would drop the new one
                venue.on_error(client, error)
                taps.lost(str(error) or type(error).__name__)

        def on_close(self, client: Any, error: Any) -> None:
            venue: Any = super()
            if self.clients.get(client.url) is client:
                venue.on_close(client, error)
                taps.lost(f"closed by the venue, code {error}")

        def sign(self, path: Any, api: Any = "public", method: Any = "GET", *rest: Any, **named: Any) -> Any:
            venue: Any = super()
            if (fate := FATE.get()) is not None:
                fate.critical = method != "GET" or "public" not in str(api).lower()
            return venue.sign(path, api, method, *rest, **named)

        async def fetch(self, *request: Any, **named: Any) -> Any:
            venue: Any = super()
            if (fate := FATE.get()) is None:
                return await venue.fetch(*request, **named)
            fate.status, fate.headers, fate.body, fate.refused = 0, {}, "", False
            before = fate.sent
            fate.sent = before or fate.critical
            try:
                return await venue.fetch(*request, **named)
            except Exception as error:
                if never_left(error):
                    fate.sent = before
                raise

        def on_rest_response(
            self, code: Any, reason: Any, url: Any, method: Any, headers: Any, body: Any, *rest: Any
        ) -> Any:
            venue: Any = super()
            lower = {str(name).lower(): str(value) for name, value in headers.items()}
            if (fate := FATE.get()) is not None:
                fate.status, fate.headers, fate.body = int(code), lower, body
            taps.headers(lower)
            return venue.on_rest_response(code, reason, url, method, headers, body, *rest)

        def handle_errors(self, *answer: Any) -> Any:
            venue: Any = super()
            try:
                return venue.handle_errors(*answer)
            except Exception:
                if (fate := FATE.get()) is not None:
                    fate.refused = True
                raise

    return Tapped


@cache
def _left_alone(kind: Any) -> Any:
    """A class of connections that never takes messages out of aiohttp's queue itself."""
    return kind if kind.__dict__.get("buffer", True) is None else type(kind.__name__, (kind,), {"buffer": None})


def _told(kept: Any, tap: Callable[[Any], None]) -> Any:
    """The cache ccxt made, telling of every append before it takes it."""
    if kept is None or not hasattr(kept, "append"):
        return kept
    append = kept.append

    def tell_and_append(item: Any) -> None:
        tap(item)
        append(item)

    with contextlib.suppress(AttributeError):
        kept.append = tell_and_append
    return kept


def _event_kind(message: Any) -> str:
    if not isinstance(message, dict):
        return ""
    inner: Any = message.get("event")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    named: Any = inner if isinstance(inner, dict) else message  # pyright: ignore[reportUnknownVariableType]
    return str(named.get("e", ""))


def never_left(error: BaseException) -> bool:
    """Whether an exception proves that no byte of the request left: no connection was made."""
    import aiohttp

    return isinstance(error.__cause__, aiohttp.ClientConnectorError)
