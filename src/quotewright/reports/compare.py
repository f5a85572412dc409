"""Several runs side by side: what was different about them, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from rich.markup import escape as escape_markup
from rich.table import Table

from quotewright.accounting.attribution import profit_path
from quotewright.accounting.runs import Run, load_run
from quotewright.accounting.summary import leg_summary
from quotewright.domain.errors import InputError
from quotewright.reports.charts import Chart, amounts, thinned
from quotewright.reports.html import PROFIT, amount_cell, write_text
from quotewright.reports.numbers import NOTHING, percent, places_for, ratio, rounded
from quotewright.reports.page import Cell, charts, page, table
from quotewright.reports.series import Packed, extremes, line_limit

COLOURS = ("--accent", "--fees", "--spread", "--inventory", "--sell", "--funding")
DASHES = ("solid", "dash", "dot", "dashdot")


@dataclass(frozen=True)
class Setting:
    """One setting and its value in each run (NOTHING where a run has none)."""

    name: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the runs disagree."""
        return len(set(self.values)) > 1


def settings(runs: Sequence[Run]) -> list[Setting]:
    """Every setting of the runs, those that differ first."""
    known = [_settings(run) for run in runs]
    names = list(dict.fromkeys(name for found in known for name in found))
    every = [Setting(name, tuple(found.get(name, NOTHING) for found in known)) for name in names]
    return sorted(every, key=lambda setting: not setting.differs)


def _settings(run: Run) -> dict[str, str]:
    facts = run.facts
    found = {"dataset": facts["dataset"], "version": facts["quotewright"], "code": facts["code"], "seed": facts["seed"]}
    found |= {"marks every (ns)": facts["mark_interval_ns"]}
    found |= {f"venue: {name}": value for name, value in facts["venue"].items()}
    for agent in run.agents:
        found |= {f"{agent.name}: strategy": agent.strategy, f"{agent.name}: interval (ns)": agent.interval_ns}
        found |= {f"{agent.name}: instruments": ", ".join(run.instruments[i].name for i in agent.instruments)}
        found |= {f"{agent.name}: {name}": value for name, value in agent.params.items()}
        found |= {f"{agent.name}: limit {name}": value for name, value in agent.limits.items()}
    return {name: v if isinstance(v, str) else json.dumps(v, sort_keys=True) for name, v in found.items()}


def run_names(runs: Sequence[Run]) -> list[str]:
    """A different name for each run: its folder's, numbered where two are the same."""
    plain = [run.folder.resolve().name for run in runs]
    return [f"{name} ({n})" if plain.count(name) > 1 else name for n, name in enumerate(plain, 1)]


def compare_table(runs: Sequence[Run]) -> Table:
    """Runs as columns: settings that differ, then each leg's profit, fills and markouts.

    Raises InputError for fewer than two runs, DataError where a journal contradicts itself.
    """
    _need_two(runs)
    shown = Table(caption="settings that differ, and what came of them", caption_justify="left")
    shown.add_column("", overflow="fold")
    for name in run_names(runs):
        shown.add_column(escape_markup(name), justify="right", overflow="fold")
    for setting in settings(runs):
        if setting.differs:
            shown.add_row(*(escape_markup(text) for text in (setting.name, *setting.values)), style="yellow")
    shown.add_section()
    found = [_legs(run) for run in runs]
    for key in _keys(found):
        legs = [legs.get(key) for legs in found]
        agent, instrument = (escape_markup(part) for part in key)
        for name in PROFIT:
            values = [leg["pnl"][name] for leg in legs if leg]
            places = places_for(values)
            row = [rounded(leg["pnl"][name], places) if leg else NOTHING for leg in legs]
            shown.add_row(f"{agent} {instrument} {name}", *row, style="bold" if name == "total" else "")
        shown.add_row(f"{agent} {instrument} fills", *(f"{leg['fills']:,}" if leg else NOTHING for leg in legs))
        fill_ratios = (percent(leg["fill_ratio"]) if leg else NOTHING for leg in legs)
        shown.add_row(f"{agent} {instrument} fill ratio", *fill_ratios, end_section=True)
    return shown


def write_comparison(run_folders: Sequence[Path], out: Path) -> Path:
    """Write a comparison of run folders to `out` (an HTML file) and return it; the same runs give the same bytes.

    Raises InputError for fewer than two folders, DataError if a run folder is damaged.
    """
    runs = [load_run(folder) for folder in run_folders]
    _need_two(runs)
    write_text(out, comparison_html(runs))
    return out


