"""What a failed command through ccxt means: doubt wherever the venue's own answer does not rule out an effect.

ccxt raises the same error for a connection lost before and after a venue accepted an order, and its classes differ by
venue for the same event. So what decides is, in this order: whether a request left this process at all; the HTTP
status; Binance's own code, where the venue speaks its dialect; the class of the exception, if it was made of an answer.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from quotewright.domain.journal import Reject
from quotewright.gateway.port import Failure, FailureKind
from quotewright.venues.binance_errors import meaning
from quotewright.venues.ccxt_exchange import Fate

SECOND = 10**9
_UNTOLD_WAIT = 10 * SECOND  # where a venue says "too many" and not for how long


class _Code(msgspec.Struct):
    code: int | str = 0
    msg: str = ""


def failure(ref: int, error: BaseException, fate: Fate, *, binance: bool, ccxt: Any, named: bool = False) -> Failure:
    """The fact to report for a command that ended in an exception; `named`: it was about an order that exists."""
    code, words = _told(fate.body)
    text = (words or str(error) or type(error).__name__)[:300]

    def of(kind: FailureKind, reason: int = 0, wait: int = 0) -> Failure:
        return Failure(ref, kind, code or fate.status, text, retry_after=wait, reason=reason)

    if not fate.sent:
        return of(FailureKind.UNSENT)
    if fate.status == 0 or isinstance(error, (TimeoutError, asyncio.CancelledError)):
        return of(FailureKind.DOUBT)
    if fate.status in (418, 429):
        kind, reason = FailureKind.BANNED if fate.status == 418 else FailureKind.LIMITED, Reject.LIMIT
    elif fate.status >= 500 or fate.status == 408 or not fate.refused or "uplicate" in text:
        kind, reason = FailureKind.DOUBT, 0  # "duplicate": it may be ours, sent twice by something on the way
    elif binance and code:
        kind, reason, _ = meaning(fate.status, code, text)
    else:
        kind = _by_class(error, fate, ccxt, named)
        reason = _reason(error, ccxt) if kind is FailureKind.REFUSED else 0
    limited = kind in (FailureKind.LIMITED, FailureKind.BANNED)
    return of(kind, Reject.LIMIT if limited else reason, _retry_after(fate) if limited else 0)


def _by_class(error: BaseException, fate: Fate, ccxt: Any, named: bool) -> FailureKind:
    """By the exception's class; one that ccxt made of the venue's own answer."""
    if isinstance(error, ccxt.OrderNotFound) or (named and isinstance(error, ccxt.InvalidOrder)):  # as Kraken's are
        return FailureKind.UNKNOWN_ORDER
    if isinstance(error, ccxt.InvalidNonce):
        return FailureKind.CLOCK
    if isinstance(error, (ccxt.RateLimitExceeded, ccxt.DDoSProtection)):
        return FailureKind.LIMITED
    if isinstance(error, (ccxt.OperationFailed, ccxt.BadResponse, ccxt.DuplicateOrderId)):
        return FailureKind.DOUBT
    if type(error) is ccxt.ExchangeError and fate.status < 400:
        return FailureKind.DOUBT  # a code that ccxt does not know, in an answer that may be of success
    return FailureKind.REFUSED if isinstance(error, ccxt.BaseError) else FailureKind.DOUBT


def _reason(error: BaseException, ccxt: Any) -> int:
    """Why the venue refused an order."""
    if isinstance(error, ccxt.OrderImmediatelyFillable):
        return Reject.POST_ONLY
    if isinstance(error, ccxt.InsufficientFunds):
        return Reject.BALANCE
    return Reject.FILTER if isinstance(error, ccxt.InvalidOrder) else Reject.OTHER


def _told(body: str) -> tuple[int, str]:
    """The venue's own code and words, where the answer has them under Binance's or the usual names."""
    try:
        told = msgspec.json.decode(body, type=_Code)
        return int(told.code), told.msg
    except (msgspec.DecodeError, ValueError):
        return 0, ""


def _retry_after(fate: Fate) -> int:
    text = fate.headers.get("retry-after", "")
    return int(text) * SECOND if text.isdecimal() and text.isascii() else _UNTOLD_WAIT
