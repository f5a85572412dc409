"""Everything that is wrong, or looks wrong, with a dataset. Checks find and count; nothing is changed here."""

from __future__ import annotations

from quotewright.datasets import checks_panel, checks_prices, checks_times, checks_values
from quotewright.datasets.dataset import Dataset
from quotewright.datasets.manifest import Finding
from quotewright.datasets.views import views

OF_A_SERIES = (*checks_times.CHECKS, *checks_values.CHECKS, *checks_prices.CHECKS)
OF_A_PANEL = checks_panel.CHECKS


def check(dataset: Dataset) -> tuple[Finding, ...]:
    """What every check finds, series by series and then over the whole panel; empty if all is well.

    `docs/reference/datasets.md` says what each looks for, by which rule, and what no check can see.
    """
    each = views(dataset)
    found = [finding for view in each for one in OF_A_SERIES for finding in one(view)]
    return (*found, *(finding for one in OF_A_PANEL for finding in one(dataset, each)))
