"""The usual lines of a raw Binance recording, read compiled: bytes in, event rows out, exact or not at all.

A line is taken here only if it is `<local_ns> {"stream":"<symbol>@<stream>","data":{…}}` without white space, escapes
or anything else unusual, every field it needs is there once with a value of its type, every price and quantity is a
whole number of steps, and it continues what came before: time goes forward, the trade is new, the depth update follows
the last one. Any other line is left, untouched, to `binance_ws`, which knows all forms and why each refusal.
"""

# pyright: basic
# numba has no type stubs, and records have fields that no type checker sees.

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.events import BEST, ESTIMATED_TIME, LAST, LEVEL, NOTE, TRADE
from quotewright.domain.kernel import kernel, subkernel
from quotewright.importers.binance_fields import (
    ASK_QTY,
    ASKS,
    AT,
    BID_QTY,
    BIDS,
    BOOLEAN,
    CLOSE,
    EVENT_TIME,
    FIRST_ID,
    LAST_ID,
    MAKER,
    NINE,
    PREVIOUS_ID,
    PRICE,
    QTY,
    QUOTE,
    SPACE,
    SYMBOL,
    TIME,
    TRADE_ID,
    TRADE_KIND,
    ZERO,
    field_count,
    follows,
    is_list,
    plain,
    read_fields,
    text_is,
    time_of,
    whole,
)

DONE = 0  # all lines are read
UNUSUAL = 1  # the next line is not for this reader
FULL = 2  # there may not be room for the rows of the next line

_STREAM, _DATA = np.frombuffer(b'{"stream":"', np.uint8), np.frombuffer(b',"data":{', np.uint8)
_BEST_NAME, _TRADE_NAME = np.frombuffer(b'bookTicker"', np.uint8), np.frombuffer(b'trade"', np.uint8)
_DEPTH_NAME, _MARKET = np.frombuffer(b"depth", np.uint8), np.frombuffer(b"MARKET", np.uint8)

_BUY, _SELL = 1 << 8, 255 << 8  # the sides of a row, in its last word
_MARK_LAST = LAST << 16
_MARK_ESTIMATED = ESTIMATED_TIME << 16


@kernel
def read_lines(text: Any, ends: Any, line: int, readers: Any, symbol: Any, rows: Any) -> tuple[int, int]:
    """Read lines from number `line` on; returns the number of the first that was not read, and why it stopped.

    `text` is bytes, `ends` where each line ends, `rows` event records as seven words each, see `storage.run_kernels`.
    """
    reader = readers[0]
    while line < len(ends):
        start = ends[line - 1] + 1 if line > 0 else 0
        end = ends[line]
        if reader.rows + (end - start) // 8 + 2 > len(rows):
            return line, FULL
        if not _line(text, start, end, reader, symbol, rows):
            return line, UNUSUAL
        line += 1
    return line, DONE


@subkernel
def _line(text: Any, start: int, end: int, reader: Any, symbol: Any, rows: Any) -> bool:
    reader.at = start
    reader.seen = 0
    local = _local_time(text, end, reader)
    return take_message(text, end, reader, local, symbol, rows)


@subkernel
def take_message(text: Any, end: int, reader: Any, local: int, symbol: Any, rows: Any) -> bool:
    """Read one wrapped message, which begins where the reader is; False, and nothing is taken, if it is unusual."""
    if local < reader.local or not follows(text, end, reader, _STREAM):
        return False
    while reader.at < end and text[reader.at] != AT:
        if not plain(text[reader.at]):
            return False
        reader.at += 1
    reader.at += 1
    if follows(text, end, reader, _BEST_NAME):
        kind = BEST
    elif follows(text, end, reader, _TRADE_NAME):
        kind = TRADE
    elif follows(text, end, reader, _DEPTH_NAME) and reader.at < end and text[reader.at] in (QUOTE, AT):
        kind = LEVEL
        while reader.at < end and text[reader.at] != QUOTE:
            if not plain(text[reader.at]):
                return False
            reader.at += 1
        reader.at += 1
    else:
        return False
    if not follows(text, end, reader, _DATA) or not read_fields(text, end, reader, kind == LEVEL, rows):
        return False
    if reader.at + 1 != end or text[reader.at] != CLOSE or not text_is(text, reader, SYMBOL, symbol):
        return False
    if kind == BEST:
        taken = _best(text, reader, rows, local)
    elif kind == TRADE:
        taken = _trade(text, reader, rows, local)
    else:
        taken = _depth(reader, rows, local)
    if taken:
        reader.local = local
        reader.accepted += 1
    return taken


