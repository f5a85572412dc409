"""Schedules of faults drawn from a seed, for runs under a virtual clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from quotewright.exchange.fault_schedule import KINDS, SECOND, FaultRule

# How long a window lasts (s), how probable its fault is each time, and how strong: drawn evenly between these.
_LENGTH: Mapping[str, tuple[float, float]] = {
    "ban": (5, 30),
    "limit": (2, 20),
    "frozen_stream": (2, 20),
    "refuse_connect": (1, 8),
    "clock_skew": (5, 60),
    "balance_lag": (2, 30),
    "slow_engine": (1, 15),
    "renamed_field": (0.5, 4),
    "missing_field": (0.5, 4),
}
_USUAL_LENGTH = (1.0, 15.0)
_PROBABILITY: Mapping[str, tuple[float, float]] = {
    "ban": (0.02, 0.2),
    "limit": (0.02, 0.2),
    "gap": (0.5, 1),
    "drop": (0.01, 0.15),
    "delay": (0.05, 0.8),
    "disconnect": (0.5, 1),
    "shutdown_notice": (0.5, 1),
    "end_user_stream": (0.5, 1),
    "frozen_stream": (0.3, 1),
    "refuse_connect": (0.5, 1),
    "clock_skew": (1, 1),
    "slow_engine": (0.1, 1),
    "balance_lag": (0.3, 1),
    "renamed_field": (0.02, 0.3),
    "missing_field": (0.02, 0.3),
}
_USUAL_PROBABILITY = (0.02, 0.4)
_MAGNITUDE: Mapping[str, tuple[int, int]] = {
    "delay": (5, 4000),
    "duplicate": (1, 3),
    "reorder": (1, 500),
    "error_before": (500, 504),
    "error_after": (500, 504),
    "unknown_status": (1006, 1007),
    "limit": (1, 10),
    "ban": (5, 60),
    "slow_engine": (20, 6000),
    "balance_lag": (50, 5000),
    "gap": (1, 4),
    "shutdown_notice": (1, 20),
    "clock_skew": (-6000, 6000),
}
# What an unannounced change may hit: a request or a stream, and a field that its readers need.
_FIELDS = (
    ("order.place", "", "orderId"),
    ("order.place", "", "status"),
    ("order.status", "", "executedQty"),
    ("order.cancel", "", "status"),
    ("depth", "", "lastUpdateId"),
    ("", "depth", "U"),
    ("", "depth", "b"),
    ("", "trade", "t"),
    ("", "bookTicker", "a"),
    ("", "user", "c"),
    ("", "user", "X"),
    ("", "user", "l"),
    ("", "user", "t"),
)


def random_schedule(
    rng: Random, duration: int, kinds: Sequence[str] = tuple(KINDS), intensity: float = 1.0
) -> tuple[FaultRule, ...]:
    """Rules of these kinds within the first `duration` ns: on average `intensity` windows a kind and minute.

    Every window ends by `duration`, so that a run that goes on after it can be judged in quiet.
    """
    rules: list[FaultRule] = []
    for kind in kinds:
        expected = intensity * duration / (60 * SECOND)
        count = int(expected) + (rng.random() < expected % 1)
        rules += (_draw(rng, kind, duration) for _ in range(count))
    return tuple(sorted(rules, key=lambda rule: (rule.start, rule.end)))


def _draw(rng: Random, kind: str, duration: int) -> FaultRule:
    length = min(int(rng.uniform(*_LENGTH.get(kind, _USUAL_LENGTH)) * SECOND), duration // 2)
    start = rng.randrange(max(1, duration - length))
    end = max(start + 1, start + length)
    request, stream, field = "", "", ""
    if kind in ("renamed_field", "missing_field"):
        request, stream, field = rng.choice(_FIELDS)
    magnitude = rng.randint(*_MAGNITUDE.get(kind, (0, 0)))
    if kind in ("ban", "limit"):  # both outlast the window in which they begin
        magnitude = max(1, min(magnitude, (duration - end) // SECOND))
    if kind == "shutdown_notice":
        magnitude = min(magnitude, (duration - end) // SECOND)
    return FaultRule(
        kind,
        request=request,
        stream=stream,
        field=field,
        start=start,
        end=end,
        every=int(rng.uniform(1, 10) * SECOND) if KINDS[kind].timed else 0,
        times=1 if kind == "ban" else 0,
        probability=rng.uniform(*_PROBABILITY.get(kind, _USUAL_PROBABILITY)),
        magnitude=magnitude,
        shape="drift" if kind == "clock_skew" and rng.random() < 0.5 else "step",
    )
