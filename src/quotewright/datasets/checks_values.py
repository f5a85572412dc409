"""Checks of values: missing, not finite, beyond bounds, declared flags, repeated or proportional columns, units."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from quotewright.datasets.manifest import Finding
from quotewright.datasets.views import Floats, Mask, View

HELD = 0.6  # share of rows that repeat the row before
FEWEST = 30  # rows, for a rule about a column as a whole
USUAL_FUNDING = (1e-5, 2e-3)  # of a notional, per 8 h, in the middle: 0.0001 is what venues charge by default
_AVERAGE = re.compile(r"s?ma_?([0-9]+)")


def missing(view: View) -> Iterator[Finding]:
    """Empty cells: at the beginning, in between, at the end, or all. Columns empty in the same rows are one finding."""
    alike: dict[bytes, list[str]] = {}
    for name in view.names("float", "integer", "flag", "text"):
        if view.frame[name].null_count():
            alike.setdefault(view.frame[name].is_null().to_numpy().tobytes(), []).append(name)
    for cells, names in alike.items():
        empty = np.frombuffer(cells, bool)
        yield view.finding("missing", ", ".join(names), empty, _where(empty))


def _where(empty: Mask) -> str:
    filled = np.flatnonzero(~empty)
    if not len(filled):
        return "the whole column is empty"
    lead, tail = int(filled[0]), len(empty) - 1 - int(filled[-1])
    within = int(empty.sum()) - lead - tail
    longest = f", at most {_longest(empty):,} in a row" if within else ""
    return f"{lead:,} before the first value, {within:,} in between{longest}, {tail:,} after the last"


def not_finite(view: View) -> Iterator[Finding]:
    """NaN and infinities, which are neither values nor declared empty."""
    for name in view.names("float"):
        column = view.frame[name]
        bad = (column.is_not_null() & ~column.is_finite().fill_null(True)).to_numpy()
        if bad.any():
            yield view.finding("not_finite", name, bad, "NaN or infinite")


def out_of_bounds(view: View) -> Iterator[Finding]:
    """Values that the column's unit does not allow."""
    for column in view.manifest.columns:
        if column.bounds is None:
            continue
        low, high = column.bounds
        values = view.floats(column.name)
        beyond = (values < low) | (values > high)
        if beyond.any():
            worst = values[beyond][np.abs(values[beyond] - (low + high) / 2).argmax()]
            detail = f"outside {low:g} to {high:g} ({column.unit}), as far as {worst:g}"
            yield view.finding("out_of_bounds", column.name, beyond, detail)


def flagged(view: View) -> Iterator[Finding]:
    """Rows that the publisher, or a cleaning step, has marked; a flag that says which side took is no mark."""
    for name in view.names("flag"):
        if view.manifest.kind == "prints":
            continue
        marked = view.frame[name].fill_null(False).to_numpy()
        if marked.any():
            column = view.manifest.column(name)
            yield view.finding("flagged", name, marked, "" if column is None else column.unit)


def held(view: View) -> Iterator[Finding]:
    """Columns that mostly repeat the row before: sampled more rarely than the rows, or no market moved them."""
    if len(view.time) < FEWEST or view.manifest.kind == "prints":
        return
    for name in view.names("float"):
        values = view.floats(name)
        same = np.concatenate([[False], values[1:] == values[:-1]])
        finite = values[np.isfinite(values)]
        varies = len(finite) > 0 and finite.min() < finite.max()
        if varies and same.mean() > HELD:
            yield view.finding("held", name, same, f"{same.mean():.0%} of the rows repeat the one before")
        elif not varies and len(finite) >= FEWEST:
            yield view.finding("constant", name, np.isfinite(values), f"always {finite[0]:g}")


def proportional(view: View) -> Iterator[Finding]:
    """A column that is another one times a constant: a repeat, or one of the two is in another unit than it says."""
    if len(view.time) < FEWEST or view.manifest.kind == "prints":
        return
    names = view.names("float")
    columns = {name: view.floats(name) for name in names}
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            a, b = columns[name], columns[other]
            both = np.isfinite(a) & np.isfinite(b) & (a != 0)
            if both.sum() < FEWEST or (np.isfinite(a) & np.isfinite(b) & (a == 0) & (b != 0)).any():
                continue
            ratio = b[both] / a[both]
            middle = float(np.median(ratio))
            if middle and np.abs(ratio / middle - 1).max() < 1e-9 and np.ptp(a[both]) > 0:
                detail = f"is {middle:.10g} × {name}" if abs(middle - 1) > 1e-9 else f"is equal to {name}"
                yield view.finding("proportional", other, both, detail)


def funding_unit(view: View) -> Iterator[Finding]:
    """Funding rates whose usual size does not fit the declared unit: a percentage for a fraction, or the reverse."""
    for column in view.manifest.columns:
        if not column.name.startswith("funding_rate"):
            continue
        rates = np.abs(view.floats(column.name))
        rates = rates[np.isfinite(rates) & (rates > 0)] / (100 if column.unit.startswith("percent") else 1)
        if len(rates) < FEWEST:
            continue
        usual = float(np.median(rates))
        if not USUAL_FUNDING[0] <= usual <= USUAL_FUNDING[1]:
            detail = (
                f"declared {column.unit}, so the usual rate is {usual:.2%} of the notional each time: 100 times too "
            )
            detail += "much?" if usual > USUAL_FUNDING[1] else "little?"
            yield Finding("funding_unit", column.name, view.label, len(rates), int(view.time.min()), detail)


def derived(view: View) -> Iterator[Finding]:
    """Columns named as a moving average of rows that are not the average of any close here, over that many rows."""
    closes = [name for name in view.names("float") if name.startswith("close")]
    for name in view.names("float"):
        match = _AVERAGE.fullmatch(name)
        if match is None or not closes or len(view.time) <= int(match[1]) + FEWEST:
            continue
        window, given = int(match[1]), view.floats(name)
        apart = [_apart(given, view.frame[close].rolling_mean(window).fill_null(np.nan).to_numpy()) for close in closes]
        if min(apart) > 1e-6:
            detail = (
                f"differs from the mean of {window} rows of any close, by {min(apart):.2%} in the middle: recompute it"
            )
            yield view.finding("derived", name, np.isfinite(given), detail)


def _apart(given: Floats, recomputed: Floats) -> float:
    both = np.isfinite(given) & np.isfinite(recomputed)
    return float(np.median(np.abs(given[both] / recomputed[both] - 1))) if both.any() else 0.0


def _longest(mask: Mask) -> int:
    """The longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0


CHECKS = (missing, not_finite, out_of_bounds, flagged, held, proportional, funding_unit, derived)