def comparison_html(runs: Sequence[Run]) -> str:
    """The comparison as HTML: settings, headline figures, and equity overlaid per instrument."""
    names = run_names(runs)
    rows = [
        ("differs" if setting.differs else "", [Cell(setting.name), *(Cell(value) for value in setting.values)])
        for setting in settings(runs)
    ]
    same = sum(not classes for classes, _ in rows)
    differing = [row for row in rows if row[0]]
    agreeing = [row for row in rows if not row[0]]
    head = ["Setting", *names]
    body = [
        f"<h1>{len(runs)} runs compared</h1><p class='quiet'>{escape(', '.join(names))}</p>",
        "<h2>Settings that differ</h2>",
        f'<div class="card">{table(head, differing, numbers=len(head))}</div>'
        if differing
        else '<p class="card">None: the runs have the same dataset, code, seed, venue and parameters.</p>',
        f'<details class="leg"><summary>{same} settings that agree</summary><div class="inside">'
        f"{table(head, agreeing, numbers=len(head))}</div></details>",
        "<h2>Profit, per instrument</h2>",
        f'<div class="card">{_results(names, runs)}</div>',
        "<h2>Profit over time</h2>",
        f'<div class="card">{_overlay(names, runs)}</div>',
    ]
    return page("quotewright: " + ", ".join(names), "\n".join(body))


def _need_two(runs: Sequence[Run]) -> None:
    if len(runs) < 2:
        raise InputError("runs", len(runs), "give at least two run folders")


def _legs(run: Run) -> dict[tuple[str, str], dict[str, Any]]:
    return {(run.agents[a].name, run.instruments[i].name): leg_summary(run.leg(a, i)) for a, i in run.legs()}


def _keys(found: Sequence[Mapping[tuple[str, str], Any]]) -> list[tuple[str, str]]:
    return list(dict.fromkeys(key for legs in found for key in legs))


def _results(names: Sequence[str], runs: Sequence[Run]) -> str:
    head = ["Instrument", "Agent", "Run", "", *(name.capitalize() for name in PROFIT), "Fills", "Fill ratio", "1s bp"]
    found = [_legs(run) for run in runs]
    rows: list[tuple[str, list[Cell]]] = []
    for agent, instrument in sorted(_keys(found), key=lambda key: (key[1], key[0])):
        for name, legs in zip(names, found, strict=True):
            leg = legs.get((agent, instrument))
            if leg is None:
                continue
            places = places_for(leg["pnl"][part] for part in PROFIT)
            cells = [Cell(instrument), Cell(agent), Cell(name), Cell(leg["settle"], classes="quiet")]
            cells += [amount_cell(part, leg["pnl"][part], places) for part in PROFIT]
            cells += [Cell(f"{leg['fills']:,}", classes="number"), Cell(percent(leg["fill_ratio"]), classes="number")]
            cells.append(Cell(ratio(leg["markouts"]["1s"]["bp"], 2), classes="number"))
            rows.append(("", cells))
    return table(head, rows, numbers=4)


def _overlay(names: Sequence[str], runs: Sequence[Run]) -> str:
    most = line_limit(sum(len(list(run.legs())) for run in runs))
    packed = Packed()
    lines: dict[str, list[dict[str, Any]]] = {}
    said: dict[str, list[str]] = {}
    settle: dict[str, str] = {}
    for number, (name, run) in enumerate(zip(names, runs, strict=True)):
        for a, i in run.legs():
            leg = run.leg(a, i)
            path = profit_path(leg)
            instrument = leg.instrument.name
            keep = extremes(path.total.astype(float), most)
            label = f"{name}: {leg.agent.name}"
            style = {
                "color": COLOURS[number % len(COLOURS)],
                "dash": DASHES[a % len(DASHES)],
                "width": 1.8,
                "shape": "hv",
            }
            x, y = packed.times(path.time[keep]), packed.add(amounts(leg.instrument, path.total[keep]))
            lines.setdefault(instrument, []).append(
                {"type": "scatter", "mode": "lines", "name": label, "x": x, "y": y, "line": style}
            )
            said.setdefault(instrument, []).append(
                thinned(len(keep), len(path.time), f"points of {label}", "extremes kept")
            )
            settle[instrument] = leg.instrument.settle
    found = [
        Chart(
            f"equity-{n}",
            instrument,
            "RUN_START, FILL, FUNDING, MARK, RUN_END",
            data,
            {"xaxis": {"type": "date"}, "yaxis": {"title": {"text": settle[instrument]}}, "showlegend": True},
            "; ".join(s for s in said[instrument] if s),
        )
        for n, (instrument, data) in enumerate(sorted(lines.items()))
    ]
    return charts(found, packed, wide=(chart.key for chart in found))
