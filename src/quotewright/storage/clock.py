"""The recorder's clock against the venue's: one offset for a recording, explicit and kept in its manifest."""

from __future__ import annotations

from quotewright.domain.errors import InputError
from quotewright.domain.units import parse_duration

FASTEST = 1_000_000  # ns
LARGEST = 366 * 86_400 * 10**9  # ns; more than that is a wrong unit, not a wrong clock


def auto_offset(least_latency: int) -> int:
    """The offset (ns, added to local times) that makes the quickest message take at least 1 ms, never less than 0.

    A recording cannot tell the one-way delay from a wrong clock. A clock that is provably behind is moved to
    1 ms, an assumption; one that may be right is left alone, because moving it would make the feed look
    faster than it was. `least_latency` is the least local − venue time, ns.
    """
    return max(0, FASTEST - least_latency)


def choose_offset(text: str, least_latency: int) -> tuple[int, str]:
    """The offset (ns) for `auto`, `none` or a duration such as `1.27s`, and how it was chosen: auto, none, given.

    Raises InputError for anything else, and for more than a year. An offset too small is no error: home times
    before their venue times are raised to them when loading, and counted.
    """
    if text == "auto":
        return auto_offset(least_latency), "auto"
    if text == "none":
        return 0, "none"
    offset = parse_duration(text, "clock-offset")
    if abs(offset) > LARGEST:
        raise InputError("clock-offset", text, "is longer than a year; check the unit")
    return offset, "given"
