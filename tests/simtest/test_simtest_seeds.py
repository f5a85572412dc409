"""The live stack under a virtual clock: seeds hold, planted bugs are found, and a seed is the same run everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import msgspec
import pytest

from quotewright.domain.errors import InputError
from quotewright.exchange.fault_schedule import KINDS
from quotewright.simtest.plan import NETWORK_FAULTS, draw_plan
from quotewright.simtest.planted import PLANTED, planted
from quotewright.simtest.seeds import Summary, repeat_command, run_seed, run_seeds
from quotewright.simtest.world import run_plan

BLOCK = 50
CAUGHT_FROM = {"dedupe": 0, "guess": 20, "forget": 0, "reserve": 110}  # seeds before these do not show the bug
WITHIN = 200


@pytest.mark.parametrize("first", range(0, 200, BLOCK))
def test_every_invariant_holds(first: int) -> None:
    summary = run_seeds(first, BLOCK)
    assert not summary.violations, "\n".join(repeat_command(each.seed) for each in summary.violations)
    assert summary.seeds >= BLOCK * 2 // 3
    assert summary.fills > 10 * BLOCK
    assert summary.crashes > BLOCK // 2


def test_every_kind_of_fault_is_drawn() -> None:
    plans = [draw_plan(seed) for seed in range(200)]
    assert {rule.kind for plan in plans for rule in plan.faults} == set(KINDS)
    assert {fault.kind for plan in plans for fault in plan.network} == set(NETWORK_FAULTS)
    assert {crash.how for plan in plans for crash in plan.crashes} == {"before", "after", "torn"}
    assert all(rule.end <= plan.faulty for plan in plans for rule in plan.faults)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_caught(name: str) -> None:
    for seed in range(CAUGHT_FROM[name], WITHIN):
        result = run_plan(draw_plan(seed), make_gateway=planted(name))
        if result.violations:
            assert result.violations[0].seed == seed
            return
    pytest.fail(f"{name} was not caught within {WITHIN} seeds")


def test_a_bug_that_does_not_exist_cannot_be_planted() -> None:
    with pytest.raises(InputError, match="dedupe, guess, forget, reserve"):
        run_seeds(0, 1, plant="typo")


def test_a_seed_is_the_same_run_in_every_process() -> None:
    seeds = (3, 11, 24)
    code = f"from quotewright.simtest.seeds import run_seed\nfor s in {seeds}: print(run_seed(s).digest)"
    again = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    results = [run_seed(seed) for seed in seeds]
    assert [run_seed(seed) for seed in seeds] == results
    assert again.stdout.split() == [result.digest for result in results]
    assert len({result.digest for result in results}) == len(seeds)


def _note(lines: list[str], _: int, text: str) -> None:
    lines.append(text)


def test_without_faults_nothing_goes_wrong() -> None:
    for seed in range(10):
        lines: list[str] = []
        result = run_plan(draw_plan(seed, calm=True), trace=partial(_note, lines), repeat=True)
        assert not result.violations
        assert result.faults.keys() <= {"restart"}
        notes = [line for line in lines if line.startswith("  note pause") and "stream: stopped" not in line]
        assert not notes


def test_a_run_with_too_little_in_it_does_not_count() -> None:
    result = run_seed(3)
    summary = Summary(3)
    summary.add(result)
    summary.add(msgspec.structs.replace(result, fills=4))
    summary.add(msgspec.structs.replace(result, faults={"drop": 4}))
    assert (summary.seeds, summary.seeds_without_enough) == (1, 2)


@pytest.mark.slow
def test_thousands_of_seeds_hold() -> None:
    summary = run_seeds(100_000, 3000, workers=0)
    assert not summary.violations, "\n".join(repeat_command(each.seed) for each in summary.violations)
