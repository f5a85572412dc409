"""A sweep on two threads against one: the time on the wall, as compiled code releases the interpreter's lock."""

from __future__ import annotations

import shutil
import statistics
import time
from typing import Any

from ours import LIMITS, MAKER_FILE
from rounds import Family, Row, SameWork, Sample
from sets import parameter_sets
from settings import Settings, open_dataset

from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.sweep import sweep
from quotewright.sessions.sweep_local import Threads
from quotewright.sessions.sweep_plan import SweepSpec, make_plan
from quotewright.sessions.venue_options import VenueOptions
from quotewright.storage.schema import parquet
from quotewright.storage.unpacked import unpack

ROWS = 2_000_000
SETS = 512  # eight chunks of a sweep


def families(settings: Settings) -> list[Family]:
    """The same sweep over a store, with one worker and with two."""
    feed = settings.feed(ROWS)
    store, dataset = settings.store(feed, f"threads-{len(feed.events)}")
    unpack(dataset)  # otherwise a thread of the feed's own decodes beside one worker
    latency = settings.latency_ns
    spec = SweepSpec(
        AgentSpec("maker", MAKER_FILE, {}, LIMITS),
        parameter_sets(SETS),
        VenueOptions(entry_latency_ns=latency, response_latency_ns=latency),
    )
    plan = make_plan([dataset], spec)

    spent_cpu: dict[int, list[float]] = {1: [], 2: []}

    def wall(workers: int) -> Any:
        def side() -> Sample:
            out = settings.folder / f"sweep-{workers}"
            shutil.rmtree(out, ignore_errors=True)
            engine = Threads([open_dataset(store)], workers)
            start, start_cpu = time.perf_counter(), time.process_time()
            swept = sweep(plan, out, engine)
            spent = time.perf_counter() - start
            spent_cpu[workers].append(time.process_time() - start_cpu)
            return Sample(spent, parquet.read_table(swept.table))

        return side

    sides = {"one thread": wall(1), "two threads": wall(2)}

    def check(outcomes: dict[str, Any]) -> None:
        if not outcomes["one thread"].equals(outcomes["two threads"]):
            raise SameWork("two threads and one give different tables")

    def cpu(workers: int) -> Any:
        return lambda: Sample(statistics.median(spent_cpu[workers]))

    row = Row("sweep, wall time: one thread against two", "one thread", "two threads", 1.7)
    same = Row("sweep, CPU time: one thread against two (1×: threads do not hinder each other)", *row[1:3], 0)
    events = dict.fromkeys(sides, len(feed.events) * SETS)
    notes = (f"{SETS} parameter sets over an unpacked dataset; wall time needs two idle cores",)
    return [
        Family("threads", [row], sides, events, check, notes=notes),
        Family("threads-cpu", [same], {"one thread": cpu(1), "two threads": cpu(2)}, events, rounds=1, warm=False),
    ]
