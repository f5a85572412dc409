"""Parts of a study: kept as they are done, made again if damaged, the same on a cluster of which a worker dies."""

from __future__ import annotations

import importlib
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from quotewright.domain.errors import HaltError, InputError
from quotewright.sessions import cluster
from quotewright.studies.parts import Engine, all_parts

TASKS = [{"number": number} for number in range(12)]


WORK = """
import os, signal, time
from pathlib import Path

from quotewright.domain.errors import InputError


def work(marks, fatal, task):
    mark = Path(marks) / "died"
    if task["number"] == fatal and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if task["number"] == fatal - 100:
        raise InputError("number", task["number"], "is not wanted")
    time.sleep(0.02)
    return {"square": task["number"] ** 2}
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The square, slowly, in a module that other processes can import; the fatal number ends its process, once."""
    (tmp_path / "slow_squares.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("slow_squares", None)
    return importlib.import_module("slow_squares").work


def _squares(found: list[dict[str, Any]]) -> list[int]:
    return [one["square"] for one in found]


def test_parts_are_kept_and_those_that_are_damaged_or_outdated_made_again(tmp_path: Path) -> None:
    made: list[int] = []

    def noted(task: Any) -> dict[str, Any]:
        made.append(task["number"])
        return {"square": task["number"] ** 2}

    facts = {"dataset": "a"}
    expected = [task["number"] ** 2 for task in TASKS]
    assert _squares(all_parts(noted, TASKS[:5], tmp_path, facts, engine=Engine(1))) == expected[:5]
    heard: list[tuple[int, int]] = []
    found = all_parts(noted, TASKS, tmp_path, facts, engine=Engine(1), progress=lambda *at: heard.append(at))
    assert _squares(found) == expected
    assert sorted(made) == list(range(12))
    assert heard[0] == (5, 12)
    assert heard[-1] == (12, 12)
    files = sorted(tmp_path.glob("*.json"))
    assert len(files) == 12
    files[0].write_text("{")
    files[1].write_text(json.dumps({"task": {}, "result": 1})[:-3])
    all_parts(noted, TASKS, tmp_path, facts, engine=Engine(1))
    assert len(made) == 14
    all_parts(noted, TASKS, tmp_path, {"dataset": "b"}, engine=Engine(1))
    assert len(made) == 26


def test_processes_give_the_same_in_order(work: Any, tmp_path: Path) -> None:
    found = all_parts(partial(work, str(tmp_path), -1), TASKS, tmp_path / "parts", {}, engine=Engine(2))
    assert _squares(found) == [task["number"] ** 2 for task in TASKS]


def test_a_cluster_that_loses_a_worker_gives_the_same(work: Any, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True, silence_logs=50
    ) as cluster:
        engine = Engine(scheduler=cluster.scheduler_address)
        found = all_parts(partial(work, str(tmp_path), 7), TASKS, tmp_path / "parts", {}, engine=engine)
    assert (tmp_path / "died").exists()
    assert _squares(found) == [task["number"] ** 2 for task in TASKS]


def test_a_process_that_dies_ends_the_run_and_loses_nothing_done(work: Any, tmp_path: Path) -> None:
    again = partial(all_parts, partial(work, str(tmp_path), 9), TASKS, tmp_path / "parts", {}, engine=Engine(2))
    with pytest.raises(HaltError, match="what is done is kept"):
        again()
    assert _squares(again()) == [task["number"] ** 2 for task in TASKS]


def test_what_a_part_refuses_is_told_as_it_was(work: Any, tmp_path: Path) -> None:
    """An error of several arguments must survive the way from another process."""
    with pytest.raises(InputError, match="number: 3: is not wanted") as told:
        all_parts(partial(work, str(tmp_path), 103), TASKS[:5], tmp_path / "parts", {}, engine=Engine(2))
    assert (told.value.field, told.value.value) == ("number", 3)


def test_what_makes_no_sense_is_refused(work: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    with pytest.raises(InputError, match="workers"):
        Engine(-1)
    with pytest.raises(InputError, match="cannot be reached"):
        all_parts(partial(work, "", -1), TASKS, tmp_path, {}, engine=Engine(scheduler="nowhere:1"))
    assert all_parts(partial(work, "", -1), [], tmp_path, {}) == []
