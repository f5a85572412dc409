"""The progress bar on a terminal: it draws before anything is known, and says how much is done and how fast."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from quotewright.app import output


def test_the_bar_draws_on_a_terminal(monkeypatch: Any) -> None:
    drawn = io.StringIO()
    monkeypatch.setattr(output, "err", Console(file=drawn, force_terminal=True, width=80))
    with output.progress_bar("replaying", "events", quiet=False) as progress:
        for done in range(0, 5_000_001, 500_000):
            progress(done, 5_000_000)
    assert "replaying" in drawn.getvalue()
    assert "5 M / 5 M events" in drawn.getvalue()


def test_the_bar_is_silent_where_it_would_be_in_the_way(monkeypatch: Any) -> None:
    drawn = io.StringIO()
    for quiet, terminal in ((True, True), (False, False)):
        monkeypatch.setattr(output, "err", Console(file=drawn, force_terminal=terminal, width=80))
        with output.progress_bar("replaying", "events", quiet=quiet) as progress:
            progress(1, 2)
    assert drawn.getvalue().strip() == ""


SHORT = {0: "0", 950: "950", 9_999: "9,999", 12_345: "12.3 k", 4_560_000: "4.56 M", 2.5e9: "2.5 G", 7.5e12: "7,500 G"}


@pytest.mark.parametrize(("count", "shown"), SHORT.items())
def test_counts_are_short(count: float, shown: str) -> None:
    assert output.short(count) == shown
