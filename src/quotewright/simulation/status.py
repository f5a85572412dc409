"""The one place that turns status codes of the compiled loop into errors."""

from __future__ import annotations

from quotewright.domain.errors import HaltError
from quotewright.engine.responses import MARKOUTS_FULL
from quotewright.market.l3 import L3_FULL
from quotewright.market.levels import BOOK_FULL
from quotewright.simulation.flight import IN_FLIGHT_FULL
from quotewright.simulation.taken import TAKEN_FULL

_MESSAGES = {
    BOOK_FULL: "a book has more levels far from the market than it can hold; is the tick right?",
    L3_FULL: "more orders rest in an L3 book than it can hold; the recording is damaged or lacks deletes",
    MARKOUTS_FULL: "more fills within 30 s than can await their markouts; lower the order rate or the number of agents",
    IN_FLIGHT_FULL: "too many messages are under way between the agents and the venue; lower the message rate limit",
    TAKEN_FULL: "takes emptied more levels at once than can be remembered; lower the sizes of takes",
}


def raise_for_status(status: int) -> None:
    """Raise HaltError for any error status of the loop."""
    raise HaltError(_MESSAGES.get(status, f"the loop stopped with the unknown status {status}"))
