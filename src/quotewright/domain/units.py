"""Exact conversion between decimal strings and integers: ticks, lots, rates, atoms, nanoseconds.

No float is involved anywhere; a string that is not exactly a whole number of steps is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from quotewright.domain.errors import ParseError

INT64_MAX = 2**63 - 1
RATE_SCALE = 10**8  # fee and funding rates are integers in units of 1e-8

_DECIMAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?\Z")
_MAX_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Step:
    """A positive decimal step, exactly `digits * 10**-scale` (a tick, a lot, an atom)."""

    digits: int
    scale: int

    @classmethod
    def parse(cls, text: str, field: str) -> Step:
        """Read a step such as "0.01" or "100"; raises ParseError unless it is a positive decimal."""
        digits, scale = parse_decimal(text, field)
        if digits <= 0:
            raise ParseError(field, text, "must be greater than zero")
        while scale and digits % 10 == 0:
            digits //= 10
            scale -= 1
        return cls(digits, scale)

    @property
    def fraction(self) -> Fraction:
        """The step as an exact fraction."""
        return Fraction(self.digits, 10**self.scale)

    def count(self, text: str, field: str, *, signed: bool = False) -> int:
        """How many steps `text` is; raises ParseError if it is not a whole number of them.

        Negative values need `signed`; the result always fits a signed 64-bit integer.
        """
        digits, scale = parse_decimal(text, field)
        if digits < 0 and not signed:
            raise ParseError(field, text, "must not be negative")
        steps, rest = divmod(digits * 10**self.scale, self.digits * 10**scale)
        if rest:
            raise ParseError(field, text, f"is not a multiple of the step {self}")
        if not -INT64_MAX <= steps <= INT64_MAX:
            raise ParseError(field, text, f"does not fit 64 bits in steps of {self}")
        return steps

    def format(self, count: int) -> str:
        """`count` steps as a plain decimal string, exact, without an exponent."""
        return format_decimal(count * self.digits, self.scale)

    def __str__(self) -> str:
        return format_decimal(self.digits, self.scale)


def parse_decimal(text: str, field: str) -> tuple[int, int]:
    """Read a plain decimal string as `(digits, scale)`, value = digits * 10**-scale.

    Accepts an optional minus, digits, and a fraction after a point. Refuses, naming field and
    value: anything that is not a string, NaN and infinities, exponents, plus signs, white space,
    thousands separators, decimal commas, digits of other scripts, bare points, over-long input.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ParseError(field, text, "must be a decimal string; a float has already lost digits")
    if len(text) > _MAX_LENGTH:
        raise ParseError(field, text[:_MAX_LENGTH] + "…", f"is longer than {_MAX_LENGTH} characters")
    match = _DECIMAL.match(text)
    if match is None:
        raise ParseError(field, text, _why_not_decimal(text))
    sign, whole, fraction = match.groups()
    fraction = fraction or ""
    digits = int(whole + fraction)
    return (-digits if sign else digits), len(fraction)


def _why_not_decimal(text: str) -> str:
    lowered = text.strip().lower()
    if not lowered:
        return "is empty; write a plain decimal such as 61837.63"
    if lowered.lstrip("+-") in {"nan", "inf", "infinity"}:
        return "is not a number; write a plain decimal such as 61837.63"
    if lowered.startswith("+"):
        return "has a plus sign; leave it out"
    if text != text.strip():
        return "has white space around it; take it away"
    if "," in text or "_" in text or "'" in text or "\u00a0" in text or " " in text:
        return "has a separator; write digits and at most one point, such as 61837.63"
    if re.fullmatch(r"-?[0-9.]+[eE][+-]?[0-9]+", text):
        return "has an exponent; write it out, such as 0.00001"
    return "is not a plain decimal such as 61837.63"


def format_decimal(digits: int, scale: int) -> str:
    """`digits * 10**-scale` as a plain decimal string with trailing zeros removed ("0" for zero)."""
    sign = "-" if digits < 0 else ""
    body = str(abs(digits)).rjust(scale + 1, "0")
    whole, fraction = (body[:-scale], body[-scale:].rstrip("0")) if scale else (body, "")
    if not fraction:
        return (sign + whole) if whole.strip("0") else "0"
    return f"{sign}{whole}.{fraction}"


def format_fraction(value: Fraction) -> str:
    """An exact decimal string of a fraction whose denominator has only the factors 2 and 5."""
    denominator = value.denominator
    powers = {2: 0, 5: 0}
    for prime in powers:
        while denominator % prime == 0:
            denominator //= prime
            powers[prime] += 1
    scale = max(powers.values())
    digits = value * 10**scale
    if digits.denominator != 1:
        raise ValueError(f"{value} has no finite decimal form")
    return format_decimal(digits.numerator, scale)


def parse_rate(text: str, field: str) -> int:
    """A rate such as "0.0002" or "-0.00005" in units of 1e-8; raises ParseError if finer."""
    return Step(1, 8).count(text, field, signed=True)


_DURATIONS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}


def parse_duration(text: str, field: str) -> int:
    """A duration such as "250ms", "-1.27s" or "5m" in nanoseconds; the unit is required."""
    match = re.fullmatch(r"(-?[0-9]+(?:\.[0-9]+)?)(ns|us|ms|s|m|h|d)", text)
    if match is None:
        raise ParseError(field, text, "write a number and a unit (ns, us, ms, s, m, h, d), such as 250ms")
    digits, scale = parse_decimal(match[1], field)
    nanoseconds, rest = divmod(digits * _DURATIONS[match[2]], 10**scale)
    if rest:
        raise ParseError(field, text, "is finer than one nanosecond")
    return nanoseconds
