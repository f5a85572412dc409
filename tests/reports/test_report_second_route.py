"""The report's figures against the journal by a second route, and the page against what it must never be.

The second route reads `run.json` and the Parquet file by itself and adds up fills and funding in fractions; it uses
nothing of the accounting or the reports.
"""

from __future__ import annotations

import base64
import html
import io
import json
import math
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from run_builder import ALL_KINDS, LINEAR, SECOND, SPOT, agent, random_run

from quotewright.accounting.runs import load_run
from quotewright.accounting.summary import summary
from quotewright.domain.errors import DataError, InputError
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import Record
from quotewright.reports.compare import compare_table, write_comparison
from quotewright.reports.html import write_report
from quotewright.reports.terminal import table

HOSTILE = "</script><script>alert(1)</script>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    agents = [agent("maker", list(range(6)), gamma=0.125), agent(HOSTILE, [2, 4], "glft", gamma=0.25)]
    return random_run(21, list(ALL_KINDS), agents, 30).write(tmp_path_factory.mktemp("report") / "run")


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return write_report(folder, folder.parent / "report.html").read_text(encoding="utf-8")


def own(page: str) -> str:
    """The page without the embedded plotly.js."""
    kept, found = re.subn(r'<script id="plotly">.*?</script>', "", page, flags=re.DOTALL)
    assert found == 1
    return kept


def by_fills(folder: Path) -> dict[tuple[int, int], dict[str, Fraction]]:
    """Total, fees, funding and fills of each leg, in fractions, from FILL, FUNDING and the last mid alone."""
    facts = json.loads((folder / "run.json").read_text())
    rows = pq.read_table(folder / "journal.parquet").to_pylist()
    legs = {(a, i) for a, described in enumerate(facts["agents"]) for i in described["instruments"]}
    found = {leg: dict.fromkeys(("cash", "position", "fees", "funding", "fills"), Fraction(0)) for leg in legs}
    coin = Fraction(1, 10**8)
    for row in rows:
        leg = (row["agent"], row["instrument"])
        if leg not in found:
            continue
        described, sums = facts["instruments"][leg[1]], found[leg]
        tick, lot, size = (Fraction(described[name]) for name in ("tick", "lot", "contract_size"))
        inverse, unit = described["kind"] == "inverse", Instrument(**described).money_unit

        def value(quantity: Fraction, price: Fraction, size: Fraction = size, inverse: bool = inverse) -> Fraction:
            if inverse:
                return math.floor(quantity * size / price / coin + Fraction(1, 2)) * coin
            return quantity * size * price

        if row["kind"] == Record.FILL:
            quantity, price = row["qty"] * lot, row["price"] * tick
            sums["cash"] += row["side"] * value(quantity, price) * (1 if inverse else -1)
            sums["position"] += row["side"] * quantity
            sums["fills"] += 1
            if row["flags"] & 2:
                base = row["fee"] * (coin if lot > coin else lot)
                sums["position"] -= base
                sums["fees"] -= base * row["mid2"] * tick / 2
            else:
                sums["cash"] -= row["fee"] * unit
                sums["fees"] -= row["fee"] * unit
        elif row["kind"] == Record.FUNDING:
            sums["cash"] -= row["fee"] * unit
            sums["funding"] -= row["fee"] * unit
        elif row["kind"] == Record.RUN_END:
            worth = value(abs(sums["position"]), row["mid2"] * tick / 2)
            sums["total"] = sums["cash"] + worth * (1 if (sums["position"] > 0) != inverse else -1)
    return found


def sections(page: str) -> list[str]:
    return re.split(r'<details class="leg"', own(page).split("<h2>What is assumed")[0])[1:]


def test_headline_figures_are_those_of_the_fills(folder: Path, page: str) -> None:
    run, second = load_run(folder), by_fills(folder)
    shown = sections(page)
    assert len(shown) == len(second) == 8
    for section, (a, i) in zip(shown, run.legs(), strict=True):
        settle = run.instruments[i].settle
        for label, name in (("Total", "total"), ("Fees", "fees"), ("Funding", "funding")):
            value = re.search(rf"<td>{label}<small>.*?<td class=\"value\">(\S+) {settle}<", section)
            assert value, label
            assert Fraction(value[1]) == second[a, i][name], (label, a, i)
        fills = re.search(r"<td>Fills<small>.*?<td class=\"value\">([\d,]+)<", section)
        assert fills
        assert int(fills[1].replace(",", "")) == second[a, i]["fills"] > 0


