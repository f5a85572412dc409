"""One self-contained HTML page: style, scripts and data inside, nothing fetched."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

from plotly.offline import get_plotlyjs  # pyright: ignore[reportUnknownVariableType]

from quotewright.reports.charts import Chart
from quotewright.reports.figures import Group
from quotewright.reports.series import Packed


@dataclass(frozen=True)
class Cell:
    """One cell of a table: text, an exact value as tooltip, CSS classes, a link within the page, a second line."""

    text: str
    title: str = ""
    classes: str = ""
    link: str = ""
    small: str = ""

    @property
    def html(self) -> str:
        """The cell as HTML."""
        title = f' title="{escape(self.title)}"' if self.title else ""
        classes = f' class="{self.classes}"' if self.classes else ""
        text = escape(self.text)
        inside = f'<a href="#{escape(self.link)}">{text}</a>' if self.link else text
        below = f"<small>{escape(self.small)}</small>" if self.small else ""
        return f"<td{classes}{title}>{inside}{below}</td>"


def page(title: str, body: str) -> str:
    """A whole page; plotly.js is embedded once."""
    return "\n".join(
        (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{_asset('report.css')}</style></head><body><main>",
            body,
            "</main>",
            f'<script id="plotly">{get_plotlyjs()}</script>',
            f"<script>{_asset('report.js')}</script></body></html>\n",
        )
    )


def _asset(name: str) -> str:
    return (files("quotewright.reports") / name).read_text(encoding="utf-8")


def table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[Cell]]], numbers: int) -> str:
    """A table; each row with its CSS classes. Columns from `numbers` on are right-aligned."""
    top = "".join(f"<th{' class=number' if n >= numbers else ''}>{escape(name)}</th>" for n, name in enumerate(head))
    lines = [
        f"<tr{f' class={classes}' if classes else ''}>{''.join(cell.html for cell in cells)}</tr>"
        for classes, cells in rows
    ]
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def group(found: Group) -> str:
    """A table of figures, each with the journal records it comes from."""
    rows = "".join(
        f"<tr><td>{escape(f.label)}<small>{escape(f.source)}</small></td>"
        f'<td class="value">{escape(f.value)}<small>{escape(f.note)}</small></td></tr>'
        for f in found.figures
    )
    return f'<div class="group"><h3>{escape(found.title)}</h3><table><tbody>{rows}</tbody></table></div>'


def charts(found: Sequence[Chart], packed: Packed, wide: Iterable[str]) -> str:
    """A grid of charts with their data; the page's script draws them when they come into view."""
    full = set(wide)
    boxes = "".join(
        f'<div class="chart{" wide" if chart.key in full else ""}"><h3>{escape(chart.title)}</h3>'
        f'<div class="plot" data-chart="{chart.key}"></div><p class="small quiet">From {escape(chart.source)}.'
        f"{' Thinned: ' + escape(chart.left_out) + '.' if chart.left_out else ''}</p></div>"
        for chart in found
    )
    stored = {
        "arrays": packed.arrays,
        "figures": [{"key": chart.key, "data": chart.data, "layout": chart.layout} for chart in found],
    }
    data = f'<script type="application/json">{_inert(stored)}</script>'
    return f'<div data-charts><div class="charts">{boxes}</div>{data}</div>'


def _inert(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """A two-column table of names and values in code type."""
    rows = "".join(f"<tr><td>{escape(name)}</td><td><code>{escape(value)}</code></td></tr>" for name, value in pairs)
    return f"<table><tbody>{rows}</tbody></table>"
