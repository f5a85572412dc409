"""The parts of a study: worked off on cores or a Dask cluster, each kept as it is done, so that a killed run goes on.

A part is plain data in (`task`) and plain data out, by a function that gives the same for the same task.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quotewright.domain.errors import DataError, HaltError, InputError
from quotewright.lineage.code import code_of
from quotewright.sessions.cluster import Cluster
from quotewright.sessions.sweep_local import cores
from quotewright.storage.writer import replace_file

Task = Mapping[str, Any]
Work = Callable[[Task], dict[str, Any]]


@dataclass(frozen=True)
class Engine:
    """Where parts are worked off: `workers` processes here (0: one a core), or the Dask scheduler at an address."""

    workers: int = 0
    scheduler: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.workers <= 1024:
            raise InputError("workers", self.workers, "must lie between 0 and 1024")

    def run(self, work: Work, tasks: Sequence[Task]) -> Iterator[tuple[Task, dict[str, Any]]]:
        """Each task with what came of it, as it is done. Errors of a part end the run; what was yielded is done.

        Raises InputError for a scheduler that cannot be reached, HaltError for one that is lost.
        """
        if not tasks:
            return iter(())
        if self.scheduler:
            return _on_cluster(self.scheduler, work, tasks)
        count = min(self.workers or cores(), len(tasks))
        return ((task, work(task)) for task in tasks) if count == 1 else _in_processes(count, work, tasks)


def all_parts(
    work: Work,
    tasks: Sequence[Task],
    folder: Path,
    facts: Mapping[str, Any],
    *,
    engine: Engine | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """What came of every task, in their order; those done before with the same `facts` and code are read again.

    `facts` is everything besides the task that a result depends on (dataset, settings). A part that is damaged is
    made again. `progress` hears parts done, and in all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    keys = [_key(task, facts) for task in tasks]
    found: dict[str, dict[str, Any]] = {}
    for key in keys:
        kept = _read(folder / f"{key}.json")
        if kept is not None:
            found[key] = kept
    missing = [task for task, key in zip(tasks, keys, strict=True) if key not in found]
    if progress is not None:
        progress(len(tasks) - len(missing), len(tasks))
    for done, (task, result) in enumerate((engine or Engine()).run(work, missing), len(tasks) - len(missing) + 1):
        key = _key(task, facts)
        replace_file(folder / f"{key}.json", json.dumps({"task": dict(task), "result": result}).encode())
        found[key] = json.loads(json.dumps(result))  # as a resumed run would read it
        if progress is not None:
            progress(done, len(tasks))
    return [found[key] for key in keys]


def _key(task: Task, facts: Mapping[str, Any]) -> str:
    text = json.dumps([dict(task), dict(facts), code_of()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _read(file: Path) -> dict[str, Any] | None:
    try:
        return json.loads(file.read_bytes())["result"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _in_processes(count: int, work: Work, tasks: Sequence[Task]) -> Iterator[tuple[Task, dict[str, Any]]]:
    context = multiprocessing.get_context("spawn")  # threads of libraries do not survive a fork
    pool = concurrent.futures.ProcessPoolExecutor(count, mp_context=context)
    try:
        coming = {pool.submit(work, task): task for task in tasks}
        for done in concurrent.futures.as_completed(coming):
            yield coming[done], done.result()
    except concurrent.futures.process.BrokenProcessPool as error:
        raise HaltError("a worker process died (memory?); what is done is kept: start again to go on") from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _on_cluster(address: str, work: Work, tasks: Sequence[Task]) -> Iterator[tuple[Task, dict[str, Any]]]:
    cluster = Cluster(address)
    with cluster.connected() as client:
        # The work goes with each task: scattered, it would be lost with the one worker that holds it.
        coming = {client.submit(_one, work, dict(task), code_of(), pure=False): task for task in tasks}
        try:
            for done in cluster.distributed.as_completed(list(coming), loop=client.loop):
                yield coming[done], cluster.gathered(done)
        finally:
            cluster.let_go(client, list(coming))


def _one(work: Work, task: dict[str, Any], code: str) -> dict[str, Any]:
    """On a worker."""
    if code_of() != code:
        raise DataError(f"a worker runs other code ({code_of()[:12]}) than {code[:12]}: start it from the same version")
    return work(task)
