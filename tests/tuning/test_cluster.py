"""A search on a real Dask cluster of two worker processes, one of them killed half-way: the table of a local search."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from searching import FOLDS, search_of, tuned

from quotewright.domain.errors import InputError, MissingExtraError
from quotewright.tuning.workers import DaskWorkers, Job

DASK = str(Path(sys.executable).with_name("dask"))
TRIALS = 24


class Cluster:
    """A scheduler and two workers, each a process that stands elsewhere than the tests."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1", "--memory-limit", "0"]
        self.workers = [self._start("worker", *options, "--local-directory", str(folder)) for _ in range(2)]
        self.address: str = self._wait_for_file()["address"]

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        command = [DASK, *words, "--scheduler-file", str(self._file)]
        return subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _wait_for_file(self) -> Any:
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            try:
                return json.loads(self._file.read_text())
            except (OSError, ValueError):
                time.sleep(0.05)
        raise AssertionError("the scheduler did not start")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("dask"))
    yield made
    made.stop()


class Killing(DaskWorkers):
    """Waits for both workers, and loses the first of them after ten trials."""

    victim: Any = None
    done = 0

    @contextmanager
    def at(self, job: Job) -> Iterator[Any]:
        with super().at(job) as run:

            def killing(asked: Any, bars: Any) -> Iterator[Any]:
                for outcome in run(asked, bars):
                    Killing.done += 1
                    if Killing.done == 10:
                        Killing.victim.kill()
                        Killing.victim.wait()
                    yield outcome

            yield killing


def test_a_cluster_that_loses_a_worker_gives_the_table_of_a_local_search(cluster: Cluster, tmp_path: Path) -> None:
    import distributed

    given: dict[str, Any] = {"trials": TRIALS, "prune_after": 4, "batch": 5}
    with distributed.Client(cluster.address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
    Killing.victim = cluster.workers[0]
    found = tuned(tmp_path, "dask", workers=Killing(cluster.address), **given)
    local = tuned(tmp_path, "local", **given)
    assert found.table().equals(local.table())
    assert {o.state for o in found.outcomes} == {"complete", "pruned"}
    assert Killing.done == TRIALS


def test_what_an_evaluation_refuses_reaches_the_user(cluster: Cluster, tmp_path: Path) -> None:
    def refusing(params: Any, fold: Any) -> Any:
        raise InputError("threshold", 3, "must be lower")

    with pytest.raises(InputError, match="must be lower") as caught:
        tuned(tmp_path, "a", evaluate=refusing, workers=DaskWorkers(cluster.address))
    assert (caught.value.field, caught.value.value, caught.value.fix) == ("threshold", 3, "must be lower")
    with pytest.raises(ZeroDivisionError):
        tuned(tmp_path, "b", evaluate=lambda params, fold: {"loss": 1 / 0}, workers=DaskWorkers(cluster.address))


def test_a_worker_with_other_code_refuses(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quotewright.tuning.workers.code_of", lambda: "0123456789abcdef")
    with pytest.raises(InputError, match="a worker runs other code"):
        tuned(tmp_path, workers=DaskWorkers(cluster.address))


def test_a_scheduler_that_is_not_there_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quotewright.sessions.cluster.PATIENCE", 1)
    job = Job(lambda params, fold: {"loss": 0.0}, list(FOLDS), search_of())
    for address in ("tcp://127.0.0.1:1", "nonsense://x"):
        with pytest.raises(InputError, match="cannot be reached"), DaskWorkers(address).at(job):
            pass
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'quotewright\[dask\]'"), DaskWorkers("x").at(job):
        pass
