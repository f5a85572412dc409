"""Models: what they were made of names them, other features refuse them, approvals add up, differences are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from quotewright.domain.errors import DataError, InputError
from quotewright.lineage.models import Model
from quotewright.lineage.registry import Registry

MADE: dict[str, Any] = {
    "dataset": "d" * 64,
    "features": "f" * 64,
    "code": "c" * 64,
    "seed": 7,
    "params": {"depth": 3, "rate": 0.1},
    "metrics": {"backtest": {"mae": 0.5, "sharpe": float("nan")}, "forward": {"mae": 0.75}},
}


def register(registry: Registry, name: str = "forest", artefact: bytes = b"trees", **changed: Any) -> Model:
    return registry.models.register(name, artefact, **{**MADE, **changed})


def test_a_model_is_what_it_was_made_of(registry: Registry) -> None:
    one = register(registry)
    assert one == register(registry) == registry.models.get(one.hash[:8])
    assert registry.models.load(one.hash, "f" * 64) == (one, b"trees")
    assert one.params == MADE["params"]
    assert one.metrics == {"backtest": {"mae": 0.5, "sharpe": None}, "forward": {"mae": 0.75}}
    changes: list[dict[str, Any]] = [
        {"name": "other"},
        {"artefact": b"other"},
        {"dataset": "0" * 64},
        {"features": "0" * 64},
        {"code": "0" * 64},
        {"seed": 8},
        {"params": {"depth": 3}},
        {"parents": [one.hash]},
    ]
    others = [register(registry, **change) for change in changes]
    assert len({one.hash, *(each.hash for each in others)}) == len(changes) + 1
    assert [each.hash for each in registry.models.all()] == [one.hash, *(each.hash for each in others)]
    assert registry.models.all(name="other") == [others[0]]
    assert registry.models.all(dataset="0" * 64) == [others[2]]
    assert one.artefact == others[2].artefact != others[1].artefact


def test_other_features_are_refused_at_loading(registry: Registry) -> None:
    model = register(registry)
    with pytest.raises(InputError, match="it was trained on ffffffffffff; train it again") as caught:
        registry.models.load(model.hash, "0" * 64)
    assert caught.value.field == "features"


def test_a_damaged_artefact_is_refused_at_loading(registry: Registry, tmp_path: Path) -> None:
    model = register(registry)
    (tmp_path / "artefacts" / model.artefact[:2] / model.artefact).write_bytes(b"seert")
    with pytest.raises(DataError, match="damaged"):
        registry.models.load(model.hash, "f" * 64)


def test_other_metrics_of_the_same_model_are_refused(registry: Registry) -> None:
    model = register(registry)
    with pytest.raises(InputError, match="registered with other metrics"):
        register(registry, metrics={"mae": 1.0})
    assert registry.models.get(model.hash) == model


def test_the_differences_of_two_models_are_named(registry: Registry) -> None:
    a = register(registry)
    metrics = {"backtest": {"mae": 0.25, "sharpe": 1.5}, "forward": {"mae": 0.75}}
    b = register(
        registry, artefact=b"more", seed=8, params={"depth": 4, "leaves": 9}, metrics=metrics, parents=[a.hash]
    )
    found = {each.name: each for each in registry.models.diff(a.hash, b.hash[:10])}
    assert set(found) == {
        "artefact",
        "seed",
        "params.depth",
        "params.rate",
        "params.leaves",
        "metrics.backtest.mae",
        "metrics.backtest.sharpe",
        "parents",
    }
    assert found["metrics.backtest.mae"].change == -0.25
    assert (found["params.rate"].a, found["params.rate"].b, found["params.rate"].change) == (0.1, None, None)
    assert (found["parents"].a, found["parents"].b) == ([], [a.hash])
    assert registry.models.diff(a.hash, a.hash) == []


def test_approvals_are_added_and_the_last_word_counts(registry: Registry) -> None:
    model, other = register(registry), register(registry, seed=9)
    assert not registry.models.is_approved(model.hash)
    said = [
        registry.models.approve(model.hash, "ann", "paper for a week"),
        registry.models.revoke(model.hash[:10], "bob", "drifted"),
        registry.models.approve(model.hash, "ann", "refitted features checked"),
    ]
    assert registry.models.approvals(model.hash) == said
    assert [each.who for each in said] == ["ann", "bob", "ann"]
    assert sorted(each.at for each in said) == [each.at for each in said]
    assert registry.models.is_approved(model.hash)
    assert registry.models.approvals(other.hash) == []
    registry.models.revoke(model.hash, "bob", "again")
    assert not registry.models.is_approved(model.hash)


def test_lineage_goes_up_through_shared_parents_once(registry: Registry) -> None:
    root = register(registry)
    left, right = (register(registry, seed=seed, parents=[root.hash]) for seed in (1, 2))
    stack = register(registry, name="stack", parents=[right.hash, left.hash, root.hash])
    links = registry.models.ancestors(stack.hash)
    expected = {(stack.hash, each.hash) for each in (left, right, root)}
    expected |= {(left.hash, root.hash), (right.hash, root.hash)}
    assert len(links) == len(expected)
    assert set(links) == expected
    assert {child for child, _ in links[:3]} == {stack.hash}
    assert stack.parents == tuple(sorted(each.hash for each in (left, right, root)))
    assert registry.models.ancestors(root.hash) == []


def test_names_that_are_no_model_are_told_apart(registry: Registry) -> None:
    register(registry)
    for named, match in (("abc", "first 6 digits"), ("forest", "first 6 digits"), ("0" * 64, "not in this registry")):
        with pytest.raises(InputError, match=match):
            registry.models.get(named)


def test_a_beginning_that_two_models_share_is_ambiguous(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quotewright.lineage.models.SHORTEST", 1)
    found = [register(registry, seed=seed) for seed in range(17)]  # of 16 first digits, one must come twice
    firsts = [each.hash[0] for each in found]
    shared = next(digit for digit in firsts if firsts.count(digit) > 1)
    with pytest.raises(InputError, match="give more digits"):
        registry.models.get(shared)


@pytest.mark.parametrize(
    "changed",
    [
        {"name": ""},
        {"artefact": b""},
        {"dataset": ""},
        {"features": ""},
        {"code": ""},
        {"seed": 2**63},
        {"parents": ["0" * 64]},
    ],
)
def test_a_model_without_an_origin_is_refused(registry: Registry, changed: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        register(registry, **changed)
    assert registry.models.all() == []


def test_an_approval_needs_a_name_and_a_reason(registry: Registry) -> None:
    model = register(registry)
    for who, note in (("", "fine"), ("ann", " ")):
        with pytest.raises(InputError, match="must say something"):
            registry.models.approve(model.hash, who, note)
