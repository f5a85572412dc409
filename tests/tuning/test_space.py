"""Spaces: what makes no sense is refused, and nudges stay near what is live and inside what is declared."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.tuning.asking import Asker
from quotewright.tuning.search import Search
from quotewright.tuning.space import Dimension, checked_params, nudges, space_of

SPACE = space_of(
    [
        {"name": "rate", "low": 1e-4, "high": 1.0, "log": True},
        {"name": "depth", "low": 1, "high": 12, "whole": True},
        {"name": "share", "low": 0.1, "high": 1.0, "step": 0.3},
        {"name": "kind", "choices": ["a", "b", None]},
        {"name": "fixed", "low": 2.0, "high": 2.0},
    ]
)


def test_a_space_survives_json() -> None:
    assert space_of(json.loads(json.dumps([each.to_dict() for each in SPACE]))) == SPACE


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsga2"])
def test_what_is_asked_lies_in_the_space(sampler: str) -> None:
    asked = Asker(Search(SPACE, {"loss": "min"}, batch=64, sampler=sampler)).ask()
    for _, params in asked:
        assert checked_params(SPACE, params) == params
        assert params["fixed"] == 2.0
        assert min(abs(params["share"] - step) for step in (0.1, 0.4, 0.7, 1.0)) < 1e-12  # type: ignore[operator]
    assert {params["kind"] for _, params in asked} == {"a", "b", None}
    rates = sorted(float(params["rate"]) for _, params in asked)  # type: ignore[arg-type]
    assert rates[32] < 0.1  # by logarithm half of them lie below 0.01


def test_starts_are_asked_first_whatever_their_step() -> None:
    start = {"rate": 0.5, "depth": 12, "share": 0.25, "kind": None, "fixed": 2}
    asked = Asker(Search(SPACE, {"loss": "min"}, batch=2, starts=(start,))).ask()
    assert asked[0].params == {**start, "fixed": 2.0}
    assert asked[1].params != asked[0].params


FINITE = st.floats(-1e6, 1e6)


@given(FINITE, FINITE, st.floats(0, 1), st.floats(1e-3, 1), st.sampled_from(["float", "whole", "step"]))
def test_nudges_stay_near_and_inside(a: float, b: float, at: float, fraction: float, kind: str) -> None:
    low, high = min(a, b), max(a, b)
    if kind == "whole":
        low, high = math.floor(low), math.ceil(high)
    step = max((high - low) / 7, 1e-3) if kind == "step" else None
    live = min(max(low + at * (high - low), low), high)
    if kind == "whole":
        live = float(round(live))
    bounds = Dimension("x", low, high, whole=kind == "whole", step=step)
    (found,) = nudges({"x": live}, (bounds,), fraction)
    slack = 1e-9 * max(1.0, abs(low), abs(high))
    assert low - slack <= found.low <= found.high <= high + slack
    assert found.low >= low
    assert found.high <= high
    reach = fraction * abs(live)
    assert live - reach - slack <= found.low
    assert found.high <= live + reach + slack
    if kind == "float":
        assert (found.low, found.high) == (max(low, live - reach), min(high, live + reach))
    if kind == "step" and found.step:
        assert step is not None
        places = (found.low - low) / step
        assert abs(places - round(places)) < 1e-6


def test_nudges_of_what_cannot_move_leave_it_where_it_is() -> None:
    live = {"rate": 0.01, "depth": 3, "share": 0.5, "kind": "b", "fixed": 2.0}
    near = {each.name: each for each in nudges(live, SPACE, 0.2)}
    assert (near["rate"].low, near["rate"].high, near["rate"].log) == (0.008, 0.012, True)
    assert (near["depth"].low, near["depth"].high) == (3, 3)  # a fifth of 3 is no whole step
    assert (near["share"].low, near["share"].high) == (0.4, 0.4)  # the only step from 0.4 to 0.6
    assert near["kind"].choices == ("b",)
    wide = {each.name: each for each in nudges(live, SPACE, 0.7)}
    assert (wide["depth"].low, wide["depth"].high) == (1, 5)
    assert wide["share"].low == pytest.approx(0.4)
    assert wide["share"].high == pytest.approx(0.7)
    (zero,) = nudges({"skew": 0.0}, (Dimension("skew", -1, 1),), 0.5)
    assert (zero.low, zero.high) == (0.0, 0.0)
    asked = Asker(Search(tuple(near.values()), {"loss": "min"}, batch=16)).ask()
    assert all(0.008 <= float(params["rate"]) <= 0.012 and params["depth"] == 3 for _, params in asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"name": "x"}, "needs a name, and low and high"),
        ({"low": 0, "high": 1}, "needs a name"),
        ({"name": "x", "low": 0, "high": 1, "hihg": 2}, "is not a setting"),
        ({"name": "x", "low": 1, "high": 0}, "not below it"),
        ({"name": "x", "low": 0, "high": math.inf}, "finite"),
        ({"name": "x", "low": math.nan, "high": 1}, "finite"),
        ({"name": "x", "low": 0, "high": 1, "log": True}, "above zero"),
        ({"name": "x", "low": 0, "high": 1, "step": 0}, "positive step"),
        ({"name": "x", "low": 1, "high": 2, "step": 1, "log": True}, "without log"),
        ({"name": "x", "low": 0.5, "high": 2, "whole": True}, "whole numbers"),
        ({"name": "x", "choices": ["a"], "low": 1, "high": 2}, "not both"),
        ({"name": "x", "choices": ["a", "a"]}, "twice"),
    ],
)
def test_dimensions_that_make_no_sense_are_refused(given: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        space_of([given])


def test_values_outside_a_space_are_refused() -> None:
    space = (Dimension("n", 1, 3, whole=True), Dimension("c", choices=(1, "a")))
    assert checked_params(space, {"n": 2.0, "c": 1}) == {"n": 2, "c": 1}
    for wrong in ({"n": 2}, {"n": 2, "c": "a", "d": 1}, {"n": 4, "c": 1}, {"n": 1.5, "c": 1}, {"n": 1, "c": True}):
        with pytest.raises(InputError):
            checked_params(space, wrong)
    for fraction in (0.0, 1.5, math.nan):
        with pytest.raises(InputError, match="fraction"):
            nudges({"n": 2, "c": 1}, space, fraction)
    with pytest.raises(InputError, match="must lie in"):
        nudges({"n": 9, "c": 1}, space, 0.1)


@pytest.mark.parametrize(
    "changed",
    [
        {"objectives": {}},
        {"objectives": {"loss": "least"}},
        {"sampler": "guess"},
        {"seed": -1},
        {"batch": 0},
        {"prune_after": -1},
        {"space": ()},
        {"space": (SPACE[0], SPACE[0])},
        {"starts": ({"rate": 0.5},)},
    ],
)
def test_searches_that_make_no_sense_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Search(**{"space": SPACE, "objectives": {"loss": "min"}, **changed})
