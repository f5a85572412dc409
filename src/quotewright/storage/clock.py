"""The recorder's clock against the venue's: one offset for a recording, explicit and kept in its manifest."""

from __future__ import annotations

from quotewright.domain.units import parse_duration

FASTEST = 1_000_000  # ns


def auto_offset(least_latency: int) -> int:
    """The offset (ns, added to local times) that makes the quickest message take at least 1 ms, never less than 0.

    A recording cannot tell the one-way delay from a wrong clock. A clock that is provably behind is moved to
    1 ms, an assumption; one that may be right is left alone, because moving it would make the feed look
    faster than it was. `least_latency` is the least local − venue time, ns.
    """
    return max(0, FASTEST - least_latency)


def choose_offset(text: str, least_latency: int) -> tuple[int, str]:
    """The offset for `auto`, `none` or a duration such as `1.27s`, and how it was chosen.

    `none` is refused by nothing: home times before venue times are then raised to them when loading.
    """
    if text == "auto":
        return auto_offset(least_latency), "auto"
    if text == "none":
        return 0, "none"
    return parse_duration(text, "clock-offset"), "given"
