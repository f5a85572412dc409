"""`quotewright research …` on a planted file: JSON that parses, pages, exit codes, refusals; help stays light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quotewright.studies import catalogue
from quotewright.studies.catalogue import Asked, NamedStudy

EXPERIMENT = """
name = "planted"
periods_per_year = 365

[dataset.file]
path = "bars.csv"
name = "bars"
kind = "bars"
stamp = "day"
stamps = "start"
period = "1d"
floats = { close = "USD", flow = "1" }
licence = "made"

[[series]]
name = "flow"
column = "flow"

[features]
names = ["flow:ewm_1", "log_return_1"]

[label]
kind = "return"

[split]
shares = [0.6, 0.2]

[model]
name = "Ridge:regressor"

[validation]
folds = 2
groups = 3
"""
USER = """
import polars as pl

def honest(frame):
    return frame.select("day", change=pl.col("close").diff())

def leaky(frame):
    return frame.select("day", change=-pl.col("close").diff(-1))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("research")
    rng = np.random.default_rng(4)
    flow = rng.normal(size=701)
    close = 100 * np.exp(np.cumsum(0.01 * flow[:-1] + 0.01 * rng.normal(size=700)))
    rows = [f"{np.datetime64('2020-01-01') + k},{close[k]:.8f},{flow[k + 1]:.8f}" for k in range(700)]
    (made / "bars.csv").write_text("\n".join(["day,close,flow", *rows]) + "\n")
    (made / "planted.toml").write_text(EXPERIMENT)
    (made / "blind.toml").write_text(EXPERIMENT.replace('"planted"', '"blind"').replace('"flow:ewm_1", ', ""))
    (made / "mine.py").write_text(USER)
    return made


def test_from_file_to_registered_model(folder: Path, cli: Any) -> None:
    file, out = folder / "planted.toml", folder / "out"
    trained = cli("research", "train", file, "--out", out, "--json").json()
    (model,) = trained["models"]
    assert model["compiled"]
    assert model["p50_us"] > 0
    shown = cli("research", "train", file, "--out", out).out
    assert model["model"] in shown
    assert "µs a row" in shown
    assert "trained before" in shown

    found = cli("research", "validate", file, "--out", out, "--json").json()
    assert found["backtest"]["sharpe"] > 0
    assert set(found["verdicts"]) == {"train", "backtest", "forward"}
    assert json.loads((out / "validation.json").read_text())["backtest"] == found["backtest"]
    assert "Deflated Sharpe" in (out / "validation.html").read_text()
    assert "Deflated Sharpe" in cli("research", "validate", file, "--out", out).out

    (listed,) = cli("research", "models", "--registry", out / "registry", "--json").json()
    assert listed["hash"] == model["model"]
    assert not listed["approved"]
    assert model["model"][:12] in cli("research", "models", "--registry", out / "registry").out
    (other,) = cli("research", "train", folder / "blind.toml", "--out", out, "--json").json()["models"]
    asked = ("research", "diff", model["model"][:8], other["model"][:8], "--registry", out / "registry")
    assert {"features", "artefact"} <= {each["name"] for each in cli(*asked, "--json").json()}
    assert "features" in cli(*asked).out


def test_tune_resumes(folder: Path, cli: Any) -> None:
    asked = ("research", "tune", folder / "planted.toml", "--out", folder / "tuned", "--trials")
    assert cli(*asked, 2, "--json").json()["resumed"] == 0
    again = cli(*asked, 3, "--json").json()
    assert (again["resumed"], again["trials"]) == (2, 3)
    shown = cli(*asked, 3)
    assert "alpha=" in shown.out
    assert "3 of 3 trials were made before" in shown.err


def test_looks_have_pages(folder: Path, cli: Any) -> None:
    file, out = folder / "planted.toml", folder / "looks"
    features = cli("research", "features", file, "--out", out, "--no-importance", "--json").json()
    assert features["kept"][0] == "flow:ewm_1"
    explained = cli("research", "explain", file, "--out", out, "--rows", 20, "--json").json()
    assert explained["shapley"][0]["feature"] == "flow:ewm_1"
    assert explained["breaks"]
    tails = cli("research", "montecarlo", folder / "bars.csv", "--out", out, "--law", "normal", "--law", "student",
                "--draws", 20, "--json").json()  # fmt: skip
    assert {one["kind"] for one in tails["fits"]} == {"normal", "student"}
    compared = cli("research", "compare", file, folder / "blind.toml", "--out", out, "--json").json()
    assert compared["stages"]["forward"][0]["rank"] == 1
    for page in ("features", "explain", "montecarlo", "comparison"):
        text = (out / f"{page}.html").read_text()
        assert "http" not in text.split("<body", 1)[0]
        assert len(text) > 10_000


