"""The headline figures of a run as a table for the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from quotewright.accounting.runs import Run
from quotewright.accounting.summary import summary
from quotewright.reports.numbers import percent, places_for, ratio, rounded

PROFIT = ("total", "spread", "inventory", "fees", "funding")


def table(run: Run) -> Table:
    """One row an agent and instrument: profit and its parts in the settle asset, fills, ratios, markouts.

    Raises DataError where the journal contradicts itself.
    """
    return summary_table(summary(run))


def summary_table(found: dict[str, Any]) -> Table:
    """As `table`, of a summary already made."""
    shown = Table(caption="profit in the settle asset, rounded; markouts in bp", caption_justify="left")
    shown.add_column("agent", no_wrap=True)
    shown.add_column("instrument", no_wrap=True)
    for name in (*PROFIT, "", "fills", "fill ratio", "position", "1s", "30s"):
        shown.add_column(name, justify="left" if not name else "right", no_wrap=True)
    for agent in found["agents"]:
        for leg in agent["instruments"]:
            pnl: dict[str, str] = leg["pnl"]
            places = places_for(pnl[name] for name in PROFIT)
            shown.add_row(
                agent["name"],
                leg["instrument"],
                *(_amount(name, pnl[name], places) for name in PROFIT),
                leg["settle"],
                f"{leg['fills']:,}",
                percent(leg["fill_ratio"]),
                leg["position"],
                *(ratio(leg["markouts"][name]["bp"], 2) for name in ("1s", "30s")),
            )
    return shown


def _amount(name: str, exact: str, places: int) -> Text:
    shade = "red" if exact.startswith("-") else "green" if exact.strip("0.") else "dim"
    return Text(rounded(exact, places), style=f"bold {shade}" if name == "total" else shade)
