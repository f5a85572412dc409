"""The walk against a plain one, tree by tree; any shape of tree, rows on splits, missing values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import DataError, InputError
from quotewright.inference.compiled import CompiledModel, Ending, Tree, compiled_forest, compiled_linear
from quotewright.signals.forest import NODE, predict_many
from quotewright.signals.model_links import HEAD, ISOTONIC, LOGISTIC, LOGISTIC_SINGLE, PLATT, SCALED

FEATURES = 5
NAMES = [f"f{k}" for k in range(FEATURES)]
GRID = np.array([-2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0])


def grown(rng: Any, most: int) -> Tree:
    """A tree of a random shape, its nodes in no order but the root's."""
    splits = int(rng.integers(0, most + 1))
    left, right = np.full(2 * splits + 1, -1), np.full(2 * splits + 1, -1)
    open_leaves, made = [0], 1
    for _ in range(splits):
        at = open_leaves.pop(int(rng.integers(len(open_leaves))))
        left[at], right[at] = made + 1, made
        open_leaves += [made, made + 1]
        made += 2
    count = len(left)
    return Tree(
        rng.integers(0, FEATURES, count),
        rng.choice(GRID, count),
        left,
        right,
        rng.normal(size=count),
        rng.random(count) < 0.5,
    )


def plain(tree: Tree, x: Any) -> float:
    at = 0
    while tree.left[at] >= 0:
        value = x[tree.feature[at]]
        left = tree.missing_left[at] if math.isnan(value) else value <= tree.threshold[at]
        at = tree.left[at] if left else tree.right[at]
    return float(tree.value[at])


def rows(rng: Any, count: int, missing: float) -> Any:
    found = rng.choice(GRID, (count, FEATURES)) + rng.choice([0.0, 1e-16, -1e-16, 0.3], (count, FEATURES))
    found[rng.random(found.shape) < missing] = np.nan
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 20), st.integers(0, 40), st.booleans(), st.booleans())
def test_the_walk_is_the_plain_one(seed: int, trees: int, most: int, missing: bool, narrow: bool) -> None:
    rng = np.random.default_rng(seed)
    forest = [grown(rng, most) for _ in range(trees)]
    if narrow:
        forest = [tree._replace(value=tree.value.astype(np.float32).astype(np.float64)) for tree in forest]
    base, divisor = float(np.float32(rng.normal())), float(rng.integers(1, 9))
    model = compiled_forest("m", "regressor", NAMES, forest, Ending(), base=base, divisor=divisor, narrow=narrow)
    given_rows = rows(rng, 30, 0.2 if missing else 0.0)
    wanted = []
    for x in given_rows:
        total = np.float32(base) if narrow else base
        for tree in forest:
            value = plain(tree, x)
            total = total + np.float32(value) if narrow else total + value
        wanted.append(float(total) / divisor)
    np.testing.assert_array_equal(model.predict(given_rows), wanted)
    leaves = model.leaves(given_rows)
    assert leaves.shape == (30, trees)
    values = model.table[int(model.head["trees"][0]) :][leaves]
    np.testing.assert_array_equal(values, [[plain(tree, x) for tree in forest] for x in given_rows])


def test_nodes_are_16_bytes_level_by_level() -> None:
    assert NODE.itemsize == 16
    model = compiled_forest("m", "regressor", NAMES, [grown(np.random.default_rng(3), 30)], Ending())
    nodes = np.asarray(model.nodes)
    inner = nodes["left"] != np.arange(len(nodes))
    assert (np.diff(nodes["left"][inner]) == 2).all()  # children follow in the order of their parents


def exact_link(link: int, raw: float) -> float:
    value = 1 / (1 + math.exp(-raw)) if link else raw
    return float(np.float32(value)) if link == LOGISTIC_SINGLE else value


@settings(max_examples=60, deadline=None)
@given(st.floats(-700, 700), st.sampled_from([0, LOGISTIC, LOGISTIC_SINGLE]))
def test_links_and_what_follows(raw: float, link: int) -> None:
    alone = Tree(*(np.array([v]) for v in (0, 0.0, -1, -1, raw, False)))
    x = np.zeros((1, FEATURES))

    def found(ending: Ending) -> float:
        return float(compiled_forest("m", "classifier", NAMES, [alone], ending).predict(x)[0])

    value = exact_link(link, raw)
    assert found(Ending(link)) == pytest.approx(value, rel=1e-15 if link != LOGISTIC_SINGLE else 2e-7, abs=1e-45)
    assert found(Ending(link, SCALED, 2.0, 3.0)) == pytest.approx(value * 2 + 3, rel=1e-14)
    exponent = min(0.3 * raw + 0.1, 700)
    assert found(Ending(0, PLATT, 0.3, 0.1)) == pytest.approx(1 / (1 + math.exp(exponent)), rel=1e-13)
    places, heights = np.array([-5.0, 0.0, 1.0, 30.0]), np.array([0.1, 0.2, 0.2, 0.9])
    line = found(Ending(0, ISOTONIC, places=places, heights=heights))
    assert line == float(np.interp(raw, places, heights))


def test_an_isotonic_line_of_one_place_is_flat() -> None:
    ending = Ending(0, ISOTONIC, places=np.array([2.0]), heights=np.array([0.4]))
    model = compiled_linear("m", "classifier", NAMES, np.ones(FEATURES), 0.0, None, ending)
    np.testing.assert_array_equal(model.predict(np.array([[1.0] * 5, [0.0] * 5, [0.4] * 5])), 0.4)


def test_refusals() -> None:
    with pytest.raises(InputError, match="no tree"):
        compiled_forest("m", "regressor", NAMES, [], Ending())
    model = compiled_forest("m", "regressor", NAMES, [grown(np.random.default_rng(1), 5)], Ending())
    for wrong in (np.zeros(5), np.zeros((3, 4))):
        with pytest.raises(InputError, match="rows × 5 features"):
            model.predict(wrong)
    with pytest.raises(InputError, match="trees"):
        model._replace(trees=9).leaves(np.zeros((1, 5)))
    tree = grown(np.random.default_rng(2), 5)._replace(feature=np.full(100, 7))
    with pytest.raises(DataError, match="split features"):
        compiled_forest("m", "regressor", NAMES, [tree], Ending())
    assert len(model.predict(np.zeros((0, 5)))) == 0


def test_the_state_is_one_aligned_record() -> None:
    assert HEAD.isalignedstruct
    assert NODE.isalignedstruct
    model: CompiledModel = compiled_linear("m", "regressor", ["a"], np.ones(1), 0.0, None, Ending())
    assert predict_many(model.head, model.nodes, model.table, np.array([[2.0]]))[0] == 2.0
