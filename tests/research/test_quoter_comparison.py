"""The measure by hand, seeds apart, the same budget for all, results kept; the whole comparison as a slow test."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from quotewright.domain.errors import InputError
from quotewright.domain.journal import JOURNAL, Record
from quotewright.features.settings import FeatureSettings
from quotewright.research import quoter_comparison
from quotewright.research.quoter_comparison import STRATEGIES, ComparisonSpec, compare_quoters, markdown_table
from quotewright.research.quoter_fits import QuoterFit
from quotewright.research.quoter_trials import MarkTally, Trial
from quotewright.simulation.presets import load_preset

INSTRUMENT = load_preset("calm").instrument


def test_the_measure_is_profit_over_blind_inventory_risk() -> None:
    mids = [200_000, 200_010, 200_004, 200_020]
    held = [0, 3, -2, 1]
    tally = MarkTally(INSTRUMENT, 2)
    rows = np.zeros(2 * len(mids) + 2, JOURNAL)
    unit = float(INSTRUMENT.money_unit)
    for i, (mid2, lots) in enumerate(zip(mids, held, strict=True)):
        for agent in range(2):
            row = rows[2 * i + agent]
            row["kind"], row["agent"], row["mid2"] = Record.MARK, agent, mid2
            row["position"] = lots * INSTRUMENT.atoms_per_lot * agent
    for agent in range(2):
        row = rows[2 * len(mids) + agent]
        row["kind"], row["agent"], row["mid2"], row["cash"] = Record.RUN_END, agent, mids[-1], round(7.5 / unit) * agent
    tally.append(rows)
    idle, busy = tally.trials([0, 9])
    assert idle == Trial(0.0, 0.0, 0.0, 0)
    moves = np.diff(np.array(mids) * 0.25)  # half ticks of 0.5
    risk = math.sqrt((moves**2).sum() * np.mean((np.array(held) * 0.001) ** 2))
    assert busy.profit == pytest.approx(7.5)
    assert busy.risk == pytest.approx(risk)
    assert busy.measure == pytest.approx(7.5 / risk)


def test_every_strategy_has_the_same_number_of_sets_and_shared_ranges() -> None:
    names = ("signal_queue", "signal_skew")
    fit = QuoterFit(0.1, 20.0, 5.0, {"fair_kalman": 0.5}, dict.fromkeys(names, 0.2), 0.1, FeatureSettings())
    for turn in range(2):
        for name in STRATEGIES:
            before = [] if turn == 0 else [(1.0, quoter_comparison._draw(name, fit, 1, 0, [])[0])]
            drawn = quoter_comparison._draw(name, fit, 16, turn, before)
            assert len({json.dumps(one) for one in drawn}) == 16
    ranges = {name: quoter_comparison._ranges(name, fit) for name in STRATEGIES}
    for parameter in ("max_inventory", "gamma", "k", "A"):
        assert len({found[parameter] for found in ranges.values() if parameter in found}) == 1


def test_training_and_test_seeds_are_apart_and_too_little_is_refused() -> None:
    spec = ComparisonSpec()
    assert not set(spec.train_seeds) & set(spec.test_seeds)
    assert len(spec.test_seeds) >= 30
    with pytest.raises(InputError, match="even"):
        ComparisonSpec(sets=7)
    with pytest.raises(InputError, match="preset"):
        compare_quoters(ComparisonSpec(presets=("stormy",)), Path("nowhere"))


def test_a_finished_preset_is_read_again_and_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ComparisonSpec(presets=("transitional",), train=1, test=2, seconds=150, sets=2, least_fills=1)
    first = compare_quoters(spec, tmp_path)
    monkeypatch.setattr(quoter_comparison, "_compare_on", None)
    again = compare_quoters(spec, tmp_path)
    assert again == first
    table = markdown_table(again)
    assert all(f"`{name}`" in table for name in STRATEGIES)
    for row in first[0].against:
        mine = [trial.measure for trial in first[0].trials["composed"]]
        other = [trial.measure for trial in first[0].trials[row.strategy]]
        assert row.students.value == pytest.approx(np.mean(mine) - np.mean(other))
        half = 12.706 * np.std(np.subtract(mine, other), ddof=1) / math.sqrt(2)
        assert row.students.high - row.students.value == pytest.approx(half, rel=1e-3)


@pytest.mark.slow
def test_it_wins_in_calm_and_transitional_markets_and_does_not_lose_in_turbulent_ones(tmp_path: Path) -> None:
    calm, transitional, turbulent = compare_quoters(ComparisonSpec(), tmp_path)
    for one in (calm, transitional):
        assert all(row.students.low > 0 and row.bootstrap.low > 0 for row in one.against)
    assert all(row.students.high > 0 for row in turbulent.against)
