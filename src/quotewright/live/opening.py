"""What a session must learn from a venue before it can be put together: instruments, fees, and where the market is."""

from __future__ import annotations

import asyncio
import ssl
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec

from quotewright.domain.catalogue import known_instruments
from quotewright.domain.errors import InputError, PauseError
from quotewright.domain.instrument import Instrument
from quotewright.live.settings import VenueSettings
from quotewright.sessions.wiring import Market
from quotewright.venues.binance_rules import stated_instrument
from quotewright.venues.binance_settings import BinanceSettings
from quotewright.venues.binance_wire import Commission, ExchangeInfo
from quotewright.venues.signing import Ed25519Key, HmacKey, Key

_TIME_OUT = 10.0
_ATTEMPTS = 20  # some 40 s: a venue that is just being started


def binance_settings(venue: VenueSettings) -> BinanceSettings:
    """Addresses of a venue that speaks Binance Spot's language: all under one URL, or Binance's own three hosts."""
    if "binance.com" in venue.url:
        return BinanceSettings(rest_url=venue.url)
    stream = "ws" + venue.url.removeprefix("http")
    return BinanceSettings(rest_url=venue.url, stream_url=stream, api_url=f"{stream}/ws-api/v3")


def read_key(path: Path) -> Key:
    """The key in a TOML file: `api_key` with `secret`, or with `private_key`, a PEM file. Others must not read it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError("keys", str(path), f"cannot be read as TOML: {type(error).__name__}") from None
    if mode & 0o077:
        raise InputError("keys", str(path), f"can be read by others: chmod 600 {path}")
    name = content.get("api_key")
    if not isinstance(name, str) or not name:
        raise InputError("keys", str(path), "has no api_key")
    if isinstance(content.get("secret"), str):
        return HmacKey(name, content["secret"])
    if isinstance(content.get("private_key"), str):
        try:
            return Ed25519Key.from_pem(name, (path.parent / content["private_key"]).read_bytes())
        except OSError as error:
            raise InputError("private_key", content["private_key"], f"cannot be read: {error.strerror}") from None
    raise InputError("keys", str(path), "has neither a secret nor a private_key")


async def learn_binance(venue: VenueSettings, key: Key | None, told: Callable[[str], None]) -> list[Market]:
    """Instruments and mids of a venue; raises InputError for symbols it does not have, PauseError if it is away."""
    addresses = binance_settings(venue)
    context = ssl.create_default_context(cafile=venue.ca_file or None) if venue.url.startswith("https") else False
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(_TIME_OUT)) as http:
        text = await _get(http, f"{addresses.rest_url}/api/v3/exchangeInfo", told)
        info = msgspec.json.decode(text, type=ExchangeInfo)
        stated = {symbol.symbol: symbol for symbol in info.symbols}
        found: list[Market] = []
        for symbol in venue.instruments:
            if symbol not in stated:
                some = ", ".join(list(stated)[:8])
                raise InputError("instruments", symbol, f"is not at {venue.name}; it has {some}")
            fees = await _commission(http, addresses, symbol, key, told) if key is not None else None
            instrument = stated_instrument(venue.name, stated[symbol], fees)
            if fees is None:
                instrument = _with_known_rates(instrument)
            text = await _get(http, f"{addresses.rest_url}/api/v3/depth?symbol={symbol}&limit=5", told)
            found.append(Market(instrument.name, instrument, False, _mid2(instrument, msgspec.json.decode(text))))
    return found


def _with_known_rates(instrument: Instrument) -> Instrument:
    """Without a key a venue does not say what we pay: the catalogue's rates, or Binance's lowest tier."""
    for known in known_instruments():
        if (known.venue, known.symbol) == (instrument.venue, instrument.symbol):
            return _rated(instrument, known.maker_rate, known.taker_rate)
    return _rated(instrument, "0.001", "0.001")


def _rated(instrument: Instrument, maker: str, taker: str) -> Instrument:
    return replace(instrument, maker_rate=maker, taker_rate=taker)


def _mid2(instrument: Instrument, book: Any) -> int:
    if not book["bids"] or not book["asks"]:
        raise PauseError(f"{instrument.name}: one side of the book is empty: limits cannot be sized; try again later")
    return instrument.price_ticks(book["bids"][0][0]) + instrument.price_ticks(book["asks"][0][0])


async def _commission(
    http: aiohttp.ClientSession, addresses: BinanceSettings, symbol: str, key: Key, told: Callable[[str], None]
) -> Commission:
    server = msgspec.json.decode(await _get(http, f"{addresses.rest_url}/api/v3/time", told))["serverTime"]
    query = f"symbol={symbol}&timestamp={server}"
    signature = quote(key.sign(query.encode()).decode(), safe="")
    url = f"{addresses.rest_url}/api/v3/account/commission?{query}&signature={signature}"
    return msgspec.json.decode(await _get(http, url, told, {"X-MBX-APIKEY": key.name}), type=Commission)


async def _get(
    http: aiohttp.ClientSession, url: str, told: Callable[[str], None], headers: dict[str, str] | None = None
) -> bytes:
    shown = url.partition("?")[0]
    why = ""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with http.get(url, headers=headers) as reply:
                body = await reply.read()
                if reply.status == 200:
                    return body
                why = f"HTTP {reply.status}: {body[:200].decode(errors='replace')}"
                if reply.status in (400, 401, 403):
                    raise InputError("venue", shown, why)
                wait = float(reply.headers.get("Retry-After", 2))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why, wait = f"{type(error).__name__}: {error}", 2.0
        if attempt < _ATTEMPTS:
            if attempt == 1:
                told(f"{shown} does not answer yet ({why}); trying on for a while")
            await asyncio.sleep(min(wait, 10.0))
    raise PauseError(f"{shown} cannot be reached; is the venue up, and the address right? ({why})")
