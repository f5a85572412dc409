"""Plain documents: one text for one content, and every difference between two, no more."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.lineage.documents import Difference, canonical, differences, digest, plain

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
NAMES = st.text("abc", min_size=1, max_size=3)
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
)


@given(DOCUMENTS)
def test_a_document_survives_json_and_is_one_text_in_any_order(document: Any) -> None:
    known = plain(document)
    assert json.loads(canonical(document)) == known
    if isinstance(document, dict):
        turned = dict(reversed(document.items()))
        assert canonical(turned) == canonical(document)
        assert digest(turned) == digest(document)
    assert differences(document, document) == []


@given(st.dictionaries(NAMES, st.integers(), max_size=6), st.dictionaries(NAMES, st.integers(), max_size=6))
def test_differences_are_exactly_the_entries_that_differ(a: dict[str, int], b: dict[str, int]) -> None:
    found = differences({"x": a, "y": 1}, {"x": b, "y": 1})
    if a and b:
        assert {each.name for each in found} == {f"x.{n}" for n in {*a, *b} if a.get(n) != b.get(n)}
        for each in found:
            name = each.name.removeprefix("x.")
            assert (each.a, each.b) == (a.get(name), b.get(name))
            assert each.change == (b[name] - a[name] if name in a and name in b else None)


def test_numbers_of_numpy_and_those_without_a_value() -> None:
    document = {"a": np.float64(0.1), "b": np.arange(3), "c": (np.int64(2), math.nan), "d": -math.inf}
    assert plain(document) == {"a": 0.1, "b": [0, 1, 2], "c": [2, None], "d": None}
    assert plain(np.array([1.0, math.nan])) == [1.0, None]


def test_a_true_is_no_number() -> None:
    assert Difference("x", True, 2).change is None
    assert Difference("x", "1", 2).change is None
    assert Difference("x", 1, 2.5).change == 1.5
    assert [each.name for each in differences({"x": 1}, {"x": True})] == ["x"]


@pytest.mark.parametrize("wrong", [{"a": {1, 2}}, {"a": b"bytes"}, {"a": [object()]}, {1: 2}])
def test_what_json_cannot_hold_is_refused_by_its_place(wrong: Any) -> None:
    with pytest.raises(InputError, match="document"):
        plain(wrong)
