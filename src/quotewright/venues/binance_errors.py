"""What an error of Binance Spot says about a command: from the venue's list of error codes."""

from __future__ import annotations

from typing import NamedTuple

from quotewright.domain.journal import Reject
from quotewright.gateway.port import FailureKind

_DOUBT = (-1000, -1001, -1006, -1007, -1008, -1016)  # the venue does not know, or does not say, whether it acted
_CLOCK = -1021
TOO_MANY_REQUESTS = -1003  # counts per address: it concerns every request, not the one alone
_TOO_MANY_ORDERS = -1015
_TOO_MANY_CONNECTIONS = -1034
_UNKNOWN_ORDERS = (-2011, -2013)
_KEY = (-1002, -1022, -2008, -2014, -2015)

_UNKNOWN_TEXTS = ("unknown order", "order does not exist")
_REASONS = (
    ("immediately match", Reject.POST_ONLY),
    ("insufficient balance", Reject.BALANCE),
    ("filter", Reject.FILTER),
    ("too many", Reject.LIMIT),
)


class Meaning(NamedTuple):
    """What is known of a command that was answered by an error."""

    kind: FailureKind
    reason: int = 0
    key_refused: bool = False


def meaning(status: int, code: int, text: str) -> Meaning:
    """Of an HTTP status (of either surface), and the code and words in the answer; code 0 if there is none."""
    if status == 418:
        return Meaning(FailureKind.BANNED)
    if status == 429 or code in (TOO_MANY_REQUESTS, _TOO_MANY_ORDERS, _TOO_MANY_CONNECTIONS):
        return Meaning(FailureKind.LIMITED, Reject.LIMIT)
    if code == _CLOCK:
        return Meaning(FailureKind.CLOCK)
    if code in _DOUBT or status >= 500 or not 400 <= status < 500:
        return Meaning(FailureKind.DOUBT)
    if status == 403 and code == 0:  # the venue's firewall, in front of everything
        return Meaning(FailureKind.LIMITED, Reject.LIMIT)
    if code == 0:  # no words of the venue itself
        return Meaning(FailureKind.DOUBT)
    lowered = text.lower()
    if code in _UNKNOWN_ORDERS:
        known = code == -2011 and not any(words in lowered for words in _UNKNOWN_TEXTS)
        return Meaning(FailureKind.REFUSED, Reject.OTHER) if known else Meaning(FailureKind.UNKNOWN_ORDER)
    if code in _KEY:
        return Meaning(FailureKind.REFUSED, Reject.OTHER, key_refused=True)
    reason = next((reason for words, reason in _REASONS if words in lowered), Reject.OTHER)
    if reason is Reject.OTHER and code == -1013:
        reason = Reject.FILTER
    return Meaning(FailureKind.REFUSED, reason)
