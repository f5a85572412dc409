"""Chunks of a sweep in threads of this process: the compiled loop releases the GIL."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from quotewright.domain.errors import InputError
from quotewright.sessions.sweep_chunk import run_chunk
from quotewright.sessions.sweep_plan import Chunk, Plan
from quotewright.storage.store import Dataset


class Threads:
    """The engine for one machine: `workers` threads, 0 for as many as this process may use cores."""

    def __init__(self, datasets: Sequence[Dataset], workers: int = 0) -> None:
        if workers < 0 or workers > 1024:
            raise InputError("workers", workers, "must lie between 0 and 1024")
        self._datasets = datasets
        self._workers = workers or cores()

    def run(
        self,
        plan: Plan,
        chunks: Sequence[Chunk],
        on_rows: Callable[[int], None],
        told: Callable[[str], None] | None = None,
    ) -> Iterator[tuple[Chunk, Any]]:
        """Yield each chunk with its table as it is done; `on_rows` hears of rows × sets as they are.

        When the caller stops taking, or a chunk fails, the others end with the window they are at.
        """
        stop = threading.Event()
        counting = threading.Lock()
        tell = _once(told)

        def work(chunk: Chunk) -> Any:
            seen = 0

            def on_events(done: int) -> None:
                nonlocal seen
                if stop.is_set():
                    raise _StoppedError
                with counting:
                    on_rows((done - seen) * (chunk.last - chunk.first))
                seen = done

            return run_chunk(self._datasets[chunk.dataset], plan.work(chunk), on_events=on_events, told=tell)

        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="sweep")
        try:
            coming = {pool.submit(work, chunk): chunk for chunk in chunks}
            for done in as_completed(coming):
                yield coming.pop(done), done.result()
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


class _StoppedError(Exception):
    """Ends a thread whose result nobody waits for."""


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _once(told: Callable[[str], None] | None) -> Callable[[str], None] | None:
    """`told`, without saying anything twice."""
    if told is None:
        return None
    said: set[str] = set()

    def tell(what: str) -> None:
        if what not in said:
            said.add(what)
            told(what)

    return tell
