"""The headline figures of a run as a table for the terminal."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from quotewright.accounting.runs import Run
from quotewright.accounting.summary import summary
from quotewright.reports.numbers import percent, places_for, ratio, rounded

PROFIT = ("total", "spread", "inventory", "fees", "funding")


def table(run: Run) -> Table:
    """Two lines an agent and instrument: profit and its parts in the settle asset, fills, markouts.

    Raises DataError where the journal contradicts itself.
    """
    return summary_table(summary(run))


def summary_table(found: dict[str, Any]) -> Table:
    """As `table`, of a summary already made; 80 columns hold it with its numbers whole."""
    rows = [(agent["name"], leg, _figures(leg)) for agent in found["agents"] for leg in agent["instruments"]]
    heads = ("total", "spread", "fees", "fills", "after 1s"), ("position", "inventory", "funding", "fill ratio", "30s")
    shown = Table(box=box.SIMPLE_HEAD, leading=1, padding=(0, 1, 0, 0), caption_justify="left")
    shown.caption = "profit in the settle asset, rounded; after 1s and 30s: markouts in bp"
    shown.add_column("agent\ninstrument", overflow="fold")
    for number, head in enumerate(zip(*heads, strict=True)):
        width = max(cell.cell_len for _, _, figures in rows for cell in figures[number]) if rows else 0
        widest = max(width, *map(len, head))
        shown.add_column("\n".join(head), justify="right", min_width=widest, no_wrap=True)
    for agent, leg, figures in rows:
        name = f"{escape(agent)}\n{escape(leg['instrument'])} [dim]{escape(leg['settle'])}[/dim]"
        shown.add_row(name, *(Group(*pair) for pair in figures))
    return shown


def _figures(leg: dict[str, Any]) -> list[tuple[Text, Text]]:
    pnl: dict[str, str] = leg["pnl"]
    places = places_for(pnl[name] for name in PROFIT)
    total, spread, inventory, fees, funding = (_amount(name, pnl[name], places) for name in PROFIT)
    after = [_plain(ratio(leg["markouts"][name]["bp"], 2)) for name in ("1s", "30s")]
    return [
        (total, _plain(leg["position"])),
        (spread, inventory),
        (fees, funding),
        (_plain(f"{leg['fills']:,}"), _plain(percent(leg["fill_ratio"]))),
        (after[0], after[1]),
    ]


def _plain(text: str) -> Text:
    return Text(text, justify="right")


def _amount(name: str, exact: str, places: int) -> Text:
    shade = "red" if exact.startswith("-") else "green" if exact.strip("0.") else "dim"
    return Text(rounded(exact, places), style=f"bold {shade}" if name == "total" else shade, justify="right")
