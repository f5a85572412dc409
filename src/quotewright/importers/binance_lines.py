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

READER = np.dtype(
    [
        ("futures", "i8"),
        ("price_digits", "i8"),  # a tick is digits * 10**-scale
        ("price_scale", "i8"),
        ("qty_digits", "i8"),
        ("qty_scale", "i8"),
        ("local", "i8"),  # the latest local time, ns
        ("exchange", "i8"),  # the latest exchange time seen, ns
        ("last_trade", "i8"),
        ("in_sync", "i8"),  # a depth update was applied on top of a snapshot, and no gap since
        ("last_id", "i8"),  # the book stands at it
        ("last_time", "i8"),  # exchange time of the depth update applied last, ns
        ("accepted", "i8"),  # lines
        ("rows", "i8"),  # written so far
        ("at", "i8"),  # in the line: the next byte
        ("seen", "i8"),  # one bit for each field
        ("value", "i8", (64,)),  # by field: an integer, or where its text begins
        ("stop", "i8", (64,)),  # by field: where its text ends, or one of the forms below
    ],
    align=True,
)

DONE = 0  # all lines are read
UNUSUAL = 1  # the next line is not for this reader
FULL = 2  # there may not be room for the rows of the next line

_SPACE, _QUOTE, _COMMA, _COLON, _AT = (ord(c) for c in ' ",:@')
_ZERO, _NINE, _POINT, _BACKSLASH = (ord(c) for c in "09.\\")
_OPEN, _CLOSE, _OPEN_LIST, _CLOSE_LIST = (ord(c) for c in "{}[]")
_TRUE, _FALSE = np.frombuffer(b"true", np.uint8), np.frombuffer(b"false", np.uint8)
_STREAM, _DATA = np.frombuffer(b'{"stream":"', np.uint8), np.frombuffer(b',"data":{', np.uint8)
_BEST_NAME, _TRADE_NAME = np.frombuffer(b'bookTicker"', np.uint8), np.frombuffer(b'trade"', np.uint8)
_DEPTH_NAME, _MARKET = np.frombuffer(b"depth", np.uint8), np.frombuffer(b"MARKET", np.uint8)

# fields by their letters: A to Z are 0 to 25, a to z are 32 to 57
_A, _B, _E, _T, _U, _X = (ord(c) - 65 for c in "ABETUX")
_a, _b, _m, _p, _q, _s, _t, _u = (ord(c) - 65 for c in "abmpqstu")
_PU = 60
_OTHER = 63

_INTEGER, _BOOLEAN, _LIST = 0, -1, -2  # forms of a field that is no text; of a list, `value` is its length

_MS = 1_000_000
_LAST_MS = (2**63 - 1) // _MS
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
    if local < reader.local or not _follows(text, end, reader, _STREAM):
        return False
    while reader.at < end and text[reader.at] != _AT:
        if not _plain(text[reader.at]):
            return False
        reader.at += 1
    reader.at += 1
    if _follows(text, end, reader, _BEST_NAME):
        kind = BEST
    elif _follows(text, end, reader, _TRADE_NAME):
        kind = TRADE
    elif _follows(text, end, reader, _DEPTH_NAME) and reader.at < end and text[reader.at] in (_QUOTE, _AT):
        kind = LEVEL
        while reader.at < end and text[reader.at] != _QUOTE:
            if not _plain(text[reader.at]):
                return False
            reader.at += 1
        reader.at += 1
    else:
        return False
    if not _follows(text, end, reader, _DATA) or not _fields(text, end, reader, kind == LEVEL, rows):
        return False
    if reader.at + 1 != end or text[reader.at] != _CLOSE or not _text_is(text, reader, _s, symbol):
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
    while reader.at < end and _ZERO <= text[reader.at] <= _NINE and reader.at - start < 19:
        value = value * 10 + (int(text[reader.at]) - _ZERO)
        reader.at += 1
    digits = reader.at - start
    if digits == 0 or (digits == 19 and text[start] == _NINE) or reader.at >= end or text[reader.at] != _SPACE:
        return -1
    reader.at += 1
    return value


@subkernel
def _follows(text: Any, end: int, reader: Any, expected: Any) -> bool:
    """Whether these bytes come next; steps over them if so."""
    if reader.at + len(expected) > end:
        return False
    for i in range(len(expected)):
        if text[reader.at + i] != expected[i]:
            return False
    reader.at += len(expected)
    return True


@subkernel
def _plain(byte: int) -> bool:
    """Whether a byte in a string stands for itself: ASCII, no escape, no control character, no end."""
    return byte >= _SPACE and byte < 127 and byte != _BACKSLASH and byte != _QUOTE


