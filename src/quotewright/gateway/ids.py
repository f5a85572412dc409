"""Client ids that say whose order it is: desk, session and number, so that none is ever used twice."""

from __future__ import annotations

import re
from typing import NamedTuple

from quotewright.domain.errors import InputError

LONGEST = 36  # what Binance Spot allows
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_LAST_TWO = [high + low for high in _DIGITS for low in _DIGITS]
_MOST_BEGUN = 1000
_SHAPE = re.compile(r"qw-([A-Za-z0-9_]{1,12})-([0-9a-z]{1,9})-([0-9a-z]{1,10})\Z")


class ParsedId(NamedTuple):
    """The parts of a client id of our desk."""

    session: int
    order: int


class ClientIds:
    """Ids `qw-DESK-SESSION-ORDER` of one session, numbers in base 36; `session` must grow from session to session."""

    def __init__(self, desk: str, session: int) -> None:
        if re.fullmatch(r"[A-Za-z0-9_]{1,12}", desk) is None:
            raise InputError("desk", desk, "must be 1 to 12 letters, digits or underscores")
        if not 0 <= session < 36**9:
            raise InputError("session", session, f"must lie in [0, {36**9})")
        self.desk = desk
        self.session = session
        self._prefix = f"qw-{desk}-{_base36(session)}-"
        self._begun: dict[int, str] = {}  # all but the last two digits, by leg: they are the same for a while

    def make(self, order: int) -> str:
        """The client id of the session's order of that number."""
        if not 0 <= order < 36**10:
            raise InputError("order", order, f"must lie in [0, {36**10})")
        if order < 36 * 36:
            return self._prefix + _base36(order)
        high, low = divmod(order, 36 * 36)
        begun = self._begun.get(high)
        if begun is None:
            if len(self._begun) >= _MOST_BEGUN:
                self._begun.clear()
            begun = self._begun[high] = self._prefix + _base36(high)
        return begun + _LAST_TWO[low]

    def parse(self, client_id: str) -> ParsedId | None:
        """Session and number of an id of this desk, whichever session made it; None if it is not one."""
        match = _SHAPE.match(client_id)
        if match is None or match[1] != self.desk:
            return None
        parsed = ParsedId(int(match[2], 36), int(match[3], 36))
        exact = f"qw-{self.desk}-{_base36(parsed.session)}-{_base36(parsed.order)}"
        return parsed if exact == client_id else None


def _base36(number: int) -> str:
    if number < 36:
        return _DIGITS[number]
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
