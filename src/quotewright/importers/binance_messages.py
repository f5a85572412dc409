"""Binance's WebSocket messages as typed structures, and how to tell which one a line holds.

Field names are Binance's: `E` event time, `T` transaction time (ms), `U` and `u` first and last update id,
`pu` the last id of the difference before, `b` and `a` bids and asks, `m` buyer is maker, `X` kind of trade.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from quotewright.domain.units import INT64_MAX

Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX // 1_000_000)]
Id = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)]
Level = tuple[str, str]  # price, quantity


class Depth(msgspec.Struct, gc=False):
    """A depth difference; spot has neither `T` nor `pu`."""

    E: Milliseconds
    s: str
    U: Id
    u: Id
    b: list[Level]
    a: list[Level]
    T: Milliseconds = 0
    pu: Id = 0


class Trade(msgspec.Struct, gc=False):
    """A trade; `X` is only on futures."""

    s: str
    t: Id
    p: str
    q: str
    T: Milliseconds
    m: bool
    X: str = "MARKET"


class Best(msgspec.Struct, gc=False):
    """A best bid and offer; spot has no time."""

    u: Id
    s: str
    b: str
    B: str
    a: str
    A: str
    T: Milliseconds = 0


class Snapshot(msgspec.Struct, gc=False):
    """A REST depth snapshot; spot has no time, USD-M no symbol."""

    lastUpdateId: Id  # noqa: N815
    bids: list[Level]
    asks: list[Level]
    T: Milliseconds = 0
    symbol: str = ""


class DepthMessage(msgspec.Struct, gc=False):
    data: Depth


class TradeMessage(msgspec.Struct, gc=False):
    data: Trade


class BestMessage(msgspec.Struct, gc=False):
    data: Best


class Envelope(msgspec.Struct, gc=False):
    """What any line may be: a wrapped stream message or a bare snapshot."""

    stream: str = ""
    lastUpdateId: int | None = None  # noqa: N815
