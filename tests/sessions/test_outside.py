"""Models and views in a session: read with their hashes, refused where they do not fit, and the same when repeated."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from quotewright.app.cli import app
from quotewright.domain.errors import InputError
from quotewright.features.slots import MODEL_INPUTS, model_hash
from quotewright.inference.artefact import save
from quotewright.inference.compiled import Ending, Tree, compiled_forest
from quotewright.sessions.outside import read_model, read_view
from quotewright.sessions.synthetic import make_market

MARKET = "synthetic:BTCUSDT"


def _forest(folder: Path, leaf: float, feature_hash: str = "") -> Path:
    """A tree that asks whether more rests at the bid."""
    at = MODEL_INPUTS.index("queue_imbalance")
    tree = Tree(
        np.array([at, 0, 0]),
        np.array([0.0, 0.0, 0.0]),
        np.array([1, -1, -1]),
        np.array([2, -1, -1]),
        np.array([0.0, -leaf, leaf]),
        np.zeros(3, np.bool_),
    )
    model = compiled_forest("queue", "regressor", MODEL_INPUTS, [tree], Ending())
    return folder / f"{save(model, folder, feature_hash or model_hash())}.json"


def _view(file: Path, rows: str) -> Path:
    file.write_text(f"known,value\n{rows}")
    return file


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("market")
    make_market(folder, "calm", seed=3, seconds=60)
    return folder


def _replay(store: Path, out: Path, *more: str, fails: str = "") -> dict:  # type: ignore[type-arg]
    base = ["replay", "--store", str(store), "--instrument", MARKET, "--no-report", "--json", "--out", str(out)]
    if "--strategy" not in more:
        base += ["--strategy", "composed", "--param", "heed_stress=0"]
    done = CliRunner().invoke(app, [*base, "--param", "k=20", "--param", "sigma=0.1", "--param", "A=5", *more])
    if fails:
        assert isinstance(done.exception, InputError)
        assert fails in str(done.exception)
        return {}
    assert done.exit_code == 0, done.output
    return json.loads((out / "run.json").read_bytes())


def test_a_model_and_a_view_move_the_quotes_and_repeat(store: Path, tmp_path: Path) -> None:
    manifest = _forest(tmp_path / "models", 1.0)
    view = _view(tmp_path / "view.csv", "2020-01-01T00:00:00Z,2.0\n")
    journals: dict[str, bytes] = {}
    cases = {
        "plain": (),
        "model": ("--model", f"{MARKET}={manifest}", "--param", "signal_model=0.2"),
        "view": ("--view", f"{MARKET}={view}", "--param", "view_target=1"),
        "unread": ("--model", f"{MARKET}={manifest}", "--view", f"{MARKET}={view}"),
    }
    for name, more in cases.items():
        record = _replay(store, tmp_path / name, *more)
        journals[name] = (tmp_path / name / "journal.parquet").read_bytes()
        if name == "model":
            assert record["models"][MARKET] == {"path": str(manifest), "hash": manifest.stem}
    assert len({journals[name] for name in ("plain", "model", "view")}) == 3
    assert journals["unread"] == journals["plain"]  # with weights of 0 nothing reads them
    again = ["replay", "--store", str(store), "--json", "--out", str(tmp_path / "again"), "--journal"]
    for name in ("model", "view"):
        done = CliRunner().invoke(app, [*again, str(tmp_path / name)])
        assert json.loads(done.stdout)["same"]
    view.write_text("known,value\n2020-01-01,3.0\n")
    done = CliRunner().invoke(app, [*again, str(tmp_path / "view")])
    assert isinstance(done.exception, InputError)
    assert "another file" in str(done.exception)


def test_what_does_not_fit_is_refused(store: Path, tmp_path: Path) -> None:
    manifest = _forest(tmp_path / "models", 1.0)
    _replay(store, tmp_path / "x", "--model", str(manifest), fails="VENUE:SYMBOL=FILE")
    _replay(store, tmp_path / "x", "--model", f"binance:NO={manifest}", fails="not in this session")
    old = _forest(tmp_path / "models", 2.0, "other slots")
    _replay(store, tmp_path / "x", "--model", f"{MARKET}={old}", fails="train it again")
    _replay(store, tmp_path / "x", "--model", f"{MARKET}={manifest}", "--strategy", "glft", fails="read by no strategy")
    with pytest.raises(InputError, match="HASH"):
        read_model(tmp_path / "model.npz")


@pytest.mark.parametrize(
    ("rows", "fix"),
    [
        ("2020-01-01,1\n2020-01-01,2\n", "line 3"),
        ("2020-01-02,1\n2020-01-01,2\n", "sort by time"),
        ("2020-01-01,nan\n", "finite"),
        ("soon,1\n", "cannot be read"),
        ("2020-01-01\n", "cannot be read"),
    ],
)
def test_a_view_that_cannot_be_read_names_its_line(tmp_path: Path, rows: str, fix: str) -> None:
    with pytest.raises(InputError, match=fix):
        read_view(_view(tmp_path / "view.csv", rows))


def test_a_model_of_other_columns_is_refused(tmp_path: Path) -> None:
    """The hash of the slots is right, and yet its first column is not the first slot; longer ones would read beyond."""
    leaf = Tree(np.zeros(1, np.int64), np.zeros(1), np.array([-1]), np.array([-1]), np.ones(1), np.zeros(1, np.bool_))
    for names in (MODEL_INPUTS[::-1], MODEL_INPUTS[2:], (*MODEL_INPUTS, "more")):
        model = compiled_forest("other", "regressor", names, [leaf], Ending())
        with pytest.raises(InputError, match="MODEL_INPUTS"):
            read_model(tmp_path / f"{save(model, tmp_path, model_hash())}.json")


@pytest.mark.parametrize("digits", ["000000000", "000000", "000", ""])
def test_a_view_in_any_unit_is_not_known_since_1970(tmp_path: Path, digits: str) -> None:
    """Seconds read as nanoseconds would make a whole file known before the session begins."""
    found = read_view(_view(tmp_path / "view.csv", f"1577836800{digits},1\n"))
    assert found.times.tolist() == [1577836800 * 10**9]


def test_a_view_of_nanoseconds_or_dates(tmp_path: Path) -> None:
    found = read_view(_view(tmp_path / "view.csv", "1577836800000000000,1\n2020-01-02,-2.5\n"))
    assert found.times.tolist() == [1577836800 * 10**9, (1577836800 + 86400) * 10**9]
    assert found.values.tolist() == [1.0, -2.5]
    for text in ("time,value\n1,2\n", ""):
        (tmp_path / "view.csv").write_text(text)
        with pytest.raises(InputError, match="columns"):
            read_view(tmp_path / "view.csv")
