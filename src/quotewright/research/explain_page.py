"""The page of `explain`: warnings first, then each section's numbers and pictures, fetching nothing."""

# pyright: basic
# Plotly's script comes untyped.

from __future__ import annotations

import json
import math
from html import escape
from pathlib import Path

from plotly.offline import get_plotlyjs

from quotewright.research.explain import Explanation
from quotewright.research.explain_section import Number, Section
from quotewright.research.study_page import LAYOUT, STYLE, plain_json

MORE = """
nav a{margin-right:1rem;white-space:nowrap}table{border-collapse:collapse;width:100%;margin:1rem 0}
td,th{padding:.2rem .6rem;text-align:left;border-bottom:1px solid #e4e7eb;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.note{color:#60646c}
.warn{background:#fff7e6;border-left:4px solid #d97706;padding:.5rem 1rem;margin:1rem 0}.warn li{margin:.2rem 0}
.none{background:#f1f3f5;border-left:4px solid #9aa5b1;padding:.5rem 1rem}
"""


def write_page(found: Explanation, path: Path) -> None:
    """Write the page; one that was there is replaced in one step. Raises OSError if the folder cannot be written."""
    title = f"{found.name} explained"
    links = " ".join(f'<a href="#{one.key}">{escape(one.title)}</a>' for one in found.sections)
    body = (
        f"<h1>{escape(title)}</h1><p>{found.seconds:,.0f} s recorded; dataset {found.dataset[:12]}. "
        "Intervals are of 95 %.</p>"
        + _box("warn", "Warnings", found.warnings)
        + _box("none", "Not computed", found.left_out)
        + f"<nav>{links}</nav>"
        + "".join(_section(one) for one in found.sections)
    )
    draws = "\n".join(
        f"Plotly.newPlot('{one.key}{k}',{plain_json(list(figure.data))},{plain_json({**LAYOUT, **figure.layout})},"
        "{responsive:true,displaylogo:false});"
        for one in found.sections
        for k, figure in enumerate(one.figures)
    )
    text = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}{MORE}</style></head><body><main>{body}</main>"
        f"<script>{get_plotlyjs()}</script><script>{draws}</script></body></html>\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def _box(kind: str, title: str, lines: list[str]) -> str:
    items = "".join(f"<li>{escape(each)}</li>" for each in lines)
    return f'<div class="{kind}"><strong>{title} ({len(lines)})</strong><ul>{items}</ul></div>' if lines else ""


def _section(one: Section) -> str:
    if one.reason:
        return (
            f'<section id="{one.key}"><h2>{escape(one.title)}</h2>'
            f'<p class="none">Not computed: {escape(one.reason)}</p></section>'
        )
    rows = "".join(
        f'<tr><td>{escape(n.name)}</td><td class="n">{shown(n.value)}</td><td class="n">{interval(n)}</td>'
        f'<td>{escape(n.unit)}</td><td class="note">{escape(n.note)}</td></tr>'
        for n in one.numbers
    )
    head = '<tr><th></th><th class="n">value</th><th class="n">95 % interval</th><th>unit</th><th></th></tr>'
    figures = "".join(
        f'<figure><div id="{one.key}{k}"></div><figcaption>{escape(figure.caption)}</figcaption></figure>'
        for k, figure in enumerate(one.figures)
    )
    return (
        f'<section id="{one.key}"><h2>{escape(one.title)}</h2>{_box("warn", "Warnings", one.warnings)}'
        f"<table>{head}{rows}</table>{figures}</section>"
    )


def shown(value: float | None) -> str:
    """A number as people read it: four significant digits, whole numbers in full."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0 or (float(value).is_integer() and abs(value) < 1e12):
        return f"{value:,.0f}".replace("-", "−")
    if abs(value) >= 1000:
        return f"{value:,.1f}".replace("-", "−")
    return f"{value:.4g}".replace("-", "−")


def interval(number: Number) -> str:
    """The interval of a number, empty where there is none."""
    if number.low is None or number.high is None:
        return ""
    return f"{shown(number.low)} … {shown(number.high)}"


def write_numbers(found: Explanation, path: Path) -> None:
    """The same without pictures, as JSON beside the page."""
    path.write_text(json.dumps(found.to_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
