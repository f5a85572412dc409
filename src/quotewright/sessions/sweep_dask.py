"""Chunks of a sweep on the workers of a Dask cluster, on any number of machines that share the store.

Only names and hashes travel, never data: each worker opens the store itself, and refuses to work on other data or
with other code than the plan says. A worker that dies costs its chunk, which another one then does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from quotewright.domain.errors import DataError, HaltError, InputError, QuotewrightError
from quotewright.sessions.cluster import Cluster
from quotewright.sessions.sweep_chunk import run_chunk
from quotewright.sessions.sweep_plan import Chunk, Plan, Work, deciding_code, latency_hash, source_hash
from quotewright.storage.store import Dataset, Store


@dataclass(frozen=True)
class Task:
    """What a worker is sent: where the data is, what it must be, and the work."""

    store: str
    dataset: str
    dataset_hash: str
    code: str
    strategy_source: str
    latencies: str
    work: Work


@dataclass(frozen=True)
class Failure:
    """An error of ours as a worker sends it: the name of its class, its text and its fields."""

    error: str
    text: str
    fields: dict[str, Any]


class DaskCluster:
    """The engine for more than one machine: a running scheduler, and its workers, by the scheduler's address.

    Raises MissingExtraError without the package distributed.
    """

    def __init__(self, datasets: Sequence[Dataset], store: Path, address: str) -> None:
        self._cluster = Cluster(address)
        self._datasets = datasets
        self._store = store.resolve()

    def run(
        self,
        plan: Plan,
        chunks: Sequence[Chunk],
        on_rows: Callable[[int], None],
        told: Callable[[str], None] | None = None,
    ) -> Iterator[tuple[Chunk, Any]]:
        """Yield each chunk with its table as it is done; `on_rows` hears of rows × sets as they are.

        Raises InputError if the scheduler cannot be reached or has no workers, DataError or InputError as a worker
        raised them, HaltError if a chunk kills every worker that it is given to, or the
        scheduler is lost.
        """
        if told is not None:
            told("every worker")
        with self._cluster.connected() as client:
            coming: dict[Any, Chunk] = {}
            for chunk in chunks:
                key = f"sweep-{plan.hash[:16]}-{chunk.number}"
                coming[client.submit(run_task, self._task(plan, chunk), key=key, pure=False)] = chunk
            try:
                for future in self._cluster.distributed.as_completed(list(coming), loop=client.loop):
                    chunk = coming[future]
                    table = _checked(self._cluster.gathered(future))
                    on_rows(self._datasets[chunk.dataset].rows * (chunk.last - chunk.first))
                    yield chunk, table
                    del coming[future]
                    future.release()
            finally:
                self._cluster.let_go(client, list(coming))

    def _task(self, plan: Plan, chunk: Chunk) -> Task:
        dataset = self._datasets[chunk.dataset]
        facts = plan.facts
        return Task(
            store=str(self._store),
            dataset=dataset.name,
            dataset_hash=dataset.hash,
            code=facts["code"],
            strategy_source=facts["strategy_source"],
            latencies=facts["venue"]["latency_file"],
            work=plan.work(chunk),
        )


def run_task(task: Task) -> Any:
    """On a worker: the chunk's table, or a Failure: errors that say what to do are for the user, not the scheduler."""
    try:
        if deciding_code() != task.code:
            raise InputError("scheduler", deciding_code()[:12], f"a worker runs other code than {task.code[:12]}")
        if source_hash(task.work.agents[0].strategy) != task.strategy_source:
            raise InputError("strategy", task.work.agents[0].strategy, "is another file on a worker")
        if latency_hash(task.work.venue) != task.latencies:
            raise InputError("latency-file", task.work.venue.latency_file, "is missing or another file on a worker")
        return run_chunk(_dataset(task.store, task.dataset, task.dataset_hash), task.work)
    except QuotewrightError as error:
        return Failure(type(error).__name__, str(error), dict(vars(error)))


@lru_cache(maxsize=64)
def _dataset(store: str, name: str, expected: str) -> Dataset:
    if not Path(store).is_dir():
        raise InputError("store", store, "is not there on a worker; it must be shared under the same path")
    found = Store(Path(store)).dataset(name)
    if found.hash != expected:
        raise DataError(f"{store}: on a worker {name} has hash {found.hash[:12]}, not {expected[:12]}: share the store")
    return found


def _checked(answer: Any) -> Any:
    """A chunk's table; raises the error if a worker sent one instead."""
    if not isinstance(answer, Failure):
        return answer
    if "fix" in answer.fields:
        raise InputError(answer.fields["field"], answer.fields["value"], answer.fields["fix"])
    raise {"DataError": DataError, "HaltError": HaltError}.get(answer.error, QuotewrightError)(answer.text)
