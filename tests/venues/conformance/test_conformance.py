"""Every adapter against the venue server, by one suite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("ccxt")

from conformance_bench import Bench
from conformance_cases import Conformance
from conformance_rigs import RIGS, up


@pytest.fixture(scope="module", params=list(RIGS))
def shared(request: pytest.FixtureRequest) -> Iterator[Bench]:
    rig: Any = RIGS[request.param]()
    assert up(rig), rig.facts
    yield Bench(rig)
    rig.close()


@pytest.fixture
def bench(shared: Bench) -> Iterator[Bench]:
    assert shared.rig.until(shared.up)
    yield shared
    shared.quiet()


class TestAdapters(Conformance):
    """The suite."""
