"""Checks of prices and volumes: impossible bars and quotes, invented bars, exchanged volumes, splices, outliers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from quotewright.datasets.manifest import Finding
from quotewright.datasets.outliers import THRESHOLD, WINDOW, price_outliers
from quotewright.datasets.views import BAR, Floats, Mask, View

STRAIGHT = 1e-6  # of a value: how far from the middle of its neighbours an interpolated one may be rounded
ROUNDED = 1e-3  # of a price: how far outside its bar a mean price may lie by rounding of the volumes
AROUND = 60  # rows on either side of a splice
JUMP = 10  # times the usual step from a close to the next open
LEVEL = 3  # times the volume before


def not_positive(view: View) -> Iterator[Finding]:
    """Prices of 0 or less. A funding rate or a premium may be negative; a price may not."""
    for name in _prices(view):
        bad = view.floats(name) <= 0
        if bad.any():
            yield view.finding("not_positive", name, bad, "prices must be above 0")


def impossible_bars(view: View) -> Iterator[Finding]:
    """Bars whose high is below, or whose low is above, another of their prices."""
    for bar in view.bars():
        prices = [view.floats(bar[place]) for place in BAR if place in bar]
        highest, lowest = np.fmax.reduce(prices), np.fmin.reduce(prices)
        bad = (view.floats(bar["high"]) < highest) | (view.floats(bar["low"]) > lowest)
        if bad.any():
            yield view.finding("impossible_bar", bar["high"], bad, "high and low do not enclose open and close")


def crossed_quotes(view: View) -> Iterator[Finding]:
    """Bids at or above asks at the close of a row."""
    if {"bid_close", "ask_close"} <= set(view.names("float")):
        crossed = view.floats("bid_close") >= view.floats("ask_close")
        if crossed.any():
            yield view.finding("crossed_quotes", "bid_close", crossed, "the bid is at or above the ask")


def volumes(view: View) -> Iterator[Finding]:
    """Volumes of 0 in a bar that moved (so: unknown), volumes of 0 in one that did not, and negative ones."""
    bars = [bar for bar in view.bars() if bar["high"] == "high"]
    for name in (name for name in view.names("float") if name.startswith("volume")):
        volume = view.floats(name)
        if (volume < 0).any():
            yield view.finding("negative_volume", name, volume < 0, "a volume cannot be negative")
        moved = view.floats("high") > view.floats("low") if bars else np.zeros(len(volume), bool)
        unknown, idle = (volume == 0) & moved, (volume == 0) & ~moved
        if unknown.any():
            yield view.finding("unknown_volume", name, unknown, "0 although the price moved: unknown, not nothing")
        if idle.any():
            yield view.finding("no_trade", name, idle, "no volume: the price is carried over, nobody traded at it")


def swapped_volumes(view: View) -> Iterator[Finding]:
    """Rows whose volumes are plausible only exchanged: quote ÷ base must lie within the bar, its mean price."""
    pair = _volume_pair(view)
    if pair is None or not any(bar["high"] == "high" for bar in view.bars()):
        return
    base, quote = (view.floats(name) for name in pair)
    swapped = swapped_rows(base, quote, view.floats("low"), view.floats("high"))
    if swapped.any():
        yield view.finding("swapped_volumes", pair[0], swapped, f"is {pair[1]}, and the other way round")
    outside = (
        ~swapped
        & ~_within(base, quote, view.floats("low"), view.floats("high"))
        & (base > 0)
        & (quote > 0)
        & np.isfinite(base * quote)
    )
    if outside.any():
        yield view.finding("mean_price_outside", pair[1], outside, f"{pair[1]} ÷ {pair[0]} lies outside the bar")


def swapped_rows(base: Floats, quote: Floats, low: Floats, high: Floats) -> Mask:
    """Rows in which base ÷ quote, but not quote ÷ base, is a price between low and high; never a row without volume."""
    return _within(quote, base, low, high) & ~_within(base, quote, low, high)


def interpolated(view: View) -> Iterator[Finding]:
    """Bars that nobody traded: every price and the volume half way between their neighbours', to rounding."""
    volume = [name for name in view.names("float") if name.startswith("volume")]
    for bar in view.bars():
        if bar["high"] == "high":
            names = [bar[place] for place in BAR if place in bar]
            straight = straight_rows([view.floats(name) for name in names], [view.floats(name) for name in volume])
            if straight.any():
                yield view.finding(
                    "interpolated", "high", straight, f"{', '.join(names + volume)} lie on straight lines"
                )


