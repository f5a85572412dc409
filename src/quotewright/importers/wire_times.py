"""Times as venues and recorders write them, to nanoseconds since the epoch, exactly."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.units import INT64_MAX, Step

MS = 1_000_000
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX // MS)]
Microseconds = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX // 1000)]
Nanoseconds = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)]
Id = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)]

_NANOSECOND = Step(1, 9)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 10**9


def epoch_ns(text: str, field: str) -> int:
    """Seconds since the epoch with up to nine decimals; raises ParseError for anything finer or else."""
    return _NANOSECOND.count(text, field)


def iso_ns(text: str, field: str) -> int:
    """`2026-08-09T21:05:48.228568804Z`, UTC, up to nine decimals; raises ParseError for any other form."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    digits = len(fraction)
    if not text.endswith("Z") or len(whole) != 19 or digits > 9 or (fraction and not _digits(fraction)):
        raise ParseError(field, text[:40], "is not a UTC time such as 2026-08-09T21:05:48.228568Z")
    try:
        since = datetime.fromisoformat(whole + "+00:00") - _EPOCH
    except ValueError as error:
        raise ParseError(field, text[:40], f"is not a time ({error})") from error
    return (since.days * 86_400 + since.seconds) * _SECOND + int((fraction or "0").ljust(9, "0"))


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
