"""Makes the benchmark's modules importable by the tests of this folder, and gives them feeds."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

ROWS = 20_000


@pytest.fixture(scope="session")
def feed():  # the type is only importable now
    from feed import make_feed

    return make_feed(ROWS, seed=3)


@pytest.fixture(scope="session")
def single_feed():
    """One row an update, where both sides judge the market at the same moments."""
    from feed import make_feed

    return make_feed(3 * ROWS, seed=5, rows_per_update=1)
