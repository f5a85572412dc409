"""What a venue sends in the live rows: one symbol's depth differences of 20 levels, and what comes before them."""

from __future__ import annotations

import json
from random import Random

SYMBOL = "BTCUSDT"
TICK, LOT = "0.01", "0.00001"
MID = 6_000_000  # ticks
FIRST_ID = 1_000  # of the snapshot
SNAPSHOT_LEVELS = 500  # a side
LEVELS = 10  # a side, in a difference
REACH = 60  # ticks from the mid in which differences fall
_TIME = 1_700_000_000_000  # ms
_INFO = {
    "timezone": "UTC",
    "serverTime": _TIME,
    "rateLimits": [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100_000},
    ],
    "exchangeFilters": [],
    "symbols": [
        {
            "symbol": SYMBOL,
            "status": "TRADING",
            "baseAsset": "BTC",
            "baseAssetPrecision": 8,
            "quoteAsset": "USDT",
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "permissions": ["SPOT"],
            "permissionSets": [["SPOT"]],
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": TICK},
                {"filterType": "LOT_SIZE", "minQty": LOT, "maxQty": "9000.00000000", "stepSize": LOT},
                {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
            ],
        }
    ],
}


def exchange_info() -> bytes:
    """The symbol's rules."""
    return json.dumps(_INFO).encode()


def snapshot() -> bytes:
    """The book that the differences join."""
    random = Random(1)
    sides = {
        name: [[_price(MID + sign * (1 + step)), _qty(random.randint(1, 500_000))] for step in range(SNAPSHOT_LEVELS)]
        for name, sign in (("bids", -1), ("asks", 1))
    }
    return json.dumps({"lastUpdateId": FIRST_ID, **sides}).encode()


def differences(count: int) -> list[bytes]:
    """So many of them; a fifth of the levels end, and the touch itself changes often."""
    random = Random(2)
    found: list[bytes] = []
    for number in range(count):
        levels = [
            ",".join(
                f'["{_price(MID + sign * (1 + place))}","{_qty(random.randint(1, 500_000) * (random.random() < 0.8))}"]'
                for place in sorted(random.sample(range(REACH), LEVELS))
            )
            for sign in (-1, 1)
        ]
        update = FIRST_ID + 1 + number
        text = (
            f'{{"e":"depthUpdate","E":{_TIME + number},"s":"{SYMBOL}","U":{update},"u":{update},'
            f'"b":[{levels[0]}],"a":[{levels[1]}]}}'
        )
        found.append(text.encode())
    return found


def wrapped(message: bytes) -> bytes:
    """As a combined stream sends it."""
    return b'{"stream":"%s@depth@100ms","data":%s}' % (SYMBOL.lower().encode(), message)


def book_after(messages: list[bytes], depth: int = 20) -> list[list[list[int]]]:
    """The first levels of both sides, in ticks and lots, by the plainest means."""
    sides: list[dict[int, int]] = [{}, {}]
    told = json.loads(snapshot())
    changes = [(told["bids"], told["asks"])]
    changes += [(each["b"], each["a"]) for each in map(json.loads, messages)]
    for change in changes:
        for levels, side in zip(change, sides, strict=True):
            for price, qty in levels:
                ticks, lots = ticks_of(price), lots_of(qty)
                if lots:
                    side[ticks] = lots
                else:
                    side.pop(ticks, None)
    return [
        [list(level) for level in sorted(side.items(), reverse=reverse)[:depth]]
        for side, reverse in zip(sides, (True, False), strict=True)
    ]


def ticks_of(price: str | float) -> int:
    """A price as the wire or ccxt has it."""
    return round(float(price) * 100)


def lots_of(qty: str | float) -> int:
    """A quantity as the wire or ccxt has it."""
    return round(float(qty) * 100_000)


def _price(ticks: int) -> str:
    return f"{ticks // 100}.{ticks % 100:02d}000000"


def _qty(lots: int) -> str:
    return f"{lots // 100_000}.{lots % 100_000:05d}000"