def test_the_headline_table_has_the_exact_values_of_the_summary(folder: Path, page: str) -> None:
    body = own(page)
    head = body[: body.index("Every agent and instrument")]
    for described in summary(load_run(folder))["agents"]:
        for leg in described["instruments"]:
            assert leg["instrument"] in head
            for name in ("total", "spread", "inventory", "fees", "funding"):
                assert f'title="{leg["pnl"][name]}"' in head


def traces(section: str) -> dict[str, dict[str, Any]]:
    """Traces of a section's charts by name, arrays decoded."""
    stored = re.search(r'<script type="application/json">(.*?)</script>', section, re.DOTALL)
    assert stored
    content = json.loads(stored[1])
    arrays = [np.frombuffer(base64.b64decode(a["bdata"]), dtype=a["dtype"]) for a in content["arrays"]]

    def unpacked(value: Any) -> Any:
        return arrays[int(value[1:])] if isinstance(value, str) and re.fullmatch(r"@\d+", value) else value

    return {t["name"]: {k: unpacked(v) for k, v in t.items()} for f in content["figures"] for t in f["data"]}


def test_charts_end_at_the_headline_and_show_every_fill(folder: Path, page: str) -> None:
    run = load_run(folder)
    for section, (a, i) in zip(sections(page), run.legs(), strict=True):
        drawn = traces(section)
        leg = next(s for s in summary(run)["agents"][a]["instruments"] if s["instrument"] == run.instruments[i].name)
        for name in ("total", "spread", "inventory", "fees"):
            assert drawn[name.capitalize()]["y"][-1] == pytest.approx(float(leg["pnl"][name]), rel=1e-12)
        fills = run.leg(a, i).of(Record.FILL)
        tick = float(Fraction(run.instruments[i].tick))
        for name, side in (("Buys", 1), ("Sells", -1)):
            mine = fills[fills["side"] == side]
            assert drawn[name]["x"].tolist() == pytest.approx((mine["ts"] / 1e6).tolist(), abs=1e-3)
            assert drawn[name]["y"].tolist() == pytest.approx((mine["price"] * tick).tolist())
        assert drawn["Position"]["y"][-1] == pytest.approx(float(leg["position"]))


def test_our_quotes_are_drawn_from_acceptance_to_their_end(folder: Path, page: str) -> None:
    rows = load_run(folder).leg(0, 2).rows
    accepted = {int(r["order"]): int(r["ts"]) for r in rows if r["kind"] == Record.ACCEPTED}
    side = {int(r["order"]): int(r["side"]) for r in rows if r["kind"] == Record.PLACE}
    ended: dict[int, int] = {}
    for r in rows:
        if r["kind"] == Record.CANCELED or (r["kind"] == Record.FILL and r["leaves"] == 0):
            ended.setdefault(int(r["order"]), int(r["ts"]))
    drawn = traces(sections(page)[2])
    last = int(rows["ts"][-1])
    for name, wanted in (("Our bids", 1), ("Our asks", -1)):
        expected = sorted(
            (since, ended.get(order, last))
            for order, since in accepted.items()
            if side[order] == wanted and ended.get(order, last) > since
        )
        x, y = drawn[name]["x"], drawn[name]["y"]
        corners = [(x[n], x[n + 1]) for n in range(0, len(x), 3)]
        told = sorted((round(since * 1e6), round(until * 1e6)) for since, until in corners)
        assert np.isnan(y[2::3]).all()
        assert len(told) == len(expected)
        for got, want in zip(told, expected, strict=True):
            assert got == pytest.approx(want, abs=1000)


def test_the_run_can_be_repeated_from_the_page(folder: Path, page: str) -> None:
    facts = json.loads((folder / "run.json").read_text())
    text = html.unescape(own(page))
    for needed in (facts["dataset"], facts["code"], facts["quotewright"], facts["journal"]["sha256"], "0.125", "0.25"):
        assert str(needed) in text
    assert "quotewright replay --store 'my store' --seed 7" in text
    assert all(dataset["hash"] in text for dataset in facts["datasets"])
    for value in facts["venue"].values():
        assert (value if isinstance(value, str) else json.dumps(value, sort_keys=True)) in text
    for assumption in facts["assumptions"]:
        assert assumption in text


