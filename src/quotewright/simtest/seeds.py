"""Many seeds, over the cores of this machine, and what they come to."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial

import msgspec

from quotewright.domain.errors import InputError
from quotewright.simtest.observer import Violation
from quotewright.simtest.plan import draw_plan
from quotewright.simtest.planted import planted
from quotewright.simtest.world import RunResult, run_plan

REPEAT_EVERY = 10  # of so many seeds one is also repeated from its logs
_TIDY_EVERY = 8
_AT_ONCE = 4  # seeds handed to a worker
_BLOCK = 400  # seeds handed to all of them


class Summary(msgspec.Struct):
    """What many runs did and found; a run with few fills or faults is not counted among `seeds`."""

    first: int
    seeds: int = 0
    seeds_without_enough: int = 0
    virtual_hours: float = 0.0
    fills: int = 0
    orders: int = 0
    messages: int = 0
    crashes: int = 0
    restarts: int = 0
    faults: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    violations: list[Violation] = msgspec.field(default_factory=list[Violation])
    wall_seconds: float = 0.0

    def add(self, result: RunResult) -> None:
        """Count a run; one that broke an invariant counts whatever else it did."""
        if result.enough or result.violations:
            self.seeds += 1
        else:
            self.seeds_without_enough += 1
        self.virtual_hours += result.seconds / 3600
        self.fills += result.fills
        self.orders += result.orders
        self.messages += result.sent
        self.crashes += result.crashes
        self.restarts += result.restarts
        for kind, count in result.faults.items():
            self.faults[kind] = self.faults.get(kind, 0) + count
        self.violations += result.violations


def repeat_command(seed: int, plant: str = "") -> str:
    """The command that runs one seed again."""
    return f"quotewright simtest --seeds 1 --from {seed}" + (f" --plant {plant}" if plant else "")


def run_seed(seed: int, plant: str = "") -> RunResult:
    """One seed as the command runs it; an error of the simulation itself is told as a violation, with its seed."""
    if seed % _TIDY_EVERY == 0:
        gc.collect()  # worlds refer to themselves, and Python does not see how large their arrays are
    try:
        return run_plan(draw_plan(seed), make_gateway=planted(plant), repeat=seed % REPEAT_EVERY == 0)
    except Exception:
        told = Violation(seed, "the simulation runs", 0.0, traceback.format_exc())
        return RunResult(seed, 0.0, 0, 0, {}, 0, 0, 0, "", [told])


def run_seeds(
    first: int,
    count: int,
    *,
    workers: int = 1,
    plant: str = "",
    done: Callable[[int, int], None] | None = None,
    broke: Callable[[RunResult], None] | None = None,
) -> Summary:
    """Run `count` seeds from `first` on, or with 0 until interrupted; 0 workers: one a core.

    `done` hears how many are, of how many, `broke` at once of a run in which an invariant did not hold. An interruption
    ends it with the summary of what was run.
    """
    if count < 0:
        raise InputError("seeds", count, "must be 0 or more")
    if not 0 <= workers <= 256:
        raise InputError("workers", workers, "must lie between 0 and 256")
    planted(plant)
    began = time.monotonic()
    summary = Summary(first)
    number = 0
    with (
        contextlib.suppress(KeyboardInterrupt),
        _results(first, count, workers or len(os.sched_getaffinity(0)), plant) as results,
    ):
        for number, result in enumerate(results, 1):
            summary.add(result)
            if result.violations and broke is not None:
                broke(result)
            if done is not None:
                done(number, count or number + 1)
    summary.violations.sort(key=lambda violation: (violation.seed, violation.time))
    summary.faults = dict(sorted(summary.faults.items()))
    summary.wall_seconds = time.monotonic() - began
    return summary


@contextmanager
def _results(first: int, count: int, workers: int, plant: str) -> Generator[Iterator[RunResult]]:
    run = partial(run_seed, plant=plant)
    blocks = _blocks(first, count)
    if workers == 1 or 0 < count <= _AT_ONCE:
        yield (run(seed) for block in blocks for seed in block)
        return
    run_seed(first)  # so that every worker finds the step compiled
    with multiprocessing.get_context("fork").Pool(workers, _leave_interrupts) as pool:
        yield (result for block in blocks for result in pool.imap_unordered(run, block, chunksize=_AT_ONCE))


def _blocks(first: int, count: int) -> Iterator[range]:
    """The seeds, some at a time: a pool takes all it is given at once, and there may be no end of them."""
    end = first + count if count else sys.maxsize
    for start in range(first, end, _BLOCK):
        yield range(start, min(start + _BLOCK, end))


def _leave_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # they are for the process that handed out the seeds
