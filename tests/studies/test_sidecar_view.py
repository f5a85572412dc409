"""A sidecar's answers as a view: each known its latency later, and seen by the features from then on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from quotewright.domain.errors import InputError
from quotewright.features.matrix import Features
from quotewright.features.slots import SLOTS, VIEW
from quotewright.studies.sidecar_view import sidecar_view


def _seen(times: list[int], first: list[float]) -> Features:
    values = np.zeros((len(times), len(SLOTS)))
    values[:, 0] = first
    values[:, VIEW:] = np.nan
    return Features(np.array(times, np.int64), np.full(len(times), 200, np.int64), values)


def _first(x: Any) -> float:
    assert len(x) == VIEW
    return float(x[0]) * 10


def test_answers_are_known_a_latency_after_they_were_asked_for() -> None:
    seen = _seen([0, 40, 100, 150, 220, 300, 390], [1, 2, 3, 4, 5, 6, 7])
    view = sidecar_view(_first, seen, every_ns=100, latencies_ns=[30])
    assert view.times.tolist() == [30, 130, 250, 330]
    assert view.values.tolist() == [10.0, 30.0, 50.0, 60.0]


def test_a_slow_sidecar_answers_the_newest_question() -> None:
    seen = _seen([0, 10, 20, 30, 40, 100], [1, 2, 3, 4, 5, 6])
    view = sidecar_view(_first, seen, every_ns=10, latencies_ns=[25])
    assert view.times.tolist() == [25, 75]  # that of 20, known at 50, was old again at the next update
    assert view.values.tolist() == [10.0, 50.0]


def test_what_is_not_known_is_not_asked() -> None:
    seen = _seen([0, 100, 200], [1, np.nan, 3])
    view = sidecar_view(_first, seen, every_ns=100, latencies_ns=[0])
    assert view.times.tolist() == [0, 200]
    empty = sidecar_view(_first, _seen([], []), every_ns=100, latencies_ns=[0])
    assert len(empty.times) == 0
    with pytest.raises(InputError, match="every_ns"):
        sidecar_view(_first, seen, every_ns=0, latencies_ns=[0])
    with pytest.raises(InputError, match="latencies"):
        sidecar_view(_first, seen, every_ns=1, latencies_ns=[])
