"""The terminal table and the comparison of runs: whole numbers, differences found, the same bytes each time."""

from __future__ import annotations

import json
import re
import shutil
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from run_builder import INVERSE, LINEAR, SPOT, agent, random_run

from quotewright.accounting.runs import Run, load_run
from quotewright.accounting.summary import summary
from quotewright.domain.errors import InputError
from quotewright.reports.compare import compare_table, settings, write_comparison
from quotewright.reports.numbers import places_for, rounded
from quotewright.reports.terminal import table


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    root = tmp_path_factory.mktemp("runs")
    first = random_run(1, [SPOT, LINEAR, INVERSE], [agent("one", [0, 1, 2], gamma=0.1)], 30).write(root / "calm")
    second = random_run(2, [SPOT, LINEAR], [agent("one", [0, 1], gamma=0.2), agent("two", [1])], 30)
    return [load_run(first), load_run(second.write(root / "wild", seed=8))]


def printed(shown: object, width: int) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(shown)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_80_columns_hold_every_number_whole(runs: list[Run]) -> None:
    narrow, wide = (printed(table(runs[0]), width) for width in (80, 110))
    words = set(narrow.split())
    assert "…" not in narrow
    for leg in summary(runs[0])["agents"][0]["instruments"]:
        parts = ("total", "spread", "inventory", "fees", "funding")
        places = places_for(leg["pnl"][name] for name in parts)
        assert {rounded(leg["pnl"][name], places) for name in parts} <= words
        assert {leg["position"], leg["settle"], f"{leg['fills']:,}"} <= words
        assert f"{leg['instrument']} {leg['settle']}" in wide


def test_a_name_with_markup_is_shown_as_it_is(tmp_path: Path) -> None:
    run = load_run(random_run(1, [LINEAR], [agent("[red]a[/red]", [0])], 5).write(tmp_path / "[bold]"))
    assert "[red]a[/red]" in printed(table(run), 120)
    assert "[bold]" in printed(compare_table([run, run]), 160)


def test_settings_that_differ_come_first(runs: list[Run]) -> None:
    found = settings(runs)
    differing = {setting.name: setting.values for setting in found if setting.differs}
    assert [s.differs for s in found] == sorted((s.differs for s in found), reverse=True)
    assert differing["one: gamma"] == ("0.1", "0.2")
    assert differing["seed"] == ("7", "8")
    assert differing["two: strategy"] == ("–", "symmetric")
    assert "dataset" not in differing


def test_the_table_lists_differences_and_every_leg(runs: list[Run]) -> None:
    text = printed(compare_table(runs), 200)
    assert re.search(r"one: gamma\s*│\s*0\.1 │\s*0\.2", text)
    assert re.search(r"one gamma:BTCUSD_PERP total\s*│\s*-?[\d.]+ │\s*–", text)
    assert re.search(r"two beta:BTCUSDT fills\s*│\s*– │\s*\d+", text)


def test_the_page_highlights_differences_and_overlays_equity(runs: list[Run], tmp_path: Path) -> None:
    folders = [run.folder for run in runs]
    text = write_comparison(folders, tmp_path / "a.html").read_text(encoding="utf-8")
    assert write_comparison(folders, tmp_path / "b.html").read_text(encoding="utf-8") == text
    highlighted = re.findall(r"<tr class=differs><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td>", text)
    assert ("one: gamma", "0.1", "0.2") in highlighted
    assert all(first != second for _, first, second in highlighted)
    for run in runs:
        for one in summary(run)["agents"]:
            for leg in one["instruments"]:
                assert f'title="{leg["pnl"]["total"]}"' in text
    (stored,) = re.findall(r'<script type="application/json">(.*?)</script>', text, flags=re.DOTALL)
    names = {tuple(trace["name"] for trace in figure["data"]) for figure in json.loads(stored)["figures"]}
    assert ("calm: one", "wild: one", "wild: two") in names


def test_runs_of_one_name_are_told_apart(runs: list[Run], tmp_path: Path) -> None:
    again = tmp_path / "calm"
    shutil.copytree(runs[0].folder, again)
    text = write_comparison([runs[0].folder, again], tmp_path / "c.html").read_text(encoding="utf-8")
    assert "calm (1)" in text
    assert "calm (2)" in text
    assert "the same dataset, code, seed, venue and parameters" in text


def test_one_run_is_nothing_to_compare(runs: list[Run], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least two"):
        compare_table(runs[:1])
    with pytest.raises(InputError, match="at least two"):
        write_comparison([runs[0].folder], tmp_path / "x.html")
