"""The scoreboard's pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from quotewright.research.study_page import Figure

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LOWEST = -0.25  # share of the mid's squared error below which a price leaves the picture
SHOWN = 10 * 10**9  # ns of the prices themselves
HORIZON = 1.0  # s, of the picture by regime
COLOURS = {
    "mid": "#9aa5b1",
    "weighted_mid": "#0b68cb",
    "microprice": "#c2410c",
    "dust_robust": "#2f855a",
    "last_side": "#7c3aed",
    "prints_by_time": "#b7791f",
    "prints_by_volume": "#d53f8c",
    "depth": "#0891b2",
    "kalman": "#1c2024",
}
OTHER = "#6b4f4f"
BELOW: dict[str, Any] = {  # nine names do not fit above, beside the picture's buttons
    "legend": {"orientation": "h", "y": -0.2},
    "margin": {"l": 64, "r": 16, "t": 32, "b": 96},
}


def drawn(name: str, table: pl.DataFrame, at: Integers, prices: dict[str, Floats], few: int) -> tuple[Figure, ...]:
    """Skill by horizon, skill by regime, what a slope fitted beforehand makes of it, and a stretch of the prices."""
    whole = table.filter(pl.col("regime") == "all")
    return (
        _by_horizon(
            whole,
            "skill",
            f"{name}: share of the mid's squared error that each fair price saves as a forecast, out of sample, with "
            f"95 % intervals where there are stretches enough for one (below {few} they are rough). Above 0 beats the "
            f"mid. What is below {LOWEST:.0%} is not shown.",
        ),
        _by_regime(name, table),
        _by_horizon(
            whole,
            "scaled",
            f"{name}: the same for mid + slope·(fair − mid), the slope fitted to each horizon on the first part: what "
            "each price knows, however it is scaled.",
        ),
        _stretch(name, at, prices),
    )


def _points(rows: pl.DataFrame, figure: str, x: list[Any], price: str) -> dict[str, Any]:
    value = rows[figure].to_numpy()
    value = np.where(value < LOWEST, np.nan, value)
    return {
        "type": "scatter",
        "mode": "markers+lines",
        "name": price,
        "x": x,
        "y": value,
        "marker": {"color": COLOURS.get(price, OTHER)},
        "line": {"color": COLOURS.get(price, OTHER)},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": np.nan_to_num(rows[f"{figure}_high"].to_numpy() - value),
            "arrayminus": np.nan_to_num(value - rows[f"{figure}_low"].to_numpy()),
            "thickness": 1,
            "width": 3,
        },
    }


def _by_horizon(whole: pl.DataFrame, figure: str, caption: str) -> Figure:
    """Lines over the horizon, prices side by side so that their intervals can be told apart."""
    names = [price for price in whole["price"].unique(maintain_order=True).to_list() if price != "mid"]
    traces: list[dict[str, Any]] = []
    for k, price in enumerate(names):
        rows = whole.filter(pl.col("price") == price)
        apart = 1.035 ** (k - (len(names) - 1) / 2)
        traces.append(_points(rows, figure, [h * apart for h in rows["horizon"].to_list()], price))
    horizons = whole["horizon"].unique().sort().to_list()
    top = _top(whole[figure])
    ticks = [f"{h:g}" for h in horizons]
    axis = {
        "title": {"text": "horizon, s"},
        "type": "log",
        "tickvals": horizons,
        "ticktext": ticks,
    }
    shown = {"range": [LOWEST, top], "tickformat": ".0%", "title": {"text": figure}}
    return Figure(caption, traces, {"xaxis": axis, "yaxis": shown, **BELOW})


def _by_regime(name: str, table: pl.DataFrame) -> Figure:
    """One group for each regime, at the horizon nearest to a second."""
    horizon = min(table["horizon"].unique().to_list(), key=lambda h: abs(h - HORIZON))
    here = table.filter(pl.col("horizon") == horizon)
    regimes = here["regime"].unique(maintain_order=True).to_list()
    names = [price for price in here["price"].unique(maintain_order=True).to_list() if price != "mid"]
    traces: list[dict[str, Any]] = []
    for k, price in enumerate(names):
        rows = here.filter(pl.col("price") == price)
        places = [regimes.index(r) + (k - (len(names) - 1) / 2) * 0.08 for r in rows["regime"].to_list()]
        traces.append(_points(rows, "skill", places, price) | {"mode": "markers"})
    return Figure(
        f"{name}: the same {horizon:g} s ahead, by the regime as it was known at the time.",
        traces,
        {
            "xaxis": {"tickvals": list(range(len(regimes))), "ticktext": regimes, "zeroline": False},
            "yaxis": {"range": [LOWEST, _top(here["skill"])], "tickformat": ".0%", "title": {"text": "skill"}},
            **BELOW,
        },
    )


def _top(values: pl.Series) -> float:
    found = values.to_numpy()
    found = found[np.isfinite(found)]
    return max(0.05, 1.6 * float(found.max())) if len(found) else 1.0


def _stretch(name: str, at: Integers, prices: dict[str, Floats]) -> Figure:
    """The prices over the liveliest seconds of the scored part, in half ticks from its first mid."""
    mid = prices["mid"]
    known = np.flatnonzero(np.isfinite(mid))
    step = int(at[1] - at[0]) if len(at) > 1 else SHOWN
    width = max(1, min(len(known), SHOWN // step))
    moved = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(mid[known])))])
    first = int(np.argmax(moved[width - 1 :] - moved[: len(moved) - width + 1]))
    shown = known[first : first + width]
    x = ((at[shown] - at[shown[0]]) / 1e9).tolist()
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": price,
            "x": x,
            "y": (values[shown] - mid[shown[0]]) / 2,
            "line": {"shape": "hv", "width": 2 if price == "mid" else 1, "color": COLOURS.get(price, OTHER)},
        }
        for price, values in prices.items()
    ]
    axes = {"xaxis": {"title": {"text": "s"}}, "yaxis": {"title": {"text": "ticks from the first mid"}}, **BELOW}
    return Figure(f"{name}: the prices over the liveliest {width * step / 1e9:g} s of the scored part.", traces, axes)
