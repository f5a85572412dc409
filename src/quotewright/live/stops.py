"""The three stops: pause quoting, cancel all, flatten. Each ends with the state that the venue confirms.

pause    no quotes; the session goes on, positions stay
cancel   no order of the account rests in any instrument of the session; positions stay
flatten  first takes to a flat position, then as cancel
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quotewright.domain.journal import Hold, Record
from quotewright.engine.flatten import is_flat
from quotewright.live.step import Response
from quotewright.orders.states import NONE

if TYPE_CHECKING:
    from quotewright.live.session import Session

GRAVITY = {"pause": 1, "cancel": 2, "flatten": 3}
_LOOK_AGAIN = 50_000_000
_PUSH_AGAIN = 1_000_000_000
_BEYOND = 1000  # ticks beyond the touch that takes may go


class Stop:
    """One stop under way; `done` when nothing rests any more, `late` when that has taken longer than `patience` ns.

    A flatten that was not flat in that time gives up on what is left, and is `short`: then all is cancelled, for which
    it has as long again.
    """

    def __init__(self, kind: str, *, patience: int = 60 * 10**9) -> None:
        self.kind = kind
        self.gravity = GRAVITY[kind]
        self.done = False
        self.late = False
        self.short = False
        self.left: list[tuple[int, int]] = []  # (leg, position atoms) that could not be taken to zero
        self._patience = patience
        self._deadline = 0
        self._asked = False
        self._next = 0
        self._push = 0

    def begin(self, session: Session, now: int) -> None:
        """Pull every quote; positions begin to be taken where that is asked."""
        self._deadline = now + self._patience
        self._push = now + _PUSH_AGAIN
        session.hold(session.legs, Hold.OPERATOR if self.kind == "pause" else Hold.STOPPING, now)
        if self.kind == "flatten":
            session.answer([_flatten(leg, _BEYOND) for leg in session.legs], now)

    def next_due(self) -> int:
        """When to look again."""
        return self._next

    def advance(self, session: Session, now: int) -> None:
        """See how far it is."""
        self._next = now + _LOOK_AGAIN
        if now > self._deadline:
            if self.kind == "flatten" and not self._asked:
                self.short = True
                self._deadline = now + self._patience
            else:
                self.late = True
        if self.kind == "flatten" and not self._flat(session) and not self._asked:
            if now >= self._push:  # nothing else may come that would make an agent look at its position again
                self._push = now + _PUSH_AGAIN
                session.answer([_flatten(leg, _BEYOND) for leg, _ in self.left], now)
            return  # what it was too little to take then is not looked at again, whatever the price does
        if not self._asked and self.kind != "pause":
            self._asked = True
            if self.kind == "flatten":  # what is less than the smallest order stays
                session.answer([_flatten(leg, 0) for leg in session.legs], now)
            for link in session.links:
                if link.gateway is not None:
                    link.gateway.cancel_everything(now)
        if self._nothing_open(session) and (self.kind == "pause" or self._confirmed(session)):
            self.done = True

    def _flat(self, session: Session) -> bool:
        state = session.step.wired.state
        self.left = []
        flat = True
        for leg in session.legs:
            position = int(state.legs[leg]["position"])
            if position:
                self.left.append((leg, position))
                flat = flat and (self.short or bool(is_flat(state, leg)))
        return flat

    def _nothing_open(self, session: Session) -> bool:
        state = session.step.wired.state
        return all(int(state.legs[leg]["first_order"]) == NONE for leg in session.legs)

    def _confirmed(self, session: Session) -> bool:
        return all(link.gateway is None or link.gateway.everything_cancelled for link in session.links)


def _flatten(leg: int, beyond: int) -> Response:
    return Response(0, 0, beyond, 0, 0, leg, int(Record.FLATTEN), 0)
