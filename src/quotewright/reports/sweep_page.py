"""The report of a sweep as one HTML file."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from quotewright.reports.html import write_text
from quotewright.reports.numbers import ratio, span
from quotewright.reports.page import Cell, charts, definitions, page, table
from quotewright.reports.series import Packed
from quotewright.reports.sweep_charts import sweep_charts
from quotewright.reports.sweep_view import PARAM, SweepView, best

SHOWN = 10


def write_sweep_report(view: SweepView, out: Path) -> Path:
    """Write the report of a sweep to `out` (a file) and return it."""
    write_text(out, sweep_html(view))
    return out


def sweep_html(view: SweepView) -> str:
    """The report of a sweep as HTML."""
    facts = view.facts
    listed = "".join(
        f"<span>{name} <b>{escape(value)}</b></span>"
        for name, value in (
            ("parameter sets", f"{facts['sets']:,}"),
            ("instruments", f"{len(view.instruments)}"),
            ("varied", ", ".join(view.varied) or "nothing"),
            ("quotewright", str(facts["quotewright"])),
        )
    )
    body = [
        f'<h1>Sweep of {escape(view.strategy)}</h1><div class="facts">{listed}</div>',
        *(f'<p class="warn">{escape(trials.sentence)}</p>' for trials in view.trials),
        '<p class="small quiet">Sets tried in other sweeps of the same recordings count as trials too, and are not in '
        "these figures. The Sharpe ratio is that of equity changes from mark to mark, taken as independent.</p>",
        *(_section(view, instrument) for instrument in view.instruments),
        "<h2>What is assumed, and what real trading will do differently</h2>",
        f'<div class="card"><ul>{"".join(f"<li>{escape(text)}</li>" for text in view.assumptions)}</ul></div>',
        "<h2>How to repeat this sweep</h2>",
        f'<div class="card"><pre>{escape(shlex.join(view.command))}</pre></div>',
        f'<div class="card">{definitions(_record(facts))}</div>',
    ]
    return page(f"quotewright: sweep of {view.strategy}", "\n".join(body))


def _section(view: SweepView, instrument: str) -> str:
    frame, packed = view.of(instrument), Packed()
    drawn = sweep_charts(frame, view.varied, packed)
    pictures = charts(drawn, packed, wide=("heat", "parallel")) if drawn else ""
    head = ["Set", *view.varied, f"Profit, {frame['settle'][0]}", "Fees", "Fills", "Volume", "Drawdown"]
    head += ["Sharpe a mark", "Decisions", "Orders", ""]
    rows = [("", _cells(row, view)) for row in best(frame, SHOWN)]
    return (
        f"<h2>{escape(instrument)}</h2>"
        f'<div class="card"><h3>The {len(rows)} sets with the most profit, of {len(frame):,}</h3>'
        f"{table(head, rows, numbers=0)}"
        '<p class="small quiet">Profit is at the mid at the end. Drawdown is between marks.</p></div>'
        f'<div class="card">{pictures}</div>'
    )


def _cells(row: Mapping[str, Any], view: SweepView) -> list[Cell]:
    number = "number"
    pnl = f"{row['pnl']:,.6g}"
    shade = "loss" if row["pnl"] < 0 else "gain"
    sharpe = f"{ratio(row['sharpe'])} ± {ratio(row['sharpe_stderr'])}" if row["sharpe"] is not None else ratio(None)
    return [
        Cell(str(row["set"]), classes=number),
        *(Cell(f"{row[PARAM + name]:.6g}", repr(row[PARAM + name]), number) for name in view.varied),
        Cell(pnl, row["pnl_exact"], f"{number} {shade} total"),
        Cell(f"{row['fees']:,.6g}", classes=number),
        Cell(f"{row['fills']:,}", classes=number),
        *(Cell(f"{row[name]:,.6g}", classes=number) for name in ("volume", "max_drawdown")),
        Cell(sharpe, classes=number),
        *(Cell(f"{row[name]:,}", classes=number) for name in ("decisions", "orders")),
        Cell("halted" if row["halted"] else ""),
    ]


def _record(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    plain = {k: v for k, v in facts.items() if k not in ("datasets", "venue", "agent")}
    plain["mark_interval_ns"] = span(int(facts["mark_interval_ns"]))
    rows = [(name.replace("_", " ").replace(" ns", ""), str(value)) for name, value in plain.items() if value != ""]
    rows += [(f"data: {d['name']}", f"{d['rows']:,} rows, hash {d['hash']}") for d in facts["datasets"]]
    for part in ("venue", "agent"):
        rows += [(f"{part}: {name}", json.dumps(value, sort_keys=True)) for name, value in facts[part].items()]
    return rows
