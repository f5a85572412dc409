"""A sweep that is killed, at whatever moment, goes on where it was, to the same table; another plan is refused."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from quotewright.domain.errors import DataError, InputError
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.sweep import sweep
from quotewright.sessions.sweep_local import Threads
from quotewright.sessions.sweep_plan import Chunk, Plan, SweepSpec, make_plan
from quotewright.sessions.sweep_store import SweepStore
from quotewright.storage.store import Store

MARKET = "synthetic:BTCUSDT"
SETS = 40


def plan_of(store: Store, **changed: Any) -> Plan:
    sets = [{"half_spread": 0.02 + 0.01 * n} for n in range(SETS)]
    given: dict[str, Any] = {"agent": AgentSpec("base", "symmetric"), "sets": sets, "chunk": 1, **changed}
    return make_plan([store.dataset(MARKET)], SweepSpec(**given))


class Counting(Threads):
    """Threads that remember which chunks they were given, and can fail at one."""

    def __init__(self, store: Store, fail_at: int = -1) -> None:
        super().__init__([store.dataset(MARKET)], 1)
        self.given: list[int] = []
        self.fail_at = fail_at

    def run(self, plan: Plan, chunks: Any, on_rows: Any, told: Any = None) -> Iterator[tuple[Chunk, Any]]:
        self.given = [chunk.number for chunk in chunks]
        for done in super().run(plan, chunks, on_rows, told):
            if done[0].number == self.fail_at:
                raise DataError("the disk is gone")
            yield done


@pytest.fixture(scope="module")
def whole(swept_store: Store, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The table of a sweep that nothing stopped."""
    out = tmp_path_factory.mktemp("whole")
    return sweep(plan_of(swept_store), out, Counting(swept_store)).table.read_bytes()


def command(store: Store, out: Path) -> list[str]:
    grid = ",".join(repr(0.02 + 0.01 * n) for n in range(SETS))
    base = [sys.executable, "-m", "quotewright.app.cli", "sweep", MARKET, "--store", str(store.path), "--json"]
    options = ["--strategy", "symmetric", "--grid", f"half_spread={grid}", "--chunk", "1", "--workers", "2"]
    return [*base, *options, "--no-report", "--out", str(out)]


def parts(out: Path) -> dict[str, int]:
    """Names and inodes of the finished parts."""
    return {path.name: path.stat().st_ino for path in (out / "parts").glob("chunk-*.parquet")}


def test_killed_half_way_and_started_again_the_table_is_that_of_an_uninterrupted_sweep(
    swept_store: Store, whole: bytes, tmp_path: Path
) -> None:
    running = subprocess.Popen(command(swept_store, tmp_path), stdout=subprocess.DEVNULL)
    give_up = time.monotonic() + 90
    while len(parts(tmp_path)) < SETS // 4 and running.poll() is None and time.monotonic() < give_up:
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    before = parts(tmp_path)
    assert SETS // 4 <= len(before) < SETS
    assert not (tmp_path / "sweep.parquet").exists()

    engine = Counting(swept_store)
    swept = sweep(plan_of(swept_store), tmp_path, engine)
    assert swept.table.read_bytes() == whole
    assert swept.resumed == len(before) == SETS - len(engine.given)
    after = parts(tmp_path)
    assert {name: after[name] for name in before} == before, "what was done is not done again"


def test_a_failure_keeps_what_is_done_and_resuming_does_the_rest(
    swept_store: Store, whole: bytes, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="disk"):
        sweep(plan_of(swept_store), tmp_path, Counting(swept_store, fail_at=5))
    kept = len(parts(tmp_path))
    assert 1 <= kept < SETS
    heard: list[tuple[int, int]] = []
    rows = swept_store.dataset(MARKET).rows
    swept = sweep(
        plan_of(swept_store), tmp_path, Counting(swept_store), progress=lambda done, total: heard.append((done, total))
    )
    assert swept.resumed == kept
    assert heard[-1] == ((SETS - kept) * rows, (SETS - kept) * rows), "progress counts what is left to do"
    assert swept.table.read_bytes() == whole


