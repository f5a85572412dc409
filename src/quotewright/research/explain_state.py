"""Sections on volatility, regimes and stress, and the catalogue of features."""

# pyright: basic
# Records have fields that no type checker sees.

from __future__ import annotations

import math
from typing import Any

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import as_records
from quotewright.features.matrix import features_of
from quotewright.features.settings import FeatureSettings
from quotewright.features.slots import NAMES, SLOTS
from quotewright.research.explain_recording import SECOND, Recording
from quotewright.research.explain_section import Section, axes, dots, line, mean_of, thinned
from quotewright.research.regime_labels import FEWEST as LEARNING
from quotewright.research.regime_labels import regime_labels
from quotewright.research.study_page import Figure
from quotewright.research.volatility import signature
from quotewright.signals import bounce, volatility
from quotewright.signals.fair_price_fits import as_of
from quotewright.signals.regime import REGIMES, UNKNOWN
from quotewright.signals.stress import HALT, SHRINK, WIDEN, stress_actions, stress_rules

FEWEST = 30  # seconds, bars or prints
BAR = 5  # s
INTERVALS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
FRESH = 5.0  # s: data that are older halt
SHOWN = ("spread", "queue_imbalance", "order_flow", "trade_flow", "vpin", "skew", "volatility", "cancel_imbalance")
MOST_SHARE = 0.4  # of the recording, from which thresholds are learned


