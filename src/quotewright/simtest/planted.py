"""Bugs planted on purpose: what simulation must find, if it is to be believed when it finds nothing.

dedupe     a trade told twice is booked twice
guess      "no such order" is believed at once, whenever it was sent
forget     an order whose placing is in doubt is taken for never sent
reserve    cancels have no weight reserved, and wait as everything else does
"""

from __future__ import annotations

from quotewright.domain.errors import InputError
from quotewright.domain.journal import Refusal
from quotewright.gateway.gateway import Gateway
from quotewright.gateway.lifecycle import ENDED, Event, Order
from quotewright.gateway.port import TradeReport
from quotewright.live.assemble import GatewayMaker


class DroppedDedupe(Gateway):
    """Books whatever comes."""

    def _is_duplicate(self, trade: TradeReport) -> bool:
        return False


class GuessedState(Gateway):
    """Takes the venue's "no such order" for the truth."""

    def _resolve_not_found(self, order: Order, asked_at: int) -> bool:
        return True


class ForgottenOrder(Gateway):
    """Takes an error for "not sent", as many do."""

    def _doubt(self, order: Order, now: int, wait: int) -> None:
        if order.state not in ENDED and not order.accepted and order.sent:
            self._end(order, Event.NO_EFFECT, Refusal.HELD, now)
            return
        super()._doubt(order, now, wait)


class UnreservedCancel(Gateway):
    """Lets places and questions use up everything."""

    def _reserve(self, more: int) -> tuple[int, int]:
        return 0, 0


PLANTED: dict[str, GatewayMaker] = {
    "dedupe": DroppedDedupe,
    "guess": GuessedState,
    "forget": ForgottenOrder,
    "reserve": UnreservedCancel,
}


def planted(name: str) -> GatewayMaker:
    """The gateway with a bug of this name, or for "" without; raises InputError."""
    if not name:
        return Gateway
    if name not in PLANTED:
        raise InputError("plant", name, f"is no bug that can be planted; they are {', '.join(PLANTED)}")
    return PLANTED[name]
