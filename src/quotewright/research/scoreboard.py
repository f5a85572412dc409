"""Which fair price forecasts the mid best: by horizon and regime, out of sample, with intervals.

Everything is fitted on the first part of a recording. Then nothing is used for as long as the longest horizon, so that
no fit has seen a mid that is forecast; the rest is scored at equal times. Times are those at which the recorder heard
of things: at the venue's own times a forecast could use what nobody had yet received.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from quotewright.domain.errors import InputError
from quotewright.domain.events import EventArray
from quotewright.research.depth_tape import MOST, read_depth
from quotewright.research.regime_labels import regime_labels
from quotewright.research.scoreboard_figures import drawn
from quotewright.research.scoring import FEWEST_BLOCKS, Scores, fitted_slope, score
from quotewright.research.study_page import Figure
from quotewright.signals.fair_price_fits import SECOND, FairFit, as_of, fit_fair_prices
from quotewright.signals.fair_prices import MID, PRICES, fair_prices, fair_state
from quotewright.signals.regime import REGIMES
from quotewright.storage.feed import windows
from quotewright.storage.store import Dataset

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

HORIZONS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # s
TRAIN = 0.4  # share of a recording
FIT_HORIZON = 1.0  # s
FINEST = SECOND // 10  # between scored times, ns
MOST_TIMES = 20_000
LONGEST = 0.1  # of the recording: a horizon beyond is left out
SHORTEST_BLOCK = 5 * SECOND
FEW_BLOCKS = 10
MISSING = 0.1  # share of times without a price beyond which it is not scored
ALL = "all"


@dataclass(frozen=True, eq=False)
class Scoreboard:
    """Scores of one recording, as tables and pictures.

    `table` has a row for each regime, horizon and price; `winners` one for each regime and horizon: the best skill,
    the second best, and the paired difference. `skill` is 1 − MSE/MSE of the mid, so that its interval is that of the
    paired difference to the mid, as a share; `gain` is that difference in bp². `scaled` is the skill of
    mid + slope·(fair − mid) with a slope for each horizon, fitted on the first part like the rest, whereas `slope` and
    `r_squared` are hindsight. What does not exist is null. `parameters` are what was fitted.
    """

    name: str
    table: pl.DataFrame
    winners: pl.DataFrame
    parameters: pl.DataFrame
    figures: tuple[Figure, ...]
    warnings: tuple[str, ...]
    fit: FairFit
    slopes: dict[float, dict[str, float]]  # by horizon and price
    trained_until_ns: int
    scored_from_ns: int


def scoreboard(
    dataset: Dataset,
    *,
    horizons: Sequence[float] = HORIZONS,
    train: float = TRAIN,
    progress: Callable[[int, int], None] | None = None,
) -> Scoreboard:
    """Fit, judge and draw the fair prices on one stored recording, by its home time.

    `horizons` in seconds; those beyond a tenth of the recording are left out, with a warning. Raises InputError for
    a recording that is too short or has no book, DataError for a damaged one.
    """

    def told(done: int) -> None:
        if progress is not None:
            progress(min(done, dataset.rows), dataset.rows)

    def chunks() -> Iterator[EventArray]:
        return (window.local for window in windows([dataset]))

    events = read_depth(chunks(), l3=bool(dataset.manifest["l3"]), told=told)
    return scoreboard_of(events, dataset.name, horizons=horizons, train=train)


def scoreboard_of(
    events: npt.NDArray[np.void],
    name: str,
    *,
    horizons: Sequence[float] = HORIZONS,
    train: float = TRAIN,
    others: Mapping[str, Floats] | None = None,
) -> Scoreboard:
    """`scoreboard` of DEPTH_EVENT rows in order of time; `others` are further prices in half ticks, one an event."""
    warnings: list[str] = []
    if len(events) >= MOST:
        warnings.append(f"only the first {len(events):,} changes of the book and prints were read")
    used = _horizons(events, horizons, train, warnings)
    times = np.ascontiguousarray(events["time"], np.int64)
    start, end = int(times[0]), int(times[-1])
    cut = start + round(train * (end - start))
    first = cut + round(max(used) * SECOND)
    fit = fit_fair_prices(events[times < cut], round(min(FIT_HORIZON, max(used)) * SECOND), FINEST)
    warnings += fit.notes
    prices = fair_prices(fair_state(), fit.model, events)
    every = max(FINEST, -(-(end - first) // MOST_TIMES))
    at = np.arange(first, end - round(min(used) * SECOND) + 1, every, dtype=np.int64)
    sampled, mid = _sample(times, prices, at, others or {}, warnings)
    labels = regime_labels(events, at, cut)
    if labels is None:
        warnings.append("too short to learn regimes: all times are scored together")
    slopes = {h: _slopes(times, prices, others or {}, cut, round(h * SECOND)) for h in used}
    rows: list[dict[str, object]] = []
    winners: list[dict[str, object]] = []
    for regime, among in _regimes(labels, len(at)):
        for horizon in used:
            ahead = round(horizon * SECOND)
            inside = at <= end - ahead
            reference = float(np.nanmean(mid))
            later = prices[as_of(times, at[inside] + ahead), MID]
            block = max(1, math.ceil(max(2 * ahead, SHORTEST_BLOCK) / every))
            block = min(block, int(inside.sum()))
            in_bp = {key: (p[inside] / reference - 1) * 1e4 for key, p in sampled.items()}
            later_bp = (later / reference - 1) * 1e4
            found = score(in_bp["mid"], later_bp, in_bp, among[inside], block, slopes=slopes[horizon])
            if found.number:
                rows += _rows(regime, horizon, found)
                winners.append(_winner(regime, horizon, found))
    table = _table(name, rows)
    won = _table(name, winners)
    _tell_of_few(won, warnings)
    if table["skill"].null_count() == len(table):
        warnings.append("the mid does not move in the scored part: there is nothing to forecast")
    figures = drawn(name, table, at, sampled, FEW_BLOCKS)
    parameters = pl.DataFrame([p._asdict() for p in fit.parameters], schema_overrides={"value": pl.Float64})
    return Scoreboard(name, table, won, parameters, figures, tuple(warnings), fit, slopes, cut, first)


def _horizons(
    events: npt.NDArray[np.void], horizons: Sequence[float], train: float, warnings: list[str]
) -> list[float]:
    if not horizons or not all(math.isfinite(h) and h * SECOND >= FINEST for h in horizons):
        raise InputError("horizons", list(horizons), f"give seconds, each at least {FINEST / SECOND:g}")
    if not 0 < train < 0.8:
        raise InputError("train", train, "must be a share of the recording between 0 and 0.8")
    if not (events["qty"] == 0).any():
        raise InputError("recording", len(events), "has no order book in the store: fair prices need one")
    seconds = float(events["time"][-1] - events["time"][0]) / SECOND
    used = sorted({h for h in horizons if h <= LONGEST * seconds})
    left_out = sorted(set(horizons) - set(used))
    if not used:
        raise InputError("recording", f"{seconds:.1f} s", f"is too short: give at least {min(horizons) / LONGEST:g} s")
    if left_out:
        said = ", ".join(f"{h:g}" for h in left_out)
        warnings.append(f"{seconds:.0f} s are too short for horizons of {said} s")
    return used


def _sample(
    times: Integers, prices: Floats, at: Integers, others: Mapping[str, Floats], warnings: list[str]
) -> tuple[dict[str, Floats], Floats]:
    """Every price as of the scored times, but for those that are mostly missing."""
    now = as_of(times, at)
    mid = prices[now, MID]
    known = np.isfinite(mid)
    if not known.any():
        raise InputError("recording", len(times), "has no usable touch where fair prices would be scored")
    columns = {key: prices[now, k] for k, key in enumerate(PRICES)}
    for key, values in others.items():
        if key in columns or len(values) != len(times):
            raise InputError("others", key, f"give prices of other names, one for each of {len(times)} events")
        columns[key] = np.asarray(values, np.float64)[now]
    sampled: dict[str, Floats] = {}
    for key, column in columns.items():
        if (known & ~np.isfinite(column)).sum() > MISSING * known.sum():
            warnings.append(f"{key} is not scored: it is unknown at more than {MISSING:.0%} of the times")
        else:
            sampled[key] = column
    return sampled, mid


def _slopes(times: Integers, prices: Floats, others: Mapping[str, Floats], cut: int, ahead: int) -> dict[str, float]:
    """The slope of each price over one horizon, before the cut."""
    at = np.arange(int(times[0]), cut - ahead, FINEST, dtype=np.int64)
    now, then = as_of(times, at), as_of(times, at + ahead)
    mid, later = prices[now, MID], prices[then, MID]
    columns = {key: prices[now, k] for k, key in enumerate(PRICES)}
    columns |= {key: np.asarray(values, np.float64)[now] for key, values in others.items()}
    return {key: fitted_slope(mid, later, column) for key, column in columns.items()}


def _regimes(labels: Integers | None, number: int) -> Iterator[tuple[str, Booleans]]:
    yield ALL, np.ones(number, np.bool_)
    if labels is not None:
        for k, regime in enumerate(REGIMES):
            if (labels == k).any():
                yield regime, labels == k


def _table(name: str, rows: list[dict[str, object]]) -> pl.DataFrame:
    columns = pl.DataFrame(rows, infer_schema_length=None)
    return columns.with_columns(pl.col(pl.Float64).fill_nan(None)).insert_column(0, pl.lit(name).alias("instrument"))


def _rows(regime: str, horizon: float, found: Scores) -> Iterator[dict[str, object]]:
    for one in found.scores:
        row: dict[str, object] = {"regime": regime, "horizon": horizon, "price": one.price}
        row |= {"number": found.number, "blocks": found.blocks}
        for figure, interval in one._asdict().items():
            if figure != "price":
                row |= {figure: interval.value, f"{figure}_low": interval.low, f"{figure}_high": interval.high}
        yield row


def _tell_of_few(won: pl.DataFrame, warnings: list[str]) -> None:
    """One warning for where there are no intervals, one for where they are rough."""
    limits = ((0, FEWEST_BLOCKS, "no intervals"), (FEWEST_BLOCKS, FEW_BLOCKS, "rough intervals"))
    for low, high, said in limits:
        parts: list[str] = []
        for regime in won["regime"].unique(maintain_order=True).to_list():
            few = won.filter((pl.col("regime") == regime) & pl.col("blocks").is_between(low, high - 1))
            if len(few):
                parts.append(f"{regime} at {', '.join(f'{h:g}' for h in few['horizon'].to_list())} s")
        if parts:
            warnings.append(f"{said}, from fewer than {high} independent stretches: {'; '.join(parts)}")


def _winner(regime: str, horizon: float, found: Scores) -> dict[str, object]:
    ranked = sorted(found.scores, key=lambda one: -one.skill.value if math.isfinite(one.skill.value) else math.inf)
    best, second = ranked[0], ranked[1]
    return {
        "regime": regime,
        "horizon": horizon,
        "number": found.number,
        "blocks": found.blocks,
        "best": best.price,
        "skill": best.skill.value,
        "skill_low": best.skill.low,
        "skill_high": best.skill.high,
        "second": second.price,
        "lead": found.lead.value,
        "lead_low": found.lead.low,
        "lead_high": found.lead.high,
    }