@subkernel
def _fields(text: Any, end: int, reader: Any, depth: bool, rows: Any) -> bool:
    """Read the fields of the data up to its closing brace; levels go to the rows to come, as price and quantity."""
    while True:
        field = _name(text, end, reader)
        if field < 0 or reader.at >= end:
            return False
        if field != _OTHER:
            if reader.seen >> field & 1:
                return False
            reader.seen |= 1 << field
        byte = text[reader.at]
        if byte == _QUOTE:
            sound = _string(text, end, reader, field)
        elif _ZERO <= byte <= _NINE:
            sound = _integer(text, end, reader, field)
        elif byte == _OPEN_LIST and depth and field in (_b, _a):
            sound = _levels(text, end, reader, field, rows)
        else:
            sound = _truth(text, end, reader, field)
        if not sound or reader.at >= end:
            return False
        byte = text[reader.at]
        reader.at += 1
        if byte == _CLOSE:
            return True
        if byte != _COMMA:
            return False


@subkernel
def _name(text: Any, end: int, reader: Any) -> int:
    """The number of the next field, its name and colon stepped over; -1 if there is none."""
    if reader.at >= end or text[reader.at] != _QUOTE:
        return -1
    reader.at += 1
    start = reader.at
    while reader.at < end and text[reader.at] != _QUOTE:
        if not _plain(text[reader.at]):
            return -1
        reader.at += 1
    length = reader.at - start
    reader.at += 2
    if reader.at > end or text[reader.at - 1] != _COLON:
        return -1
    first = int(text[start])
    if length == 1 and (65 <= first <= 90 or 97 <= first <= 122):
        return first - 65
    if length == 2 and first == _p + 65 and text[start + 1] == _u + 65:
        return _PU
    return _OTHER


@subkernel
def _string(text: Any, end: int, reader: Any, field: int) -> bool:
    reader.at += 1
    reader.value[field] = reader.at
    while reader.at < end and text[reader.at] != _QUOTE:
        if not _plain(text[reader.at]):
            return False
        reader.at += 1
    reader.stop[field] = reader.at
    reader.at += 1
    return True


@subkernel
def _integer(text: Any, end: int, reader: Any, field: int) -> bool:
    start = reader.at
    value = 0
    while reader.at < end and _ZERO <= text[reader.at] <= _NINE:
        value = value * 10 + (int(text[reader.at]) - _ZERO)
        reader.at += 1
        if reader.at - start > 18:
            return False
    reader.value[field] = value
    reader.stop[field] = _INTEGER
    return text[start] != _ZERO or reader.at - start == 1


@subkernel
def _truth(text: Any, end: int, reader: Any, field: int) -> bool:
    """True or false, as 1 or 0."""
    reader.stop[field] = _BOOLEAN
    reader.value[field] = 1
    if _follows(text, end, reader, _TRUE):
        return True
    reader.value[field] = 0
    return _follows(text, end, reader, _FALSE)


@subkernel
def _levels(text: Any, end: int, reader: Any, field: int, rows: Any) -> bool:
    """Read `[["price","quantity"],…]`; bids have to come before asks."""
    first = reader.rows
    if field == _a:
        if not _is_list(reader, _b):
            return False
        first += reader.value[_b]
    elif reader.seen >> _a & 1:
        return False
    at = reader.at + 1
    row = first
    if at < end and text[at] == _CLOSE_LIST:
        at += 1
    else:
        while True:
            if at + 2 >= end or text[at] != _OPEN_LIST or text[at + 1] != _QUOTE:
                return False
            price, at = _count(text, at + 2, end, reader.price_digits, reader.price_scale)
            if price <= 0 or at + 2 >= end or text[at] != _COMMA or text[at + 1] != _QUOTE:
                return False
            qty, at = _count(text, at + 2, end, reader.qty_digits, reader.qty_scale)
            if qty < 0 or at + 1 >= end or text[at] != _CLOSE_LIST:
                return False
            rows[row, 4] = price
            rows[row, 5] = qty
            row += 1
            at += 2
            if text[at - 1] == _CLOSE_LIST:
                break
            if text[at - 1] != _COMMA:
                return False
    reader.at = at
    reader.value[field] = row - first
    reader.stop[field] = _LIST
    return True


