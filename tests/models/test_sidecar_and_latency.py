"""The sidecar's timetable by hand and under polling; latencies and budgets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_returns import planted

from quotewright.domain.errors import InputError
from quotewright.models.exporting import compile_model
from quotewright.models.fitting import fit
from quotewright.models.latency import Latency, latencies, single_row_latency, within_budget
from quotewright.models.sidecar import Answer, SidecarModel


def first(x: Any) -> float:
    return float(x[0])


def row(value: float) -> Any:
    return np.array([value])


def test_the_timetable_by_hand() -> None:
    side = SidecarModel(first, [10, 20])
    assert side.answer(0) is None
    side.ask(100, row(1))  # works until 110
    side.ask(103, row(2))  # waits
    side.ask(105, row(3))  # and is replaced
    assert side.dropped == 1
    assert side.answer(109) is None
    assert side.answer(110) == Answer(1, 100, 110)
    assert side.answer(129) == Answer(1, 100, 110)
    assert side.answer(130) == Answer(3, 105, 130)  # begun when the first was done, 20 ns
    side.ask(200, row(4))
    assert side.answer(210) == Answer(4, 200, 210)
    with pytest.raises(InputError, match="go back"):
        side.answer(209)


def test_rows_are_copied_and_zero_latency_answers_at_once() -> None:
    x = row(5)
    side = SidecarModel(first, [0])
    side.ask(1, x)
    x[0] = 6
    assert side.answer(1) == Answer(5, 1, 1)
    late = SidecarModel(first, [10])
    late.ask(0, row(1))
    late.ask(1, x)
    x[0] = 7
    assert late.answer(20) == Answer(6, 1, 20)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=40),
    st.lists(st.integers(0, 50), min_size=1, max_size=4),
    st.sets(st.integers(0, 1_300)),
)
def test_looking_does_not_change_what_is_answered(gaps: list[int], costs: list[int], looks: set[int]) -> None:
    asked = np.cumsum(gaps).tolist()

    def run(polls: list[int]) -> tuple[list[Answer | None], int]:
        side, found = SidecarModel(first, costs), []
        events = sorted([(t, 0, k) for k, t in enumerate(asked)] + [(t, 1, -1) for t in polls])
        for time, _, k in events:
            if k >= 0:
                side.ask(time, row(k))
                found.append(side.answer(time))
            else:
                side.answer(time)
        found.append(side.answer(10_000))
        return found, side.dropped

    quiet = run([])
    assert quiet == run(sorted(looks))
    for at, answer in zip(asked, quiet[0], strict=False):
        assert answer is None or answer.known_ns <= at
        assert answer is None or answer.asked_ns == asked[int(answer.value)]
    assert quiet[0][-1] is not None
    assert quiet[0][-1].value == len(asked) - 1  # the newest is never the one dropped


def test_sidecar_refusals() -> None:
    with pytest.raises(InputError, match="latencies_ns"):
        SidecarModel(first, [])
    with pytest.raises(InputError, match="latencies_ns"):
        SidecarModel(first, [-1])
    with pytest.raises(InputError, match="not finite"):
        SidecarModel(lambda x: float("nan"), [1]).ask(0, row(1))


def test_a_library_model_runs_beside_the_core() -> None:
    X, _, ups = planted(100)
    fitted = fit("SVC", X, ups, 1)
    spent = single_row_latency(fitted, X, repeats=20)
    side = SidecarModel(lambda x: float(fitted.score(x[None])[0]), spent.samples_ns)
    side.ask(0, X[3])
    found = side.answer(max(spent.samples_ns))
    assert found is not None
    assert found.value == fitted.score(X[3:4])[0]
    assert found.known_ns == spent.samples_ns[0]


def test_latencies_are_measured_by_both_routes() -> None:
    X, returns, _ = planted(100)
    fitted = fit("Linear", X, returns, 1)
    library, compiled = (
        single_row_latency(fitted, X, repeats=50),
        single_row_latency(compile_model(fitted), X, repeats=50),
    )
    assert (library.route, compiled.route) == ("library", "compiled")
    for each in (library, compiled):
        assert 0 < each.p50_us <= each.p99_us
        assert len(each.samples_ns) == 50
    found = latencies(["Ridge:regressor", "KNN:regressor", "LDA"], features=4, rows=100, repeats=10)
    assert {name: each.route for name, each in found.items()} == {
        "Ridge:regressor": "compiled",
        "KNN:regressor": "library",
        "LDA:classifier": "compiled",
    }
    with pytest.raises(InputError):
        single_row_latency(fitted, X, repeats=1)


def test_a_budget_chooses() -> None:
    measured = {
        "a": Latency(5.0, 50.0, "compiled", ()),
        "b": Latency(2.0, 9.0, "compiled", ()),
        "c": Latency(400.0, 900.0, "library", ()),
    }
    assert within_budget(measured, 10.0) == ("b", "a")
    assert within_budget(measured, 10.0, tail=True) == ("b",)
    assert within_budget(measured, 1.0) == ()
    with pytest.raises(InputError):
        within_budget(measured, 0.0)
