"""The compiled venue against the reference matcher over random scenarios, compiled and interpreted."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from random_streams import random_scenario
from reference_records import Result
from scenarios import Scenario, as_test, by_compiled, by_reference, difference, minimise

from quotewright.domain.journal import FILL_TAKER, Record

FOLDER = Path(__file__).parent
BLOCK = 1_000

INTERPRETER = """
import sys
sys.path.insert(0, sys.argv[1])
import numba
from quotewright.market import levels
# A book's far table is walked whole when its window moves: a second for each walk of 131,072 slots in plain Python.
levels.FAR = 1_024
levels.FAR_MOST = levels.FAR * 9 // 10
from test_reference_agreement import assert_agreement
assert numba.config.DISABLE_JIT
assert_agreement(range(int(sys.argv[2])))
"""


@pytest.fixture(scope="module", autouse=True)
def lazy_zeros() -> Iterator[None]:
    """Zeroed arrays cost what is touched of them, not their size: of a scenario's 50 MB hardly anything is.

    glibc takes freed memory for them, which it must fill with zeros, once it has seen large arrays go.
    """
    threshold, first, most = -3, 1 << 20, 32 << 20  # M_MMAP_THRESHOLD; where it would have risen to by itself
    tune = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if tune is not None:
        tune(threshold, first)
    yield
    if tune is not None:
        tune(threshold, most)


def told_difference(scenario: Scenario) -> str:
    """How the two differ on a scenario; an error of the compiled side is a difference too."""
    expected = by_reference(scenario)
    try:
        found = by_compiled(scenario)
    except Exception as error:  # whatever it is, the scenario that causes it is what must be shown
        return f"{type(error).__name__}: {error}"
    return difference(scenario, expected, found)


def assert_agreement(seeds: range) -> None:
    """Both give the same records, queues, cash and positions for every seed; else show the smallest scenario."""
    for seed in seeds:
        scenario = random_scenario(seed)
        if told_difference(scenario):
            smallest = minimise(scenario, lambda candidate: bool(told_difference(candidate)))
            pytest.fail(f"seed {seed}: {told_difference(smallest)}\n{as_test(smallest)}", pytrace=False)


@pytest.mark.parametrize("block", range(10))
def test_compiled_venue_agrees_with_the_reference(block: int) -> None:
    assert_agreement(range(block * BLOCK, (block + 1) * BLOCK))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10, 200))
def test_compiled_venue_agrees_with_the_reference_at_length(block: int) -> None:
    assert_agreement(range(block * BLOCK, (block + 1) * BLOCK))


@pytest.mark.parametrize("streams", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_interpreted_venue_agrees_with_the_reference(streams: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERPRETER, str(FOLDER), str(streams)],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_scenarios_reach_every_rule() -> None:
    """Agreement on scenarios in which nothing happens would say nothing."""
    seen: Counter[str] = Counter()
    for seed in range(300):
        scenario = random_scenario(seed)
        outcome = by_reference(scenario)
        seen.update(features(scenario, outcome))
    rare = {name: seen[name] for name in FEATURES if seen[name] < 10}
    assert not rare


FEATURES = (
    *("REJECTED 1", "REJECTED 3", "REJECTED 4", "REJECTED 6", "REJECTED 7", "CANCEL_REJECTED 2"),
    *("ACCEPTED 0", "AMENDED 0", "CANCELED 0", "CANCELED 5", "FUNDING 0", "BOOK_VALID 0", "BOOK_INVALID 0"),
    *("taker fill", "maker fill", "crossed fill", "partial fill", "partly filled, then cancelled"),
    *("two agents of a world filled at once", "two worlds filled at once", "rests behind others", "far price"),
)


def features(scenario: Scenario, outcome: Result) -> set[str]:
    """What happened in a scenario, by name."""
    found = {f"{entry.kind.name} {entry.reason}" for entry in outcome.entries}
    prints = {(u.exch_ts, u.instrument) for u in scenario.updates if u.rows[0].kind == 7}
    makers: dict[tuple[int, int, int], set[int]] = {}
    for entry in outcome.entries:
        if entry.kind == Record.CANCELED and entry.qty:
            found.add("partly filled, then cancelled")
        if entry.kind == Record.FILL:
            found |= {"partial fill"} if entry.leaves else set()
            if entry.flags & FILL_TAKER:
                found.add("taker fill")
                continue
            found.add("maker fill" if (entry.exch_ts, entry.instrument) in prints else "crossed fill")
            makers.setdefault((entry.exch_ts, entry.instrument, entry.price), set()).add(entry.agent)
    for agents in makers.values():
        worlds = [scenario.worlds[agent] for agent in agents]
        found |= {"two worlds filled at once"} if len(set(worlds)) > 1 else set()
        found |= {"two agents of a world filled at once"} if len(set(worlds)) < len(worlds) else set()
    found |= {"rests behind others"} if any(own.ahead for own in outcome.resting) else set()
    prices = [row.price for update in scenario.updates for row in update.rows if row.kind in (2, 4)]
    found |= {"far price"} if prices and max(prices) - min(prices) > 100_000 else set()
    return found
