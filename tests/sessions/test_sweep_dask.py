"""A sweep on a real Dask cluster: a scheduler and two worker processes on loopback, one of them killed half-way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from distributed import Client, KilledWorker
from distributed.client import FutureCancelledError
from distributed.comm import CommClosedError

from quotewright.domain.errors import DataError, HaltError, InputError, MissingExtraError
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.sweep import sweep
from quotewright.sessions.sweep_dask import DaskCluster, Failure, run_task
from quotewright.sessions.sweep_local import Threads
from quotewright.sessions.sweep_plan import Chunk, Plan, SweepSpec, make_plan
from quotewright.storage.store import Store

MARKETS = ("synthetic:BTCUSDT", "inverse:BTCUSD")
DASK = str(Path(sys.executable).with_name("dask"))


def plan_of(store: Store, sets: int = 24) -> Plan:
    found = [{"half_spread": 0.02 + 0.01 * n} for n in range(sets)]
    return make_plan(datasets(store), SweepSpec(AgentSpec("base", "symmetric"), found, chunk=2))


def datasets(store: Store) -> list[Any]:
    return [store.dataset(name) for name in MARKETS]


class Cluster:
    """A scheduler and its workers, each a process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        for _ in range(2):
            self.add_worker()
        self.address: str = self._wait_for_file()["address"]
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)

    def add_worker(self) -> None:
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1", "--memory-limit", "0"]
        self.workers.append(self._start("worker", *options, "--local-directory", str(self._folder)))

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        # stands elsewhere than the test, as a worker on another machine does
        return subprocess.Popen(
            [DASK, *words, "--scheduler-file", str(self._file)],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "10s"},
        )

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


@pytest.fixture(scope="module")
def whole(swept_store: Store, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The table by threads."""
    out = tmp_path_factory.mktemp("local")
    return sweep(plan_of(swept_store), out, Threads(datasets(swept_store), 2)).table.read_bytes()


class Killing(DaskCluster):
    """A cluster that loses a worker as soon as three chunks are done."""

    victim: subprocess.Popen[bytes] | None = None
    done = 0

    def run(self, plan: Plan, chunks: Any, on_rows: Any, told: Any = None) -> Iterator[tuple[Chunk, Any]]:
        for each in super().run(plan, chunks, on_rows, told):
            self.done += 1
            if self.done == 3 and self.victim is not None:
                self.victim.send_signal(signal.SIGKILL)
                assert self.victim.wait() == -signal.SIGKILL
            yield each


def test_a_worker_killed_in_the_middle_costs_its_chunk_and_nothing_of_the_table(
    swept_store: Store, whole: bytes, cluster: Cluster, tmp_path: Path
) -> None:
    engine = Killing(datasets(swept_store), swept_store.path, cluster.address)
    engine.victim = cluster.workers[0]
    swept = sweep(plan_of(swept_store), tmp_path, engine)
    assert swept.table.read_bytes() == whole
    assert engine.done == len(swept.plan.chunks) == 24
    assert cluster.workers[1].poll() is None


def test_what_a_worker_refuses_reaches_the_user(swept_store: Store, cluster: Cluster, tmp_path: Path) -> None:
    plan = plan_of(swept_store, sets=2)
    elsewhere = DaskCluster(datasets(swept_store), tmp_path / "not-shared", cluster.address)
    with pytest.raises(InputError, match="must be shared under the same path"):
        sweep(plan, tmp_path / "a", elsewhere)
    other = replace(plan, facts={**plan.facts, "code": "0123456789abcdef"})
    with pytest.raises(InputError, match="runs other code than 0123456789ab"):
        sweep(other, tmp_path / "b", DaskCluster(datasets(swept_store), swept_store.path, cluster.address))


def test_a_worker_whose_store_holds_other_data_says_so(swept_store: Store) -> None:
    plan = plan_of(swept_store, sets=2)
    task = DaskCluster(datasets(swept_store), swept_store.path, "")._task(plan, plan.chunks[0])
    answer = run_task(replace(task, dataset_hash="feed" * 16))
    assert isinstance(answer, Failure)
    assert answer.error == "DataError"
    assert "feedfeedfeed" in answer.text
    assert isinstance(run_task(replace(task, strategy_source="other")), Failure)
    assert isinstance(run_task(replace(task, latencies="other")), Failure)
    assert isinstance(run_task(replace(task, dataset="synthetic:DOGE")), Failure)
    assert run_task(task).num_rows == 2


class _Future:
    """A future whose result is given, or raised."""

    def __init__(self, result: Any) -> None:
        self._result = result

    def result(self) -> Any:
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


class _LostClient:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def cancel(self, _: object) -> None:
        raise self._error


def test_errors_of_workers_are_raised_as_what_they_were(swept_store: Store) -> None:
    from quotewright.sessions.sweep_dask import _checked

    for name, expected in (("DataError", DataError), ("HaltError", HaltError)):
        with pytest.raises(expected, match="why"):
            _checked(Failure(name, "why", {}))
    with pytest.raises(InputError) as caught:
        _checked(Failure("ParseError", "", {"field": "f", "value": 1, "fix": "do"}))
    assert (caught.value.field, caught.value.value, caught.value.fix) == ("f", 1, "do")
    killed = KilledWorker("sweep-1", SimpleNamespace(address="tcp://10.0.0.9:1"), 3)  # pyright: ignore
    engine = DaskCluster(datasets(swept_store), swept_store.path, "")
    with pytest.raises(HaltError, match="kept"):
        engine._cluster.gathered(_Future(killed))
    for lost in (FutureCancelledError("sweep-1", "scheduler-connection-lost"), CommClosedError("closed")):
        with pytest.raises(HaltError, match="same command"):
            engine._cluster.gathered(_Future(lost))  # pyright: ignore
        engine._cluster.let_go(_LostClient(lost), [])  # it does not hide what was lost
    with pytest.raises(FileNotFoundError):
        engine._cluster.gathered(_Future(FileNotFoundError("of a worker")))  # not the scheduler's end


def test_a_scheduler_that_is_not_there_is_an_input_error(swept_store: Store, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("quotewright.sessions.cluster.PATIENCE", 1)
    for address in ("tcp://127.0.0.1:1", "nonsense://x"):
        with pytest.raises(InputError, match="cannot be reached"):
            sweep(plan_of(swept_store, 2), tmp_path, DaskCluster(datasets(swept_store), swept_store.path, address))


def test_without_the_package_the_command_that_installs_it_is_named(swept_store: Store, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'quotewright\[dask\]'"):
        DaskCluster(datasets(swept_store), swept_store.path, "tcp://127.0.0.1:1")
