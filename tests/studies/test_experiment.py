"""The experiment file and its table: what is refused, what decides its hash, rows against a brute-force oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_bars import DAYS, bars_csv, tables

from quotewright.domain.errors import InputError
from quotewright.indicators.stream import compute
from quotewright.studies.experiment import Experiment
from quotewright.studies.experiment_rule import positions, signs
from quotewright.studies.experiment_table import Table

DAY = 86_400 * 10**9


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("planted")
    bars_csv(made / "bars.csv")
    return made


def read(folder: Path, **changes: Any) -> Experiment:
    return Experiment.of(tables(**changes), folder=folder)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown table": ({"colour": 3}, "colour: 3: is not a setting"),
    "unknown setting": ({"label": {"kind": "return", "bar": 1}}, "label.bar: 1: is not a setting"),
    "wrong type": ({"seeds": "three"}, "seeds: 'three'"),
    "unknown kind": ({"label": {"kind": "luck"}}, "label.kind: 'luck'"),
    "missing setting": ({"model": {}}, "model.name: '': is missing"),
    "two sources": (
        {"dataset": {"published": "x", "synthetic": {}}},
        "dataset: 'published and synthetic': give one of",
    ),
    "no source": ({"dataset": {}}, "dataset: '': give one of"),
    "no feature": ({"features": {"names": []}}, "features.names"),
    "unknown model": ({"model": {"name": "Oracle"}}, "model: 'Oracle'"),
    "a classifier of returns": ({"model": {"name": "RandomForest:classifier"}}, "label.kind: 'return'"),
    "a regressor of directions": ({"label": {"kind": "direction"}}, "label.kind: 'direction'"),
    "no bars ahead": ({"label": {"kind": "return", "bars": 0}}, "label.bars: 0"),
    "no seeds": ({"seeds": 0}, "seeds: 0"),
    "a name with a slash": ({"name": "a/b"}, "name: 'a/b'"),
    "vote of one": ({"model": {"name": "Ridge:regressor", "ensemble": {"kind": "vote"}}}, "model.ensemble.others"),
    "no year": ({"periods_per_year": 0}, "periods_per_year"),
    "negative slippage": ({"costs": {"slippage_bp": -1}}, "costs.slippage_bp: -1"),
    "series twice": ({"series": [{"name": "flow", "column": "flow"}] * 2}, "series"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_file_may_not_say(folder: Path, case: str) -> None:
    changes, told = WRONG[case]
    with pytest.raises(InputError) as refused:
        read(folder, **changes)
    assert told in str(refused.value)


OF_DATA: dict[str, tuple[dict[str, Any], str]] = {
    "unknown feature": ({"features": {"names": ["sorcery_3"]}}, "feature: 'sorcery_3'"),
    "feature of no series": ({"features": {"names": ["funding:zscore_7"]}}, "needs funding"),
    "constant feature": ({"features": {"names": ["bollinger_width_1"]}}, "does not vary"),
    "never known": ({"features": {"names": ["log_return_200"]}}, "is unknown on most"),
    "unknown column": ({"series": [{"name": "flow", "column": "tide"}]}, "column: 'tide'"),
    "unknown volume": ({"dataset": {**tables()["dataset"], "volume": "turnover"}}, "dataset.volume: 'turnover'"),
    "unknown step": ({"dataset": {**tables()["dataset"], "clean": [{"step": "polish"}]}}, "clean 1: step: 'polish'"),
    "step's setting": (
        {"dataset": {**tables()["dataset"], "clean": [{"step": "in_order", "by": 3}]}},
        "clean 1: in_order: {'by': 3}",
    ),
    "unknown split": ({"split": {"name": "halves"}}, "split: 'halves'"),
    "two splits": ({"split": {"name": "paper-41", "shares": [0.5, 0.2]}}, "give one of name"),
    "one share": ({"split": {"shares": [0.5]}}, "split.shares"),
    "no published data": ({"dataset": {"published": "btcusd-1d-merged"}}, "data: '': give the folder"),
    "unknown published data": ({"dataset": {"published": "tulips"}}, "published: 'tulips'"),
    "another time": ({"split": {"train": ["2001-01-01", "2002-01-01"], "backtest": ["2002-01-01", "2003-01-01"],
                                "forward": ["2003-01-01", "2004-01-01"]}}, "has no bar of bars"),
}  # fmt: skip


@pytest.mark.parametrize("case", OF_DATA)
def test_what_does_not_fit_the_data(folder: Path, case: str) -> None:
    changes, told = OF_DATA[case]
    with pytest.raises(InputError) as refused:
        read(folder, **changes).table()
    assert told in str(refused.value)


def test_a_file_says_the_same_as_its_tables(folder: Path) -> None:
    text = """
