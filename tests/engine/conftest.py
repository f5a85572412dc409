"""Makes the desk importable by the tests of this folder."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from desk import Desk, open_desk


@pytest.fixture(name="desk")
def _desk() -> Iterator[Desk]:
    with open_desk() as made:
        yield made
