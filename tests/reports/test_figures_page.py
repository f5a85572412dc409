"""docs/reference/report.md defines every figure that the report shows, and names records that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from run_builder import ALL_KINDS, agent, random_run

from quotewright.accounting.attribution import attribute
from quotewright.accounting.runs import Run, load_run
from quotewright.accounting.statistics import statistics
from quotewright.accounting.summary import summary
from quotewright.domain.journal import JOURNAL, Record
from quotewright.reports.figures import Figure, leg_figures

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "report.md").read_text(encoding="utf-8")
DEFINED = {line.split("|")[1].strip().lower() for line in PAGE.splitlines() if line.startswith("| ")}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    everything = list(range(len(ALL_KINDS)))
    built = random_run(2, list(ALL_KINDS), [agent("one", everything)], 20)
    return load_run(built.write(tmp_path_factory.mktemp("figures") / "run"))


def shown(run: Run) -> list[tuple[str, Figure]]:
    return [
        (group.title, figure)
        for a, i in run.legs()
        for group in leg_figures(attribute(run, a, i), statistics(run, a, i))
        for figure in group.figures
    ]


def test_every_figure_shown_is_defined(run: Run) -> None:
    undefined: set[str] = set()
    for group, figure in shown(run):
        label = figure.label.lower().split(":")[0]
        stem = re.sub(r", (median|90 %|99 %|bid|ask|both)$", "", label)
        if group != "Markouts" and not {label, stem} & DEFINED:
            undefined.add(figure.label)
    assert not undefined


def test_every_figure_names_records_of_the_journal(run: Run) -> None:
    kinds, fields = {r.name for r in Record}, set(JOURNAL.names or ())
    for _, figure in shown(run):
        named = set(re.findall(r"\b[A-Z_]{4,}\b", figure.source))
        assert named, figure.label
        assert named <= kinds, figure.label
        assert set(re.findall(r"\b[a-z_]+[0-9]?\b", figure.source)) <= fields, figure.label


def test_the_page_names_only_records_that_exist() -> None:
    kinds = {r.name for r in Record}
    named = {name for name in re.findall(r"`([A-Z_]+)`", PAGE) if name != "VENUE:SYMBOL"}
    assert named <= kinds
    assert "FILL" in named


def test_the_page_lists_the_keys_of_the_summary(run: Run) -> None:
    section = PAGE.split("## The JSON of a run")[1]
    told = set(re.findall(r"`([a-z_0-9.]+)`", section))
    result = summary(run)
    leg = result["agents"][0]["instruments"][0]
    keys = {*result, *result["agents"][0], *leg, *leg["pnl"], *leg["markouts"], *leg["markouts"]["1s"]}
    assert keys <= told, keys - told
