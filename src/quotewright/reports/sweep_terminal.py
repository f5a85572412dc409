"""The best sets of a sweep as a table for the terminal."""

from __future__ import annotations

from rich import box
from rich.markup import escape
from rich.table import Table

from quotewright.reports.numbers import ratio
from quotewright.reports.sweep_view import PARAM, SweepView, best


def sweep_table(view: SweepView, instrument: str, count: int = 10) -> Table:
    """The sets with the most profit on one instrument, with what was varied."""
    frame = view.of(instrument)
    rows = best(frame, count)
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left", caption_justify="left")
    shown.title = f"{escape(instrument)}: the {len(rows)} best of {len(frame):,} sets"
    shown.caption = f"profit and drawdown in {frame['settle'][0]}; Sharpe ratio a mark ± its standard error"
    shown.add_column("set", justify="right")
    for name in view.varied:
        shown.add_column(escape(name), justify="right", overflow="fold")
    for head in ("profit", "fills", "drawdown", "Sharpe"):
        shown.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        shade = "red" if row["pnl"] < 0 else "green"
        halted = " [red]halted[/]" if row["halted"] else ""
        sharpe = f"{ratio(row['sharpe'])} ± {ratio(row['sharpe_stderr'])}" if row["sharpe"] is not None else ratio(None)
        shown.add_row(
            str(row["set"]),
            *(f"{row[PARAM + name]:.5g}" for name in view.varied),
            f"[{shade}]{row['pnl']:,.5g}[/]{halted}",
            f"{row['fills']:,}",
            f"{row['max_drawdown']:,.5g}",
            sharpe,
        )
    return shown
