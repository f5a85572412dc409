"""Compiled models come back as they were, or not at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted_returns import planted

from quotewright.domain.errors import DataError, InputError
from quotewright.inference import artefact
from quotewright.inference.artefact import load, read_manifest, save
from quotewright.inference.compiled import CompiledModel
from quotewright.models.exporting import compile_model
from quotewright.models.fitting import fit

FEATURES = hashlib.sha256(b"catalogue").hexdigest()


@pytest.fixture(scope="module")
def models() -> list[CompiledModel]:
    X, returns, ups = planted(200)
    names = [f"feature {k}" for k in range(X.shape[1])]
    return [
        compile_model(fit("RandomForest:classifier", X, ups, 1, params={"n_estimators": 5}, features=names)),
        compile_model(fit("XGBoost:regressor", X, returns, 1, params={"n_estimators": 5}, features=names)),
        compile_model(fit("Lasso", X, returns, 1, features=names)),
        compile_model(fit("LDA", X, ups, 1, calibrate="isotonic", features=names)),
    ]


def test_round_trip(tmp_path: Path, models: list[CompiledModel]) -> None:
    rows, _, _ = planted(300, seed=4)
    for model in models:
        digest = save(model, tmp_path, FEATURES, {"seed": 1, "dataset": "abc"})
        found = load(tmp_path, digest, FEATURES)
        assert found[:3] == model[:3]
        np.testing.assert_array_equal(found.predict(rows), model.predict(rows))
        assert read_manifest(tmp_path, digest)["about"] == {"seed": 1, "dataset": "abc"}
    assert len(list(tmp_path.iterdir())) == 2 * len(models)


def test_the_name_is_the_content(tmp_path: Path, models: list[CompiledModel]) -> None:
    first = save(models[0], tmp_path, FEATURES)
    assert save(models[0], tmp_path / "again", FEATURES) == first
    assert save(models[0], tmp_path, FEATURES, {"seed": 2}) != first
    assert save(models[0], tmp_path, "other") != first
    assert save(models[1], tmp_path, FEATURES) != first


def test_other_features_are_refused(tmp_path: Path, models: list[CompiledModel]) -> None:
    digest = save(models[0], tmp_path, FEATURES)
    with pytest.raises(InputError, match="train it again") as raised:
        load(tmp_path, digest, "other")
    assert raised.value.field == "feature_hash"
    with pytest.raises(InputError, match="no such model"):
        load(tmp_path, "0" * 64, FEATURES)
    with pytest.raises(InputError, match="feature_hash"):
        save(models[0], tmp_path, "")


def test_any_changed_byte_is_found(tmp_path: Path, models: list[CompiledModel]) -> None:
    digest = save(models[0], tmp_path, FEATURES)
    archive, manifest = tmp_path / f"{digest}.npz", tmp_path / f"{digest}.json"
    whole, said = archive.read_bytes(), manifest.read_text()
    rng = np.random.default_rng(1)
    reread = load(tmp_path, digest, FEATURES)
    for place in rng.integers(0, len(whole), 40):
        archive.write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
        try:
            found = load(tmp_path, digest, FEATURES)
        except DataError:
            continue
        for ours, before in zip(found, reread, strict=True):  # a byte of the archive's own bookkeeping
            np.testing.assert_array_equal(np.asarray(ours), np.asarray(before))
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError):
        load(tmp_path, digest, FEATURES)
    archive.write_bytes(whole)
    manifest.write_text(said.replace("feature 1", "feature 9"))
    with pytest.raises(DataError, match="changed"):
        load(tmp_path, digest, FEATURES)
    for text in ("{", "[]", said.replace('"form": 1', '"form": 2')):
        manifest.write_text(text)
        with pytest.raises(DataError):
            load(tmp_path, digest, FEATURES)


def broken(model: CompiledModel, change: str) -> CompiledModel:
    """The same with arrays that a walk would leave, or never end in."""
    head, nodes, table = model.head.copy(), np.asarray(model.nodes).copy(), model.table.copy()
    inner = np.flatnonzero(nodes["left"] != np.arange(len(nodes)))
    if change == "loop":
        nodes["left"][inner[-1]] = 0
    elif change == "beyond":
        nodes["left"][inner[0]] = len(nodes) - 1
    elif change == "feature":
        nodes["feature"][inner[0]] = 999
    elif change == "root":
        table[1] = len(nodes)
    elif change == "value":
        table[-1] = np.nan
    elif change == "trees":
        head["trees"] = 7
    return model._replace(head=head, nodes=nodes, table=table)


@pytest.mark.parametrize("change", ["loop", "beyond", "feature", "root", "value", "trees"])
def test_what_cannot_be_walked_is_refused(tmp_path: Path, models: list[CompiledModel], change: str) -> None:
    """Whoever writes files with a right hash still cannot make the core read beyond its arrays."""
    digest = save(broken(models[0], change), tmp_path, FEATURES)
    with pytest.raises(DataError, match="cannot be walked"):
        load(tmp_path, digest, FEATURES)


def test_nothing_is_pickled(tmp_path: Path, models: list[CompiledModel], monkeypatch: pytest.MonkeyPatch) -> None:
    digest = save(models[0], tmp_path, FEATURES)
    with np.load(tmp_path / f"{digest}.npz", allow_pickle=False) as file:
        assert {file[name].dtype for name in file.files} == {np.dtype(np.uint8)}
    asked: list[Any] = []
    original = artefact.np.load
    monkeypatch.setattr(artefact.np, "load", lambda *a, **k: (asked.append(k), original(*a, **k))[1])
    load(tmp_path, digest, FEATURES)
    assert asked == [{"allow_pickle": False}]
    json.loads((tmp_path / f"{digest}.json").read_text())
