"""The result as one table, for the terminal and for the page: the same lines in both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

HEADERS = ("work: against", "ours", "theirs", "ratio", "target", "met")


def lines(found: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """One line a row, in the order measured, then what was skipped."""
    for name, ratio in found["ratios"].items():
        target = found["targets"][name]
        sides = list(found["costs"][name])
        told_of = [side_of(found, name, side) for side in sides] if len(sides) == 2 else ["", ""]
        ours, theirs = told_of[::-1] if target["least"] else told_of
        told = amount(ratio, target["unit"])
        sign = "≥" if target["least"] else "≤"
        limit = f"{sign} {amount(target['limit'], target['unit'], exact=True)}" if target["limit"] else "–"
        yield name, ours, theirs, told, limit, {True: "yes", False: "no", None: "–"}[target["met"]]
    for name, reason in found["skipped"].items():
        yield f"{name}: not measured, {reason}", "", "", "", "", "no"


def side_of(found: dict[str, Any], name: str, side: str) -> str:
    """The rate of one side of a row, or its cost if it has none."""
    rates = found["rates"][name]
    return rate(rates[side]) if side in rates else amount(found["costs"][name][side], found["targets"][name]["cost"])


def rate(rows: int) -> str:
    """Rows a second."""
    return f"{rows / 1e6:,.2f} M/s" if rows < 99_500_000 else f"{rows / 1e6:,.0f} M/s"


def amount(value: float, unit: str, exact: bool = False) -> str:
    """An amount to three figures, below 1 to two decimals; a target as it was set."""
    text = f"{value:g}" if exact or value == 0 else f"{value:,.{max(0, 2 - len(str(int(abs(value)))) + 1)}f}"
    return f"{text}{unit}" if unit == "×" else f"{text} {unit}"


def show(console: Console, found: dict[str, Any]) -> None:
    """The table for people, and the notes under it."""
    table = Table(title="Medians of interleaved rounds; CPU time unless the row says otherwise", title_justify="left")
    for header in HEADERS:
        table.add_column(header, justify="left" if header == HEADERS[0] else "right", overflow="fold")
    for line in lines(found):
        table.add_row(*line, style="red" if line[-1] == "no" else "")
    console.print(table)
    for name, notes in found["notes"].items():
        for note in notes:
            console.print(f"{name}: {note}", highlight=False)
