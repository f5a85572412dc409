"""The charts of one leg as plotly figures: plain values, colours named by the page's style.

A colour is written `--name`; the page puts in the value of that CSS property, so that one figure serves
light and dark. Arrays are written `@index` (see `series.Packed`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.accounting.attribution import ProfitPath
from quotewright.accounting.holdings import held_positions
from quotewright.accounting.markouts import Markout, horizon_name
from quotewright.accounting.runs import Leg
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import FILL_TAKER, Record
from quotewright.reports.quotes import Stretches, resting
from quotewright.reports.series import Packed, evenly, extremes

PARTS = (
    ("total", "Total", "--total"),
    ("spread", "Spread", "--spread"),
    ("inventory", "Inventory", "--inventory"),
    ("fees", "Fees", "--fees"),
    ("funding", "Funding", "--funding"),
)
NORMAL_95 = 1.96  # half width of a 95 % interval in standard errors
BINS = 40


@dataclass(frozen=True)
class Chart:
    """A figure, what it shows, the records it is drawn from, and what was left out of it (empty: nothing)."""

    key: str
    title: str
    source: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]
    left_out: str = ""


def leg_charts(leg: Leg, path: ProfitPath, curve: tuple[Markout, ...], packed: Packed, most: int) -> list[Chart]:
    """Every chart of a leg; lines have at most `most` points."""
    return [
        equity_chart(leg, path, packed, most),
        quotes_chart(leg, packed, most),
        inventory_chart(leg, path, packed, most),
        markout_chart(curve),
    ]


def amounts(instrument: Instrument, units: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Money units as floats of the settle asset, for drawing."""
    return units.astype(np.float64) * float(instrument.money_unit)


def equity_chart(leg: Leg, path: ProfitPath, packed: Packed, most: int) -> Chart:
    """Profit and its parts over time."""
    keep = extremes(path.total.astype(np.float64), most)
    x = packed.times(path.time[keep])
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": label,
            "x": x,
            "y": packed.add(amounts(leg.instrument, getattr(path, name)[keep])),
            "line": {"color": colour, "width": 2.2 if name == "total" else 1.3, "shape": "hv"},
        }
        for name, label, colour in PARTS
        if name != "funding" or any(path.funding)
    ]
    layout = {"xaxis": {"type": "date"}, "yaxis": {"title": {"text": leg.instrument.settle}}}
    return Chart(
        "equity",
        "Profit and its parts",
        "RUN_START, FILL, FUNDING, MARK, RUN_END",
        data,
        layout,
        thinned(len(keep), len(path.time), "points", "each stretch keeps its lowest and highest total"),
    )


