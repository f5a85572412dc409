"""A model as flat arrays that the core walks: what a strategy's kernel is given, and what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.kernel import as_records, records
from quotewright.signals.forest import GROUP, NODE, leaves_of, predict_many
from quotewright.signals.model_links import AS_IS, FOREST, HEAD, IDENTITY, ISOTONIC, LINEAR

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class Tree(NamedTuple):
    """One tree by node, the root first; a leaf's `left` is negative. Left where x ≤ threshold."""

    feature: Integers
    threshold: Floats
    left: Integers
    right: Integers
    value: Floats  # of leaves: what the tree adds to the sum
    missing_left: npt.NDArray[np.bool_]


class Ending(NamedTuple):
    """What follows the raw sum: see `quotewright.signals.model_links`."""

    link: int = IDENTITY
    after: int = AS_IS
    slope: float = 1.0
    shift: float = 0.0
    places: Floats = np.empty(0)  # ISOTONIC: scores, ascending
    heights: Floats = np.empty(0)  # and their probabilities


class CompiledModel(NamedTuple):
    """`predict_row(head[0], nodes, table, x)` of `quotewright.signals.forest` takes the arrays as they are."""

    name: str
    kind: str  # classifier: P(the larger label), or regressor
    features: tuple[str, ...]
    head: Any  # one HEAD record
    nodes: Any  # NODE records; none if linear
    table: Floats  # forest: roots, values by node; linear: coefficients, means, scales; then the isotonic line
    trees: int  # without those that fill the last group

    def predict(self, rows: Floats) -> Floats:
        """Scores in [0, 1] or values, by row of rows × features (float64)."""
        return predict_many(self.head, self.nodes, self.table, rows)

    def leaves(self, rows: Floats) -> Integers:
        """Rows × trees: the node of the leaf that each row reaches."""
        return leaves_of(self.head, self.nodes, self.table, rows, self.trees)


def compiled_forest(
    name: str,
    kind: str,
    features: Sequence[str],
    trees: Sequence[Tree],
    ending: Ending,
    *,
    base: float = 0.0,
    divisor: float = 1.0,
    narrow: bool = False,
) -> CompiledModel:
    """Lay trees out for the walk. Raises InputError for no tree, or more features than a node can name."""
    if not trees:
        raise InputError("trees", 0, "fit the model first: it has no tree")
    if len(features) > np.iinfo(np.uint16).max:
        raise InputError("features", len(features), f"at most {np.iinfo(np.uint16).max} can be compiled")
    filling = [_NOTHING] * (-len(trees) % GROUP)
    roots: list[int] = []
    parts: list[tuple[Any, Floats]] = []
    start = 0
    for tree in (*trees, *filling):
        part = _breadth_first(tree, start)
        roots.append(start)
        parts.append(part)
        start += len(part[0])
    head = records(1, HEAD)
    head["kind"], head["features"], head["trees"] = FOREST, len(features), len(roots)
    head["offset"], head["divisor"], head["narrow"] = base, divisor, int(narrow)
    values = np.concatenate([values for _, values in parts])
    table = _finish(head, [np.array(roots, np.float64), values], ending)
    nodes = as_records(np.concatenate([nodes for nodes, _ in parts]).view(NODE))
    return checked(CompiledModel(name, kind, tuple(features), head, nodes, table, len(trees)))


def compiled_linear(
    name: str,
    kind: str,
    features: Sequence[str],
    coefficients: Floats,
    intercept: float,
    scaling: tuple[Floats, Floats] | None,
    ending: Ending,
) -> CompiledModel:
    """Coefficients on features standardised by `scaling` = (means, scales), if any."""
    means, scales = scaling or (np.zeros(len(features)), np.ones(len(features)))
    head = records(1, HEAD)
    head["kind"], head["features"], head["offset"], head["divisor"] = LINEAR, len(features), intercept, 1.0
    table = _finish(head, [coefficients, means, scales], ending)
    return checked(CompiledModel(name, kind, tuple(features), head, records(0, NODE), table, 0))


def checked(model: CompiledModel) -> CompiledModel:
    """The model, if a walk of it must end and stays within its arrays; DataError otherwise: kernels check nothing."""
    head, nodes, table = model.head, np.asarray(model.nodes), model.table
    features, roots = int(head["features"][0]), int(head["trees"][0])
    knots, count = int(head["knots"][0]), len(nodes)
    forest = int(head["kind"][0]) == FOREST
    left, own = nodes["left"].astype(np.int64), np.arange(count)
    leaf = left == own
    faults = {
        "features": features != len(model.features) or features < 1,
        "table": len(table) != (roots + count if forest else 3 * features) + 2 * knots or not np.isfinite(table).all(),
        "roots": forest and (roots < 1 or roots % GROUP != 0 or not 0 <= model.trees <= roots),
        "children": bool((~leaf & ((left <= own) | (left + 1 >= count))).any()),
        "leaves": bool((nodes["threshold"][leaf] != np.inf).any()),
        "split features": bool((nodes["feature"] >= features).any()) if count else False,
        "thresholds": bool(np.isnan(nodes["threshold"]).any()),
        "divisor": not float(head["divisor"][0]) > 0,
        "isotonic line": int(head["after"][0]) == ISOTONIC
        and (knots < 1 or (np.diff(_places(table, knots)) <= 0).any()),
    }
    if forest and not faults["table"] and not faults["roots"]:
        starts = table[:roots]
        faults["roots"] = bool(((starts < 0) | (starts >= count) | (starts != np.floor(starts))).any())
    for name, wrong in faults.items():
        if wrong:
            raise DataError(f"compiled model {model.name}: its {name} cannot be walked: export the model again")
    return model


_NOTHING = Tree(
    np.zeros(1, np.int64),
    np.zeros(1),
    np.full(1, -1),
    np.full(1, -1),
    np.zeros(1),
    np.zeros(1, np.bool_),
)


def _places(table: Floats, knots: int) -> Floats:
    return table[len(table) - 2 * knots : len(table) - knots]


def _finish(head: Any, parts: list[Floats], ending: Ending) -> Floats:
    head["link"], head["after"], head["knots"] = ending.link, ending.after, len(ending.places)
    head["slope"], head["shift"] = ending.slope, ending.shift
    parts = [*parts, ending.places, ending.heights]
    return np.ascontiguousarray(np.concatenate([np.asarray(part, np.float64) for part in parts]))


def _breadth_first(tree: Tree, start: int) -> tuple[Any, Floats]:
    """The tree's nodes level by level with children side by side, numbered from `start`, and their values."""
    levels = [np.zeros(1, np.int64)]
    while len(levels[-1]):
        inner = levels[-1][tree.left[levels[-1]] >= 0]
        levels.append(np.stack([tree.left[inner], tree.right[inner]], axis=1).ravel())
    order = np.concatenate(levels)
    place = np.empty(len(tree.left), np.int64)
    place[order] = np.arange(len(order))
    inner = tree.left[order] >= 0
    nodes = np.zeros(len(order), NODE)
    nodes["threshold"] = np.where(inner, tree.threshold[order], np.inf)
    nodes["feature"] = np.where(inner, tree.feature[order], 0)
    nodes["missing_left"] = tree.missing_left[order]
    nodes["left"] = start + np.where(inner, place[tree.left[order]], np.arange(len(order)))
    return nodes, np.where(inner, 0.0, tree.value[order])