def test_the_audit_s_exit_code_says_what_it_found(folder: Path, cli: Any) -> None:
    own = ("--data", folder / "bars.csv", "--time", "day", "--delay", "1d", "--number", 8)
    assert cli("research", "audit", f"{folder / 'mine.py'}:honest", *own).code == 0
    leaky = cli("research", "audit", f"{folder / 'mine.py'}:leaky", *own)
    assert leaky.code == 3
    assert "change at" in leaky.out
    told = cli("research", "audit", f"{folder / 'mine.py'}:leaky", *own, "--json")
    assert told.code == 3
    assert not told.json()["clean"]
    found = cli("research", "audit", folder / "planted.toml", "--number", 4, "--json").json()
    assert found["leaks"] == []
    assert found["compared"] > 1000


WRONG: dict[str, tuple[tuple[object, ...], str]] = {
    "no such file": (("train", "none.toml", "--out", "o"), "experiment: 'none.toml'"),
    "no such study": (("study", "moon", "--data", ".", "--out", "o"), "study: 'moon': is not one of btc-daily-41"),
    "study of no seeds": (("study", "owner-labels", "--data", ".", "--out", "o", "--seeds", 0), "seeds: 0"),
    "no such data": (("study", "owner-labels", "--data", "nowhere", "--out", "o"), "data: 'nowhere"),
    "no such function": (("audit", "mine.py:f", "--data", __file__), "function: 'mine.py:f'"),
    "function without data": (("audit", "mine.py:f"), "data: '"),
    "no registry": (("models", "--registry", "nowhere"), "registry: 'nowhere'"),
    "nothing to compare": (("diff", "abcdef", "abcdef", "--registry", "nowhere"), "registry: 'nowhere'"),
    "no closes": (("montecarlo", "none.csv", "--out", "o"), "file: 'none.csv'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUOTEWRIGHT_DATA", raising=False)
    arguments, told = WRONG[case]
    result = cli("research", *arguments)
    assert result.code == 2, result.err
    assert told in " ".join(result.err.split())
    assert "Traceback" not in result.err


def test_a_study_is_asked_and_told(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Asked] = []

    def run(given: Asked) -> dict[str, Any]:
        asked.append(given)
        return {"models": [{"name": "one", "kind": "regressor"}]}

    monkeypatch.setitem(catalogue.STUDIES, "planted", NamedStudy("a planted one", run))
    given = ("--data", tmp_path, "--out", tmp_path / "o", "--seeds", 2, "--registry", tmp_path / "r", "--workers", 1)
    found = cli("research", "study", "planted", *given, "--json").json()
    assert found["models"][0]["name"] == "one"
    (one,) = asked
    assert (one.data, one.out, one.seeds, one.registry) == (tmp_path, tmp_path / "o", 2, tmp_path / "r")
    assert one.engine.workers == 1


def test_help_brings_no_learning_library() -> None:
    probe = (
        "import sys; sys.argv = ['quotewright', 'research', '--help']\n"
        "from quotewright.app.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'sklearn', 'scipy', 'polars', 'numba', 'optuna', 'shap', 'sqlalchemy', 'numpy'} & set(sys.modules)\n"
        "print('heavy', sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert "heavy []" in done.stderr


def test_published_files_become_checked_datasets(shared_data: Path, tmp_path: Path, monkeypatch: Any, cli: Any) -> None:
    monkeypatch.delenv("QUOTEWRIGHT_DATA", raising=False)
    known = {"fear-greed-1d", "btcusd-1d-merged"}
    taken = cli("research", "datasets", *known, "--data", shared_data, "--out", tmp_path, "--json").json()
    assert {one["reference"].partition("@")[0] for one in taken} == known
    assert all(one["findings"] for one in taken)
    assert cli("research", "datasets", "--out", tmp_path, "--json").json() == taken
    one = taken[0]
    shown = cli("research", "datasets", one["reference"], "--out", tmp_path).out
    assert one["findings"][0]["check"] in shown
    assert "is not a published file" in cli("research", "datasets", "no", "--data", shared_data, "--out", tmp_path).err