def quotes_chart(leg: Leg, packed: Packed, most: int) -> Chart:
    """Best bid and ask, our resting orders, and fills."""
    tick = float(leg.instrument.price_step.fraction)
    decisions, fills = leg.of(Record.DECISION), leg.of(Record.FILL)
    data: list[dict[str, Any]] = []
    said: list[str] = []
    for field, label, colour in (("price", "Best bid", "--bid-market"), ("qty", "Best ask", "--ask-market")):
        keep = extremes(decisions[field].astype(np.float64), most)
        data.append(
            _line(label, packed.times(decisions["ts"][keep]), packed.add(decisions[field][keep] * tick), colour)
        )
        said.append(thinned(len(keep), len(decisions), f"points of the {label.lower()}", "extremes kept"))
    for side, stretches in resting(leg).items():
        label, colour = ("Our bids", "--buy") if side > 0 else ("Our asks", "--sell")
        keep = evenly(len(stretches.since), most // 3)
        x, y = _segments(stretches, keep)
        trace = _line(label, packed.times(x), packed.add(y * tick), colour)
        data.append({**trace, "line": {"color": colour, "width": 2}, "connectgaps": False})
        said.append(thinned(len(keep), len(stretches.since), label.lower(), "evenly spaced"))
    for side in (1, -1):
        mine = fills[fills["side"] == side]
        keep = evenly(len(mine), most // 4)
        data.append(_fill_marks(leg, mine[keep], side, tick, packed))
        said.append(thinned(len(keep), len(mine), "buys" if side > 0 else "sells", "evenly spaced"))
    layout = {
        "xaxis": {"type": "date", "rangeslider": {"visible": True, "thickness": 0.06}},
        "yaxis": {"title": {"text": leg.instrument.quote}, "fixedrange": False},
        "dragmode": "zoom",
    }
    source = "DECISION (best bid, best ask), ACCEPTED, CANCELED, FILL; all at home time"
    return Chart("quotes", "Our quotes against the market", source, data, layout, "; ".join(s for s in said if s))


def inventory_chart(leg: Leg, path: ProfitPath, packed: Packed, most: int) -> Chart:
    """Position over time, and how long each size was held."""
    instrument = leg.instrument
    atom = float(instrument.qty_step.fraction) / instrument.atoms_per_lot
    position = path.position.astype(np.float64)
    keep = extremes(position, most)
    line = _line("Position", packed.times(path.time[keep]), packed.add(position[keep] * atom), "--accent")
    held_at, held = held_positions(path)
    shares, edges = np.histogram(held_at * atom, bins=BINS, weights=held.astype(np.float64))
    bars = {
        "type": "bar",
        "orientation": "h",
        "name": "Share of time",
        "y": packed.add((edges[:-1] + edges[1:]) / 2),
        "x": packed.add(shares / max(float(shares.sum()), 1.0)),
        "marker": {"color": "--accent-soft"},
        "xaxis": "x2",
        "yaxis": "y",
        "hovertemplate": "%{x:.1%} of the time near %{y}<extra></extra>",
    }
    layout = {
        "xaxis": {"type": "date", "domain": [0, 0.77], "nticks": 5},
        "xaxis2": {"domain": [0.85, 1], "tickformat": ".0%", "nticks": 3, "rangemode": "tozero"},
        "yaxis": {"title": {"text": instrument.base if instrument.kind == "spot" else "contracts"}},
        "showlegend": False,
        "bargap": 0.05,
    }
    return Chart(
        "inventory",
        "Inventory, and share of time held",
        "RUN_START, FILL, FUNDING, MARK, RUN_END: position",
        [line, bars],
        layout,
        thinned(len(keep), len(position), "points", "extremes kept"),
    )


def markout_chart(curve: tuple[Markout, ...]) -> Chart:
    """Edge of fills against the mid later, with 95 % intervals."""
    known = [m for m in curve if m.bp is not None]
    names = [horizon_name(m.horizon_ns) if m.horizon_ns else "at fill" for m in known]
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "Markout",
            "x": names,
            "y": [m.bp for m in known],
            "error_y": {
                "type": "data",
                "array": [NORMAL_95 * (m.stderr_bp or 0.0) for m in known],
                "color": "--accent",
                "thickness": 1.4,
                "width": 6,
            },
            "text": [f"{m.fills} fills" for m in known],
            "hovertemplate": "%{x}: %{y:.3f} bp, %{text}<extra></extra>",
            "line": {"color": "--accent", "width": 2},
            "marker": {"color": "--accent", "size": 8},
        }
    ]
    layout = {
        "xaxis": {"type": "category", "title": {"text": "after the fill"}},
        "yaxis": {"title": {"text": "bp"}, "zerolinewidth": 1.5},
        "showlegend": False,
    }
    return Chart("markouts", "Markouts, with 95 % intervals", "FILL: mid2; MARKOUT: mid2", data, layout)


def thinned(shown: int, of: int, what: str, how: str) -> str:
    """A sentence's part saying what was left out of a chart; empty if nothing was."""
    return "" if shown >= of else f"{shown:,} of {of:,} {what} shown ({how})"


def _line(name: str, x: str, y: str, colour: str) -> dict[str, Any]:
    line = {"color": colour, "width": 1.2, "shape": "hv"}
    return {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y, "line": line}


def _segments(stretches: Stretches, keep: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Corner points of level lines, with a gap after each."""
    since, until = stretches.since[keep], stretches.until[keep]
    price = stretches.price[keep].astype(np.float64)
    gap = np.full(len(price), np.nan)
    x = np.stack((since, until, until), axis=1).reshape(-1)
    return x, np.stack((price, price, gap), axis=1).reshape(-1)


def _fill_marks(leg: Leg, fills: Any, side: int, tick: float, packed: Packed) -> dict[str, Any]:
    per_lot = leg.instrument.atoms_per_lot
    sizes = [leg.instrument.position(q * per_lot) for q in fills["qty"].tolist()]
    roles = ["taker" if f & FILL_TAKER else "maker" for f in fills["flags"].tolist()]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "Buys" if side > 0 else "Sells",
        "x": packed.times(fills["ts"]),
        "y": packed.add(fills["price"] * tick),
        "text": [
            f"{size} as {role}, fill {n}" for size, role, n in zip(sizes, roles, fills["ref"].tolist(), strict=True)
        ],
        "hovertemplate": "%{y}: %{text}<extra></extra>",
        "marker": {
            "symbol": "triangle-up" if side > 0 else "triangle-down",
            "size": 9,
            "color": "--buy" if side > 0 else "--sell",
            "line": {"color": "--paper", "width": 1},
        },
    }
