"""Checks over the series of a panel: who begins late, who ends early, who never leaves, and what is told twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from quotewright.datasets.checks_times import usual_step
from quotewright.datasets.dataset import Dataset
from quotewright.datasets.manifest import Finding
from quotewright.datasets.views import View, duration
from quotewright.storage.manifest import utc_time

TOGETHER = 3  # series that end at one moment
MANY = 10  # series, for a rule about a universe
LONG = 365 * 86_400 * 10**9
SHORT_COVER = 0.95  # of the panel's span


def coverage(dataset: Dataset, each: Sequence[View]) -> Iterator[Finding]:
    """Series that cover less of the panel's span than the rest do."""
    first, last = dataset.manifest.first, dataset.manifest.last
    if len(each) < 2 or last == first:
        return
    for view in each:
        begins, ends = int(view.time.min()), int(view.time.max())
        if (ends - begins) / (last - first) < SHORT_COVER:
            detail = f"from {utc_time(begins)} to {utc_time(ends)} of {utc_time(first)} to {utc_time(last)}"
            yield Finding("coverage", "time", view.label, len(view.time), begins, detail)


def cut_together(dataset: Dataset, each: Sequence[View]) -> Iterator[Finding]:
    """Many series that end at one moment before the panel does: cut by a collector, hardly delisted on one day."""
    if len(each) < MANY:
        return
    ends = Counter(int(view.time.max()) for view in each)
    for end, count in sorted(ends.items()):
        if count >= TOGETHER and end < dataset.manifest.last:
            detail = f"{count} series end at {utc_time(end)}, before the panel: cut off by whoever collected them"
            yield Finding("cut_together", "time", "", count, end, detail)


def survivors(dataset: Dataset, each: Sequence[View]) -> Iterator[Finding]:
    """A universe of more than a year that no member ever left alone: those that died were not kept."""
    if len(each) < MANY or dataset.manifest.last - dataset.manifest.first < LONG:
        return
    ends = Counter(int(view.time.max()) for view in each)
    left = sum(count for end, count in ends.items() if count < TOGETHER and end < dataset.manifest.last)
    if not left:
        span = duration(dataset.manifest.last - dataset.manifest.first)
        detail = f"none of {len(each)} series ends on its own in {span}: those that died are not here"
        yield Finding("survivors", "", "", len(each), -1, detail)


def told_twice(dataset: Dataset, each: Sequence[View]) -> Iterator[Finding]:
    """Series that tell the same thing for the same times under keys that differ in one: two samplings, two sources."""
    keys = dataset.manifest.keys
    if len(keys) < 2 or dataset.manifest.kind == "prints":
        return
    named = list(zip(dataset.members(), each, strict=True))
    value = next((name for name in each[0].names("float")), "")
    for place, (one, view) in enumerate(named):
        for other, second in named[place + 1 :]:
            if not value or sum(one[key] != other[key] for key in keys) != 1:
                continue
            shared, mine, theirs = np.intersect1d(view.time, second.time, return_indices=True)
            if not len(shared):
                continue
            a, b = view.floats(value)[mine], second.floats(value)[theirs]
            equal = np.isclose(a, b, rtol=1e-12, atol=0)
            if equal.mean() > 0.5:
                detail = (
                    f"at {len(shared):,} times of {second.label} too, {int(equal.sum()):,} of them with the same value"
                )
                yield Finding("told_twice", value, view.label, len(shared), int(shared[0]), detail)


def sampling(dataset: Dataset, each: Sequence[View]) -> Iterator[Finding]:
    """Series that are sampled at another step than the period that their rows cover."""
    for view in each:
        period = dataset.manifest.period
        step = usual_step(view.time, period)
        if period and step != period:
            detail = f"a row each {duration(step)}, each about {duration(period)}"
            yield Finding("sampling", "time", view.label, len(view.time), int(view.time.min()), detail)


CHECKS = (coverage, cut_together, survivors, told_twice, sampling)
