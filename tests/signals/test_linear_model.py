"""The linear sum against exact arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.inference.compiled import Ending, compiled_linear

SMALL = st.floats(-1e6, 1e6, allow_subnormal=False)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(SMALL, SMALL, SMALL, st.floats(1e-6, 1e6)), min_size=1, max_size=30), SMALL)
def test_nothing_is_lost_but_the_rounding_of_terms(terms: list[tuple[float, float, float, float]], base: float) -> None:
    x, weights, means, scales = (np.array(column) for column in zip(*terms, strict=True))
    names = [f"f{k}" for k in range(len(x))]
    model = compiled_linear("m", "regressor", names, weights, base, (means, scales), Ending())
    products = weights * ((x - means) / scales)
    exact = sum((Fraction(each) for each in products.tolist()), Fraction(base))
    size = float(np.abs(products).sum()) + abs(base)
    found = float(model.predict(x[None])[0])
    assert abs(Fraction(found) - exact) <= 2 * Fraction(math.ulp(abs(float(exact)))) + Fraction(math.ulp(size)) / 2


def test_missing_values_give_no_answer() -> None:
    model = compiled_linear("m", "regressor", ["a", "b"], np.ones(2), 0.0, None, Ending())
    assert math.isnan(model.predict(np.array([[1.0, np.nan]]))[0])


def test_a_feature_that_does_not_count_need_not_be_known() -> None:
    """A session has no view, say: a model that was taught without one still answers."""
    model = compiled_linear("m", "regressor", ["a", "b"], np.array([2.0, 0.0]), 0.5, None, Ending())
    assert model.predict(np.array([[1.0, np.nan], [np.nan, 1.0]])).tolist()[0] == 2.5
    assert math.isnan(model.predict(np.array([[np.nan, 1.0]]))[0])