name = "planted"
periods_per_year = 365
[dataset]
synthetic = { seconds = 60 }
[features]
names = ["log_return_1"]
[label]
[split]
name = "paper-41"
[model]
name = "Ridge:regressor"
"""
    (folder / "plain.toml").write_text(text)
    found = Experiment.read(folder / "plain.toml", folder)
    assert found.folder == found.data == str(folder)
    assert Experiment.of(found.to_dict(), folder=folder, data=folder) == found
    assert Experiment.unpacked(found.packed()) == found
    with pytest.raises(InputError, match="cannot be read"):
        Experiment.read(folder / "none.toml")
    (folder / "broken.toml").write_text("[[dataset")
    with pytest.raises(InputError, match="as TOML"):
        Experiment.read(folder / "broken.toml")


def test_the_hash_is_of_what_decides_a_trial(folder: Path) -> None:
    one = read(folder)
    alike = read(folder, name="other", seeds=9, tuning={"batch": 2})
    assert one.hash == alike.hash
    others = (
        {"label": {"kind": "return", "bars": 2}},
        {"costs": {"fee_bp": 0.0}},
        {"model": {"name": "Ridge:regressor", "params": {"alpha": 2.0}}},
        {"split": {"shares": [0.5, 0.2]}},
        {"features": {"names": ["log_return_1", "flow:ewm_1", "volatility_7"]}},
    )
    hashes = {read(folder, **change).hash for change in others}
    assert len(hashes) == len(others)
    assert one.hash not in hashes


def test_seeds_of_what_draws_nothing(folder: Path) -> None:
    assert list(read(folder, seeds=3, model={"name": "Linear:regressor"}).seeds) == [1]
    assert list(read(folder, seeds=3, model={"name": "RandomForest:regressor"}).seeds) == [1, 2, 3]
    bag = {"name": "Linear:regressor", "ensemble": {"kind": "bagged"}}
    assert list(read(folder, seeds=3, model=bag).seeds) == [1, 2, 3]


def test_rows_by_hand(folder: Path) -> None:
    """Every row again from the file's numbers, one by one."""
    experiment = read(folder, label={"kind": "return", "bars": 3}, split={"shares": [0.6, 0.2], "embargo": "2d"})
    table = experiment.table()
    raw = np.genfromtxt(folder / "bars.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    close = raw["close"]
    stamps = raw["time"].astype("datetime64[ns]").astype(np.int64) + DAY  # known when the day has ended
    assert table.times.tolist() == stamps.tolist()
    columns = {name: raw[name].astype(float) for name in ("open", "high", "low", "close", "volume", "flow")}
    expected = compute(columns, table.features)
    np.testing.assert_array_equal(table.X, expected)
    for row in range(DAYS - 3):
        assert table.y[row] == pytest.approx(close[row + 3] / close[row] - 1)
        assert table.ends[row] == stamps[row + 3]
        assert table.moves[row] == pytest.approx(close[row + 1] / close[row] - 1)
    assert not table.usable[-3:].any()
    train, backtest, forward = (table.part(part) for part in ("train", "backtest", "forward"))
    assert train[0] == np.flatnonzero(np.isfinite(expected).all(axis=1))[0]
    assert table.ends[train].max() <= table.split.train.end <= table.times[backtest].min() - 2 * DAY
    assert table.ends[backtest].max() <= table.split.backtest.end <= table.times[forward].min() - 2 * DAY
    span = table.span("backtest")
    assert table.times[span].min() >= table.split.backtest.start + 2 * DAY
    assert table.times[span + 1].max() <= table.split.backtest.end
    assert set(backtest) <= set(span)


def test_directions_and_barriers(folder: Path) -> None:
    sign = read(folder, label={"kind": "direction"}, model={"name": "LDA:classifier"}).table()
    rises = (sign.moves > 0).astype(float)
    np.testing.assert_array_equal(sign.y[:-1], rises[:-1])
    label = {"kind": "direction", "band_bp": 100.0}
    banded = read(folder, label=label, model={"name": "LDA:classifier"}).table()
    np.testing.assert_array_equal(banded.y[:-1], np.where(np.abs(sign.moves) <= 0.01, 0.0, np.sign(sign.moves))[:-1])
    label = {"kind": "triple_barrier", "bars": 4, "take": 2.0, "stop": 2.0, "width": "volatility_14"}
    met = read(folder, label=label, model={"name": "LDA:classifier"}).table()
    assert set(met.y[met.usable]) <= {-1.0, 0.0, 1.0}
    assert (met.exits[met.usable] > np.flatnonzero(met.usable)).all()
    assert (met.exits[met.usable] <= np.flatnonzero(met.usable) + 4).all()


def test_a_series_is_joined_when_it_was_known(folder: Path) -> None:
    """The same column told three days later is the column three rows before."""
    at_once = read(folder).table()
    file = {**tables()["dataset"]["file"], "name": "late", "kind": "series", "delays": {"flow": "3d"}}
    late = read(folder, series=[{"name": "flow", "column": "flow", "file": file}]).table()
    np.testing.assert_array_equal(late.X[3:, 0], at_once.X[:-3, 0])
    assert np.isnan(late.X[:3, 0]).all()
    assert late.dataset != at_once.dataset
    assert late.market == at_once.market
    assert late.feature_hash != at_once.feature_hash
    aged = read(folder, series=[{"name": "flow", "column": "flow", "file": file, "max_age": "3d"}]).table()
    np.testing.assert_array_equal(aged.X, late.X)
    with pytest.raises(InputError, match="is unknown on most"):
        read(folder, series=[{"name": "flow", "column": "flow", "file": file, "max_age": "2d"}]).table()


@given(st.data())
def test_positions_are_the_sum_of_decisions_alive(data: st.DataObject) -> None:
    n = data.draw(st.integers(5, 30))
    bars = data.draw(st.integers(1, 4))
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, n - bars - 1), min_size=1))))
    leaning = np.array(data.draw(st.lists(st.floats(-2, 2), min_size=len(rows), max_size=len(rows))))
    lives = np.array(data.draw(st.lists(st.integers(1, bars), min_size=len(rows), max_size=len(rows))))
    exits = np.zeros(n, np.int64)
    exits[rows] = rows + lives
    threshold = data.draw(st.sampled_from([0.0, 0.5]))
    spec = Experiment.of(
        tables(label={"bars": bars}, model={"name": "Ridge:regressor", "threshold": threshold}), folder="."
    ).spec
    empty = np.zeros(n)
    table = Table("d", "m", "n", "f", (), np.arange(n), empty, empty, empty, exits, empty, None, *[empty] * 4)  # type: ignore[arg-type]
    held = positions(spec, table, rows, leaning, np.arange(n))
    decided = signs(spec, leaning)
    for bar in range(n):
        alive = [s for s, row, end in zip(decided, rows, rows + lives, strict=True) if row <= bar < end]
        assert held[bar] == pytest.approx(sum(alive) / bars, abs=1e-12)
    assert (np.abs(held) <= 1).all()
