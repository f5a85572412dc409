"""Experiments from end to end on a planted market: found, judged by hand, resumed, tuned, explained, audited."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from planted_bars import DAYS, bars_csv, tables

from quotewright.datasets.dataset import Dataset
from quotewright.domain.errors import InputError
from quotewright.lineage.registry import Registry
from quotewright.studies import experiment_data, experiment_folds, experiment_train
from quotewright.studies.experiment import Experiment
from quotewright.studies.experiment_audit import audit_experiment, audit_function
from quotewright.studies.experiment_compare import compare, rows, write_comparison_page
from quotewright.studies.experiment_explain import explain, write_explanation_page
from quotewright.studies.experiment_features import features_document, features_of, write_features_page
from quotewright.studies.experiment_fit import fit_rows
from quotewright.studies.experiment_folds import path_folds, tasks_of, walk_folds
from quotewright.studies.experiment_montecarlo import closes_of, read_closes, tails, write_tails_page
from quotewright.studies.experiment_page import findings, write_validation_page
from quotewright.studies.experiment_train import load_model, train
from quotewright.studies.experiment_tune import tune_experiment
from quotewright.studies.experiment_validate import STAGES, trials_on, validate
from quotewright.studies.parts import Engine
from quotewright.validation.splits import breaches

VOTE = {"kind": "vote", "others": ["Linear:regressor"]}
SMALL = {"folds": 3, "groups": 4, "tested": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("runs")
    bars_csv(made / "bars.csv")
    return made


def read(folder: Path, **changes: Any) -> Experiment:
    return Experiment.of(tables(**{"validation": SMALL, **changes}), folder=folder)


@pytest.fixture(scope="module")
def validated(folder: Path) -> dict[str, Any]:
    return validate(read(folder), folder / "validated")


def test_the_planted_signal_is_found(validated: dict[str, Any]) -> None:
    for stage in STAGES:
        assert validated[stage]["correlation"] > 0.7
        assert validated[stage]["sharpe_low"] > 0
        assert validated["verdicts"][stage]["convincing"]
    assert validated["paths"]["number"] == 3
    assert validated["paths"]["below_0"] == 0


def test_backtest_figures_by_hand(folder: Path, validated: dict[str, Any]) -> None:
    experiment = read(folder)
    table = experiment.table()
    fitted = fit_rows(experiment.spec, table, table.part("train"), 1)
    equity, held = 1.0, 0.0
    span = table.span("backtest")
    for place, bar in enumerate(span):
        decided = bar in table.part("backtest")
        wanted = float(np.sign(fitted.predict(table.X[bar : bar + 1])[0])) if decided else 0.0
        turned = abs(wanted - held) + (abs(wanted) if place == len(span) - 1 else 0.0)
        equity *= 1 + wanted * table.moves[bar] - turned * 12e-4
        held = wanted
    assert validated["backtest"]["pnl_pct"] == pytest.approx(100 * (equity - 1))
    assert validated["without_costs"]["backtest"]["pnl_pct"] > validated["backtest"]["pnl_pct"]


def test_a_stopped_validation_goes_on_to_the_same_document(
    folder: Path, validated: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = read(folder)
    total = len(tasks_of(experiment, experiment.table()))
    assert total == 1 + 3 + 6

    def stop(done: int, _: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        validate(experiment, tmp_path, progress=stop)
    assert not (tmp_path / "validation.json").exists()
    fitted: list[int] = []
    plain = experiment_folds.fit_rows
    monkeypatch.setattr(experiment_folds, "fit_rows", lambda *a: (fitted.append(a[3]), plain(*a))[1])
    again = validate(experiment, tmp_path)
    assert len(fitted) == total - 4
    assert again == validated


def test_trials_count_once_and_by_bars(folder: Path, tmp_path: Path) -> None:
    forest = {"name": "ExtraTrees:regressor", "params": {"n_estimators": 3, "max_depth": 2}}
    one = read(folder, seeds=2, model=forest)
    for experiment in (one, one, read(folder, name="renamed", seeds=2, model=forest)):
        found = validate(experiment, tmp_path / experiment.name, registry=tmp_path / "registry")
        assert {found["verdicts"][stage]["trials"] for stage in STAGES} == {2}
    other = validate(read(folder, series=[{"name": "flow", "column": "flow", "max_age": "9d"}]),
                     tmp_path / "o", registry=tmp_path / "registry")  # fmt: skip
    assert other["verdicts"]["backtest"]["trials"] == 3
    assert other["overfitting"]["train"]["trials"] == 3
    assert found["backtest"]["over_seeds"]["sharpe"]["low"] <= found["backtest"]["sharpe"]


def test_the_folds_of_an_experiment_do_not_overlap(folder: Path) -> None:
    experiment = read(folder, label={"kind": "return", "bars": 4}, split={"shares": [0.6, 0.2], "embargo": "3d"})
    table = experiment.table()
    train_rows = table.part("train")
    wait = table.split.embargo
    walked = walk_folds(experiment, table)
    tested = np.concatenate([fold.test for fold in walked])
    assert tested.tolist() == train_rows[-len(tested) :].tolist()
    for fold in walked:
        assert fold.train.max() < fold.test.min()
        assert table.ends[fold.train].max() < table.times[fold.test].min() - wait
    paths = path_folds(experiment, table)
    starts, ends = table.times[train_rows], table.ends[train_rows]
    for fold in paths.folds:
        assert not any(len(found) for found in breaches(starts, ends, fold, embargo=wait))


def test_training_registers_and_resumes(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = read(folder)
    table = experiment.table()
    (made,) = train(experiment, tmp_path)
    assert made.compiled
    assert made.p50_us > 0
    monkeypatch.setattr(experiment_train, "fit_rows", None)  # nothing is fitted again
    (again,) = train(experiment, tmp_path)
    assert again.resumed
    assert again.model == made.model
    monkeypatch.undo()
    model = load_model(tmp_path, made.model[:12], table.feature_hash)
    fitted = fit_rows(experiment.spec, table, table.part("train"), 1)
    np.testing.assert_allclose(model.predict(table.X[table.part("backtest")]),
                               fitted.predict(table.X[table.part("backtest")]), rtol=1e-12)  # fmt: skip
    with pytest.raises(InputError, match="trained on"):
        load_model(tmp_path, made.model, "0" * 64)
    (beside,) = train(read(folder, model={"name": "KNN:regressor"}), tmp_path)
    assert not beside.compiled
    with pytest.raises(InputError, match="no compiled form"):
        load_model(tmp_path, beside.model, table.feature_hash)
    with Registry(tmp_path) as registry:
        kept = registry.models.get(made.model)
        assert (kept.dataset, kept.features, kept.seed) == (table.dataset, table.feature_hash, 1)
        assert {each.name for each in registry.models.diff(made.model, beside.model)} >= {"name", "artefact"}


def test_tuning_stays_in_the_training_part_and_goes_on(folder: Path, tmp_path: Path) -> None:
    space = [{"name": "alpha", "choices": [1.0, 1e9]}]
    experiment = read(folder, tuning={"objectives": {"mae": "min"}, "space": space})
    first = tune_experiment(experiment, tmp_path, trials=2)
    found = tune_experiment(experiment, tmp_path, trials=6)
    assert (first.resumed, found.resumed) == (0, 2)
    assert found.best == {"alpha": 1.0}
    table = experiment.table()
    with Registry(tmp_path) as registry:
        assert registry.trials.of_dataset(trials_on(table, "train")).count == 6
        assert registry.trials.of_dataset(trials_on(table, "backtest")).count == 0
    with pytest.raises(InputError, match=r"tuning\.objectives"):
        tune_experiment(read(folder, tuning={"objectives": {"luck": "max"}}), tmp_path, trials=1)
    with pytest.raises(InputError, match="no ranges"):
        tune_experiment(read(folder, model={"name": "Linear:regressor"}), tmp_path, trials=1)


def test_features_and_explanation(folder: Path, tmp_path: Path) -> None:
    experiment = read(folder)
    report = features_of(experiment, draws=49)
    assert report.kept[0] == "flow:ewm_1"
    document = features_document(experiment, report)
    assert [each["feature"] for each in document["suspicions"]] == ["flow:ewm_1"]  # planted stronger than life
    write_features_page(document, tmp_path / "features.html")
    found = explain(experiment, rows=30)
    assert found.shapley.importance[0][0] == found.importance[0].name == "flow:ewm_1"
    assert not found.breaks
    assert "60" in found.why_no_breaks
    write_explanation_page(found, tmp_path / "explain.html")
    longer = explain(read(folder, split={"shares": [0.5, 0.3]}), rows=20)
    assert any(finding.name == "flow:ewm_1 shuffled" and finding.severity != "low" for finding in longer.breaks)
    assert longer.to_dict()["breaks"]
    for page in ("features.html", "explain.html"):
        assert "flow:ewm_1" in (tmp_path / page).read_text()


@pytest.mark.parametrize(
    ("model", "label", "accuracy"),
    [
        ({"name": "LogisticRegression:classifier"}, {"kind": "direction"}, 0.75),
        ({"name": "LDA:classifier"}, {"kind": "direction", "band_bp": 50.0}, 0.5),
        (
            {"name": "Ridge:regressor", "ensemble": {"kind": "vote", "others": ["Linear:regressor"]}},
            {"kind": "return"},
            0.75,
        ),
        ({"name": "Ridge:regressor", "weights": "uniqueness"}, {"kind": "return", "bars": 3}, 0.45),
    ],
)
def test_every_kind_of_label_and_model_finds_it(
    folder: Path, tmp_path: Path, model: dict[str, Any], label: dict[str, Any], accuracy: float
) -> None:
    experiment = read(folder, model=model, label=label, validation={"folds": 2, "groups": 3, "tested": 1})
    found = validate(experiment, tmp_path)
    assert found["forward"]["pnl_pct"] > 0
    assert found["forward"]["accuracy"] > accuracy
    write_validation_page(found, tmp_path / "page.html")
    assert findings(found)


def test_the_audit_is_clean_and_finds_what_is_planted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = audit_experiment(read(folder, features={"names": ["log_return_1", "sar_distance"]}), number=6)
    assert honest.clean
    assert {"label", "decision"} <= set(honest.audit.columns)
    told = read(folder, series=[{"name": "oracle", "column": "oracle"}], features={"names": ["oracle:ewm_1"]})
    assert [each.feature for each in audit_experiment(told, number=3).suspicions] == ["oracle:ewm_1"]

    def centred(dataset: Dataset) -> Dataset:
        """Divides by the largest close of the whole file: a leak by cleaning."""
        frame = dataset.frame.with_columns(pl.col("flow") / pl.col("flow").abs().max())
        return dataset.stepped(frame, "centred", frame.height)

    monkeypatch.setitem(experiment_data.STEPS, "centred", centred)
    leaky = read(folder, dataset={**tables()["dataset"], "clean": [{"step": "centred"}]})
    found = audit_experiment(leaky, number=6)
    assert not found.clean
    assert {"flow:ewm_1"} <= {leak.column for leak in found.audit.leaks}
    assert found.to_dict()["leaks"][0]["sentence"]


USER = """
import polars as pl