def test_a_finished_sweep_does_nothing_again_and_a_damaged_part_is_done_again(
    swept_store: Store, whole: bytes, tmp_path: Path
) -> None:
    sweep(plan_of(swept_store), tmp_path, Counting(swept_store))
    engine = Counting(swept_store)
    assert sweep(plan_of(swept_store), tmp_path, engine).resumed == SETS
    assert engine.given == []
    (tmp_path / "parts/chunk-000007.parquet").write_bytes(b"PAR1 damaged")
    (tmp_path / "parts/chunk-000009.parquet").write_bytes((tmp_path / "parts/chunk-000010.parquet").read_bytes()[:-40])
    (tmp_path / "parts/.chunk-000011.parquet.4711").write_bytes(b"left by a killed writer")
    assert sweep(plan_of(swept_store), tmp_path, engine).table.read_bytes() == whole
    assert engine.given == [7, 9]
    assert len(list((tmp_path / "parts").iterdir())) == SETS


def test_another_plan_is_refused_and_names_what_differs(swept_store: Store, tmp_path: Path) -> None:
    plan = plan_of(swept_store)
    with SweepStore(tmp_path, plan):
        pass
    venue = replace(plan.spec.venue, entry_latency_ns=1)
    others: list[tuple[str, dict[str, Any]]] = [
        ("(sets, sets_sha256)", {"sets": [{"half_spread": 1.0}]}),
        ("(sets_sha256)", {"sets": [{"half_spread": 1.0 + n} for n in range(SETS)]}),
        ("(seed)", {"seed": 4}),
        ("(venue)", {"venue": venue}),
        ("(mark_interval_ns)", {"mark_interval_ns": 10**8}),
        ("(agent)", {"agent": AgentSpec("base", "symmetric", interval_ms=50)}),
        ("(sets_sha256)", {"agent": AgentSpec("base", "symmetric", {"order_notional": 5.0})}),
        ("(chunk)", {"chunk": 3}),
    ]
    for said, changed in others:
        with pytest.raises(InputError) as caught, SweepStore(tmp_path, plan_of(swept_store, **changed)):
            pass
        assert said in caught.value.fix
    for key in ("code", "quotewright", "datasets", "strategy_source"):
        other = replace(plan, facts={**plan.facts, key: "other"})
        with pytest.raises(InputError, match=rf"another plan \({key}\)"), SweepStore(tmp_path, other):
            pass
    with SweepStore(tmp_path, replace(plan_of(swept_store, agent=AgentSpec("another name", "symmetric")))):
        pass


def test_a_part_of_another_plan_is_no_part(swept_store: Store, tmp_path: Path) -> None:
    few = [{"half_spread": 0.1 * n} for n in range(4)]
    plan, other = plan_of(swept_store, sets=few), plan_of(swept_store, sets=few, seed=9)
    for folder, made in (("a", plan), ("b", other)):
        sweep(made, tmp_path / folder, Counting(swept_store))
    stray = tmp_path / "b/parts/chunk-000003.parquet"
    (tmp_path / "a/parts/chunk-000003.parquet").write_bytes(stray.read_bytes())
    with SweepStore(tmp_path / "a", plan) as store:
        assert [chunk.number for chunk in store.missing()] == [3]


@contextmanager
def held(out: Path, plan: Plan) -> Iterator[None]:
    with SweepStore(out, plan):
        yield


def test_two_processes_do_not_work_in_one_folder(swept_store: Store, tmp_path: Path) -> None:
    with held(tmp_path, plan_of(swept_store)):
        ended = subprocess.run(command(swept_store, tmp_path), capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "at work" in ended.stderr
    with SweepStore(tmp_path, plan_of(swept_store)) as store:
        assert len(store.missing()) == SETS


def test_a_folder_that_cannot_be_one_is_refused(swept_store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="not a folder"), SweepStore(tmp_path / "file", plan_of(swept_store)):
        pass
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(DataError, match="plan"), SweepStore(tmp_path, plan_of(swept_store)):
        pass
