"""Which decoder reads a venue's messages."""

from __future__ import annotations

from quotewright.importers.wire_binance import BinanceFutures
from quotewright.importers.wire_bitfinex import Bitfinex
from quotewright.importers.wire_bitmex import Bitmex
from quotewright.importers.wire_bitstamp import Bitstamp
from quotewright.importers.wire_bybit import BybitLinear, BybitSpot
from quotewright.importers.wire_coinbase import Coinbase
from quotewright.importers.wire_crypto_com import CryptoCom
from quotewright.importers.wire_decoder import Decoder
from quotewright.importers.wire_deribit import Deribit
from quotewright.importers.wire_dydx import Dydx
from quotewright.importers.wire_huobi import HuobiInverse, HuobiLinear
from quotewright.importers.wire_hyperliquid import Hyperliquid
from quotewright.importers.wire_independent_reserve import IndependentReserve
from quotewright.importers.wire_kraken import Kraken
from quotewright.importers.wire_kraken_futures import KrakenFutures
from quotewright.importers.wire_kucoin import Kucoin
from quotewright.importers.wire_okx import Okx
from quotewright.importers.wire_phemex import Phemex

DECODERS: dict[str, type[Decoder]] = {
    "binance-usdm": BinanceFutures,
    "binance-coinm": BinanceFutures,
    "bitfinex": Bitfinex,
    "bitmex": Bitmex,
    "bitstamp": Bitstamp,
    "bybit-linear": BybitLinear,
    "bybit-spot": BybitSpot,
    "coinbase": Coinbase,
    "crypto-com": CryptoCom,
    "deribit": Deribit,
    "dydx": Dydx,
    "huobi-dm-linear-swap": HuobiLinear,
    "huobi-dm-swap": HuobiInverse,
    "hyperliquid": Hyperliquid,
    "independent-reserve": IndependentReserve,
    "kraken": Kraken,
    "kraken-futures": KrakenFutures,
    "kucoin": Kucoin,
    "okx": Okx,
    "phemex": Phemex,
}
"""By the instrument's venue."""