def straight_rows(prices: list[Floats], volumes: list[Floats]) -> Mask:
    """Rows where every column is the mean of the rows beside it, a price has moved, and every volume has too."""
    count = len(prices[0])
    straight = np.zeros(count, bool)
    if count < 3:
        return straight
    columns = [*prices, *volumes]
    with np.errstate(invalid="ignore"):  # infinities are another check's
        near = [np.abs(v[1:-1] - (v[2:] + v[:-2]) / 2) <= STRAIGHT * np.abs(v[1:-1]) for v in columns]
        moved = [np.abs(v[2:] - v[:-2]) > 10 * STRAIGHT * np.abs(v[1:-1]) for v in columns]
    straight[1:-1] = np.logical_and.reduce([*near, *moved[len(prices) :]]) & np.logical_or.reduce(moved[: len(prices)])
    return straight


def splices(view: View) -> Iterator[Finding]:
    """Where a row's `source` is not that of the row before: the step of the price, and of the volume's level."""
    if "source" not in view.names("text") or "close" not in view.names("float"):
        return
    source = view.frame["source"].to_list()
    closes = view.floats("close")
    opens = view.floats("open") if "open" in view.names("float") else np.full(len(closes), np.nan)
    steps = np.log(np.where(np.isfinite(opens[1:]), opens[1:], closes[1:]) / closes[:-1])
    for at in range(1, len(source)):
        if source[at] == source[at - 1]:
            continue
        here = np.zeros(len(source), bool)
        here[at] = True
        names = f"{source[at - 1]} → {source[at]}"
        step, near = steps[at - 1], np.abs(steps[max(at - 1 - AROUND, 0) : at - 1 + AROUND])
        usual = float(np.nanmedian(near))
        detail = (
            f"{names}: the price steps by {step:+.2%} from close to {'open' if np.isfinite(opens[at]) else 'close'}"
        )
        detail += f", {abs(step) / usual:.0f} times the usual" if abs(step) > JUMP * usual > 0 else ""
        yield view.finding("splice", "close", here, detail)
        for name in (name for name in view.names("float") if name.startswith("volume")):
            volume = view.floats(name)
            before, after = volume[max(at - AROUND, 0) : at], volume[at : at + AROUND]
            if not (np.isfinite(before).any() and np.isfinite(after).any()) or np.nanmedian(before) <= 0:
                continue
            ratio = float(np.nanmedian(after) / np.nanmedian(before))
            if not 1 / LEVEL < ratio < LEVEL:
                yield view.finding(
                    "splice_level", name, here, f"{names}: the usual volume is {ratio:.3g} times what it was"
                )


def outliers(view: View) -> Iterator[Finding]:
    """Closes, highs and lows beyond the Hampel bound; found, not removed: spikes may be real. See `outliers.hampel`."""
    for bar in view.bars():
        if "close" in bar and not bar["high"].startswith(("oi_", "fr_")):
            prices = [view.floats(bar[place]) for place in ("close", "high", "low")]
            far = price_outliers(*prices)
            if far.any():
                detail = f"further than {THRESHOLD:g} scales from the median return of the {WINDOW} rows before"
                yield view.finding("outliers", bar["close"], far, detail)


def _prices(view: View) -> list[str]:
    in_bars = {name for bar in view.bars() for name in bar.values() if not name.startswith("fr_")}
    return sorted(in_bars | ({"price", "close"} & set(view.names("float"))))


def _volume_pair(view: View) -> tuple[str, str] | None:
    """(base, quote): two volumes of which one is in the unit of the prices."""
    units = {column.name: column.unit for column in view.manifest.columns}
    names = [name for name in view.names("float") if name.startswith("volume")]
    quote = [name for name in names if units[name] == units.get("close")]
    base = [name for name in names if name not in quote]
    return (base[0], quote[0]) if len(base) == len(quote) == 1 else None


def _within(base: Floats, quote: Floats, low: Floats, high: Floats) -> Mask:
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = quote / base
    return (base > 0) & (mean >= low * (1 - ROUNDED)) & (mean <= high * (1 + ROUNDED))


CHECKS = (
    not_positive,
    impossible_bars,
    crossed_quotes,
    volumes,
    swapped_volumes,
    interpolated,
    splices,
    outliers,
)
