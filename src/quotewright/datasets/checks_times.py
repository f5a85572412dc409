"""Checks of times: order, repeats, gaps, silence, times made distinct by hand, and the recorder's clock."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from quotewright.datasets.manifest import Finding
from quotewright.datasets.views import Integers, View, duration

SILENCE = 50  # times the 99th percentile of the steps
NUDGED = 20  # steps of one unit for each of none


def out_of_order(view: View) -> Iterator[Finding]:
    """Rows that are earlier than the row before."""
    back = np.diff(view.time, prepend=view.time[:1]) < 0
    if back.any():
        most = int(-np.diff(view.time).min())
        yield view.finding("out_of_order", "time", back, f"time goes back, at most by {duration(most)}")


def duplicates(view: View) -> Iterator[Finding]:
    """Rows of a time that was there before: equal in every column, or contradicting. Prints may share a time."""
    if view.manifest.kind == "prints":
        return
    repeated = ~view.frame["time"].is_first_distinct().to_numpy()
    if repeated.any():
        equal = view.frame.height - view.frame.unique().height
        detail = f"{equal:,} repeat an earlier row, the others contradict one"
        yield view.finding("duplicates", "time", repeated, detail)


def usual_step(times: Integers, period: int) -> int:
    """The step that most of the distinct times are after the one before; the period, where no step is that of most."""
    steps = np.diff(np.unique(times))
    sizes, counts = np.unique(steps, return_counts=True)
    return int(sizes[counts.argmax()]) if len(steps) and 2 * counts.max() > len(steps) else period


def gaps(view: View) -> Iterator[Finding]:
    """Missing rows of a series with a period: the steps beyond the usual one."""
    if view.manifest.period == 0:
        return
    step = usual_step(view.time, view.manifest.period)
    times = np.unique(view.time)
    steps = np.diff(times)
    wide = steps > step
    if wide.any():
        missing = int((steps[wide] // step - 1).sum())
        detail = f"{missing:,} rows of {duration(step)} are missing; the longest step is {duration(int(steps.max()))}"
        yield Finding("gaps", "time", view.label, int(wide.sum()), int(times[:-1][wide][0]), detail)
    off = (times - times[0]) % step != 0
    if off.any():
        detail = f"not a whole number of {duration(step)} after the first row"
        yield Finding("off_grid", "time", view.label, int(off.sum()), int(times[off][0]), detail)


def silence(view: View) -> Iterator[Finding]:
    """A stretch without prints, far beyond any usual one: the recorder's gap rather than the market's calm."""
    if view.manifest.period or len(view.time) < 1_000:
        return
    steps = np.diff(np.sort(view.time))
    long = steps > SILENCE * max(int(np.quantile(steps, 0.99)), 1)
    if long.any():
        at = np.sort(view.time)[:-1][long]
        yield Finding(
            "silence", "time", view.label, int(long.sum()), int(at[0]), f"longest {duration(int(steps.max()))}"
        )


def nudged(view: View) -> Iterator[Finding]:
    """Prints whose times were made distinct: hardly one is shared, but steps of one unit of the clock abound."""
    if view.manifest.kind != "prints" or len(view.time) < 1_000:
        return
    steps = np.diff(np.sort(view.time))
    unit = int(np.gcd.reduce(steps))
    shared, next_to = int((steps == 0).sum()), int((steps == unit).sum())
    if unit and next_to > max(NUDGED * shared, len(steps) // 100):
        detail = (
            f"{shared:,} prints are at the time of the one before, {next_to:,} one unit ({duration(unit)}) after it"
        )
        yield Finding("nudged_times", "time", view.label, next_to, int(view.time.min()), detail)


def clock(view: View) -> Iterator[Finding]:
    """Rows that the recorder had before they happened: its clock is behind."""
    if "known" not in view.frame.columns:
        return
    late = view.frame["known"].to_numpy() - view.time
    early = late < 0
    if early.any():
        low, middle, high = (duration(int(q)) for q in np.quantile(late, (0.01, 0.5, 0.99)))
        detail = f"known before they happened; known − time: {low}, {middle}, {high} (p1, p50, p99)"
        yield view.finding("clock_behind", "known", early, detail)


CHECKS = (out_of_order, duplicates, gaps, silence, nudged, clock)
