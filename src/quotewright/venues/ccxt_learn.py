"""What a session must know of a ccxt venue's markets before it can be put together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from quotewright.domain.errors import InputError, PauseError
from quotewright.domain.instrument import Instrument
from quotewright.venues import ccxt_markets
from quotewright.venues.ccxt_exchange import Taps, ccxt_pro, make_exchange
from quotewright.venues.ccxt_reports import plain
from quotewright.venues.ccxt_settings import SECOND, CcxtKey, CcxtSettings


class Learned(NamedTuple):
    """A market as the venue states it; `mid2` is its mid in half ticks."""

    instrument: Instrument
    mid2: int


async def learn_ccxt(settings: CcxtSettings, venue: str, symbols: Sequence[str], key: CcxtKey | None) -> list[Learned]:
    """Instruments and mids, by the venue's own symbols; rates of the account, with a key.

    Raises InputError for a symbol that it does not have and a key that it does not take, PauseError if it cannot be
    reached or a book is one-sided, MissingExtraError without ccxt.
    """
    silent = Taps(_ignore, _ignore, _ignore, _ignore, _ignore)
    exchange = make_exchange(settings, key, silent, exact=True)
    try:
        async with asyncio.timeout(settings.start_time_out / SECOND):
            await exchange.load_markets()
            return [await _learn(exchange, venue, symbol) for symbol in symbols]
    except ccxt_pro().AuthenticationError as error:
        raise InputError("keys", "…", f"are not accepted by {settings.exchange}: {error}") from error
    except (TimeoutError, ccxt_pro().BaseError) as error:
        raise PauseError(f"{settings.exchange} cannot be asked: {type(error).__name__}: {error}") from error
    finally:
        await exchange.close()


async def _learn(exchange: Any, venue: str, symbol: str) -> Learned:
    market = ccxt_markets.market_named(exchange, symbol)
    if market is None:
        raise InputError("instruments", symbol, f"is not at {exchange.id}; it has {', '.join(_some(exchange))}")
    fees = await ccxt_markets.told_fees(exchange, market)
    instrument = ccxt_markets.stated_instrument(exchange, market, venue, symbol, fees)
    book = await exchange.fetch_order_book(market["symbol"], 5)
    if not book["bids"] or not book["asks"]:
        raise PauseError(f"{instrument.name}: one side of the book is empty: limits cannot be sized; try again later")
    bid, ask = (Fraction(plain(book[side][0][0], "price")) for side in ("bids", "asks"))
    return Learned(instrument, round((bid + ask) / instrument.price_step.fraction))


def _some(exchange: Any) -> list[str]:
    return sorted(exchange.markets_by_id)[:8]


def _ignore(*_: Any) -> None:
    """Nobody listens yet."""