@subkernel
def _local_time(text: Any, end: int, reader: Any) -> int:
    """The time in front of the line and the space after it, or -1."""
    start = reader.at
    value = 0
    while reader.at < end and ZERO <= text[reader.at] <= NINE and reader.at - start < 19:
        value = value * 10 + (int(text[reader.at]) - ZERO)
        reader.at += 1
    digits = reader.at - start
    if digits == 0 or (digits == 19 and text[start] == NINE) or reader.at >= end or text[reader.at] != SPACE:
        return -1
    reader.at += 1
    return value


@subkernel
def _write(reader: Any, rows: Any, row: int, exch_ts: int, local: int, seq: int, word: int) -> None:
    rows[row, 0] = exch_ts
    rows[row, 1] = local
    rows[row, 2] = seq
    rows[row, 3] = 0
    rows[row, 6] = word | reader.instrument


@subkernel
def _best(text: Any, reader: Any, rows: Any, local: int) -> bool:
    bid = field_count(text, reader, BIDS, reader.price_digits, reader.price_scale)
    ask = field_count(text, reader, ASKS, reader.price_digits, reader.price_scale)
    bid_qty = field_count(text, reader, BID_QTY, reader.qty_digits, reader.qty_scale)
    ask_qty = field_count(text, reader, ASK_QTY, reader.qty_digits, reader.qty_scale)
    seq, time = whole(reader, LAST_ID), time_of(reader, TIME)
    if bid < 0 or ask < 0 or bid_qty < 0 or ask_qty < 0 or seq < 0 or time < 0:
        return False
    word = BEST
    if reader.futures and time:
        reader.exchange = max(reader.exchange, time)
    else:
        time = reader.exchange if reader.exchange else local
        word |= _MARK_ESTIMATED
    row = reader.rows
    _write(reader, rows, row, time, local, seq, word | _BUY)
    _write(reader, rows, row + 1, time, local, seq, word | _SELL | _MARK_LAST)
    rows[row, 4], rows[row, 5] = bid, bid_qty
    rows[row + 1, 4], rows[row + 1, 5] = ask, ask_qty
    reader.rows += 2
    return True


@subkernel
def _trade(text: Any, reader: Any, rows: Any, local: int) -> bool:
    price = field_count(text, reader, PRICE, reader.price_digits, reader.price_scale)
    qty = field_count(text, reader, QTY, reader.qty_digits, reader.qty_scale)
    seq, time = whole(reader, TRADE_ID), time_of(reader, TIME)
    if price <= 0 or qty <= 0 or seq <= reader.last_trade or time < 0 or not reader.seen >> TIME & 1:
        return False
    if not reader.seen >> MAKER & 1 or reader.stop[MAKER] != BOOLEAN:
        return False
    if reader.seen >> TRADE_KIND & 1 and not text_is(text, reader, TRADE_KIND, _MARKET):
        return False
    reader.last_trade = seq
    reader.exchange = max(reader.exchange, time)
    row = reader.rows
    side = _SELL if reader.value[MAKER] else _BUY  # the buyer was the maker, so the seller took
    _write(reader, rows, row, time, local, seq, TRADE | side | _MARK_LAST)
    rows[row, 4], rows[row, 5] = price, qty
    reader.rows += 1
    return True


@subkernel
def _depth(reader: Any, rows: Any, local: int) -> bool:
    first, last = whole(reader, FIRST_ID), whole(reader, LAST_ID)
    sent, time = time_of(reader, EVENT_TIME), time_of(reader, TIME)
    previous = whole(reader, PREVIOUS_ID) if reader.seen >> PREVIOUS_ID & 1 else 0
    if first < 0 or last < first or previous < 0 or sent < 0 or time < 0 or not reader.seen >> EVENT_TIME & 1:
        return False
    if not (is_list(reader, BIDS) and is_list(reader, ASKS)):
        return False
    continues = previous == reader.last_id if reader.futures else first <= reader.last_id + 1
    if not (reader.in_sync and last > reader.last_id and continues):
        return False
    if not reader.futures or time == 0:
        time = sent
    reader.exchange = max(reader.exchange, time)
    reader.last_id = last
    reader.last_time = time
    start = reader.rows
    bids = reader.value[BIDS]
    count = bids + reader.value[ASKS]
    for i in range(count):
        _write(reader, rows, start + i, time, local, last, LEVEL | (_BUY if i < bids else _SELL))
    if count == 0:
        count = 1
        _write(reader, rows, start, time, local, last, NOTE)
        rows[start, 4], rows[start, 5] = 0, 0
    rows[start + count - 1, 6] |= _MARK_LAST
    reader.rows += count
    return True