@subkernel
def _count(text: Any, at: int, end: int, digits: int, scale: int) -> tuple[int, int]:
    """How many steps the decimal from `at` to its closing quote is, and what comes after the quote; -1 if not exact."""
    start = at
    value = 0
    while at < end and _ZERO <= text[at] <= _NINE:
        value = value * 10 + (int(text[at]) - _ZERO)
        at += 1
        if at - start + scale > 18:
            return -1, at
    if at == start or at >= end:
        return -1, at
    places = 0
    if text[at] == _POINT:
        at += 1
        while places < scale and at < end and _ZERO <= text[at] <= _NINE:
            value = value * 10 + (int(text[at]) - _ZERO)
            at += 1
            places += 1
        while at < end and text[at] == _ZERO:
            at += 1
        if text[at - 1] == _POINT:
            return -1, at
    if at >= end or text[at] != _QUOTE or at - start > 40:
        return -1, at
    for _ in range(scale - places):
        value *= 10
    if digits == 1:
        return value, at + 1
    return (value // digits if value % digits == 0 else -1), at + 1


@subkernel
def _field_count(text: Any, reader: Any, field: int, digits: int, scale: int) -> int:
    """How many steps the text of a field is, or -1."""
    if not reader.seen >> field & 1 or reader.stop[field] <= 0:
        return -1
    value, at = _count(text, reader.value[field], reader.stop[field] + 1, digits, scale)
    return value if at == reader.stop[field] + 1 else -1


@subkernel
def _text_is(text: Any, reader: Any, field: int, expected: Any) -> bool:
    if not reader.seen >> field & 1 or reader.stop[field] <= 0:
        return False
    start = reader.value[field]
    if reader.stop[field] - start != len(expected):
        return False
    same = True
    for i in range(len(expected)):
        same &= text[start + i] == expected[i]
    return same


@subkernel
def _whole(reader: Any, field: int) -> int:
    """The value of an integer field, or -1."""
    return reader.value[field] if reader.seen >> field & 1 and reader.stop[field] == _INTEGER else -1


@subkernel
def _is_list(reader: Any, field: int) -> bool:
    return reader.seen >> field & 1 == 1 and reader.stop[field] == _LIST


@subkernel
def _time(reader: Any, field: int) -> int:
    """The value of a field of milliseconds in ns; 0 if it is not there, -1 if it is no time."""
    if not reader.seen >> field & 1:
        return 0
    value = _whole(reader, field)
    return value * _MS if 0 <= value <= _LAST_MS else -1


@subkernel
def _write(rows: Any, row: int, exch_ts: int, local: int, seq: int, word: int) -> None:
    rows[row, 0] = exch_ts
    rows[row, 1] = local
    rows[row, 2] = seq
    rows[row, 3] = 0
    rows[row, 6] = word


@subkernel
def _best(text: Any, reader: Any, rows: Any, local: int) -> bool:
    bid = _field_count(text, reader, _b, reader.price_digits, reader.price_scale)
    ask = _field_count(text, reader, _a, reader.price_digits, reader.price_scale)
    bid_qty = _field_count(text, reader, _B, reader.qty_digits, reader.qty_scale)
    ask_qty = _field_count(text, reader, _A, reader.qty_digits, reader.qty_scale)
    seq, time = _whole(reader, _u), _time(reader, _T)
    if bid < 0 or ask < 0 or bid_qty < 0 or ask_qty < 0 or seq < 0 or time < 0:
        return False
    word = BEST
    if reader.futures and time:
        reader.exchange = max(reader.exchange, time)
    else:
        time = reader.exchange if reader.exchange else local
        word |= _MARK_ESTIMATED
    row = reader.rows
    _write(rows, row, time, local, seq, word | _BUY)
    _write(rows, row + 1, time, local, seq, word | _SELL | _MARK_LAST)
    rows[row, 4], rows[row, 5] = bid, bid_qty
    rows[row + 1, 4], rows[row + 1, 5] = ask, ask_qty
    reader.rows += 2
    return True


@subkernel
def _trade(text: Any, reader: Any, rows: Any, local: int) -> bool:
    price = _field_count(text, reader, _p, reader.price_digits, reader.price_scale)
    qty = _field_count(text, reader, _q, reader.qty_digits, reader.qty_scale)
    seq, time = _whole(reader, _t), _time(reader, _T)
    if price <= 0 or qty <= 0 or seq <= reader.last_trade or time < 0 or not reader.seen >> _T & 1:
        return False
    if not reader.seen >> _m & 1 or reader.stop[_m] != _BOOLEAN:
        return False
    if reader.seen >> _X & 1 and not _text_is(text, reader, _X, _MARKET):
        return False
    reader.last_trade = seq
    reader.exchange = max(reader.exchange, time)
    row = reader.rows
    side = _SELL if reader.value[_m] else _BUY  # the buyer was the maker, so the seller took
    _write(rows, row, time, local, seq, TRADE | side | _MARK_LAST)
    rows[row, 4], rows[row, 5] = price, qty
    reader.rows += 1
    return True


@subkernel
def _depth(reader: Any, rows: Any, local: int) -> bool:
    first, last, sent, time = _whole(reader, _U), _whole(reader, _u), _time(reader, _E), _time(reader, _T)
    previous = _whole(reader, _PU) if reader.seen >> _PU & 1 else 0
    if first < 0 or last < first or previous < 0 or sent < 0 or time < 0 or not reader.seen >> _E & 1:
        return False
    if not (_is_list(reader, _b) and _is_list(reader, _a)):
        return False
    follows = previous == reader.last_id if reader.futures else first <= reader.last_id + 1
    if not (reader.in_sync and last > reader.last_id and follows):
        return False
    if not reader.futures or time == 0:
        time = sent
    reader.exchange = max(reader.exchange, time)
    reader.last_id = last
    reader.last_time = time
    start = reader.rows
    bids = reader.value[_b]
    count = bids + reader.value[_a]
    for i in range(count):
        _write(rows, start + i, time, local, last, LEVEL | (_BUY if i < bids else _SELL))
    if count == 0:
        count = 1
        _write(rows, start, time, local, last, NOTE)
        rows[start, 4], rows[start, 5] = 0, 0
    rows[start + count - 1, 6] |= _MARK_LAST
    reader.rows += count
    return True
