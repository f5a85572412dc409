"""The report of one run as one HTML file, computed from the run's journal and record alone."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from quotewright.accounting.attribution import attribute_leg, profit_path
from quotewright.accounting.runs import Leg, Run, load_run
from quotewright.accounting.statistics import leg_statistics
from quotewright.accounting.summary import leg_summary
from quotewright.reports.charts import leg_charts
from quotewright.reports.figures import DAY_NS, leg_figures
from quotewright.reports.numbers import moment, percent, places_for, ratio, rounded, span
from quotewright.reports.page import Cell, charts, definitions, group, page, table
from quotewright.reports.series import Packed, line_limit

PROFIT = ("total", "spread", "inventory", "fees", "funding")


def write_report(run_folder: Path, out: Path) -> Path:
    """Write the report of a run folder to `out` (a file) and return it; the same run gives the same bytes.

    Raises DataError if the run folder is damaged or its journal contradicts itself.
    """
    run = load_run(run_folder)
    write_text(out, report_html(run))
    return out


def write_text(out: Path, text: str) -> None:
    """Write a file whole or not at all."""
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def report_html(run: Run) -> str:
    """The report of a run as HTML."""
    legs = list(run.legs())
    most = line_limit(len(legs))
    sections: list[str] = []
    heads: list[tuple[str, Mapping[str, Any]]] = []
    for number, (a, i) in enumerate(legs):
        leg = run.leg(a, i)
        found = leg_summary(leg)
        heads.append((leg.agent.name, found))
        sections.append(_section(run, leg, found, f"leg-{number}", most, is_open=number == 0))
    names = ", ".join(dict.fromkeys(agent.name for agent in run.agents))
    body = [
        _head(run, names),
        "<h2>Profit, per agent and instrument</h2>",
        f'<div class="card">{headline_table(heads)}'
        '<p class="small quiet">In the settle asset, rounded for reading; exact values are in the sections below and '
        "under the pointer. Spread + inventory + fees + funding = total. After 1s, 30s: markouts, in bp.</p></div>",
        "<h2>Every agent and instrument</h2>",
        *sections,
        "<h2>What is assumed, and what real trading will do differently</h2>",
        f'<div class="card"><ul>{"".join(f"<li>{escape(str(s))}</li>" for s in run.facts["assumptions"])}</ul></div>',
        "<h2>How to repeat this run</h2>",
        _repeat(run),
    ]
    return page(f"quotewright: {names}", "\n".join(body))


def headline_table(legs: list[tuple[str, Mapping[str, Any]]]) -> str:
    """The headline figures, one row a leg; `legs` are agent names and parts of `summary`."""
    horizons = ("1s", "30s")
    head = ["Agent", "Instrument", *(name.capitalize() for name in PROFIT)]
    head += ["Fills", "Fill ratio", "Position", *(f"After {name}" for name in horizons)]
    rows: list[tuple[str, list[Cell]]] = []
    for number, (agent, leg) in enumerate(legs):
        pnl: Mapping[str, str] = leg["pnl"]
        places = places_for(pnl[name] for name in PROFIT)
        cells = [Cell(agent, link=f"leg-{number}"), Cell(leg["instrument"], small=f"in {leg['settle']}")]
        cells += [amount_cell(name, pnl[name], places) for name in PROFIT]
        cells += [Cell(f"{leg['fills']:,}", classes="number"), Cell(percent(leg["fill_ratio"]), classes="number")]
        cells.append(Cell(leg["position"], classes="number"))
        cells += [Cell(ratio(leg["markouts"][name]["bp"], 2), classes="number") for name in horizons]
        rows.append(("", cells))
    return table(head, rows, numbers=2)


def amount_cell(name: str, exact: str, places: int) -> Cell:
    """An amount of money, rounded, with the exact value as tooltip and the sign as colour."""
    shade = "loss" if exact.startswith("-") else "gain" if exact.strip("0.") else "quiet"
    return Cell(rounded(exact, places), exact, f"number {shade}{' total' if name == 'total' else ''}")


def _head(run: Run, names: str) -> str:
    first, last = int(run.facts["first_ts"]), int(run.facts["last_ts"])
    facts = [
        ("from", moment(first)),
        ("for", span(last - first)),
        ("market events", f"{run.facts['events']:,}"),
        ("dataset", str(run.facts["dataset"])[:12]),
        ("quotewright", str(run.facts["quotewright"])),
    ]
    listed = "".join(f"<span>{name} <b>{escape(value)}</b></span>" for name, value in facts)
    short = (
        '<p class="warn">The run is shorter than a day: annualised figures are not meaningful, and profits of '
        "minutes or hours say little about days.</p>"
        if last - first < DAY_NS
        else ""
    )
    return f'<h1>{escape(names)}</h1><div class="facts">{listed}</div>{short}'


def _section(run: Run, leg: Leg, found: Mapping[str, Any], anchor: str, most: int, *, is_open: bool) -> str:
    path, statistics = profit_path(leg), leg_statistics(leg, int(run.facts["mark_interval_ns"]))
    packed = Packed()
    drawn = charts(leg_charts(leg, path, statistics.markouts, packed, most), packed, wide=("equity", "quotes"))
    groups = "".join(group(g) for g in leg_figures(attribute_leg(leg), statistics))
    total = rounded(found["pnl"]["total"], places_for([found["pnl"]["total"]]))
    return (
        f'<details class="leg" id="{anchor}"{" open" if is_open else ""}><summary>'
        f'<span class="name">{escape(leg.agent.name)} · {escape(leg.instrument.name)}</span>'
        f'<span class="quiet">{escape(leg.agent.strategy)}, {found["fills"]:,} fills</span>'
        f'<span class="amount">{total} {escape(found["settle"])}</span></summary>'
        f'<div class="inside">{drawn}<div class="groups">{groups}</div></div></details>'
    )


def _repeat(run: Run) -> str:
    facts = run.facts
    command = shlex.join(str(word) for word in facts["command"])
    record = [
        ("dataset", str(facts["dataset"])),
        ("version", str(facts["quotewright"])),
        ("source hash", str(facts["code"])),
        ("seed", str(facts["seed"])),
        ("marks every", span(int(facts["mark_interval_ns"]))),
        ("journal", f"{facts['journal']['rows']:,} records, SHA-256 {facts['journal']['sha256']}"),
        *((f"venue: {name}", _plain(value)) for name, value in facts["venue"].items()),
    ]
    data = [(str(d["name"]), _dataset(d)) for d in facts["datasets"]]
    instruments = [(i.name, _plain({k: v for k, v in i.to_dict().items() if k != "venue"})) for i in run.instruments]
    agents: list[tuple[str, str]] = []
    for agent in run.agents:
        agents.append((agent.name, f"{agent.strategy}, world {agent.world}, decides every {span(agent.interval_ns)}"))
        agents += [(f"{agent.name}: {name}", _plain(value)) for name, value in agent.params.items()]
        agents.append((f"{agent.name}: limits", _plain(agent.limits)))
    parts = [("Run", record), ("Agents and parameters", agents), ("Datasets", data), ("Instruments", instruments)]
    cards = "".join(f'<div class="card"><h3>{title}</h3>{definitions(pairs)}</div>' for title, pairs in parts)
    return f'<div class="card"><h3>Command</h3><pre>{escape(command)}</pre></div>{cards}'


def _dataset(found: Mapping[str, Any]) -> str:
    times = f"{moment(int(found['first_ts']))} to {moment(int(found['last_ts']))}"
    return f"{found['rows']:,} rows, {times}, clock offset {found['clock_offset']} ns, hash {found['hash']}"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
