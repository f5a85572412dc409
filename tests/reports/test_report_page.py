"""The HTML report: the figures of the summary, data of the journal, nothing fetched, the same bytes each time."""

from __future__ import annotations

import base64
import html
import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_builder import ALL_KINDS, INVERSE, LINEAR, SECOND, SPOT, T0, RunBuilder, agent, random_run

from quotewright.accounting.runs import load_run
from quotewright.accounting.summary import summary
from quotewright.domain.errors import DataError
from quotewright.domain.journal import Record
from quotewright.reports.html import report_html, write_report


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    agents = [agent("one", list(range(len(ALL_KINDS)))), agent("two", [2, 4], "glft", gamma=0.25)]
    return random_run(11, list(ALL_KINDS), agents, 40).write(tmp_path_factory.mktemp("report") / "run")


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return write_report(folder, folder / "report.html").read_text(encoding="utf-8")


def own(text: str) -> str:
    """The page without the library embedded in it."""
    return re.sub(r'<script id="plotly">.*?</script>', "", text, flags=re.DOTALL)


def sections(text: str) -> list[str]:
    return re.findall(r'<details class="leg".*?</details>', own(text), flags=re.DOTALL)


def stored(section: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json">(.*?)</script>', section, flags=re.DOTALL)
    assert found
    return json.loads(found[1])


def decoded(content: dict[str, Any], index: str) -> Any:
    return np.frombuffer(base64.b64decode(content["arrays"][int(index[1:])]["bdata"]), dtype="<f8")


def traces(content: dict[str, Any], key: str) -> dict[str, Any]:
    return {trace["name"]: trace for figure in content["figures"] if figure["key"] == key for trace in figure["data"]}


def test_every_figure_of_the_summary_is_on_the_page(folder: Path, text: str) -> None:
    found = summary(load_run(folder))
    legs = [leg for one in found["agents"] for leg in one["instruments"]]
    shown = sections(text)
    assert len(shown) == len(legs)
    for leg, section in zip(legs, shown, strict=True):
        assert leg["instrument"] in section
        labels = {"total": "Total", "spread": "Spread", "inventory": "Inventory", "fees": "Fees", "funding": "Funding"}
        for name, label in {**labels, "realised": "Realised", "unrealised": "Unrealised"}.items():
            row = rf"<td>{label}<small>[^<]*</small></td><td class=\"value\">([^ <]+) {leg['settle']}<"
            assert re.findall(row, section) == [leg["pnl"][name]], (leg["instrument"], name)
        assert f'class="value">{leg["position"]} ' in section
        assert f'class="value">{leg["fills"]:,}<' in section
        assert f'class="value">{100 * leg["fill_ratio"]:.2f} %<' in section
        for markout in leg["markouts"].values():
            assert f"{markout['bp']:+.3f} bp" in section


def test_the_headline_shows_the_exact_values_under_the_pointer(folder: Path, text: str) -> None:
    rows = re.findall(r"<tr>(.*?)</tr>", own(text).split("<tbody>")[1].split("</tbody>")[0])
    legs = [leg for one in summary(load_run(folder))["agents"] for leg in one["instruments"]]
    for leg, row in zip(legs, rows, strict=True):
        titles = re.findall(r'title="([^"]+)"', row)
        assert titles == [leg["pnl"][name] for name in ("total", "spread", "inventory", "fees", "funding")]
        parts = [Fraction(title) for title in titles]
        assert parts[0] == sum(parts[1:])


def test_the_charts_hold_the_journal(folder: Path, text: str) -> None:
    run = load_run(folder)
    for (a, i), section in zip(run.legs(), sections(text), strict=True):
        leg, content = run.leg(a, i), stored(section)
        tick = float(Fraction(leg.instrument.tick))
        fills = leg.of(Record.FILL)
        drawn = traces(content, "quotes")
        for side, name in ((1, "Buys"), (-1, "Sells")):
            mine = fills[fills["side"] == side]
            assert decoded(content, drawn[name]["x"]) == pytest.approx(mine["ts"] / 1e6, rel=1e-15)
            assert decoded(content, drawn[name]["y"]) == pytest.approx(mine["price"] * tick)
        decisions = leg.of(Record.DECISION)
        assert decoded(content, drawn["Best bid"]["y"]) == pytest.approx(decisions["price"] * tick)
        assert decoded(content, drawn["Best ask"]["y"]) == pytest.approx(decisions["qty"] * tick)
        total = decoded(content, traces(content, "equity")["Total"]["y"])
        pnl = summary(run)["agents"][a]["instruments"][run.agents[a].instruments.index(i)]["pnl"]
        assert total[0] == 0
        assert total[-1] == pytest.approx(float(pnl["total"]), rel=1e-12)
        held = decoded(content, traces(content, "inventory")["Position"]["y"])
        assert held[-1] == pytest.approx(float(leg.instrument.position(int(leg.end["position"]))))
        assert len(traces(content, "markouts")["Markout"]["y"]) == 5


def test_everything_needed_to_repeat_the_run_is_there(folder: Path, text: str) -> None:
    facts = load_run(folder).facts
    plain = html.unescape(own(text))
    for value in (facts["dataset"], facts["code"], facts["quotewright"], facts["journal"]["sha256"]):
        assert value in plain
    assert "quotewright replay --store 'my store' --seed 7" in plain
    assert all(assumption in plain for assumption in facts["assumptions"])
    assert all(dataset["hash"] in plain for dataset in facts["datasets"])
    assert "<td>two: gamma</td><td><code>0.25</code></td>" in plain


def test_nothing_is_fetched(text: str) -> None:
    mine = own(text)
    assert text.count('<script id="plotly">') == 1
    assert not re.search(r"""\b(?:src|href|action|data)\s*=\s*["'](?!#)""", mine)
    assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttpRequest|WebSocket", mine)


def test_the_same_run_gives_the_same_bytes(folder: Path, text: str, tmp_path: Path) -> None:
    assert write_report(folder, tmp_path / "new" / "again.html").read_text(encoding="utf-8") == text
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["again.html"]


def test_names_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    evil = '</script><img src=x onerror="alert(1)">'
    described = agent(evil, [0], strategy=evil, **{evil: 1.0})
    folder = random_run(3, [SPOT], [described], 10).write(tmp_path / "run", assumptions=[evil], command=[evil])
    mine = own(report_html(load_run(folder)))
    assert "<img" not in mine
    assert mine.count("</script>") == 2
    assert evil in html.unescape(mine)


def test_a_damaged_run_writes_no_report(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "run"
    other.mkdir()
    for name in ("run.json", "journal.parquet"):
        (other / name).write_bytes((folder / name).read_bytes())
    (other / "journal.parquet").write_bytes((folder / "journal.parquet").read_bytes()[:-1])
    with pytest.raises(DataError):
        write_report(other, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_run_in_which_nothing_happened_has_a_report(tmp_path: Path) -> None:
    run = RunBuilder([INVERSE], [agent("idle", [0])])
    run.state(Record.RUN_START, T0, 0, 0, 0)
    run.state(Record.RUN_END, T0 + SECOND, 0, 0, 0)
    (section,) = sections(report_html(load_run(run.write(tmp_path))))
    assert traces(stored(section), "markouts")["Markout"]["y"] == []
    assert "0 BTC" in section


def test_a_long_run_is_thinned_and_says_so(tmp_path: Path) -> None:
    run = RunBuilder([LINEAR], [agent("long", [0])])
    run.state(Record.RUN_START, T0, 0, 0, 0)
    bids = [600_000 + n * n % 977 for n in range(45_000)]
    bids[31_234] = 590_000
    for n, bid in enumerate(bids):
        run.add(Record.DECISION, T0 + n * SECOND, 0, 0, price=bid, qty=bid + 1, ref=n + 1)
    run.state(Record.RUN_END, T0 + 86_401 * SECOND, 0, 0, 1_200_001)
    text = report_html(load_run(run.write(tmp_path)))
    (section,) = sections(text)
    content = stored(section)
    shown = decoded(content, traces(content, "quotes")["Best bid"]["y"])
    assert len(shown) <= 20_000
    assert min(shown) == pytest.approx(59_000)
    assert f"{len(shown):,} of 45,000 points of the best bid shown" in section
    assert "shorter than a day" not in text
