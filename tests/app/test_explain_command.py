"""`explain`: every section on a synthetic market, reasons where there are none, and recordings of several venues."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from quotewright.research.explain import SECTIONS, Explanation, explain
from quotewright.research.explain_page import interval, shown, write_page
from quotewright.research.explain_section import Number, mean_of
from quotewright.sessions.synthetic import make_market
from quotewright.storage.store import Store

SECONDS = 200
KEYS = [key for key, _, _ in SECTIONS]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("explained")
    return folder, make_market(folder, "transitional", seed=5, seconds=SECONDS)


@pytest.fixture(scope="module")
def told() -> list[tuple[str, int, int]]:
    return []


@pytest.fixture(scope="module")
def found(market: tuple[Path, str], told: list[tuple[str, int, int]]) -> Explanation:
    folder, name = market
    return explain(Store(folder).dataset(name), lambda *step: told.append(step))


def test_every_section_of_a_market_has_numbers_and_pictures(found: Explanation) -> None:
    assert [one.key for one in found.sections] == KEYS
    assert found.left_out == []
    for one in found.sections:
        assert one.numbers, one.key
        assert one.figures or one.key == "makers"
        assert len({(n.name, n.unit) for n in one.numbers}) == len(one.numbers), one.key


def test_progress_is_told_by_section(found: Explanation, told: list[tuple[str, int, int]]) -> None:
    assert [done for _, done, _ in told] == [0, *range(len(KEYS)), len(KEYS)]
    assert len(found.sections) == told[-1][2]


def test_intervals_hold_their_values(found: Explanation) -> None:
    withs = [n for one in found.sections for n in one.numbers if n.low is not None and n.high is not None]
    assert len(withs) > 60
    for number in withs:
        assert number.value is not None
        assert number.low <= number.value <= number.high, number


def test_labels_of_orders_are_held_to_the_truth(found: Explanation) -> None:
    numbers = {n.name: n for n in next(one for one in found.sections if one.key == "deltas").numbers}
    if "precision of 'traded' against the orders" in numbers:  # the market is recorded order by order
        assert (numbers["precision of 'traded' against the orders"].value or 0) > 0.9
        assert (numbers["recall of 'traded' against the orders"].value or 0) > 0.9


def test_measures_of_volatility_agree(found: Explanation) -> None:
    numbers = next(one for one in found.sections if one.key == "volatility").numbers
    values = [n.value for n in numbers if n.name.startswith("volatility, ")]
    assert len(values) == 6
    assert all(value is not None for value in values)
    assert max(v or 0 for v in values) < 4 * min(v or 0 for v in values)


def test_the_command_writes_page_and_numbers(cli: Any, market: tuple[Path, str], tmp_path: Path) -> None:
    folder, name = market
    result = cli("explain", name, "--store", folder, "--out", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    printed = result.json()
    assert set(printed) == {"instrument", "dataset", "seconds", "warnings", "left_out", "sections", "page"}
    for one in printed["sections"]:
        assert set(one) == {"key", "title", "reason", "warnings", "numbers", "figures"}
        for number in one["numbers"]:
            assert set(number) == {"name", "value", "unit", "low", "high", "note"}
    saved = json.loads((tmp_path / "out/explain.json").read_text())
    assert saved == {key: value for key, value in printed.items() if key != "page"}
    page = (tmp_path / "out/explain.html").read_text()
    top = page.split("<script>", 1)[0]
    assert top.index("Warnings") < top.index('<section id="quality"')
    assert not re.search(r'(src|href)="(?!#)', top)
    assert all(f'<section id="{key}"' in top for key in KEYS)


def test_what_cannot_be_explained_is_refused(cli: Any, market: tuple[Path, str], tmp_path: Path) -> None:
    folder, name = market
    assert cli("explain", "synthetic:NOPE", "--store", folder, "--out", tmp_path).code == 2
    assert cli("explain", name, "--store", tmp_path / "none", "--out", tmp_path).code == 2
    (tmp_path / "file").write_text("")
    result = cli("explain", name, "--store", folder, "--out", tmp_path / "file")
    assert result.code == 2
    assert "give a folder" in result.err


def test_a_short_market_says_what_it_lacks(tmp_path: Path) -> None:
    name = make_market(tmp_path, "calm", seed=1, seconds=3)
    found = explain(Store(tmp_path).dataset(name))
    reasons = {one.key: one.reason for one in found.sections}
    assert not reasons["quality"]
    assert "too short" in reasons["regimes"]
    assert "too short" in reasons["queue"]
    assert any("anecdote" in said for said in found.warnings)
    write_page(found, tmp_path / "page.html")
    assert "Not computed" in (tmp_path / "page.html").read_text()


RECORDED = (
    ("tick/binance_ws/cm_btcusd_perp_20240808.gz", "binance-ws", "binance-coinm", "BTCUSD_PERP", 0),
    ("tick/ws_recordings/KRAKEN.jsonl.zst", "wire", "kraken", "XBTCHF", 6),
    ("tick/ws_recordings/BITMEX.ws.1.0.gz", "wire", "bitmex", "TRXU21", 11),
    ("tick/ws_recordings/OKX.jsonl.zst", "wire", "okx", "BTC-USDT", 6),
)


@pytest.mark.parametrize(("file", "form", "venue", "symbol", "most"), RECORDED, ids=[row[2] for row in RECORDED])
def test_recordings(
    shared_data: Path, tmp_path: Path, cli: Any, file: str, form: str, venue: str, symbol: str, most: int
) -> None:
    options = ("--format", form, "--venue", venue, "--symbol", symbol, "--store", tmp_path, "--json")
    assert cli("data", "import", shared_data / file, *options).code == 0
    found = explain(Store(tmp_path).dataset(f"{venue}:{symbol}"))
    assert not found.sections[0].reason
    assert len(found.left_out) <= most, found.left_out
    for said in found.left_out:
        assert any(word in said for word in ("too short", "too still", "no ", "allow", "at least")), said


def test_batch_means_and_how_numbers_are_shown() -> None:
    assert mean_of([1.0] * 100) == (1.0, 0.0)
    mean, error = mean_of([0.0, 2.0] * 10)
    assert mean == 1.0
    assert error != error  # too few for an error
    assert [shown(v) for v in (None, 3.0, -1234.5, 0.00012345, float("nan"))] == [
        "–",
        "3",
        "−1,234.5",
        "0.0001234",
        "–",
    ]
    assert interval(Number("a", 1.0, "")) == ""
    assert interval(Number("a", 1.0, "", 0.5, 1.5)) == "0.5 … 1.5"
