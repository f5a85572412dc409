"""The fields of one message of a raw Binance recording, read compiled: integers, texts, and levels as ticks and lots.

Nothing is taken but plain JSON without white space and escapes, each field once, every price and quantity a whole
number of steps: who calls leaves any other line to `binance_ws`.
"""

# pyright: basic
# numba has no type stubs, and records have fields that no type checker sees.

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.kernel import subkernel

READER = np.dtype(
    [
        ("futures", "i8"),
        ("instrument", "i8"),  # its index, as it stands in a row's last word
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

SPACE, QUOTE, COMMA, COLON, AT = (ord(c) for c in ' ",:@')
ZERO, NINE, _POINT, _BACKSLASH = (ord(c) for c in "09.\\")
CLOSE, _OPEN_LIST, _CLOSE_LIST = (ord(c) for c in "}[]")
_TRUE, _FALSE = np.frombuffer(b"true", np.uint8), np.frombuffer(b"false", np.uint8)

# fields by their letters: A to Z are 0 to 25, a to z are 32 to 57
ASK_QTY, BID_QTY, EVENT_TIME, TIME, FIRST_ID, TRADE_KIND = (ord(c) - 65 for c in "ABETUX")
ASKS, BIDS, MAKER, PRICE, QTY, SYMBOL, TRADE_ID, LAST_ID = (ord(c) - 65 for c in "abmpqstu")
PREVIOUS_ID = 60  # pu
_OTHER = 63

INTEGER, BOOLEAN, LIST = 0, -1, -2  # forms of a field that is no text; of a list, `value` is its length

_MS = 1_000_000
_LAST_MS = (2**63 - 1) // _MS


@subkernel
def follows(text: Any, end: int, reader: Any, expected: Any) -> bool:
    """Whether these bytes come next; steps over them if so."""
    if reader.at + len(expected) > end:
        return False
    for i in range(len(expected)):
        if text[reader.at + i] != expected[i]:
            return False
    reader.at += len(expected)
    return True


@subkernel
def plain(byte: int) -> bool:
    """Whether a byte in a string stands for itself: ASCII, no escape, no control character, no end."""
    return byte >= SPACE and byte < 127 and byte != _BACKSLASH and byte != QUOTE


@subkernel
def read_fields(text: Any, end: int, reader: Any, depth: bool, rows: Any) -> bool:
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
        if byte == QUOTE:
            sound = _string(text, end, reader, field)
        elif ZERO <= byte <= NINE:
            sound = _integer(text, end, reader, field)
        elif byte == _OPEN_LIST and depth and field in (BIDS, ASKS):
            sound = _levels(text, end, reader, field, rows)
        else:
            sound = _truth(text, end, reader, field)
        if not sound or reader.at >= end:
            return False
        byte = text[reader.at]
        reader.at += 1
        if byte == CLOSE:
            return True
        if byte != COMMA:
            return False


@subkernel
def _name(text: Any, end: int, reader: Any) -> int:
    """The number of the next field, its name and colon stepped over; -1 if there is none."""
    if reader.at >= end or text[reader.at] != QUOTE:
        return -1
    reader.at += 1
    start = reader.at
    while reader.at < end and text[reader.at] != QUOTE:
        if not plain(text[reader.at]):
            return -1
        reader.at += 1
    length = reader.at - start
    reader.at += 2
    if reader.at > end or text[reader.at - 1] != COLON:
        return -1
    first = int(text[start])
    if length == 1 and (65 <= first <= 90 or 97 <= first <= 122):
        return first - 65
    if length == 2 and first == PRICE + 65 and text[start + 1] == LAST_ID + 65:
        return PREVIOUS_ID
    return _OTHER


@subkernel
def _string(text: Any, end: int, reader: Any, field: int) -> bool:
    reader.at += 1
    reader.value[field] = reader.at
    while reader.at < end and text[reader.at] != QUOTE:
        if not plain(text[reader.at]):
            return False
        reader.at += 1
    reader.stop[field] = reader.at
    reader.at += 1
    return True


@subkernel
def _integer(text: Any, end: int, reader: Any, field: int) -> bool:
    start = reader.at
    value = 0
    while reader.at < end and ZERO <= text[reader.at] <= NINE:
        value = value * 10 + (int(text[reader.at]) - ZERO)
        reader.at += 1
        if reader.at - start > 18:
            return False
    reader.value[field] = value
    reader.stop[field] = INTEGER
    return text[start] != ZERO or reader.at - start == 1


@subkernel
def _truth(text: Any, end: int, reader: Any, field: int) -> bool:
    """True or false, as 1 or 0."""
    reader.stop[field] = BOOLEAN
    reader.value[field] = 1
    if follows(text, end, reader, _TRUE):
        return True
    reader.value[field] = 0
    return follows(text, end, reader, _FALSE)


@subkernel
def _levels(text: Any, end: int, reader: Any, field: int, rows: Any) -> bool:
    """Read `[["price","quantity"],…]`; bids have to come before asks."""
    first = reader.rows
    if field == ASKS:
        if not is_list(reader, BIDS):
            return False
        first += reader.value[BIDS]
    elif reader.seen >> ASKS & 1:
        return False
    at = reader.at + 1
    row = first
    if at < end and text[at] == _CLOSE_LIST:
        at += 1
    else:
        while True:
            if at + 2 >= end or text[at] != _OPEN_LIST or text[at + 1] != QUOTE:
                return False
            price, at = _count(text, at + 2, end, reader.price_digits, reader.price_scale)
            if price <= 0 or at + 2 >= end or text[at] != COMMA or text[at + 1] != QUOTE:
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
            if text[at - 1] != COMMA:
                return False
    reader.at = at
    reader.value[field] = row - first
    reader.stop[field] = LIST
    return True


@subkernel
def _count(text: Any, at: int, end: int, digits: int, scale: int) -> tuple[int, int]:
    """How many steps the decimal from `at` to its closing quote is, and what comes after the quote; -1 if not exact."""
    start = at
    value = 0
    while at < end and ZERO <= text[at] <= NINE:
        value = value * 10 + (int(text[at]) - ZERO)
        at += 1
        if at - start + scale > 18:
            return -1, at
    if at == start or at >= end:
        return -1, at
    places = 0
    if text[at] == _POINT:
        at += 1
        while places < scale and at < end and ZERO <= text[at] <= NINE:
            value = value * 10 + (int(text[at]) - ZERO)
            at += 1
            places += 1
        while at < end and text[at] == ZERO:
            at += 1
        if text[at - 1] == _POINT:
            return -1, at
    if at >= end or text[at] != QUOTE or at - start > 40:
        return -1, at
    for _ in range(scale - places):
        value *= 10
    if digits == 1:
        return value, at + 1
    return (value // digits if value % digits == 0 else -1), at + 1


@subkernel
def field_count(text: Any, reader: Any, field: int, digits: int, scale: int) -> int:
    """How many steps the text of a field is, or -1."""
    if not reader.seen >> field & 1 or reader.stop[field] <= 0:
        return -1
    value, at = _count(text, reader.value[field], reader.stop[field] + 1, digits, scale)
    return value if at == reader.stop[field] + 1 else -1


@subkernel
def text_is(text: Any, reader: Any, field: int, expected: Any) -> bool:
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
def whole(reader: Any, field: int) -> int:
    """The value of an integer field, or -1."""
    return reader.value[field] if reader.seen >> field & 1 and reader.stop[field] == INTEGER else -1


@subkernel
def is_list(reader: Any, field: int) -> bool:
    return reader.seen >> field & 1 == 1 and reader.stop[field] == LIST


@subkernel
def time_of(reader: Any, field: int) -> int:
    """The value of a field of milliseconds in ns; 0 if it is not there, -1 if it is no time."""
    if not reader.seen >> field & 1:
        return 0
    value = whole(reader, field)
    return value * _MS if 0 <= value <= _LAST_MS else -1
