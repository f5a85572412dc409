"""What dust is: lives of improvements against a plain search, a planted threshold, and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.signals.dust import NEVER, fit_dust, lives_of_improvements, separate

SECOND = 10**9


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 6), max_size=40), st.sampled_from([1, -1]))
def test_lives_are_those_of_a_plain_search(bests: list[int], side: int) -> None:
    best = np.array(bests, np.int64) * side
    times = np.cumsum(np.arange(len(best)) + 1)
    expected = []
    for i in range(len(best)):
        if i == 0 or best[i - 1] == 0 or best[i] == 0 or best[i] <= best[i - 1]:
            expected.append(-1)
            continue
        ends = [j for j in range(i + 1, len(best)) if best[j] == 0 or best[j] < best[i]]
        expected.append(int(times[ends[0]] - times[i]) if ends else NEVER)
    assert lives_of_improvements(times, best).tolist() == expected


def planted(seed: int, threshold: int, n: int = 4_000) -> tuple[np.ndarray, ...]:
    """A touch that is improved by sizes of 1 to 400 lots; those below the threshold mostly go within the second."""
    rng = np.random.default_rng(seed)
    rows, time = [], 0
    for _ in range(n):
        size = int(rng.integers(1, 400))
        soon = rng.random() < (0.9 if size < threshold else 0.2)
        life = SECOND // 10 if soon else 3 * SECOND
        up = bool(rng.random() < 0.5)
        rows.append((time, 100 + up, size if up else 600, 105 - (not up), 600 if up else size))
        rows.append((time + life, 100, 600, 105, 600))
        time += life + SECOND
    return tuple(np.array(rows).T)


def test_a_planted_threshold_is_found() -> None:
    found = [fit_dust(*planted(seed, 120), short_ns=SECOND) for seed in range(5)]
    for one in found:
        assert one.low <= 120 <= one.high
        assert one.threshold == pytest.approx(120, abs=8)
        assert one.p_value < 1e-6
        assert one.separation > 0.3
    assert found[0].short_lived + found[0].lasting == pytest.approx(4_000, abs=2)


def test_sizes_that_say_nothing_are_no_dust() -> None:
    rejected = sum(fit_dust(*planted(seed, 0, 300), short_ns=SECOND).threshold > 0 for seed in range(60))
    assert rejected <= 3  # of 60 at 1 %


def test_large_sizes_that_die_are_no_dust() -> None:
    rng = np.random.default_rng(1)
    short, lasting = rng.integers(300, 400, 500), rng.integers(1, 300, 500)
    assert separate(short, lasting, 400).threshold == 0
    assert separate(lasting, short, 250).threshold <= 250
    assert separate(np.empty(0, np.int64), lasting, 10).threshold == 0


def test_what_cannot_be_learned_from_is_refused() -> None:
    columns = planted(1, 100, 5)
    with pytest.raises(InputError, match="short_ns"):
        fit_dust(*columns, short_ns=0)
    with pytest.raises(InputError, match="touch"):
        fit_dust(columns[0][:-1], *columns[1:], short_ns=1)
    with pytest.raises(InputError, match="bests"):
        lives_of_improvements(columns[0][:-1], columns[1])
