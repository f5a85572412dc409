"""A schedule file is read exactly or refused by name; schedules drawn from a seed hold what they promise."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.exchange.fault_draw import random_schedule
from quotewright.exchange.fault_schedule import KINDS, NEVER, FaultRule, read_schedule, rule_from_dict

SECOND = 10**9


def test_a_file_says_what_it_means(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text(
        """
        seed = 7

        [[fault]]
        kind = "lost_ack"
        request = "order.*"
        symbol = "BTCUSDT"
        account = "maker"
        from = 10.5
        to = 40
        probability = 0.25
        times = 3

        [[fault]]
        kind = "renamed_field"
        stream = "user"
        field = "c"
        name = "clientId"

        [[fault]]
        kind = "shutdown_notice"
        connection = "api"
        from = 5
        every = 2.5
        magnitude = 0
        """
    )
    schedule = read_schedule(file)
    assert schedule.seed == 7
    lost, renamed, notice = schedule.rules
    assert lost == FaultRule(
        "lost_ack",
        request="order.*",
        symbol="BTCUSDT",
        account="maker",
        start=10_500_000_000,
        end=40 * SECOND,
        probability=0.25,
        times=3,
    )
    assert (renamed.field, renamed.name, renamed.start, renamed.end) == ("c", "clientId", 0, NEVER)
    assert (notice.connection, notice.every, notice.magnitude) == ("api", 2_500_000_000, 0)


@pytest.mark.parametrize(
    ("rule", "field", "part_of_the_fix"),
    [
        ({}, "kind", "lost_ack"),
        ({"kind": "lost_akc"}, "kind", "lost_ack"),
        ({"kind": ["drop"]}, "kind", "must be one of"),
        ({"kind": "drop", "propability": 1}, "propability", "probability"),
        ({"kind": "drop", "probability": 1.01}, "probability", "[0, 1]"),
        ({"kind": "drop", "probability": "0.5"}, "probability", "a number"),
        ({"kind": "drop", "probability": True}, "probability", "a number"),
        ({"kind": "drop", "probability": float("nan")}, "probability", "a number"),
        ({"kind": "drop", "magnitude": 3}, "magnitude", "has none"),
        ({"kind": "drop", "stream": "dept"}, "stream", "depth, trade"),
        ({"kind": "drop", "request": "order.plcae"}, "request", "order.place"),
        ({"kind": "drop", "stream": "depth", "request": "order.place"}, "stream", "requests or at streams"),
        ({"kind": "drop", "stream": "user", "account": "a"}, "stream", "requests or at streams"),
        ({"kind": "drop", "symbol": 5}, "symbol", "a string"),
        ({"kind": "drop", "from": -1}, "from", "0 or more"),
        ({"kind": "drop", "from": float("inf")}, "from", "a number"),
        ({"kind": "drop", "from": 5, "to": 5}, "to", "later than from, 5 s"),
        ({"kind": "drop", "every": 1}, "every", "only gap, disconnect"),
        ({"kind": "drop", "times": -1}, "times", "from 0"),
        ({"kind": "drop", "field": "c"}, "field", "changes no field"),
        ({"kind": "delay", "magnitude": 0.5}, "magnitude", "(ms)"),
        ({"kind": "error_after", "magnitude": 404}, "magnitude", "500 to 599"),
        ({"kind": "error_after", "stream": "depth"}, "stream", "aimed by request, symbol, account"),
        ({"kind": "missing_field", "stream": "user"}, "field", "name the JSON field"),
        ({"kind": "missing_field", "field": "a b"}, "field", "such as orderId"),
        ({"kind": "missing_field", "field": "c", "name": "d"}, "name", "renames no field"),
        ({"kind": "disconnect", "connection": "rest"}, "connection", "market or api"),
        ({"kind": "disconnect", "symbol": "BTCUSDT"}, "symbol", "takes no symbol"),
        ({"kind": "clock_skew", "shape": "drift"}, "to", "is missing"),
        ({"kind": "delay", "shape": "drift", "to": 5}, "shape", "clock_skew"),
    ],
)
def test_a_wrong_rule_is_refused_by_number_field_and_fix(
    rule: dict[str, Any], field: str, part_of_the_fix: str
) -> None:
    with pytest.raises(InputError) as told:
        rule_from_dict(rule, 3)
    assert told.value.field == f"fault 3: {field}"
    assert part_of_the_fix in told.value.fix


@pytest.mark.parametrize("text", ["[[fault]\n", "sed = 1\n", "seed = 1.5\n", "fault = 3\n", "fault = [1]\n"])
def test_a_wrong_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "faults.toml"
    file.write_text(text)
    with pytest.raises(InputError, match="fault"):
        read_schedule(file)
    with pytest.raises(InputError, match="faults"):
        read_schedule(tmp_path / "none.toml")


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32), seconds=st.integers(1, 900), intensity=st.floats(0, 5))
def test_drawn_rules_are_ones_a_file_could_state_and_leave_the_end_in_quiet(
    seed: int, seconds: int, intensity: float
) -> None:
    duration = seconds * SECOND
    rules = random_schedule(Random(seed), duration, intensity=intensity)
    assert rules == random_schedule(Random(seed), duration, intensity=intensity)
    for rule in rules:
        outlasting = rule.magnitude * SECOND if rule.kind in ("ban", "limit", "shutdown_notice") else 0
        assert 0 <= rule.start < rule.end <= duration
        assert rule.end + outlasting <= max(duration, rule.end + SECOND)
        again = rule_from_dict(rule.to_dict())
        for name in ("kind", "request", "stream", "field", "magnitude", "shape", "probability", "times"):
            assert getattr(again, name) == getattr(rule, name)
        assert abs(again.start - rule.start) < 1000  # nanoseconds, lost by writing seconds as a float


def test_every_kind_is_drawn_in_proportion() -> None:
    rules = random_schedule(Random(1), 3600 * SECOND, intensity=0.5)
    counts = {kind: sum(rule.kind == kind for rule in rules) for kind in KINDS}
    assert set(counts.values()) == {30}
    assert not random_schedule(Random(1), 3600 * SECOND, ("drop", "gap"), intensity=0.0)
    assert {rule.kind for rule in random_schedule(Random(1), 3600 * SECOND, ("drop", "gap"))} == {
        "drop",
        "gap",
    }
