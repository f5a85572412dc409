"""Every described file of the shared data, read and checked once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from quotewright.datasets.checks import check
from quotewright.datasets.dataset import Dataset
from quotewright.datasets.described import published, read_dataset
from quotewright.datasets.manifest import Finding


@pytest.fixture(scope="session")
def shared(shared_data: Path) -> Callable[[str], Dataset]:
    """The dataset of a described file, by name."""

    @cache
    def read(name: str) -> Dataset:
        return read_dataset(shared_data, published()[name])

    return read


@pytest.fixture(scope="session")
def findings(shared: Callable[[str], Dataset]) -> Callable[..., list[Finding]]:
    """What one check finds in a described file, of one series if named."""

    @cache
    def checked(name: str) -> tuple[Finding, ...]:
        return check(shared(name))

    def chosen(name: str, kind: str, series: str = "") -> list[Finding]:
        return [one for one in checked(name) if one.check == kind and one.series.startswith(series)]

    return chosen
