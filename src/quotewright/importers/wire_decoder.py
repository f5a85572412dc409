"""What a decoder of one venue's messages is, and the words in which decoders say why a message became no rows."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from quotewright.domain.instrument import Instrument
from quotewright.importers.report import Tally
from quotewright.importers.wire_book import WireBook

OTHER = "messages of other instruments"
SERVICE = "acknowledgements, heartbeats and the like"
HISTORY = "trades from before the subscription"
NO_BOOK = "replies to requests that hold no book of this instrument"
OFF_BOOK = "trades that did not meet the book"


def other_stream(name: str) -> str:
    """The reason to drop a message of a stream that is not imported."""
    return f"stream {name[:40]} is not imported"


def number(raw: msgspec.Raw) -> str:
    """A JSON number as its text, digit for digit: a float would already have lost some."""
    return bytes(raw).decode()


class Decoder:
    """Turns one venue's messages into rows of one instrument; `message` and `reply` return TAKEN or a reason.

    They raise ParseError for a field that is not exact, and msgspec's errors for a message of another form.
    """

    exchanges: ClassVar[tuple[str, ...]]  # names of the venue in recordings' headers and addresses
    sequenced: ClassVar[bool] = True  # a message that is missing shows in the next one of the book

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        self.instrument = instrument
        self.book = WireBook(instrument, tally)

    def connected(self, connection: str, address: str) -> None:
        """A connection to an address begins."""

    def reply(self, address: str, text: str | bytes) -> str:
        """Take a reply to a REST request."""
        return NO_BOOK

    def message(self, text: str | bytes, connection: str) -> str:
        """Take a received message."""
        raise NotImplementedError


class ConnectionCounter:
    """Numbers of messages that rise by one on each connection."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def follows(self, connection: str, number: int) -> bool:
        """Whether the number is the next on its connection, or its first."""
        last = self._last.get(connection)
        self._last[connection] = number
        return last is None or number == last + 1
