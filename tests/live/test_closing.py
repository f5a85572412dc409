"""A session's log becomes a run folder that everything else can work on, however the session ended."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from random import Random

import numpy as np
import pytest
from scripted_session import drive

from quotewright.accounting.runs import load_run
from quotewright.accounting.summary import summary
from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import EVENT
from quotewright.domain.journal import JOURNAL, Record
from quotewright.live.closing import close_run
from quotewright.live.recorded import read_recorded
from quotewright.live.repetition import repeat_recorded
from quotewright.reports.html import write_report
from quotewright.reports.terminal import table
from quotewright.sessions.agents import agent_from_dict
from quotewright.sessions.replay import ReplaySpec, replay
from quotewright.storage.journal import read_journal
from quotewright.storage.session_log import EVENTS, RECORDS, SessionLog
from quotewright.storage.session_log_frames import segments_of
from quotewright.storage.store import Store


@pytest.mark.parametrize(("seed", "mode", "left"), [(1, "live", True), (2, "paper", False), (3, "shadow", False)])
def test_reports_work_on_a_session(tmp_path: Path, seed: int, mode: str, left: bool) -> None:
    drive(tmp_path / "log", seed, mode=mode, left=left)  # pyright: ignore[reportArgumentType]
    record = close_run(tmp_path / "log", tmp_path / "run")
    assert not record["killed"]
    run = load_run(tmp_path / "run")
    assert table(run).row_count == 4
    page = write_report(tmp_path / "run", tmp_path / "report.html").read_text()
    assert f"A {mode} session" in page
    late = summary(run)["agents"][2]
    assert (late["name"], late["instruments"][0]["instrument"]) == ("late", "scripted:BBBUSD")
    journal = read_journal(tmp_path / "run" / "journal.parquet")
    logged = np.concatenate(list(read_recorded(tmp_path / "log").tables(RECORDS, JOURNAL)))
    assert (journal == logged).all()


def test_the_feed_is_what_the_step_took_and_can_be_replayed(tmp_path: Path) -> None:
    drive(tmp_path / "log", 5, mode="paper")
    record = close_run(tmp_path / "log", tmp_path / "run")
    taken = np.concatenate(list(read_recorded(tmp_path / "log").tables(EVENTS, EVENT)))
    store = Store(tmp_path / "run" / record["feed"])
    datasets = store.datasets()
    assert record["events"] == len(taken)
    for index, dataset in enumerate(datasets):
        mine = taken[taken["instrument"] == index]
        mine["instrument"] = 0
        assert (dataset.read() == mine).all()
        dataset.verify()
    agents = [agent_from_dict(agent["settings"], 1) for agent in record["agents"]]
    again = replay(datasets, ReplaySpec(agents), tmp_path / "replayed")
    assert again["dataset"] == record["dataset"]


def test_the_books_of_a_killed_session_are_closed(tmp_path: Path) -> None:
    drive(tmp_path / "log", 6, left=True, kill=True)
    record = close_run(tmp_path / "log", tmp_path / "run")
    assert record["killed"]
    assert any("did not end by itself" in sentence for sentence in record["assumptions"])
    run = load_run(tmp_path / "run")
    table(run)
    for agent, instrument in run.legs():
        leg = run.leg(agent, instrument)
        before = leg.of(Record.RUN_START, Record.FILL, Record.MARK, Record.ADJUSTED)[-1]
        assert (leg.end["cash"], leg.end["position"]) == (before["cash"], before["position"])
        assert leg.end["mid2"] > 0


def test_a_log_cut_anywhere_gives_a_run_and_its_repetition(tmp_path: Path) -> None:
    drive(tmp_path / "log", 7, left=True, updates=500)
    random = Random(1)
    for number in range(12):
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "log", folder)
        last = segments_of(folder)[-1].path
        size = last.stat().st_size
        with last.open("r+b") as file:
            file.truncate(random.randrange(size // 4, size) if number else size - 1)
        record = close_run(folder, tmp_path / "run")
        table(load_run(tmp_path / "run"))
        added = len(record["legs"]) if record["killed"] else 0
        again = repeat_recorded(read_recorded(folder), tmp_path / "again")
        assert again["records"] == record["journal"]["rows"] - added


def test_a_session_is_found_by_its_number(tmp_path: Path) -> None:
    drive(tmp_path / "log", 8, updates=200)
    drive(tmp_path / "log", 9, updates=300, number=9)
    first, second = close_run(tmp_path / "log", tmp_path / "one", 8), close_run(tmp_path / "log", tmp_path / "two")
    assert (first["session"], second["session"]) == (8, 9)
    assert first["journal"]["rows"] != second["journal"]["rows"]
    for folder in ("one", "two"):
        assert json.loads((tmp_path / folder / "run.json").read_bytes())["log"] == "../log"
    with pytest.raises(InputError, match="it has 8, 9"):
        close_run(tmp_path / "log", tmp_path / "three", 10)


def test_a_session_without_a_market_has_nothing_to_close(tmp_path: Path) -> None:
    drive(tmp_path / "log", 8, updates=0)
    with pytest.raises(DataError, match="heard nothing"):
        close_run(tmp_path / "log", tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with SessionLog(tmp_path / "empty", sync_every_ns=0):
        pass
    with pytest.raises(InputError, match="it has none"):
        close_run(tmp_path / "empty", tmp_path / "run")
