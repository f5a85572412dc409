"""All of 200 open orders cancelled with no budget left to place and 60 questions waiting, against ccxt as it comes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from process import answer
from rounds import Family, Row, SameWork, Sample, Skipped
from settings import HERE, Settings

SINGLE = "200 cancels behind 60 waiting questions, until all are handed to the socket"
ALL = "the same by cancel-all, four instruments"
AGAINST = "200 cancels behind 60 waiting questions: ccxt"


def families(settings: Settings) -> list[Family]:
    """One family; ccxt's throttler alone makes a round last most of a minute."""
    if find_spec("ccxt") is None:
        raise Skipped("ccxt is not installed (the extra `ccxt`)")

    def side(*given: str) -> Callable[[], Sample]:
        def run() -> Sample:
            found, _ = answer([sys.executable, str(HERE / "burst_side.py"), *given])
            return Sample(found["ms"], found)

        return run

    def check(outcomes: dict[str, Any]) -> None:
        for name, found in outcomes.items():
            if found["open"]:
                raise SameWork(f"{name} leaves {found['open']} orders open")

    sides = {"single": side("ours", "single"), "all": side("ours", "all"), "ccxt": side("ccxt")}
    rows = [
        Row(SINGLE, "single", "", 100, least=False, unit="ms"),
        Row(ALL, "all", "", 100, least=False, unit="ms"),
        Row(AGAINST, "ccxt", "single", 0),
    ]
    notes = ("wall time from the decision until the last cancel was handed over; the venue is in a thread beside",)
    return [Family("burst-cancel", rows, sides, check=check, rounds=3, warm=False, cost="ms", notes=notes)]
