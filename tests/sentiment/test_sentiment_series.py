"""Scores by period: against a plain loop, with the moment of knowledge, in any order."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.sentiment.lexicon import crypto_lexicon
from quotewright.sentiment.series import SentimentSeries, sentiment_series

SCORER = crypto_lexicon()
HOUR = 3_600_000_000_000
posts = st.lists(
    st.tuples(st.integers(-40, 40), st.sampled_from(["soars", "crash", "", "rally not crash", "hello"])), max_size=30
)


@given(posts, st.integers(1, 20), st.integers(0, 9), st.randoms(use_true_random=False))
def test_it_is_that_of_a_plain_loop_in_any_order(
    given_posts: list[tuple[int, str]], period: int, delay: int, shuffler: object
) -> None:
    groups: dict[int, list[str]] = {}
    for time, text in given_posts:
        groups.setdefault(math.floor(time / period), []).append(text)
    mixed = list(given_posts)
    shuffler.shuffle(mixed)  # type: ignore[attr-defined]
    times = np.array([time for time, _ in mixed], np.int64)
    found = sentiment_series(SCORER, times, [text for _, text in mixed], period_ns=period, delay_ns=delay)
    assert found.known_ns.tolist() == [(k + 1) * period + delay for k in sorted(groups)]
    for i, k in enumerate(sorted(groups)):
        scores = [SCORER.score(text) for text in groups[k]]
        assert found.texts[i] == len(scores)
        assert found.value[i] == math.fsum(s.value for s in scores) / len(scores)
        assert found.hit_share[i] == sum(s.hits > 0 for s in scores) / len(scores)


def test_a_text_is_known_only_after_its_period_and_the_delay() -> None:
    """Whatever is published later changes no row that could be known before."""
    rng = np.random.default_rng(3)
    times = np.sort(rng.integers(0, 60 * HOUR, 200))
    texts = [str(rng.choice(["soars", "crash", "calm"])) for _ in times]
    whole = sentiment_series(SCORER, times, texts, period_ns=6 * HOUR, delay_ns=HOUR)
    for now in (7 * HOUR, 31 * HOUR, 32 * HOUR):
        seen = times <= now - HOUR
        partly = sentiment_series(
            SCORER, times[seen], [t for t, s in zip(texts, seen, strict=True) if s], period_ns=6 * HOUR, delay_ns=HOUR
        )
        count = np.searchsorted(whole.known_ns, now, side="right")
        assert count >= 1
        for column, other in zip(whole, partly, strict=True):
            assert np.array_equal(column[:count], other[:count])
    first = np.searchsorted(times, whole.known_ns[0] - HOUR)
    assert whole.texts[0] == first  # every text before the period's end, none after


def test_a_planted_mood_is_recovered() -> None:
    rng = np.random.default_rng(4)
    mood = np.sin(np.arange(60) / 6)
    times, texts = [], []
    for hour, share in enumerate((1 + mood) / 2):
        for _ in range(30):
            times.append(hour * HOUR + int(rng.integers(HOUR)))
            texts.append("bulls win" if rng.random() < share else "bears panic")
    found = sentiment_series(SCORER, np.array(times), texts, period_ns=HOUR)
    assert len(found.value) == 60
    assert np.corrcoef(found.value, mood)[0, 1] > 0.95


def test_no_texts_make_no_rows() -> None:
    found = sentiment_series(SCORER, np.empty(0, np.int64), [], period_ns=HOUR)
    assert [len(column) for column in found] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("period_ns, delay_ns", lambda: sentiment_series(SCORER, [1], ["a"], period_ns=0)),
        ("period_ns, delay_ns", lambda: sentiment_series(SCORER, [1], ["a"], period_ns=5, delay_ns=-1)),
        ("published_ns", lambda: sentiment_series(SCORER, [1, 2], ["a"], period_ns=5)),
        ("published_ns", lambda: sentiment_series(SCORER, [1.5], ["a"], period_ns=5)),
        ("published_ns", lambda: sentiment_series(SCORER, [[1]], ["a"], period_ns=5)),
    ],
)
def test_wrong_input_is_refused(field: str, make: Callable[[], SentimentSeries]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field
