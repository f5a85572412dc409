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
figure{margin:1.5rem 0}figure>div{height:28rem}figcaption{color:#60646c}
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


def write_study(title: str, figures: Sequence[Figure], path: Path) -> None:
    """Write the page; one that was there is replaced in one step. Raises OSError if the folder cannot be written."""
    bodies = "".join(
        f'<figure><div id="figure{i}"></div><figcaption>{escape(figure.caption)}</figcaption></figure>'
        for i, figure in enumerate(figures)
    )
    draws = "\n".join(
        f"Plotly.newPlot('figure{i}',{plain_json(list(figure.data))},{plain_json({**LAYOUT, **figure.layout})},"
        "{responsive:true,displaylogo:false});"
        for i, figure in enumerate(figures)
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
