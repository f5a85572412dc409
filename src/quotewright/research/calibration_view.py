"""A calibration for people: a table for the terminal, and the fit as one self-contained HTML page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs  # pyright: ignore[reportUnknownVariableType]
from rich.table import Table

from quotewright.research.calibration import SIGMA_INTERVAL, Calibration, Estimate

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;background:#fff;color:#1c2024}
table{border-collapse:collapse}td,th{padding:.2rem .9rem .2rem 0;text-align:left;vertical-align:top}
figure{margin:1.5rem 0}figure>div{height:26rem}figcaption{color:#60646c}
"""
MEASURED, FIT, BUYS, SELLS = "#0b68cb", "#c2410c", "#5b9bd5", "#9aa5b1"


def calibration_table(calibration: Calibration, name: str) -> Table:
    """The estimates of one recording with their 95 % intervals, and what they rest on."""
    table = Table(title=f"{name}: calibration")
    for heading in ("", "estimate", "95 % interval", "unit"):
        table.add_column(heading, justify="left" if heading in ("", "unit") else "right")
    for row in _estimates(calibration):
        table.add_row(*row)
    table.add_section()
    for label, value in _basis(calibration):
        table.add_row(label, value, "", "")
    return table


def write_fit(calibration: Calibration, name: str, path: Path) -> None:
    """Write the measured rates, the fit and the volatility signature as one page that fetches nothing.

    A page that was there is replaced in one step. Raises OSError if the folder cannot be written.
    """
    rows = "".join(_row(cells) for cells in _estimates(calibration))
    basis = "".join(_row(cells) for cells in _basis(calibration))
    body = (
        f"<h1>{escape(name)}: calibration</h1>"
        f"<table><tr><th></th><th>estimate</th><th>95 % interval</th><th>unit</th></tr>{rows}</table>"
        f'<figure><div id="intensity"></div><figcaption>{_intensity_caption(calibration)}</figcaption></figure>'
        '<figure><div id="signature"></div><figcaption>Volatility of the mid by sampling interval. Flat: the mid is a '
        "random walk at these scales and one sigma will do; rising to the left: bounce.</figcaption></figure>"
        f"<h2>What it rests on</h2><table>{basis}</table>"
    )
    text = "\n".join(
        (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
            f"<title>{escape(name)}: calibration</title><style>{STYLE}</style></head><body><main>{body}</main>",
            f"<script>{get_plotlyjs()}</script>",
            f"<script>{_draw('intensity', *_intensity_figure(calibration))}",
            f"{_draw('signature', *_signature_figure(calibration))}</script></body></html>\n",
        )
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def _estimates(c: Calibration) -> list[tuple[str, str, str, str]]:
    return [_estimate("sigma", c.sigma, "bp/√s"), _estimate("k", c.k, "1/bp"), _estimate("A", c.A, "1/s a side")]


def _estimate(label: str, e: Estimate, unit: str) -> tuple[str, str, str, str]:
    return label, f"{e.value:.4g}", f"{e.low:.4g} … {e.high:.4g}", unit


def _basis(c: Calibration) -> list[tuple[str, str]]:
    fit = "—" if c.r_squared is None else f"{c.r_squared:.3f}"
    chi = f"{c.chi_squared:.1f} / {c.freedom}" if c.freedom else "—"
    return [
        ("known mid", f"{c.seconds:,.1f} s"),
        ("market orders", f"{c.orders:,}"),
        ("mid out of date", f"{c.inside:,}"),
        ("a quote rests", f"{c.hold:g} s"),
        ("stretches beyond the touch", f"{c.beyond:,}"),
        ("rate at the touch", f"{c.rates[0]:.4g}/s a side"),
        ("half spread", f"{c.half_spread:.4g} bp"),
        ("depths fitted", f"{c.depths[1]:.4g} … {c.depths[-1]:.4g} bp"),
        ("R² of ln rate", fit),
        ("χ² / freedom", chi),
        ("rates are", _verdict(c)),
    ]


def _verdict(c: Calibration) -> str:
    if not c.freedom:
        return "too few depths to judge"
    return "exponential" if c.chi_squared <= 2 * c.freedom else "not exponential"


def _row(cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _intensity_caption(c: Calibration) -> str:
    caption = (
        f"Times a second that flow reaches a quote which rests {c.hold:g} s at the depth, with 95 % intervals, and the "
        "fit "
        f"{c.A.value:.4g}·e<sup>−{c.k.value:.4g}δ</sup>. The leftmost point is the touch, which is not fitted."
    )
    if _verdict(c) == "not exponential":
        caption += " <b>The rates do not fall exponentially: trust the points, not the line.</b>"
    return caption


def _intensity_figure(c: Calibration) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    depths, fitted = list(c.depths), list(c.depths[1:])
    bars = {
        "type": "data",
        "symmetric": False,
        "array": [high - rate for high, rate in zip(c.rates_high, c.rates, strict=True)],
        "arrayminus": [rate - low for low, rate in zip(c.rates_low, c.rates, strict=True)],
    }
    data = [
        _points("buys", depths, c.buy_rates, BUYS, "triangle-up"),
        _points("sells", depths, c.sell_rates, SELLS, "triangle-down"),
        {**_points("both sides", depths, c.rates, MEASURED, "circle"), "error_y": bars},
        {
            "type": "scatter",
            "mode": "lines",
            "name": "fit",
            "x": fitted,
            "y": [c.fitted_rate(depth) for depth in fitted],
            "line": {"color": FIT},
        },
    ]
    layout = {
        "title": {"text": "Fill intensity"},
        "xaxis": {"title": {"text": "depth from the mid, bp"}},
        "yaxis": {"title": {"text": "times a second, one side"}, "type": "log"},
    }
    return data, layout


def _points(name: str, x: Sequence[float], y: Sequence[float], colour: str, symbol: str) -> dict[str, Any]:
    """Points on a logarithmic axis; a rate of 0 has none."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": list(x),
        "y": [rate if rate > 0 else None for rate in y],
        "marker": {"color": colour, "symbol": symbol, "size": 8 if symbol == "circle" else 6},
    }


def _signature_figure(c: Calibration) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    intervals = [interval for interval, _ in c.signature]
    estimate = {
        "type": "scatter",
        "mode": "markers",
        "name": f"estimate ({SIGMA_INTERVAL:g} s)",
        "x": [SIGMA_INTERVAL],
        "y": [c.sigma.value],
        "marker": {"color": FIT, "size": 9},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [c.sigma.high - c.sigma.value],
            "arrayminus": [c.sigma.value - c.sigma.low],
        },
    }
    line = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "by interval",
        "x": intervals,
        "y": [sigma for _, sigma in c.signature],
        "line": {"color": MEASURED},
    }
    layout = {
        "title": {"text": "Volatility signature"},
        "xaxis": {"title": {"text": "sampling interval, s"}, "type": "log"},
        "yaxis": {"title": {"text": "sigma, bp/√s"}, "rangemode": "tozero"},
    }
    return [line, estimate], layout


def _draw(element: str, data: list[dict[str, Any]], layout: dict[str, Any]) -> str:
    whole = {**layout, "margin": {"t": 50, "r": 20}}
    figure = json.dumps([data, whole], allow_nan=False)
    return f'Plotly.newPlot("{element}",...{figure},{{responsive:true,displaylogo:false}});'
