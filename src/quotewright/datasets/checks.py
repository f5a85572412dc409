"""Everything that is wrong, or looks wrong, with a dataset. Checks find and count; nothing is changed here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from quotewright.datasets import checks_panel, checks_prices, checks_times, checks_values
from quotewright.datasets.dataset import Dataset
from quotewright.datasets.manifest import Finding
from quotewright.datasets.views import views

OF_A_SERIES = (*checks_times.CHECKS, *checks_values.CHECKS, *checks_prices.CHECKS)
OF_A_PANEL = checks_panel.CHECKS


class Summary(NamedTuple):
    """One kind of finding in one column over all series: in how many series, in how many rows, an example."""

    check: str
    column: str
    series: int
    rows: int
    example: str


def check(dataset: Dataset) -> tuple[Finding, ...]:
    """What every check finds, series by series and then over the whole panel; empty if all is well.

    `docs/reference/datasets.md` says what each looks for, by which rule, and what no check can see.
    """
    each = views(dataset)
    found = [finding for view in each for one in OF_A_SERIES for finding in one(view)]
    return (*found, *(finding for one in OF_A_PANEL for finding in one(dataset, each)))


def summary(findings: Iterable[Finding]) -> list[Summary]:
    """Findings of a panel in short, in order of first appearance."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        alike.setdefault((finding.check, finding.column), []).append(finding)
    return [
        Summary(
            *kind, len(of_kind), sum(one.count for one in of_kind), f"{of_kind[0].series} {of_kind[0].detail}".strip()
        )
        for kind, of_kind in alike.items()
    ]
