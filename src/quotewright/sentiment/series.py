"""Scores of many texts as a series by time, each value with the moment from which it could be known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.sentiment.port import Scorer

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class SentimentSeries(NamedTuple):
    """One row a period in which a text appeared, ascending; the row must not be used before `known_ns`."""

    known_ns: Integers  # end of the period + delay, ns since the epoch
    value: Floats  # mean score of the period's texts, −1 to 1
    hit_share: Floats  # of the texts in which the scorer found anything, 0 to 1
    texts: Integers


def sentiment_series(
    scorer: Scorer, published_ns: Any, texts: Sequence[str], *, period_ns: int, delay_ns: int = 0
) -> SentimentSeries:
    """Mean scores over periods [k·period_ns, (k+1)·period_ns) of the time at which texts were published.

    `delay_ns` is what collecting and scoring takes after a period's end: be generous where it was not measured. Texts
    may come in any order, and the order changes no bit; a text that was published again counts again. Raises InputError
    for a period below 1, a delay below 0, times that are not whole ns, or another number of times than of texts.
    """
    if period_ns < 1 or delay_ns < 0:
        raise InputError("period_ns, delay_ns", (period_ns, delay_ns), "give a period above 0 and a delay of 0 or more")
    times = np.asarray(published_ns)
    if times.ndim != 1 or len(times) != len(texts):
        raise InputError("published_ns", times.shape, f"give one time for each of the {len(texts)} texts")
    if len(times) and not np.issubdtype(times.dtype, np.integer):
        raise InputError("published_ns", str(times.dtype), "give whole nanoseconds since the epoch")
    scores = [scorer.score(text) for text in texts]
    periods, which, counts = np.unique(times.astype(np.int64) // period_ns, return_inverse=True, return_counts=True)
    values: list[list[float]] = [[] for _ in periods]
    hits = np.zeros(len(periods), np.int64)
    for period, score in zip(map(int, which), scores, strict=True):
        values[period].append(score.value)
        hits[period] += score.hits > 0
    means = np.array([math.fsum(of_period) / len(of_period) for of_period in values], np.float64)
    known = (periods + 1) * period_ns + delay_ns
    return SentimentSeries(known, means, hits / np.maximum(counts, 1), counts.astype(np.int64))
