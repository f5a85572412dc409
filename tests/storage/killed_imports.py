"""Imports that are killed: run as a script, it kills one at every step and many at random, and checks the store.

A process of its own, without threads, so that it can fork: `killed_imports.py FOLDER SEED RANDOM_KILLS`. Prints one
line of JSON: how many imports were killed with which outcome. Fails if a store is ever neither as before nor as after.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from conftest import make_events, make_instrument
from quotewright.storage.store import Store
from quotewright.storage.writer import DAY, StoreWriter

NAME = make_instrument().name
OLD = make_events([("depth", i, DAY - 20 + i) for i in range(40)])
NEW = make_events([("trade", i, 2 * DAY - 900 + 30 * i) for i in range(60)])
FILE_STEPS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "open"}
WRITER_STEPS = {"replace_file", "sync_folder", "finish"}


def write(store: Path, events: Any) -> str:
    """One import; returns the dataset's hash."""
    with StoreWriter(store, make_instrument()) as writer:
        for start in range(0, len(events), 25):
            writer.append(events[start : start + 25])
        return writer.commit(0, {"quality": {}})


def in_child(work: Callable[[], object]) -> tuple[int, Callable[[], int]]:
    """Fork, do the work there; returns the child's id and what waits for its status (a signal is negative)."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child, lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_at_step(store: Path, step: int) -> None:
    """Import, and die at the given step, counted from 1: a file operation inside the store, or a call in the writer."""
    left = step

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, args: tuple[Any, ...]) -> None:
        if event in FILE_STEPS and str(args[0]).startswith(str(store)):
            count()

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if (
            event == "c_call"
            and frame.f_code.co_filename.endswith("writer.py")
            and frame.f_code.co_name in WRITER_STEPS
        ):
            count()

    sys.addaudithook(audit)
    sys.setprofile(profile)
    write(store, NEW)


def hash_of(store: Path) -> str:
    """The hash of the verified dataset, or "" if there is none."""
    found = {dataset.name: dataset for dataset in Store(store).datasets()}
    if NAME not in found:
        return ""
    found[NAME].verify()
    return found[NAME].hash


def check(store: Path, allowed: dict[str, str], counts: Counter[str]) -> None:
    """The store is whole, as before or as after; and the next import succeeds and leaves nothing behind."""
    outcome = store.parent / "outcome"
    _, wait = in_child(lambda: outcome.write_text(hash_of(store)))
    assert wait() == 0, "the store cannot be read"
    counts[allowed[outcome.read_text()]] += 1
    _, wait = in_child(lambda: write(store, NEW))
    assert wait() == 0, "the next import fails"
    folder = store / "venue-a" / "BTCUSDT"
    left = sorted(path.name for path in folder.iterdir())
    assert len(left) == 2, left
    assert left[1] == "manifest.json", left
    assert [path.name for path in (store / ".importing" / "venue-a").iterdir()] == ["BTCUSDT.lock"]


def main(folder: Path, seed: int, random_kills: int) -> None:
    write(folder / "warm", OLD)  # compiles what is compiled before anything forks
    after = write(folder / "warm", NEW)
    (folder / "old").mkdir()
    before = write(folder / "old", OLD)
    (folder / "none").mkdir()
    store = folder / "store"
    counts: Counter[str] = Counter()
    steps = 0
    for start, known in (("old", before), ("none", "")):
        allowed = {known: "before", after: "after"}
        step = status = 1
        while status != 0:
            shutil.rmtree(store, ignore_errors=True)
            shutil.copytree(folder / start, store)
            _, wait = in_child(lambda step=step: kill_at_step(store, step))
            status = wait()
            assert status in (0, -signal.SIGKILL), status
            check(store, allowed, counts)
            step += 1
        steps += step
    chance = random.Random(seed)
    began = time.monotonic()
    write(folder / "warm", NEW)
    usual = time.monotonic() - began
    for _ in range(random_kills):
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(folder / "old", store)
        child, wait = in_child(lambda: write(store, NEW))
        time.sleep(chance.uniform(0, 1.5 * usual))
        os.kill(child, signal.SIGKILL)
        wait()
        check(store, {before: "before", after: "after"}, counts)
    sys.stdout.write(json.dumps({"steps": steps, **counts}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
