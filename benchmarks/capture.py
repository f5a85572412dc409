"""A raw capture in the form that a recorder of Binance's combined futures streams writes, made from a feed."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from feed import Feed

from quotewright.domain.events import BID, CLEAR, TRADE

SYMBOL = "BTCUSDT"


def write_capture(feed: Feed, path: Path) -> None:
    """Lines of `<local ns> <JSON>`, gzipped: a REST snapshot, then `depth` and `trade` messages without a gap."""
    events = feed.events
    firsts = np.flatnonzero(np.diff(events["seq"], prepend=0))
    depth = 1  # our own update ids, so that trades leave no gap in those of the depth
    with gzip.open(path, "wt", compresslevel=1, encoding="ascii") as file:
        for number, update in enumerate(np.split(events, firsts[1:])):
            head = update[0]
            if head["kind"] == TRADE:
                body = _trade(head, number)
            elif head["kind"] == CLEAR:
                body = _snapshot(update, depth)
            else:
                body = _depth(update, depth + 1, depth)
                depth += 1
            file.write(f"{head['local_ts']} {body}\n")


def _levels(update: Any, side: int) -> str:
    return ",".join(f'["{_price(row["price"])}","{_qty(row["qty"])}"]' for row in update[update["side"] == side])


def _price(ticks: int) -> str:
    return f"{ticks // 10}.{ticks % 10}0"


def _qty(lots: int) -> str:
    return f"{lots // 1000}.{lots % 1000:03d}"


def _times(row: Any) -> tuple[int, int]:
    """Event and transaction time, ms."""
    transaction = int(row["exch_ts"]) // 1_000_000
    return transaction + 1, transaction


def _snapshot(update: Any, last: int) -> str:
    event, transaction = _times(update[0])
    return (
        f'{{"lastUpdateId":{last},"E":{event},"T":{transaction},'
        f'"bids":[{_levels(update, BID)}],"asks":[{_levels(update, -BID)}]}}'
    )


def _depth(update: Any, number: int, previous: int) -> str:
    event, transaction = _times(update[0])
    return (
        f'{{"stream":"btcusdt@depth@0ms","data":{{"e":"depthUpdate","E":{event},"T":{transaction},"s":"{SYMBOL}",'
        f'"U":{number},"u":{number},"pu":{previous},"b":[{_levels(update, BID)}],"a":[{_levels(update, -BID)}]}}}}'
    )


def _trade(row: Any, number: int) -> str:
    event, transaction = _times(row)
    price, qty = _price(row["price"]), _qty(row["qty"])
    seller = "true" if row["side"] != BID else "false"  # `m`: the buyer is the maker
    return (
        f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{event},"T":{transaction},"s":"{SYMBOL}",'
        f'"t":{number + 1},"p":"{price}","q":"{qty}","X":"MARKET","m":{seller}}}}}'
    )
