"""How patient a gateway is, and what it does with orders that are not its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from quotewright.domain.errors import InputError
from quotewright.gateway.port import Capabilities

MS = 1_000_000
SECOND = 1_000 * MS

Policy = Literal["adopt", "cancel", "refuse"]


class GatewaySettings(msgspec.Struct, frozen=True):
    """Times in ns. `orphans` are orders of our desk that no journal knows, `foreign` those of anyone else.

    "adopt" counts them as exposure and cancels them at stops, "cancel" cancels them, "refuse" holds quoting until they
    are gone and leaves them alone.
    """

    account: str = "main"  # whose order counts these are, where several accounts share an address
    soft_percent: int = 80  # of a limit: orders are placed only while less is used
    cancel_attempts: int = 2  # cancels of each open order that the reserve must suffice for
    cancel_all_from: int = 4  # cancels due at once in an instrument from which cancel-all is used
    cancel_patience: int = 500 * MS  # a cancel without effect for longer keeps its agent from placing on that side
    stream_patience: int = 250 * MS  # what the stream gets to settle a doubt before a query is sent
    fills_grace: int = 500 * MS  # what trades get to follow a report that tells of them
    answer_timeout: int = 10 * SECOND  # an adapter that has not answered by then is in doubt
    not_found_margin: int = 2 * SECOND  # beyond the request window, before "no such order" is believed
    rest_lag: int = 1 * SECOND  # how far a list asked for may lie behind the stream
    retry_first: int = 250 * MS  # doubled at every further attempt
    retry_most: int = 5 * SECOND
    reconcile_every: int = 30 * SECOND
    conflict_patience: int = 5 * SECOND  # what states that disagree get to agree
    unknown_patience: int = 10 * SECOND  # an order in doubt for longer holds quoting
    limited_wait: int = 5 * SECOND  # where a venue that limits does not say how long
    banned_wait: int = 120 * SECOND
    clock_margin: int = 10 * SECOND  # trades older than the account's beginning by more are history
    order_limit_codes: frozenset[int] = frozenset({-1015})  # limits of new orders alone: cancels may go on
    keep_ended: int = 600 * SECOND  # how long ended orders are remembered
    most_ended: int = 20_000
    most_trades: int = 65_536  # ids an instrument remembered against duplicates
    trade_overlap: int = 100  # trades asked for again at a start
    orphans: Policy = "cancel"
    foreign: Policy = "refuse"

    def __post_init__(self) -> None:
        if not 1 <= self.soft_percent <= 100:
            raise InputError("soft_percent", self.soft_percent, "must lie in [1, 100]")
        for name in ("orphans", "foreign"):
            if getattr(self, name) not in ("adopt", "cancel", "refuse"):
                raise InputError(name, getattr(self, name), "must be adopt, cancel or refuse")
        positive = ("cancel_attempts", "cancel_all_from", "answer_timeout", "retry_first", "retry_most")
        for name in (*positive, "reconcile_every", "limited_wait", "banned_wait", "most_ended", "most_trades"):
            if getattr(self, name) < 1:
                raise InputError(name, getattr(self, name), "must be 1 or more")
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, int) and value < 0:
                raise InputError(name, value, "must not be negative")


_LACKS = {
    "post_only": "the venue takes no post-only orders: a quote could take",
    "cancel_all": "the venue cannot cancel all orders of an instrument in one message",
    "amend": "the venue cannot reduce an order in place",
    "reduce_only": "the venue takes no reduce-only orders",
    "dead_man_switch": "the venue does not cancel by itself when it no longer hears from us",
    "query_by_client_id": "the venue cannot be asked for an order by our own id: a lost answer could not be settled",
    "user_stream": "the venue does not stream our orders and fills",
}


def check_needs(capabilities: Capabilities, needs: Iterable[str]) -> list[str]:
    """Why a venue does not suffice, one reason for each capability that is needed and missing; empty if it does."""
    reasons: list[str] = []
    for need in needs:
        if need not in _LACKS:
            raise InputError("needs", need, f"is not a capability; they are {', '.join(_LACKS)}")
        if not getattr(capabilities, need):
            reasons.append(f"{need}: {_LACKS[need]}")
    return reasons
