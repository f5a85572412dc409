"""A study as one self-contained HTML page: figures with captions, drawn by plotly, fetching nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from plotly.offline import get_plotlyjs  # pyright: ignore[reportUnknownVariableType]

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem;background:#fff;color:#1c2024}
figure{margin:1.5rem 0;overflow-x:auto}figure>div{height:28rem}figcaption{color:#60646c}
table{border-collapse:collapse;width:100%}td,th{padding:.15rem .5rem;text-align:left;border-bottom:1px solid #e4e7eb}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
"""
COLOURS = ("#0b68cb", "#c2410c", "#2f855a", "#7c3aed", "#9aa5b1")
LAYOUT = {
    "margin": {"l": 64, "r": 16, "t": 16, "b": 48},
    "legend": {"orientation": "h", "y": 1.08},
    "paper_bgcolor": "#fff",
    "plot_bgcolor": "#fff",
    "colorway": list(COLOURS),
}


class Figure(NamedTuple):
    """Plotly traces and layout as plain values (arrays allowed), and what the figure shows."""

    caption: str
    data: Sequence[dict[str, Any]]
    layout: dict[str, Any]


class Table(NamedTuple):
    """A table as text: what it shows, its headers, its rows; columns in `numbers` stand to the right."""

    caption: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()


class Notes(NamedTuple):
    """Sentences under a heading: assumptions, warnings."""

    title: str
    lines: Sequence[str]


def write_study(title: str, blocks: Sequence[Figure | Table | Notes], path: Path) -> None:
    """Write the page; one that was there is replaced in one step. Raises OSError if the folder cannot be written."""
    bodies = "".join(_block(number, block) for number, block in enumerate(blocks))
    draws = "\n".join(
        f"Plotly.newPlot('figure{i}',{plain_json(list(figure.data))},{plain_json({**LAYOUT, **figure.layout})},"
        "{responsive:true,displaylogo:false});"
        for i, figure in enumerate(blocks)
        if isinstance(figure, Figure)
    )
    text = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>{bodies}</main>"
        f"<script>{get_plotlyjs()}</script><script>{draws}</script></body></html>\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def _block(number: int, block: Figure | Table | Notes) -> str:
    if isinstance(block, Figure):
        return f'<figure><div id="figure{number}"></div><figcaption>{escape(block.caption)}</figcaption></figure>'
    if isinstance(block, Notes):
        items = "".join(f"<li>{escape(line)}</li>" for line in block.lines)
        return f"<section><h2>{escape(block.title)}</h2><ul>{items}</ul></section>"
    head = "".join(_cell("th", place, text, block) for place, text in enumerate(block.headers))
    rows = "".join(
        f"<tr>{''.join(_cell('td', place, text, block) for place, text in enumerate(row))}</tr>" for row in block.rows
    )
    return f"<figure><table><tr>{head}</tr>{rows}</table><figcaption>{escape(block.caption)}</figcaption></figure>"


def _cell(tag: str, place: int, text: str, table: Table) -> str:
    return f"<{tag}{' class=n' if place in table.numbers else ''}>{escape(text)}</{tag}>"


def plain_json(value: Any) -> str:
    """JSON that may stand inside a script element; what is not finite is a gap."""
    return json.dumps(_plain(value), separators=(",", ":")).replace("</", "<\\/")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())  # pyright: ignore[reportUnknownMemberType]
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value