def test_the_page_fetches_nothing(page: str) -> None:
    assert "plotly.js v" in page
    assert page.count("Plotly, Inc.\n* All rights reserved") <= 1
    kept = own(page)
    for reference in (
        r"https?:",
        r"//cdn",
        r"\bsrc\s*=",
        r"<link",
        r"@import",
        r"url\(",
        r"\bfetch\(",
        "XMLHttpRequest",
    ):
        assert not re.search(reference, kept), reference


def test_names_from_a_run_cannot_act_on_the_page(page: str) -> None:
    assert HOSTILE not in page
    assert html.escape(HOSTILE) in page
    assert "<behind>" not in page


def test_the_same_run_gives_the_same_bytes(folder: Path, page: str, tmp_path: Path) -> None:
    assert write_report(folder, tmp_path / "again" / "r.html").read_bytes() == page.encode()


def test_a_contradiction_in_the_journal_makes_no_page(tmp_path: Path) -> None:
    built = random_run(4, [LINEAR], [agent("one", [0])], 10)
    mark = next(r for r in built.records if r["kind"] == Record.MARK and r["ts"] > built.records[0]["ts"] + 5 * SECOND)
    mark["cash"] += 1
    out = tmp_path / "report.html"
    with pytest.raises(DataError, match="journal record"):
        write_report(built.write(tmp_path / "run"), out)
    assert list(tmp_path.glob("*report*")) == []


def test_a_long_run_is_thinned_and_says_so(tmp_path: Path) -> None:
    built = random_run(6, [SPOT], [agent("one", [0])], 2200)
    page = write_report(built.write(tmp_path / "run"), tmp_path / "report.html").read_text(encoding="utf-8")
    drawn = traces(sections(page)[0])
    assert "20,000 of 22,000" in page or re.search(r"Thinned: [\d,]+ of 22,000", page)
    assert len(drawn["Best bid"]["x"]) <= 20_000
    decisions = load_run(tmp_path / "run").leg(0, 0).of(Record.DECISION)
    tick = float(Fraction(SPOT.tick))
    assert drawn["Best bid"]["y"].max() == pytest.approx(decisions["price"].max() * tick)
    assert drawn["Best bid"]["y"].min() == pytest.approx(decisions["price"].min() * tick)
    assert set(np.round(drawn["Best bid"]["y"] / tick).astype(int)) <= set(decisions["price"].tolist())


def printed(shown: Any, width: int = 260) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(shown)
    return console.file.getvalue()


def test_the_terminal_table_tells_every_leg(folder: Path) -> None:
    words = re.split(r"\s{2,}|\s*│\s*|\n", printed(table(load_run(folder))))
    for described in summary(load_run(folder))["agents"]:
        assert any(described["name"] in word for word in words)
        for leg in described["instruments"]:
            assert any(leg["instrument"] in word and leg["settle"] in word for word in words)
            assert f"{leg['fills']:,}" in words
            assert leg["position"] in words


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_terminal_table_cuts_nothing_off(folder: Path, width: int) -> None:
    text = printed(table(load_run(folder)), width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_names_with_markup_are_printed_as_they_are(tmp_path: Path) -> None:
    folder = random_run(4, [LINEAR], [agent("[red]a[/]", [0])], 5).write(tmp_path / "[b]run")
    assert "[red]a[/]" in printed(table(load_run(folder)))
    assert "[red]a[/]" in printed(compare_table([load_run(folder), load_run(folder)]))


def test_a_comparison_shows_what_differs(folder: Path, tmp_path: Path) -> None:
    agents = [agent("maker", [0, 1], gamma=0.5)]
    other = random_run(22, [LINEAR, SPOT], agents, 20).write(tmp_path / "other", seed=8)
    page = write_comparison([folder, other], tmp_path / "compare.html")
    text = html.unescape(own(page.read_text(encoding="utf-8")))
    for run in (folder, other):
        for described in summary(load_run(run))["agents"]:
            for leg in described["instruments"]:
                assert f'title="{leg["pnl"]["total"]}"' in text
    differing = text[text.index("Settings that differ") : text.index("settings that agree")]
    assert "maker: gamma" in differing
    assert "0.125" in differing
    assert "0.5" in differing
    assert "seed" in differing
    assert HOSTILE not in page.read_text(encoding="utf-8")
    seen = printed(compare_table([load_run(folder), load_run(other)]))
    assert "maker: gamma" in seen
    assert write_comparison([folder, other], tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_one_run_is_not_a_comparison(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least two"):
        write_comparison([folder], tmp_path / "compare.html")
    with pytest.raises(InputError, match="at least two"):
        compare_table([load_run(folder)])
