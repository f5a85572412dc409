"""The study of daily BTC: its table, its rule by hand, that a stopped run goes on, and what the page promises."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from quotewright.datasets.splits import PAPER_41
from quotewright.domain.errors import InputError
from quotewright.models.catalogue import MODELS
from quotewright.studies import daily_study
from quotewright.studies.daily_models import PHASES, fit_daily, judge_daily, positions_of
from quotewright.studies.daily_study import DailySpec, run_daily
from quotewright.studies.daily_table import DailyTable, daily_btc, daily_table
from quotewright.studies.parts import Engine

QUICK = ("Ridge:regressor", "LogisticRegression:classifier", "DecisionTree:regressor")


@pytest.fixture(scope="module")
def table(shared_data: Path) -> DailyTable:
    return daily_table(daily_btc(shared_data), PAPER_41)


def test_rows_are_known_before_their_returns(table: DailyTable) -> None:
    day = 86_400 * 10**9
    assert (np.diff(table.times) >= day).all()
    assert (table.ends - table.times >= day).all()
    assert table.ends[table.train].max() <= PAPER_41.train.end <= table.times[table.backtest].min()
    assert [int(mask.sum()) for mask in (table.backtest, table.forward)] == [181, 92]
    assert np.isfinite(table.X).all()


def test_the_rule_by_hand(table: DailyTable) -> None:
    for name in QUICK:
        fitted = fit_daily(table, name, 1)
        found = judge_daily(table, fitted)
        for phase in PHASES:
            rows = getattr(table, phase)
            score, moves = fitted.score(table.X[rows]), np.expm1(table.returns[rows])
            held = 0.0
            equity, without = 1.0, 1.0
            cut = 0.5 if fitted.kind == "classifier" else 0.0
            for place, (one, move) in enumerate(zip(score, moves, strict=True)):
                wanted = 1.0 if one > cut else -1.0 if one < cut else 0.0
                turned = abs(wanted - held) + (abs(wanted) if place == len(moves) - 1 else 0.0)
                equity *= 1 + wanted * move - turned * 12e-4
                without *= 1 + wanted * move
                held = wanted
            assert found[phase]["pnl_pct"] == pytest.approx(100 * (equity - 1))
            assert found["without_fees"][phase]["pnl_pct"] == pytest.approx(100 * (without - 1))
            truth = (moves > 0) if fitted.kind == "classifier" else table.returns[rows]
            assert found[phase]["mae"] == pytest.approx(np.abs(score - truth).mean())
            assert found[phase]["rmse"] == pytest.approx(np.sqrt(((score - truth) ** 2).mean()))
        assert set(np.unique(positions_of(fitted, np.array([0.2, 0.5, 0.8])))) <= {-1.0, 0.0, 1.0}


def test_a_stopped_run_goes_on_to_the_same_table(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = DailySpec(seeds=2, models=QUICK)
    whole = run_daily(shared_data, tmp_path / "a", spec, engine=Engine(1))

    heard: list[int] = []

    def stop(done: int, total: int) -> None:
        heard.append(done)
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_daily(shared_data, tmp_path / "b", spec, engine=Engine(1), progress=stop)
    fitted: list[str] = []
    plain = daily_study.fit_daily
    monkeypatch.setattr(daily_study, "fit_daily", lambda *a: (fitted.append(a[1]), plain(*a))[1])
    again = run_daily(shared_data, tmp_path / "b", spec, engine=Engine(1))
    assert len(fitted) == sum(len(daily_study._seeds(name, 2)) for name in QUICK) - 2
    assert _timeless(again) == _timeless(whole)
    assert json.loads((tmp_path / "b/study.json").read_text())["models"] == again["models"]
    assert {phase: again["verdicts"][phase]["trials"] for phase in PHASES} == dict.fromkeys(PHASES, heard_total(whole))
    assert run_daily(shared_data, tmp_path / "b", spec, engine=Engine(1))["verdicts"] == again["verdicts"]


def heard_total(study: dict) -> int:  # type: ignore[type-arg]
    return sum(model["seeds"] for model in study["models"])


def test_a_seed_that_changes_nothing_is_no_trial(shared_data: Path, tmp_path: Path) -> None:
    """LogisticRegression takes a random state and does not use it; a tree does, to order splits that are equal."""
    study = run_daily(shared_data, tmp_path, DailySpec(seeds=3, models=QUICK), engine=Engine(1))
    seeds = {model["name"]: model["seeds"] for model in study["models"]}
    assert seeds["Ridge:regressor"] == seeds["LogisticRegression:classifier"] == 1
    assert seeds["DecisionTree:regressor"] == 3
    assert study["verdicts"]["backtest"]["trials"] == 5


def _timeless(study: dict) -> dict:  # type: ignore[type-arg]
    return {**study, "models": [{**model, "seconds": 0} for model in study["models"]]}


def test_the_document_has_what_is_promised(shared_data: Path, tmp_path: Path) -> None:
    study = run_daily(shared_data, tmp_path, DailySpec(seeds=2, models=QUICK), engine=Engine(1))
    assert [model["name"] for model in study["models"]] == list(QUICK)
    for model in study["models"]:
        assert model["kind"] in ("classifier", "regressor")
        for phase in PHASES:
            for figure in ("mae", "rmse", "pnl_pct", "sharpe"):
                assert isinstance(model[phase][figure], float)
            rank = model["ranks"][phase]
            assert 1 <= rank["low"] <= rank["high"] <= len(QUICK)
    assert study["assumptions"]
    assert len(DailySpec().models) == len(MODELS) == 41


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="seeds"):
        DailySpec(seeds=0)
    with pytest.raises(InputError, match="model"):
        DailySpec(models=("Crystal Ball",))
    with pytest.raises(InputError, match="path"):
        run_daily(tmp_path, tmp_path / "out", DailySpec(models=QUICK))
