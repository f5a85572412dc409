"""The observation clock against a plain loop over ticks, and the drought and spike rules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import records
from quotewright.signals.regime import (
    CALM,
    CLOCK,
    OBSERVATION,
    QUOTE,
    TRANSITIONAL,
    TURBULENT,
    UNKNOWN,
    clock_rules,
    observations,
)
from quotewright.signals.stress import HALT, KEEP, SHRINK, WIDEN, stress_actions, stress_rules

Quote = tuple[float, float, float, float]  # seconds, mid, spread bp, depth


def observed(quotes: list[Quote], clocks: Any | None = None, **rules: Any) -> list[tuple[float, float, float, float]]:
    rows = records(len(quotes), QUOTE)
    for row, (time, mid, spread, depth) in zip(rows, quotes, strict=True):
        row["time"], row["mid"], row["spread"], row["depth"] = round(time * 1e9), mid, spread, depth
    out = records(len(quotes), OBSERVATION)
    clocks = records(1, CLOCK) if clocks is None else clocks
    count = observations(clocks, clock_rules(**rules), rows, out)
    return [(o["time"] / 1e9, *o["measures"].tolist()) for o in out[:count]]


def by_plain_loop(quotes: list[tuple[int, float]], half_life: float, warm_up: int, floor: float) -> dict[int, float]:
    """ln variance at every tick of a second, stepped one tick at a time; quotes are (ms, mid)."""
    start, found = quotes[0][0], {}
    base, variance, weight = quotes[0][1], 0.0, 0.0
    keep = 0.5 ** (1 / half_life)
    for step in range(1, (quotes[-1][0] - start) // 1000 + 1):
        at = start + 1000 * step
        mid = [mid for time, mid in quotes if time < at][-1]
        variance = keep * variance + (1 - keep) * (1e4 * math.log(mid / base)) ** 2
        weight = keep * weight + 1 - keep
        base = mid
        if step >= warm_up:
            found[at] = math.log(variance / weight + floor)
    return found


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9000), st.floats(90, 110)), min_size=2, max_size=60),
    st.sampled_from([2.0, 7.5]),
    st.integers(1, 5),
)
def test_the_clock_agrees_with_a_loop_over_every_tick(steps: Any, half_life: float, warm_up: int) -> None:
    times = (5000 + np.cumsum([s for s, _ in steps])).tolist()
    mids = [mid for _, mid in steps]
    expected = by_plain_loop(list(zip(times, mids, strict=True)), half_life, warm_up, 1e-4)
    quotes = [(time / 1000, mid, 2.0, 10.0) for time, mid in zip(times, mids, strict=True)]
    found = observed(quotes, half_life=half_life, warm_up=warm_up, floor=1e-4)
    for time, log_variance, log_spread, thinness in found:
        assert log_variance == pytest.approx(expected[round(time * 1000)], rel=1e-9, abs=1e-9)
        assert (log_spread, thinness) == (math.log(2.0), -math.log(10.0))
    passed = {(time - times[0]) // 1000 for time in times} - set(range(warm_up))
    assert len(found) == len(passed)


def test_a_tick_uses_only_what_was_known_before_it() -> None:
    quotes = [(1.0, 100, 1, 10), (2.0, 200, 9, 1), (3.0, 300, 9, 1)]
    found = observed(quotes, warm_up=1, floor=1e-4)
    assert found[0] == pytest.approx((2.0, math.log(1e-4), 0.0, -math.log(10)))
    assert observed(quotes[:2], warm_up=1, floor=1e-4) == found[:1]


def test_event_by_event_is_the_same_fold_and_a_gap_starts_afresh() -> None:
    rng = np.random.default_rng(2)
    times = np.cumsum(rng.exponential(0.4, 300))
    times[200:] += 100.0
    quotes = [(float(t), float(100 + rng.normal()), float(rng.uniform(1, 3)), float(rng.uniform(1, 9))) for t in times]
    whole = observed(quotes, warm_up=5, max_gap=30.0)
    clocks, pieces = records(1, CLOCK), []
    for quote in quotes:
        pieces += observed([quote], clocks, warm_up=5, max_gap=30.0)
    assert pieces == whole
    gap = np.diff([o[0] for o in whole]).max()
    assert gap > 100
    assert observed(quotes[200:], warm_up=5, max_gap=30.0) == whole[-len(observed(quotes[200:], warm_up=5)) :]


def test_quotes_without_news_change_nothing() -> None:
    quotes: list[Quote] = [(1.0, 100, 1, 10), (1.5, 0, 1, 10), (1.7, 101, 0, 10), (2.5, 100, 1, 0), (3.5, 100, 1, 10)]
    assert [o[0] for o in observed(quotes, warm_up=1)] == [2.0, 3.0]


def actions(rows: list[tuple[int, float, float, float, float]], **rules: Any) -> list[int]:
    out = np.empty(len(rows), np.int64)
    regimes = np.array([r[0] for r in rows], np.int64)
    stress_actions(stress_rules(**rules), regimes, np.array([r[1:] for r in rows], np.float64), KEEP, out)
    return out.tolist()


def test_actions_by_hand_with_release() -> None:
    rows = [
        (CALM, 1.0, 1.0, 1.0, 0.1),
        (CALM, 3.0, 1.0, 1.0, 0.1),  # spread at its threshold
        (CALM, 2.2, 1.0, 1.0, 0.1),  # not yet below 70 % of it
        (CALM, 2.0, 3.5, 1.0, 0.1),
        (CALM, 1.0, 1.0, 10.0, 0.1),  # a spike
        (CALM, 1.0, 1.0, 7.5, 0.1),  # still above 70 % of the halt
        (CALM, 1.0, 1.0, 5.0, 0.1),
        (CALM, 1.0, 1.0, 2.0, 0.1),
        (TURBULENT, 1.0, 1.0, 1.0, 0.1),
        (TRANSITIONAL, 1.0, 1.0, 1.0, 0.1),
        (CALM, 1.0, 20.0, 1.0, 0.1),  # a drought
    ]
    assert actions(rows) == [KEEP, WIDEN, WIDEN, SHRINK, HALT, HALT, WIDEN, KEEP, WIDEN | SHRINK, KEEP, HALT]


@pytest.mark.parametrize(
    "row",
    [
        (UNKNOWN, 1, 1, 1, 0),
        (CALM, math.nan, 1, 1, 0),
        (CALM, 1, math.nan, 1, 0),
        (CALM, 1, 1, math.nan, 0),
        (CALM, 1, 1, 1, math.nan),
        (CALM, 1, 1, 1, 1.01),
        (CALM, 0, 1, 1, 0),
        (CALM, 1, -1, 1, 0),
        (CALM, math.inf, 1, 1, 0),
    ],
)
def test_what_is_not_known_halts(row: Any) -> None:
    assert actions([row]) == [HALT]


RATIO = st.floats(0.01, 100)


@given(st.integers(CALM, TURBULENT), RATIO, RATIO, RATIO, st.floats(1, 5), st.integers(0, 2), st.sampled_from(range(5)))
def test_more_stress_never_means_a_milder_action(
    regime: int, spread: float, thin: float, move: float, factor: float, which: int, before: int
) -> None:
    worse = [spread, thin, move]
    worse[which] *= factor
    out = np.empty(1, np.int64)
    found = []
    for ratios in ([spread, thin, move], worse):
        stress_actions(stress_rules(), np.array([regime]), np.array([[*ratios, 0.0]]), before, out)
        found.append(int(out[0]))
    assert found[1] == HALT or found[0] & ~found[1] == 0


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("step", lambda: clock_rules(step=0)),
        ("half_life", lambda: clock_rules(half_life=math.nan)),
        ("warm_up", lambda: clock_rules(warm_up=0)),
        ("widen_spread", lambda: stress_rules(widen_spread=1.0)),
        ("halt_move", lambda: stress_rules(widen_move=5, halt_move=4)),
        ("release", lambda: stress_rules(release=1.5)),
        ("shrink_from", lambda: stress_rules(shrink_from=7)),
    ],
)
def test_rules_out_of_range_are_refused(field: str, make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field