def volatilities(rec: Recording, out: Section) -> None:
    """Realised, range-based and robust to jumps; the bounce of prints."""
    books = rec.need_books(seconds=FEWEST)
    times = np.ascontiguousarray(books["time"])
    mid2 = np.ascontiguousarray(books["bids"][:, 0] + books["asks"][:, 0])
    grid = np.arange(times[0], times[-1] + 1, SECOND, dtype=np.int64)
    prices = np.log(mid2[as_of(times, grid)]) * 1e4
    returns = np.diff(prices)
    if len(returns) < FEWEST or not np.any(returns):
        raise InputError(
            "recording", f"{np.count_nonzero(returns)} moves of the mid in {len(returns)} s", "is too still"
        )
    seconds = len(returns)
    for name, found in (
        ("realised, 1 s", volatility.realised(returns)),
        ("without jumps", volatility.bipower(returns)),
    ):
        out.add(f"volatility, {name}", *_a_second(found.value / seconds, found.error / seconds))
    test = volatility.jump_test(returns)
    out.add("share of the variance from jumps", test.share, "share", note=f"z {test.z:.1f}, p = {test.p_value:.2g}")
    _ranges(times, mid2, out)
    fine = np.arange(times[0], times[-1] + 1, SECOND // 10, dtype=np.int64)
    two = volatility.two_scale(np.log(mid2[as_of(times, fine)]) * 1e4)
    out.add("volatility, two scales", *_a_second(two.variance.value / seconds, two.variance.error / seconds))
    points = signature(times, mid2, int(times[-1]), INTERVALS)
    if points:
        out.figures.append(
            Figure(
                "Volatility by the interval between mids; flat for a random walk, rising to the left with noise.",
                [dots("σ", *np.array(points).T, mode="markers+lines")],
                axes("interval, s", "bp/√s", x={"type": "log"}, y={"rangemode": "tozero"}),
            )
        )
    _bounce(rec, out)


def _a_second(variance: float, error: float) -> tuple[float, str, float]:
    value = math.sqrt(max(variance, 0.0))
    return value, "bp/√s", error / (2 * value) if value > 0 else math.nan


def _ranges(times: np.ndarray, mid2: np.ndarray, out: Section) -> None:
    edges = np.arange(times[0], times[-1] + 1, BAR * SECOND, dtype=np.int64)
    starts = np.searchsorted(times, edges)
    place = as_of(times, edges)
    bars = len(edges) - 1
    if bars < 10:
        out.warnings.append(f"{bars} bars of {BAR} s: no volatility by ranges")
        return
    prices = mid2.astype(float)
    opened, closed = prices[place[:-1]], prices[place[1:]]
    high, low = opened.copy(), opened.copy()
    for k in range(bars):
        inside = prices[starts[k] : starts[k + 1]]
        if len(inside):
            high[k], low[k] = max(opened[k], inside.max()), min(opened[k], inside.min())
    rows = (
        ("Parkinson", volatility.parkinson(high, low)),
        ("Garman–Klass", volatility.garman_klass(opened, high, low, closed)),
        ("Rogers–Satchell", volatility.rogers_satchell(opened, high, low, closed)),
    )
    for name, found in rows:
        out.add(f"volatility, {name}, {BAR} s bars", *_a_second(found.value / BAR * 1e8, found.error / BAR * 1e8))


def _bounce(rec: Recording, out: Section) -> None:
    if len(rec.prints) < FEWEST:
        out.warnings.append(f"{len(rec.prints)} prints: no bid–ask bounce")
        return
    rows = rec.prints
    merged = np.flatnonzero(np.append(np.diff(rows["exch_ts"]) != 0, True))
    changes = np.diff(rows["price"][merged].astype(float)) / rec.mid * 1e4
    if len(changes) < FEWEST or not np.any(changes):
        out.warnings.append("prints hardly move: no bid–ask bounce")
        return
    found = bounce.roll(changes)
    out.add("Roll's spread", found.spread, "bp", found.error)
    out.add("first autocovariance of prints", found.covariance, "bp²", found.covariance_error)
    if not math.isfinite(found.spread):
        out.warnings.append("prints do not bounce (γ₁ > 0): takers come in runs, and Roll's spread does not exist")
    if len(changes) >= 600:
        scaling = bounce.bounce_scaling(changes, max(30, len(changes) // 40))
        out.add("bounce over variance, slope", scaling.slope, "", scaling.slope_error)
    lags = bounce.autocovariances(changes, 10)
    shares = lags[1:] / lags[0]
    error = np.full(10, 1 / math.sqrt(len(changes)))
    out.figures.append(
        Figure(
            "Autocorrelation of the changes from print to print; below 0 at the first lag where they bounce.",
            [dots("autocorrelation", np.arange(1, 11), shares, error)],
            axes("lag, prints", "autocorrelation", x={"dtick": 1}),
        )
    )


def regimes(rec: Recording, out: Section) -> None:
    """Regimes by thresholds learned on the first part, and what the stress rules would have asked for."""
    books = rec.need_received(seconds=2 * LEARNING)
    times = books["time"]
    cut = int(times[0] + max(MOST_SHARE * (times[-1] - times[0]), (LEARNING + 25) * SECOND))
    at = np.arange(times[0], times[-1] + 1, SECOND, dtype=np.int64)
    labels = regime_labels(rec.depth, at, cut)
    if labels is None:
        raise InputError("recording", f"{rec.seconds:.0f} s", "is too short to learn thresholds from its first part")
    later = at >= cut
    known = later & (labels != UNKNOWN)
    for k, name in enumerate(REGIMES):
        out.add(f"{name}", *_share(labels[known] == k))
    codes = _stress(books, at, cut, labels)
    for name, which in (("widen", WIDEN), ("shrink", SHRINK), ("halt", HALT)):
        out.add(f"stress rules: {name}", *_share(codes[known] & which > 0))
    out.warnings.append(
        f"thresholds were learned on the first {(cut - times[0]) / SECOND:.0f} s, and shares are of the rest: calm is "
        "what was calm there"
    )
    if np.mean(codes[known] & HALT > 0) > 0.05:
        out.warnings.append("the stress rules would have halted for more than 5 % of the time")
    x = rec.since(at)
    out.figures.append(
        Figure(
            "Regime as known at the time, and what the stress rules ask for. Dotted: what was learned from ends here.",
            [
                line("regime", x, np.where(labels == UNKNOWN, np.nan, labels), line={"shape": "hv"}),
                *(
                    dots(
                        name,
                        x[(codes & which > 0) & (labels != UNKNOWN)],
                        np.full(int(((codes & which > 0) & (labels != UNKNOWN)).sum()), height),
                    )
                    for name, which, height in (("widen", WIDEN, 2.2), ("shrink", SHRINK, 2.35), ("halt", HALT, 2.5))
                ),
            ],
            axes(
                "s from the first event",
                "",
                y={
                    "tickvals": [0, 1, 2, 2.2, 2.35, 2.5],
                    "ticktext": [*REGIMES, "widen", "shrink", "halt"],
                    "range": [-0.2, 2.7],
                },
                margin={"l": 96, "r": 16, "t": 32, "b": 48},
                shapes=[
                    {
                        "type": "line",
                        "x0": rec.since(cut),
                        "x1": rec.since(cut),
                        "y0": -0.2,
                        "y1": 2.7,
                        "line": {"dash": "dot"},
                    }
                ],
            ),
        )
    )


def _share(chosen: Any) -> tuple[float, str, float]:
    value, error = mean_of(chosen)
    return value, "share of time", error


def _stress(books: Any, at: np.ndarray, cut: int, labels: np.ndarray) -> np.ndarray:
    """Codes at each second, what is usual being the median of the first part."""
    times = np.ascontiguousarray(books["time"])
    place = as_of(times, at)
    spread = (books["asks"][:, 0] - books["bids"][:, 0])[place].astype(float)
    depth = (books["bid_qtys"].sum(axis=1) + books["ask_qtys"].sum(axis=1))[place].astype(float)
    mid = (books["asks"][:, 0] + books["bids"][:, 0])[place].astype(float)
    move = np.abs(np.append(0.0, np.diff(np.log(mid)))) * 1e4
    early = at < cut
    usual_move = max(float(np.sqrt(np.mean(move[early] ** 2))), 1e-9)
    ratios = np.column_stack(
        [
            spread / np.median(spread[early]),
            np.median(depth[early]) / np.maximum(depth, 1),
            move / usual_move,
            np.minimum((at - times[place]) / SECOND / FRESH, 2.0),
        ]
    )
    codes = np.empty(len(at), np.int64)
    rules = np.atleast_1d(stress_rules())
    stress_actions(as_records(rules), labels, ratios, 0, codes)
    return codes


def features(rec: Recording, out: Section) -> None:
    """The catalogue: mean, spread and share known of every slot, and the main ones over time."""
    books = rec.need_received(10)
    usual = max(1.0, float(books["bid_qtys"][:, 0].mean() + books["ask_qtys"][:, 0].mean()) / 2)
    spread = float((books["asks"][:, 0] - books["bids"][:, 0]).mean())
    lots = int(rec.prints["qty"].sum()) if len(rec.prints) else 0
    settings = FeatureSettings(usual_touch=usual, usual_spread=max(spread, 1.0), vpin_bucket=max(1, lots // 200))
    found = features_of([rec.local], settings, l3=rec.l3)
    if len(found.times) < 10:
        raise InputError("recording", f"{len(found.times)} updates", "is too short: it needs 10")
    for k, slot in enumerate(SLOTS):
        values = found.values[:, k]
        share = float(np.isfinite(values).mean())
        mean, error = mean_of(values)
        note = f"sd {np.nanstd(values):.3g}; known {share:.0%} of the time" if share else "never known"
        out.add(slot.name, mean, slot.unit, error, note)
    out.warnings.append(
        "the features' settings are plain: only the usual touch, spread and volume were taken from this recording; no "
        "micro-price chain, filter noise or regime thresholds were learned for them"
    )
    if rec.l3:
        out.warnings.append("orders are recorded one by one: the imbalances of posts, cancels and deals stay 0 here")
    at = thinned(len(found.times), 800)
    x = rec.since(found.times)[at]
    for half in (SHOWN[:4], SHOWN[4:]):
        out.figures.append(_panels(half, x, found.values[at]))


def _panels(names: tuple[str, ...], x: np.ndarray, values: np.ndarray) -> Figure:
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"showlegend": False, "margin": {"l": 84, "r": 16, "t": 16, "b": 48}}
    height = 1 / len(names)
    for k, name in enumerate(names):
        axis = "" if k == 0 else str(k + 1)
        traces.append(line(name, x, values[:, NAMES.index(name)], yaxis=f"y{axis}"))
        top = 1 - k * height
        layout[f"yaxis{axis}"] = {
            "domain": [top - height + 0.04, top],
            "title": {"text": name.replace("_", "<br>"), "font": {"size": 11}},
        }
    layout["xaxis"] = {"title": {"text": "s from the first event"}, "anchor": "free", "position": 0}
    units = "; ".join(f"{name}: {SLOTS[NAMES.index(name)].unit}" for name in names)
    return Figure(f"Features over time. {units}.", traces, layout)
