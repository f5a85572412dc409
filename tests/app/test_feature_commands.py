"""`features list`, `features fit` and `replay --features`: learned on the beginning, refused where it does not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from quotewright.app.cli import app
from quotewright.domain.errors import InputError
from quotewright.features.settings import FeatureSettings
from quotewright.features.slots import NAMES, catalogue_hash
from quotewright.research.feature_fit import fit_features
from quotewright.sessions.feature_file import read_features
from quotewright.sessions.importing import store_events
from quotewright.sessions.synthetic import make_market
from quotewright.storage.store import Store

MARKET = "synthetic:BTCUSDT"
READER = """
from quotewright.domain.quotes import ON_TIMER
from quotewright.domain.strategy import Strategy
from quotewright.features.slots import KALMAN
from quotewright.strategies.quoting import ask_at, bid_at


def decide(view, params, memory, target):
    fair = view.mid
    if view.features[KALMAN] == view.features[KALMAN]:
        fair += view.features[KALMAN] * view.tick
    bid_at(view, target, fair - 3 * view.tick, 1)
    ask_at(view, target, fair + 3 * view.tick, 1)


STRATEGY = Strategy("reader", decide, (), "Quotes around the filtered price.", "", triggers=ON_TIMER, features=True)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("market")
    make_market(folder, "turbulent", seed=5, seconds=240)
    return folder


def call(*arguments: Any) -> dict[str, Any]:
    done = CliRunner().invoke(app, [str(one) for one in (*arguments, "--json")], catch_exceptions=False)
    assert done.exit_code == 0
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_list_has_every_slot() -> None:
    assert [slot["name"] for slot in call("features", "list")["slots"]] == list(NAMES)


def test_a_fit_is_read_by_a_replay_and_kept_in_its_record(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "features.json"
    fit = call("features", "fit", MARKET, "--store", store, "--out", file)
    settings = FeatureSettings.from_dict(fit["settings"][MARKET])
    assert settings.usual_touch > 1
    assert settings.microprice[0][0] < 0 < settings.microprice[0][8]
    strategy = tmp_path / "reader.py"
    strategy.write_text(READER)
    common = ("replay", "--store", store, "--instrument", MARKET, "--strategy", strategy, "--no-report", "--out")
    call(*common, tmp_path / "a", "--features", file)
    call(*common, tmp_path / "b")
    record = json.loads((tmp_path / "a/run.json").read_bytes())
    assert FeatureSettings.from_dict(record["features"][MARKET]) == settings
    assert record["feature_catalogue"] == fit["catalogue"]
    assert (tmp_path / "a/journal.parquet").read_bytes() != (tmp_path / "b/journal.parquet").read_bytes()
    again = call("replay", "--store", store, "--journal", tmp_path / "a", "--out", tmp_path / "again")
    assert again["same"]


def test_a_replay_says_what_its_features_were_learned_on(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "features.json"
    call("features", "fit", MARKET, "--store", store, "--out", file, "--train", "0.25")
    common = ("replay", "--store", store, "--instrument", MARKET, "--no-report", "--out")
    said = call(*common, tmp_path / "a", "--strategy", "composed", "--features", file)["assumptions"]
    assert any("first 25% of this: that part is in sample" in sentence for sentence in said)
    said = call(*common, tmp_path / "b", "--strategy", "composed")["assumptions"]
    assert any("what is usual was not learned" in sentence for sentence in said)
    said = call(*common, tmp_path / "c", "--strategy", "glft")["assumptions"]
    assert not any("learned" in sentence for sentence in said)


def test_what_comes_later_changes_no_setting(store: Path, tmp_path: Path) -> None:
    """A recording that is cut off where learning ends gives the same settings."""
    whole = Store(store).dataset(MARKET)
    fit = fit_features(whole, train=0.5)
    events = whole.read()
    kept = events[events["local_ts"] <= fit.until_ns]
    detail: dict[str, Any] = {"format": "cut", "sources": [], "refused": {}, "notes": []}
    store_events(tmp_path, whole.instrument, [kept], lambda: detail, "none")
    cut = Store(tmp_path).dataset(MARKET)
    found = fit_features(cut, train=1.0).settings
    assert found.vpin_bucket == pytest.approx(fit.settings.vpin_bucket, rel=1e-3)  # the cut ends a moment earlier
    assert replace(found, vpin_bucket=fit.settings.vpin_bucket) == fit.settings


@pytest.mark.parametrize(
    ("content", "fix"),
    [
        ("{", "JSON"),
        ("[]", "features fit"),
        ('{"settings": {}, "catalogue": "old"}', "fit them again"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, content: str, fix: str) -> None:
    file = tmp_path / "features.json"
    file.write_text(content)
    with pytest.raises(InputError, match=fix):
        read_features(file, [MARKET])


def test_a_file_that_hides_what_it_learned_on_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "features.json"
    content = {"catalogue": catalogue_hash(), "settings": {MARKET: FeatureSettings().to_dict()}}
    file.write_text(json.dumps({**content, "learned_until_ns": {MARKET: 5}}))
    assert read_features(file, [MARKET]).until_ns == {MARKET: 5}
    for hidden in ({}, {"learned_until_ns": {}}, {"learned_until_ns": {MARKET: "5"}}):
        file.write_text(json.dumps({**content, **hidden}))
        with pytest.raises(InputError, match="learned_until_ns"):
            read_features(file, [MARKET])


@pytest.mark.parametrize("train", [0.0, 1.5, float("nan")])
def test_a_share_out_of_range_is_refused(store: Path, train: float) -> None:
    with pytest.raises(InputError, match="train"):
        fit_features(Store(store).dataset(MARKET), train=train)
