"""What the tests of this folder share: the reference matcher's modules, and a way to run both venues."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(params=["reference", "compiled"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Runs updates and messages, in any order, through the reference matcher or the compiled venue.

    `instrument` names one instrument of scenarios.INSTRUMENTS, or several; other settings are those of a Scenario.
    """
    from reference_records import Message, Update
    from scenarios import Scenario, by_compiled, by_reference

    by_venue = {"reference": by_reference, "compiled": by_compiled}[request.param]

    def go(*steps: Update | Message, instrument: str | tuple[str, ...] = "linear", **settings: Any) -> Any:
        names = (instrument,) if isinstance(instrument, str) else instrument
        updates = tuple(step for step in steps if isinstance(step, Update))
        messages = tuple(step for step in steps if isinstance(step, Message))
        return by_venue(Scenario(names, updates, messages, **settings))

    return go
