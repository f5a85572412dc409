"""Stale quotes: planted ones are found, answered ones are not, the basis is learnt, folding in pieces is the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import records
from quotewright.signals.stale import (
    FOLLOWER,
    FRESH,
    LEADER,
    STALE_ASK,
    STALE_BID,
    STALE_STATE,
    VENUE_QUOTE,
    stale_codes,
    stale_rules,
)

Quote = tuple[float, int, float, float]


def judged(quotes: list[Quote], state: Any | None = None, **rules: Any) -> tuple[list[int], list[float]]:
    rows = records(len(quotes), VENUE_QUOTE)
    for row, (time, who, bid, ask) in zip(rows, quotes, strict=True):
        row["time"], row["who"], row["bid"], row["ask"] = round(time * 1e9), who, bid, ask
    codes, gaps = np.empty(len(quotes), np.int64), np.empty(len(quotes))
    stale_codes(records(1, STALE_STATE) if state is None else state, stale_rules(**rules), rows, codes, gaps)
    return codes.tolist(), gaps.tolist()


def settled(basis: float = 1.0, count: int = 30) -> list[Quote]:
    """Both venues quiet, the follower `basis` times the leader."""
    quotes: list[Quote] = []
    for i in range(count):
        quotes.append((i, LEADER, 99.9 + 0.01 * (i % 2), 100.1))
        quotes.append((i + 0.1, FOLLOWER, basis * (99.9 + 0.01 * (i % 2)), basis * 100.1))
    return quotes


def test_a_move_that_is_not_answered_makes_one_side_stale_until_answer_or_patience_ends() -> None:
    quotes = [
        *settled(),
        (40.0, LEADER, 100.4, 100.6),
        (40.2, FOLLOWER, 99.9 + 0.01, 100.1),  # the same prices again are no answer
        (40.4, FOLLOWER, 100.4, 100.6),
        (41.0, LEADER, 99.4, 99.6),
        (41.5, LEADER, 99.4, 99.6),  # nor is the leader's repetition a move
        (42.1, LEADER, 99.4, 99.6),
    ]
    codes, gaps = judged(quotes, margin=0.001)
    assert codes[-6:] == [STALE_ASK, STALE_ASK, FRESH, STALE_BID, STALE_BID, FRESH]
    assert gaps[-6] == pytest.approx((100.5 - 100.1) / 100.5, abs=1e-4)
    assert set(codes[:-6]) == {FRESH}


def test_a_lasting_difference_is_basis_not_staleness() -> None:
    codes, gaps = judged([*settled(1.01), (40, LEADER, 100.4, 100.6)], margin=0.001)
    assert set(codes[:-1]) == {FRESH}
    assert codes[-1] == STALE_ASK
    assert gaps[-1] == pytest.approx((100.5 - 100.1) / 100.5, abs=1e-4)


def test_nothing_is_judged_before_the_warm_up_or_on_half_a_quote() -> None:
    assert judged([*settled(1.0, 5), (40, LEADER, 110, 111)], warm_up=6)[0][-1] == FRESH
    assert judged([*settled(), (40, LEADER, 0, 111)], warm_up=6)[0][-1] == FRESH


def test_planted_staleness_is_found_and_little_else() -> None:
    """The follower copies a random walk 50 ms later, but freezes for half a second after every large move."""
    rng = np.random.default_rng(6)
    mid = 100 * np.exp(np.cumsum(np.where(rng.random(6000) < 0.004, rng.choice([-1, 1], 6000) * 2e-3, 0)))
    mid *= 1 + rng.normal(0, 1e-6, 6000)
    quotes: list[Quote] = []
    truth: list[bool] = []
    for i in range(100, 6000):
        time = i * 0.05
        jumped = any(abs(mid[j] / mid[j - 1] - 1) > 1e-3 for j in range(i - 9, i + 1))
        quotes.append((time, LEADER, mid[i] * 0.9999, mid[i] * 1.0001))
        truth.append(jumped or abs(mid[i - 10] / mid[i - 11] - 1) > 1e-3)  # still frozen when the leader quotes
        if not jumped:
            quotes.append((time + 0.02, FOLLOWER, mid[i] * 0.9999, mid[i] * 1.0001))
            truth.append(False)
    codes = np.array(judged(quotes, margin=3e-4)[0])
    stale, planted = codes != FRESH, np.array(truth)
    assert (stale & planted).sum() / stale.sum() > 0.99
    assert (stale & planted).sum() / planted.sum() > 0.9


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0.001, 2), st.integers(0, 1), st.floats(90, 110), st.floats(0.01, 1)), min_size=1))
def test_quote_by_quote_is_the_same_fold(steps: Any) -> None:
    times = np.cumsum([s[0] for s in steps])
    quotes = [(float(t), who, mid - half, mid + half) for t, (_, who, mid, half) in zip(times, steps, strict=True)]
    whole = judged(quotes, warm_up=2)
    state, pieces = records(1, STALE_STATE), []
    for quote in quotes:
        pieces += judged([quote], state, warm_up=2)[0]
    assert pieces == whole[0]


@pytest.mark.parametrize("rule", [{"margin": 0}, {"basis_memory": -1}, {"patience": float("nan")}, {"warm_up": 0}])
def test_rules_out_of_range_are_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(InputError) as refused:
        stale_rules(**rule)
    assert refused.value.field == next(iter(rule))
