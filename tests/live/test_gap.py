"""A session against the replay of its own feed: nothing apart where nothing should be, and settings found again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_session import MS, drive
from typer.testing import CliRunner

from quotewright.domain.errors import InputError
from quotewright.domain.journal import JOURNAL
from quotewright.live.closing import close_run
from quotewright.live.gap import measure_gap
from quotewright.live.gap_match import match_fills
from quotewright.sessions.venue_options import VenueOptions


def test_a_paper_session_has_no_gap(tmp_path: Path) -> None:
    drive(tmp_path / "log", 2, mode="paper", updates=3_000)
    close_run(tmp_path / "log", tmp_path / "run")
    gap = measure_gap(tmp_path / "run")
    assert sum(leg.fills_live for leg in gap.legs) > 20
    assert all(leg.agrees for leg in gap.legs)
    assert gap.best.chosen
    assert all("no gap" in sentence for sentence in gap.words)


def test_the_settings_of_a_venue_are_found_again(tmp_path: Path) -> None:
    real = VenueOptions("proportional", entry_latency_ns=9 * MS, response_latency_ns=14 * MS)
    drive(tmp_path / "log", 3, mode="paper", updates=4_000, options=real)
    close_run(tmp_path / "log", tmp_path / "run")
    gap = measure_gap(tmp_path / "run")
    assert not all(leg.agrees for leg in gap.legs)
    assert gap.best.options == real
    assert all(leg.agrees for leg in gap.best.legs)
    assert "queue model proportional, entry latency 9ms, response latency 14ms" in gap.words[-1]


def test_a_live_session_is_taken_apart(tmp_path: Path) -> None:
    drive(tmp_path / "log", 4, left=True, shadow=("steps",), kill=True)
    close_run(tmp_path / "log", tmp_path / "run")
    gap = measure_gap(tmp_path / "run")
    assert {leg.agent for leg in gap.legs} == {"even", "late"}  # not the shadow: it was simulated
    for leg in gap.legs:
        assert leg.matched_lots + leg.only_live_lots == leg.lots_live
        assert leg.matched_lots + leg.only_replay_lots == leg.lots_replay
        parts = sum(float(amount) for amount in leg.by_fills.values())
        assert parts == pytest.approx(float(leg.profit["total"]["difference"]), abs=1e-9)
        assert abs(float(leg.by_fills["the rest"])) < 1e-6
    assert any("in doubt" in sentence for sentence in gap.words)
    assert any("of an earlier session" in sentence for sentence in gap.words)


def test_the_command_prints_both_ways(tmp_path: Path) -> None:
    import typer

    from quotewright.app import gap_command

    app = typer.Typer()
    gap_command.register(app)
    drive(tmp_path / "log", 2, mode="paper", updates=800)
    close_run(tmp_path / "log", tmp_path / "run")
    text = CliRunner().invoke(app, [str(tmp_path / "run")])
    assert text.exit_code == 0, text.output
    assert "no gap" in text.output
    found = CliRunner().invoke(app, [str(tmp_path / "run"), "--window", "100ms", "--json"])
    assert json.loads(found.stdout)["suggested"]["queue_model"] == "risk-averse"
    with pytest.raises(InputError, match="is not the run folder of a session"):
        measure_gap(tmp_path)


_FILLS = st.lists(st.tuples(st.integers(0, 60), st.sampled_from([1, -1]), st.integers(1, 3), st.integers(1, 9)))


@settings(max_examples=200, deadline=None)
@given(live=_FILLS, replay=_FILLS, window=st.integers(0, 20))
def test_matching_loses_no_lot_and_keeps_to_its_window(
    live: list[tuple[int, ...]], replay: list[tuple[int, ...]], window: int
) -> None:
    tables = [np.zeros(len(fills), JOURNAL) for fills in (live, replay)]
    for table, fills in zip(tables, (live, replay), strict=True):
        for row, (ts, side, price, qty) in zip(table, sorted(fills), strict=True):
            row["ts"], row["side"], row["price"], row["qty"] = ts, side, price, qty
    ours, theirs = tables
    found = match_fills(ours, theirs, window)
    left = ours["qty"].tolist(), theirs["qty"].tolist()
    for i, j, lots in found.pairs:
        assert lots > 0
        assert ours["side"][i] == theirs["side"][j]
        assert abs(ours["ts"][i] - theirs["ts"][j]) <= window
        left[0][i] -= lots
        left[1][j] -= lots
    assert left == (found.only_live, found.only_replay)
    for i, j in np.argwhere(np.outer(found.only_live, found.only_replay)):  # nothing that could match is left
        assert ours["side"][i] != theirs["side"][j] or abs(ours["ts"][i] - theirs["ts"][j]) > window
    assert match_fills(ours, ours, window).only_live == [0] * len(ours)