def honest(frame):
    return frame.select("time", mean=pl.col("close").rolling_mean(5))

def leaky(frame):
    return frame.select("time", mean=pl.col("close").rolling_mean(5, center=True))
"""


def test_a_function_of_ones_own_is_audited(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(USER)
    data = folder / "bars.csv"
    day = 86_400 * 10**9
    assert audit_function(f"{tmp_path / 'mine.py'}:honest", data, delay=day, number=8).clean
    assert not audit_function(f"{tmp_path / 'mine.py'}:leaky", data, delay=day, number=8).clean
    with pytest.raises(InputError, match="is not a column"):
        audit_function(f"{tmp_path / 'mine.py'}:honest", data, time="stamp")


def test_comparisons_are_paired(folder: Path, validated: dict[str, Any], tmp_path: Path) -> None:
    blind = read(folder, name="blind", features={"names": ["volatility_7"]})
    found = compare([read(folder), blind], tmp_path)
    for stage in STAGES:
        first, other = found["stages"][stage]
        assert (first["rank"], other["rank"]) == (1, 2)
        assert other["high_bp"] < 0
        assert first["difference_bp"] == 0
        assert first["pnl_pct"] == pytest.approx(validated[stage]["pnl_pct"])
        assert rows(found, stage)[0][0] == "planted"
    write_comparison_page(found, tmp_path / "page.html")
    with pytest.raises(InputError, match="other bars or another split"):
        compare([read(folder), read(folder, name="b", split={"shares": [0.5, 0.2]})], tmp_path)
    with pytest.raises(InputError, match="two or more"):
        compare([read(folder)], tmp_path)


def test_tails_of_closes(folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    closes = 100 * np.exp(np.cumsum(0.01 * rng.standard_t(3, 1200)))
    found = tails("planted", closes, laws=("normal", "student", "hawkes"), draws=40)
    assert list(found.left_out) == ["hawkes"]
    assert found.comparison.ranking[0].kind == "student"
    write_tails_page(found, tmp_path / "page.html")
    pl.DataFrame({"close": closes}).write_csv(tmp_path / "c.csv")
    np.testing.assert_allclose(read_closes(tmp_path / "c.csv"), closes)
    with pytest.raises(InputError, match="closes"):
        tails("short", closes[:100])
    with pytest.raises(InputError, match="law"):
        tails("odd", closes, laws=("lognormal",))
    seen = closes_of(read(folder))
    raw = np.genfromtxt(folder / "bars.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")["close"]
    np.testing.assert_allclose(seen * raw[0], raw[: len(seen)])
    assert len(seen) == pytest.approx(0.8 * DAYS, abs=2)


@pytest.mark.slow
def test_processes_and_a_cluster_give_the_same_document(
    folder: Path, validated: dict[str, Any], tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    experiment = read(folder)
    assert validate(experiment, tmp_path / "processes", engine=Engine(2)) == validated
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        engine = Engine(scheduler=cluster.scheduler_address)
        assert validate(experiment, tmp_path / "cluster", engine=engine) == validated
        alone = tune_experiment(experiment, tmp_path / "alone", trials=4)
        shared = tune_experiment(experiment, tmp_path / "shared", trials=4, scheduler=cluster.scheduler_address)
    assert shared.table().equals(alone.table())
