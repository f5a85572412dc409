"""Decimal text to ticks and lots, exactly, with a cache: venues repeat the same few strings."""

from __future__ import annotations

import re

from quotewright.domain.errors import ParseError
from quotewright.domain.instrument import Instrument
from quotewright.domain.units import INT64_MAX, Step

_CACHE_ENTRIES = 200_000
_EXPONENT = re.compile(r"([0-9]+)(?:\.([0-9]+))?[eE]([+-]?)([0-9]{1,2})\Z")


class StepCounts(dict[str, int]):
    """`counts[text]` is how many steps the text is; raises ParseError as `Step.count` does.

    `positive` also refuses zero. `exponents` also reads such forms as 1e-05: some recorders write
    numbers that way, and the form is as exact as the written-out one. Bounded: it forgets when full.
    """

    def __init__(self, step: Step, field: str, *, positive: bool = False, exponents: bool = False) -> None:
        super().__init__()
        self._step = step
        self._field = field
        self._positive = positive
        self._exponents = exponents
        self._scale = step.scale if step.digits == 1 else -1

    def __missing__(self, text: str) -> int:
        count = self._usual_form(text)
        if count < 0:
            plain = written_out(text) if self._exponents and ("e" in text or "E" in text) else text
            count = self._step.count(plain, self._field)
        if self._positive and count == 0:
            raise ParseError(self._field, text, "must be above zero")
        if len(self) >= _CACHE_ENTRIES:
            self.clear()
        self[text] = count
        return count

    def _usual_form(self, text: str) -> int:
        """The count of a short `digits.digits` on a power-of-ten step, or -1: then `Step.count` decides."""
        whole, _, fraction = text.partition(".")
        scale = self._scale
        if scale < 0 or len(whole) + scale > 18 or not (text.isascii() and whole.isdigit() and fraction.isdigit()):
            return -1
        if fraction[scale:].strip("0") or len(text) > 40:
            return -1
        return int(whole + fraction[:scale].ljust(scale, "0"))


def price_counts(instrument: Instrument, *, zero: bool = False, exponents: bool = False) -> StepCounts:
    """Ticks of a price text; zero is refused unless allowed (an empty side of a best bid and offer)."""
    return StepCounts(instrument.price_step, "price", positive=not zero, exponents=exponents)


def qty_counts(instrument: Instrument, *, zero: bool = True, exponents: bool = False) -> StepCounts:
    """Lots of a quantity text; zero removes a level or an order, but is no trade."""
    return StepCounts(instrument.qty_step, "qty", positive=not zero, exponents=exponents)


def written_out(text: str) -> str:
    """A number with an exponent as a plain decimal, digit for digit; other text comes back as it is."""
    match = _EXPONENT.match(text)
    if match is None:
        return text
    whole, fraction, sign, power = match.groups()
    fraction = fraction or ""
    shift = -int(power) if sign == "-" else int(power)
    digits = whole + fraction
    point = len(whole) + shift
    if point <= 0:
        return "0." + "0" * -point + digits
    digits = digits.ljust(point, "0")
    return digits[:point] + ("." + digits[point:] if digits[point:] else "")


def whole_number(text: str, field: str, scale: int = 1) -> int:
    """A plain non-negative integer times `scale` that fits 64 bits; raises ParseError."""
    if not (text.isascii() and text.isdigit()):
        raise ParseError(field, text[:40], "is not a whole number")
    if len(text) > 19 or int(text) * scale > INT64_MAX:
        raise ParseError(field, text[:40], "does not fit 64 bits")
    return int(text) * scale


def whole_id(text: str) -> int:
    """An id that is an integer of 64 bits, else 0: some venues name trades and orders by UUID."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
