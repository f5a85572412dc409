"""From costs to the table, the JSON and the page; and that every row that is owed is there."""

from __future__ import annotations

import json
from pathlib import Path

import page
import pytest
import run
from rounds import Family, Row, SameWork, Sample, Skipped, measure, results
from show import amount, lines, rate

# Every line of the table of targets: some words of the row's name, and the target.
OWED = [
    ("replay, 4 rows an update: hftbacktest ROIVector", 5, True),
    ("replay, 4 rows an update: hftbacktest HashMap", 8, True),
    ("maker, 4 rows an update: hftbacktest ROIVector", 4, True),
    ("maker, 4 rows an update: hftbacktest HashMap", 5.5, True),
    ("64 sets, in phase", 70, True),
    ("64 sets, staggered", 35, True),
    ("256 sets, in phase", 120, True),
    ("maker in plain Python", 1, True),
    ("replay with load from disk, unpacked", 5, True),
    ("maker: NautilusTrader, its Python strategy", 300, True),
    ("raw capture to stored events: hftbacktest", 4, True),
    ("raw capture to stored events: peak memory of the process", 300, False),
    ("replay, 4 rows an update: flat book floor", 2.5, False),
    ("bytes an event on disk", 0.5, False),
    ("peak memory of a replay over its event array", 150, False),
    ("peak memory of `replay` streaming", 600, False),
    ("second start, `replay` of 8,000 rows", 0.25, False),
    ("sweep, wall time: one thread against two", 1.7, True),
    ("20 levels a message, decoded into a book: ccxt", 4, True),
    ("20 levels a message, the whole process over a socket: ccxt", 2.5, True),
    ("20,000 messages a second over a socket, one core: growth", 10, False),
    ("market data to signed order, journal included, CPU time of the way, p50", 50, False),
    ("200 cancels behind 60 waiting questions, until all", 100, False),
]
REFERENCE = json.loads(page.REFERENCE.read_text(encoding="utf-8"))


def family(costs: dict[str, list[float]], rows: list[Row], **more: object) -> Family:
    given = {name: iter(spent) for name, spent in costs.items()}
    sides = {name: lambda at=at: Sample(next(at), "end") for name, at in given.items()}
    return Family("made", rows, sides, dict.fromkeys(sides, 1000), **more)  # pyright: ignore[reportArgumentType]


def test_rounds_are_interleaved_the_first_thrown_away_and_medians_taken() -> None:
    told: list[str] = []
    made = family({"ours": [9, 1, 4, 2], "peer": [9, 6, 5, 20]}, [Row("work: peer", "peer", "ours", 3)])
    costs = measure(made, 3, told.append)
    assert costs == {"ours": [1, 4, 2], "peer": [6, 5, 20]}
    assert [line.rsplit(", ", 1)[1] for line in told] == ["ours", "peer"] * 4
    found = results(made, costs)
    assert found["ratios"] == {"work: peer": 3.0}
    assert found["rates"] == {"work: peer": {"peer": 167, "ours": 500}}
    assert found["targets"]["work: peer"]["met"] is True
    assert found["costs"] == {"work: peer": {"peer": 6, "ours": 2}}
    assert found["spread"]["made: ours"] == 1.5
    assert next(lines(found | {"skipped": {}})) == ("work: peer", "0.00 M/s", "0.00 M/s", "3.00×", "≥ 3×", "yes")


def test_without_rates_costs_are_shown_ours_first() -> None:
    made = family({"ours": [1.5], "peer": [5]}, [Row("start", "ours", "peer", 0.25, least=False)], warm=False)
    made.events = {}
    found = results(made, measure(made, 1, lambda _: None)) | {"skipped": {}}
    assert next(lines(found)) == ("start", "1.50 s", "5.00 s", "0.30×", "≤ 0.25×", "no")


def test_rows_of_different_lengths_are_compared_by_the_row() -> None:
    made = family({"ours": [2], "peer": [2]}, [Row("work", "peer", "ours", 3)], warm=False)
    made.events = {"ours": 4000, "peer": 1000}
    assert results(made, measure(made, 1, lambda _: None))["ratios"]["work"] == 4.0


@pytest.mark.parametrize(("limit", "met"), [(0.5, True), (0.4, False), (0, None)])
def test_a_limit_may_be_from_above_or_absent(limit: float, met: bool | None) -> None:
    made = family({"ours": [1], "peer": [2]}, [Row("share", "ours", "peer", limit, least=False)], warm=False)
    assert results(made, measure(made, 1, lambda _: None))["targets"]["share"]["met"] is met


def test_sides_that_differ_give_no_figures() -> None:
    def check(outcomes: dict[str, object]) -> None:
        raise SameWork(str(outcomes))

    with pytest.raises(SameWork, match="end"):
        measure(family({"ours": [1]}, [], warm=False, check=check), 1, lambda _: None)


def test_figures_are_shown_to_three_figures_and_targets_as_set() -> None:
    assert [amount(value, "×") for value in (0.3086, 1.0, 70.04, 128.6)] == ["0.31×", "1.00×", "70.0×", "129×"]
    assert amount(290.62, "MB") == "291 MB"
    assert amount(2.5, "×", exact=True) == "2.5×"
    assert [rate(rows) for rows in (64_048, 22_620_000, 136_000_000)] == ["0.06 M/s", "22.62 M/s", "136 M/s"]


def test_what_cannot_be_measured_is_a_line_with_its_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from rich.console import Console

    class Missing:
        @staticmethod
        def families(_: object) -> list[Family]:
            raise Skipped("the peer is not installed")

    monkeypatch.setattr(run.importlib, "import_module", lambda _: Missing)
    found = run.measure_all(run.Settings(tmp_path), "replay", 1, Console(quiet=True))
    assert list(lines(found)) == [
        (f"{run.FAMILIES['replay']}: not measured, the peer is not installed", "", "", "", "", "no")
    ]


def test_rows_measured_alone_replace_only_themselves(tmp_path: Path) -> None:
    def found(name: str, ratio: float, skipped: dict[str, str]) -> dict[str, object]:
        return {part: {name: ratio} for part in run.PARTS} | {"skipped": skipped, "measured": [name]}

    path = tmp_path / "results.json"
    run.write(found("first", 1, {"plain": "not yet", "second": "no peer"}), path, whole=True)
    run.write(found("second", 2, {}), path, whole=False)
    kept = json.loads(path.read_text())
    assert kept["ratios"] == {"first": 1, "second": 2}
    assert kept["skipped"] == {"plain": "not yet"}
    run.write(found("third", 3, {}), path, whole=True)
    assert json.loads(path.read_text())["ratios"] == {"third": 3}


def test_the_page_has_the_results_of_the_reference_run() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.page(text, REFERENCE) == text
    assert not REFERENCE["quick"]
    assert REFERENCE["rounds"] >= 7


@pytest.mark.parametrize(("words", "limit", "least"), OWED, ids=[words for words, _, _ in OWED])
def test_every_target_is_a_row_of_the_reference_run(words: str, limit: float, least: bool) -> None:
    found = [name for name in REFERENCE["targets"] if name.startswith(words)]
    name = words if words in found else found[0]
    assert name == words or len(found) == 1
    assert REFERENCE["targets"][name]["limit"] == limit
    assert REFERENCE["targets"][name]["least"] is least
    assert name in REFERENCE["ratios"]
    assert name in REFERENCE["rates"]
    assert name in REFERENCE["costs"]


def test_every_family_has_its_module() -> None:
    modules = {path.stem.removeprefix("row_") for path in page.HERE.glob("row_*.py")}
    assert modules == set(run.FAMILIES)
