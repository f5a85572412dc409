"""200 open orders, no budget left to place, 60 questions waiting: every cancel leaves at once, before them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from pains_stage import Stage, quoter

from quotewright.exchange.limits import Limits
from quotewright.gateway.errands import QUERY

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MS = 10**6
ORDERS = 200
DOUBTFUL = 60
WEIGHT = 6000
FREE = 390  # weight left when the decision falls: enough for the cancels, too little to ask anything besides
ADDRESS = "10.0.0.1"


def _crowd(folder: Path) -> Stage:
    """Five ladders of ten levels on two instruments, all at the venue; sixty of the orders in doubt."""
    ladders = [quoter(f"ladder{number}", away=10.0 + number, levels=10) for number in range(5)]
    stage = Stage(folder, *ladders, limits=Limits(orders_10s=2_000, weight_minute=WEIGHT))
    stage.fault("lost_ack", 60, request="order.place", times=DOUBTFUL)
    stage.fault("drop", 60, stream="user")
    stage.begin(settled=False)
    stage.until(lambda: len(stage.open()) == ORDERS, 2)
    weight = stage.server.venue.counters.weight
    weight.add(ADDRESS, stage.now, WEIGHT - FREE - weight.used(ADDRESS, stage.now))  # others share the address
    errands = stage.gateway._errands._all.values()  # pyright: ignore[reportPrivateUsage]
    stage.until(lambda: sum(each.kind == QUERY and not each.ref for each in errands) == DOUBTFUL, 4)
    stage.run(0.3)
    assert stage.in_doubt == DOUBTFUL
    assert len(stage.open()) == ORDERS
    return stage


def _left(stage: Stage, since: int) -> list[tuple[str, str]]:
    """Virtual time and method of every message that left after so many lines."""
    found = [re.match(r' *([\d.]+) > (?:api/\d+ \{.*?"method":"([\w.]+)"|http \d+ (.*))', line) for line in stage.lines]
    told = [match for match in found[since:] if match]
    return [(match[1], match[2] or match[3]) for match in told]


@pytest.mark.parametrize(("way", "method", "messages"), [("single", "order.cancel", 200), ("all", "cancelAll", 2)])
def test_all_cancels_leave_at_once_before_anything_else(tmp_path: Path, way: str, method: str, messages: int) -> None:
    with _crowd(tmp_path) as stage:
        asked, since = len(stage.asked("order.status")), len(stage.lines)
        stage.process.wire.now = stage.now
        if way == "single":
            stage.word("pause")
        else:
            stage.gateway.cancel_everything(stage.now)
        at_once = _left(stage, since)
        assert len(at_once) == messages
        assert all(name.endswith(method) for _, name in at_once)
        assert len({at for at, _ in at_once}) == 1
        stage.run(0.1)
        assert not stage.open()
        assert len(stage.asked("order.status")) == asked
        assert "-1003" not in "".join(stage.lines[since:])
        stage.heal()
        stage.run(62)
        stage.agree()
        assert Counter(request.params["newClientOrderId"] for request in stage.asked("order.place")).total() >= ORDERS


def test_over_sockets() -> None:
    """The benchmark's own client, in a process of its own: the same order of leaving, and how long it took."""
    for way in ("single", "all"):
        told = subprocess.run(
            [sys.executable, str(BENCHMARKS / "burst_side.py"), "ours", way], capture_output=True, text=True, check=True
        )
        found = json.loads(told.stdout.splitlines()[-1])
        sys.stdout.write(f"{way}: {found['ms']:.1f} ms from the decision until all was handed to the socket\n")
        assert found["waiting"] == DOUBTFUL
        assert found["cancels"] == (ORDERS if way == "single" else 4)
        assert found["others"] == 0  # messages that left before the last cancel
        assert found["turns"] == 1  # of the loop
        assert found["open"] == 0
