"""The run-length filter against a sum over every segmentation, and planted changes."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from quotewright.domain.kernel import records
from quotewright.signals.regime_changes import CHANGE_STATE, RUNS, change_labels, change_rules


def rules(expected_run: float = 8.0, **more: Any) -> Any:
    given: dict[str, Any] = {"mean": 0.3, "spread": 1.5, "noise": 0.7, "up": (-1.0, 1.0), "down": (-1.0, 1.0)}
    return change_rules(expected_run=expected_run, **(given | more))


def run(made: Any, values: Any) -> tuple[Any, Any, Any, Any]:
    state, n = records(1, CHANGE_STATE), len(values)
    labels, levels, changed = np.empty(n, np.int64), np.empty(n), np.empty(n)
    change_labels(state, made, np.asarray(values, np.float64), labels, levels, changed)
    return state[0], labels, levels, changed


def segment_density(made: Any, x: Any) -> float:
    """Of one run under the normal-inverse-gamma prior: a multivariate t, by scipy."""
    one, n = made[0], len(x)
    scale = one["beta"] / one["alpha"] * (np.eye(n) + np.ones((n, n)) / one["kappa"])
    return float(stats.multivariate_t.pdf(x, np.full(n, one["prior"]), scale, df=2 * one["alpha"]))


def test_evidence_and_run_lengths_agree_with_the_sum_over_every_segmentation() -> None:
    made = rules()
    x = np.array([0.1, -0.4, 0.2, 3.1, 2.8, 3.3, -1.0])
    n, hazard = len(x), 1 / 8.0
    evidence, last = 0.0, np.zeros(n + 1)
    for cuts in itertools.product((0, 1), repeat=n - 1):
        edges = [0, *[i + 1 for i, cut in enumerate(cuts) if cut], n]
        p = math.prod(segment_density(made, x[a:b]) for a, b in itertools.pairwise(edges))
        p *= hazard ** sum(cuts) * (1 - hazard) ** (n - 1 - sum(cuts))
        evidence += p
        last[n - edges[-2]] += p
    state, _, _, _ = run(made, x)
    assert state["log_evidence"] == pytest.approx(math.log(evidence), rel=1e-10)
    assert state["runs"][0] == pytest.approx(hazard)
    assert state["runs"][1 : n + 1] / (1 - hazard) == pytest.approx(last[1:] / evidence, rel=1e-9, abs=1e-15)
    assert state["runs"].sum() == pytest.approx(1)


def test_planted_changes_are_seen_soon_and_seldom_imagined() -> None:
    rng = np.random.default_rng(3)
    made = rules(100.0, mean=0.0, spread=2.0, noise=0.5, recent=5)
    seen, false, delays = 0, 0, []
    for _ in range(200):
        at = int(rng.integers(60, 140))
        jump = float(rng.choice([-2.0, 2.0]))
        x = rng.normal(0, 0.5, 200) + jump * (np.arange(200) >= at)
        _, _, levels, changed = run(made, x)
        after = np.flatnonzero(changed[at:] > 0.9)
        false += bool((changed[20:at] > 0.9).any())
        if len(after):
            seen += 1
            delays.append(int(after[0]) + 1)
        assert abs(levels[-1] - jump) < 0.35
    assert seen >= 195
    assert np.median(delays) <= 3
    assert false <= 20


def test_long_runs_rest_on_the_last_values_and_keep_their_mass() -> None:
    x = np.random.default_rng(8).normal(0, 0.7, 3 * RUNS)
    state, _, _, _ = run(rules(1e9), x)
    assert state["runs"][RUNS - 1] == pytest.approx(1, abs=1e-4)
    kept = x[-(RUNS - 1) :]
    kappa = (0.7 / 1.5) ** 2
    assert state["means"][RUNS - 1] == pytest.approx((kappa * 0.3 + kept.sum()) / (kappa + len(kept)), rel=1e-9)


def test_missing_and_absurd_values_do_not_break_the_filter() -> None:
    state, labels, levels, _ = run(rules(), [np.nan, 0.1, np.nan, 0.2, 1e308, 0.1, 0.1])
    assert labels[0] == -1
    assert labels[1] == labels[2]
    assert np.isfinite(levels[1:4]).all()
    assert state["runs"].sum() == pytest.approx(1)


def test_a_far_but_possible_value_is_a_change() -> None:
    _, labels, levels, changed = run(rules(50.0), [0.1, -0.2, 0.3, 0.0, 0.2, 0.1, 1e6, 1e6])
    assert changed[-1] > 0.99
    assert levels[-1] > 1e5
    assert labels.tolist() == [1, 1, 1, 1, 1, 1, 2, 2]
