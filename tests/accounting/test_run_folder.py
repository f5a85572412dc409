"""Run folders: what is verified when one is opened, and what is said when it fails."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from run_builder import INVERSE, LINEAR, SECOND, SPOT, T0, RunBuilder, agent, random_run, write_journal

from quotewright.accounting.runs import load_run
from quotewright.accounting.summary import summary
from quotewright.domain.errors import DataError, InputError
from quotewright.domain.journal import JOURNAL, Record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    agents = [agent("one", [0, 1]), agent("two", [1], "glft", gamma=0.1)]
    return random_run(1, [SPOT, LINEAR], agents, 5).write(tmp_path / "run")


def reseal(folder: Path, **journal: Any) -> None:
    """Make run.json promise the journal as it now is."""
    facts = json.loads((folder / "run.json").read_text())
    digest = hashlib.sha256((folder / "journal.parquet").read_bytes()).hexdigest()
    facts["journal"] = {**facts["journal"], "sha256": digest, **journal}
    (folder / "run.json").write_text(json.dumps(facts))


def rewrite(folder: Path, change: Callable[[Any], Any]) -> None:
    table = pq.read_table(folder / "journal.parquet")
    rows = np.zeros(table.num_rows, dtype=JOURNAL)
    for name in JOURNAL.names or ():
        rows[name] = table[name].to_numpy()
    rows = change(rows)
    write_journal(folder, rows)
    reseal(folder, rows=len(rows))


def test_legs_come_apart_and_nothing_is_lost(folder: Path) -> None:
    run = load_run(folder)
    assert list(run.legs()) == [(0, 0), (0, 1), (1, 1)]
    rows = sum(len(run.leg(a, i).rows) for a, i in run.legs())
    book = sum(len(run.leg(0, i).book) for i in (0, 1))
    assert rows + book == run.facts["journal"]["rows"]
    assert set(run.leg(1, 1).rows["agent"]) == {1}
    with pytest.raises(InputError, match="not an agent and instrument"):
        run.leg(1, 0)


@pytest.mark.parametrize("name", ["[b]run", "run*", "what?", "ein Lauf ü"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    built = random_run(1, [LINEAR], [agent("one", [0])], 2).write(tmp_path / name)
    assert summary(load_run(built))["agents"][0]["name"] == "one"


def test_a_changed_byte_is_found(folder: Path) -> None:
    content = bytearray((folder / "journal.parquet").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "journal.parquet").write_bytes(content)
    with pytest.raises(DataError, match="the journal was changed"):
        load_run(folder)


def test_a_truncated_journal_is_found_even_when_sealed_again(folder: Path) -> None:
    content = (folder / "journal.parquet").read_bytes()
    (folder / "journal.parquet").write_bytes(content[: len(content) // 2])
    reseal(folder)
    with pytest.raises(DataError, match="not a readable Parquet file"):
        load_run(folder)


def drop_one(rows: Any) -> Any:
    return np.delete(rows, 7)


def go_back(rows: Any) -> Any:
    rows["ts"][9] -= 10**12
    return rows


def strange_kind(rows: Any) -> Any:
    rows["kind"][3] = 77
    return rows


def strange_agent(rows: Any) -> Any:
    rows["agent"][3] = 2
    return rows


def strange_instrument(rows: Any) -> Any:
    rows["instrument"][3] = 5
    return rows


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (drop_one, "gap"),
        (go_back, "time goes back"),
        (strange_kind, "unknown kind"),
        (strange_agent, "an agent that"),
        (strange_instrument, "an instrument that"),
    ],
)
def test_disorder_is_named(folder: Path, change: Callable[[Any], Any], fault: str) -> None:
    rewrite(folder, change)
    with pytest.raises(DataError, match=fault):
        load_run(folder)


def test_a_wrong_dtype_or_column_is_named(folder: Path) -> None:
    table = pq.read_table(folder / "journal.parquet")
    table = table.set_column(table.column_names.index("price"), "price", table["price"].cast(pa.float64()))
    pq.write_table(table.drop_columns(["ahead"]), folder / "journal.parquet")
    reseal(folder)
    with pytest.raises(DataError, match=r"ahead, price$"):
        load_run(folder)


def test_a_wrong_number_of_rows_is_found(folder: Path) -> None:
    reseal(folder, rows=3)
    with pytest.raises(DataError, match=r"run\.json says 3"):
        load_run(folder)


def test_everything_missing_from_the_record_is_named_at_once(folder: Path) -> None:
    facts = json.loads((folder / "run.json").read_text())
    del facts["seed"], facts["venue"]
    (folder / "run.json").write_text(json.dumps(facts))
    with pytest.raises(DataError, match="missing: venue, seed"):
        load_run(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", "nonsense"])
def test_a_record_that_is_not_json_is_refused(folder: Path, text: str) -> None:
    (folder / "run.json").write_text(text)
    with pytest.raises(DataError, match=r"run\.json"):
        load_run(folder)


def test_a_folder_without_a_run_says_what_one_has(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"run\.json and journal\.parquet"):
        load_run(tmp_path)


@pytest.mark.parametrize("name", ["../journal.parquet", "", "/x"])
def test_the_journal_cannot_lie_outside_the_folder(folder: Path, name: str) -> None:
    reseal(folder, file=name)
    with pytest.raises(DataError, match=r"journal\.file"):
        load_run(folder)


@pytest.mark.parametrize("legs", [[], [2], [-1], [0, 0], ["x"]])
def test_agents_name_instruments_that_exist(folder: Path, legs: list[Any]) -> None:
    facts = json.loads((folder / "run.json").read_text())
    facts["agents"][0]["instruments"] = legs
    (folder / "run.json").write_text(json.dumps(facts))
    with pytest.raises(DataError, match="agent one"):
        load_run(folder)


def test_a_leg_without_its_end_is_refused(tmp_path: Path) -> None:
    run = RunBuilder([INVERSE], [agent("one", [0])])
    run.state(Record.RUN_START, T0, 0, 0, 0)
    run.state(Record.MARK, T0 + SECOND, 0, 0, 1_200_001)
    with pytest.raises(DataError, match="end with one RUN_END"):
        summary(load_run(run.write(tmp_path / "run")))


def test_the_summary_names_the_report_only_where_there_is_one(folder: Path) -> None:
    told = summary(load_run(folder))
    assert told["report"] is None
    assert json.loads(json.dumps(told)) == told
    (folder / "report.html").write_text("<!doctype html>")
    assert summary(load_run(folder))["report"] == str(folder / "report.html")


def test_a_run_in_which_nothing_happened_has_a_summary(tmp_path: Path) -> None:
    run = RunBuilder([SPOT], [agent("idle", [0])])
    run.state(Record.RUN_START, T0, 0, 0, 0)
    run.state(Record.RUN_END, T0, 0, 0, 0)
    leg = summary(load_run(run.write(tmp_path / "run")))["agents"][0]["instruments"][0]
    assert (leg["fills"], leg["position"], leg["fill_ratio"]) == (0, "0", None)
    assert set(leg["pnl"].values()) == {"0"}
    assert leg["markouts"]["30s"] == {"fills": 0, "bp": None, "stderr_bp": None, "per_unit": None}
