"""Trees walked in the core: one array of 16-byte nodes, each tree in breadth-first order, eight trees at a time.

Every library's split is brought to one form when a model is exported: left where x ≤ threshold, in double precision.
A library that rounds features to single precision first, or splits at x < threshold, is met by moving the threshold to
the last double that goes left (`quotewright.models.thresholds`), so that no feature is rounded here and the same leaf
is reached for every row. Children stand side by side, left first; a leaf is its own left child at an infinite
threshold, so that walks of one group need no test at each level. NaN goes the way its node states.

`predict_row` is called by strategies' kernels, `predict_many` by Python. A linear model has the same form and no nodes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import inlined, kernel, subkernel
from quotewright.signals.linear_model import linear_sum
from quotewright.signals.model_links import LINEAR, finish

Floats = npt.NDArray[np.float64]

GROUP = 8  # trees walked together: their loads overlap
STRIDE = 4  # levels between two looks whether all of a group are at leaves

NODE = np.dtype([("threshold", "f8"), ("feature", "u2"), ("missing_left", "u2"), ("left", "i4")], align=True)
"""16 bytes. Node i's children are `left` and `left` + 1; a leaf's `left` is i."""


@inlined
def _below(nodes: Any, at: int, x: Any) -> int:
    return int(nodes[at].left) + int(x[nodes[at].feature] > nodes[at].threshold)


@inlined
def _below_missing(nodes: Any, at: int, x: Any) -> int:
    value = x[nodes[at].feature]
    if math.isnan(value):
        left = int(nodes[at].left)
        return left + int(left != at and nodes[at].missing_left == 0)
    return int(nodes[at].left) + int(value > nodes[at].threshold)


@subkernel
def leaf_of(nodes: Any, root: int, x: Any) -> int:
    """The leaf that a row ends in, from one tree's root, missing values included."""
    at = root
    below = _below_missing(nodes, at, x)
    while below != at:
        at = below
        below = _below_missing(nodes, at, x)
    return at


@inlined
def _plus(total: float, value: float, narrow: int) -> float:
    total += value
    return float(np.float32(total)) if narrow else total


@subkernel
def _sum_present(head: Any, nodes: Any, table: Any, x: Any) -> float:
    """The sum over the trees, in their order, for a row without missing values."""
    total, values = head.offset, head.trees
    for tree in range(0, head.trees, GROUP):
        a, b = int(table[tree]), int(table[tree + 1])
        c, d = int(table[tree + 2]), int(table[tree + 3])
        e, f = int(table[tree + 4]), int(table[tree + 5])
        g, h = int(table[tree + 6]), int(table[tree + 7])
        moved = 1
        while moved != 0:
            for _ in range(STRIDE):
                a, b = _below(nodes, a, x), _below(nodes, b, x)
                c, d = _below(nodes, c, x), _below(nodes, d, x)
                e, f = _below(nodes, e, x), _below(nodes, f, x)
                g, h = _below(nodes, g, x), _below(nodes, h, x)
            moved = (int(nodes[a].left) ^ a) | (int(nodes[b].left) ^ b) | (int(nodes[c].left) ^ c)
            moved |= (int(nodes[d].left) ^ d) | (int(nodes[e].left) ^ e) | (int(nodes[f].left) ^ f)
            moved |= (int(nodes[g].left) ^ g) | (int(nodes[h].left) ^ h)
        total = _plus(_plus(total, table[values + a], head.narrow), table[values + b], head.narrow)
        total = _plus(_plus(total, table[values + c], head.narrow), table[values + d], head.narrow)
        total = _plus(_plus(total, table[values + e], head.narrow), table[values + f], head.narrow)
        total = _plus(_plus(total, table[values + g], head.narrow), table[values + h], head.narrow)
    return total


@subkernel
def _sum_missing(head: Any, nodes: Any, table: Any, x: Any) -> float:
    """The same for a row with missing values, tree by tree."""
    total = head.offset
    for tree in range(head.trees):
        total = _plus(total, table[head.trees + leaf_of(nodes, int(table[tree]), x)], head.narrow)
    return total


@subkernel
def forest_sum(head: Any, nodes: Any, table: Any, x: Any) -> float:
    """The sum or mean over the trees; `table` begins with the roots, then holds a value for each node."""
    missing = False
    for i in range(head.features):
        missing |= math.isnan(x[i])
    total = _sum_missing(head, nodes, table, x) if missing else _sum_present(head, nodes, table, x)
    return total / head.divisor


@subkernel
def predict_row(head: Any, nodes: Any, table: Any, x: Any) -> float:
    """What the model says of one row: a classifier's score in [0, 1], a regressor's value in the target's unit.

    `head` is the record (`model.head[0]`), `nodes` and `table` the arrays of a model of
    `quotewright.inference.compiled`; `x` float64, at least as long as its features. A linear model gives NaN where a
    feature whose coefficient is not 0 is NaN, a forest takes it as the library did.
    """
    if head.kind == LINEAR:
        return finish(head, table, linear_sum(head, table, x))
    return finish(head, table, forest_sum(head, nodes, table, x))


@kernel
def predict_into(heads: Any, nodes: Any, table: Any, rows: Any, found: Any) -> None:
    """`predict_row` for each row into `found`, without the checks of `predict_many`."""
    head = heads[0]
    for i in range(len(rows)):
        found[i] = predict_row(head, nodes, table, rows[i])


@kernel
def _leaves(nodes: Any, table: Any, rows: Any, found: Any) -> None:
    for i in range(len(rows)):
        for tree in range(found.shape[1]):
            found[i, tree] = leaf_of(nodes, int(table[tree]), rows[i])


def predict_many(head: Any, nodes: Any, table: Floats, rows: Floats) -> Floats:
    """`predict_row` for each of rows × features. Raises InputError unless the model's features are what it is given."""
    given = _rows(head, rows)
    found = np.empty(len(given))
    predict_into(head, nodes, table, given, found)
    return found


def leaves_of(head: Any, nodes: Any, table: Floats, rows: Floats, trees: int) -> npt.NDArray[np.int64]:
    """Rows × trees: the index in `nodes` of the leaf that each row reaches in each of the first `trees` trees."""
    given = _rows(head, rows)
    most = int(head["trees"][0])
    if not 0 <= trees <= most:
        raise InputError("trees", trees, f"the model has {most}")
    found = np.empty((len(given), trees), np.int64)
    _leaves(nodes, table, given, found)
    return found


def _rows(head: Any, rows: Floats) -> Floats:
    given = np.ascontiguousarray(rows, np.float64)
    wanted = int(head["features"][0])
    if given.ndim != 2 or given.shape[1] != wanted:
        raise InputError("rows", given.shape, f"give rows × {wanted} features")
    return given
