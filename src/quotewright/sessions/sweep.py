"""A sweep: many parameter sets of one strategy over datasets, each result that of a replay of the set alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from quotewright.sessions.sweep_plan import Chunk, Plan
from quotewright.sessions.sweep_store import SweepStore


class Engine(Protocol):
    """What works chunks off, in any order."""

    def run(
        self,
        plan: Plan,
        chunks: Sequence[Chunk],
        on_rows: Callable[[int], None],
        told: Callable[[str], None] | None = None,
    ) -> Iterator[tuple[Chunk, Any]]:
        """Yield each chunk with its table as it is done; `on_rows` hears of rows × sets as they are."""
        ...


@dataclass(frozen=True)
class Swept:
    """A finished sweep: the path of its table, and how many of its chunks were done before."""

    plan: Plan
    table: Path
    resumed: int


def sweep(
    plan: Plan,
    out: Path,
    engine: Engine,
    *,
    progress: Callable[[int, int], None] | None = None,
    told: Callable[[str], None] | None = None,
) -> Swept:
    """Do what is missing of a plan and write `sweep.parquet` into `out`: a row for each dataset and set, in order.

    The table does not depend on the engine, nor on how often the sweep was stopped and started again. `progress`
    hears events × sets done, and in all. Raises InputError if `out` holds another plan, and what the engine raises;
    finished chunks are kept.
    """
    with SweepStore(out, plan) as store:
        missing = store.missing()
        datasets = plan.facts["datasets"]
        total = sum(datasets[chunk.dataset]["rows"] * (chunk.last - chunk.first) for chunk in missing)
        done = 0

        def on_rows(rows: int) -> None:
            nonlocal done
            done += rows
            if progress is not None:
                progress(done, total)

        if missing:
            for chunk, table in engine.run(plan, missing, on_rows, told):
                store.write(chunk, table)
        return Swept(plan, store.finish(), len(plan.chunks) - len(missing))
