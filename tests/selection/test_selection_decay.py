"""Decay: intervals that cover, a planted death pruned in its block, and no decision that later rows change."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.selection.decay import decays, rank_ic

SEEDS = st.integers(0, 2**32 - 1)


def test_the_value_is_spearmans_and_the_interval_fishers() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(1)
    x = np.round(rng.normal(size=400), 1)
    y = 0.4 * x + rng.normal(size=400)
    found = rank_ic(x, y)
    assert found.value == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    half = 1.959964 * math.sqrt(1.06 / (found.effective - 3))
    assert (found.low, found.high) == pytest.approx(tuple(np.tanh(np.arctanh(found.value) + half * np.array([-1, 1]))))


@given(SEEDS)
@settings(max_examples=40, deadline=None)
def test_the_rank_ic_is_bounded_odd_and_blind_to_monotone_maps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 9, (2, 30)).astype(float)
    found = rank_ic(x, y)
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert rank_ic(np.exp(x), y**3) == pytest.approx(found)
    assert rank_ic(-x, y).value == pytest.approx(-found.value, abs=1e-12)


def coverage(phi: float, repeats: int) -> tuple[float, float]:
    """Shares of 95 % intervals that hold 0: ours, and Fisher's for independent rows."""
    from scipy.signal import lfilter

    mine = plain = 0
    for pair in lfilter([1], [1, -phi], np.random.default_rng(2).normal(size=(repeats, 2, 400)), axis=2)[..., 100:]:
        found = rank_ic(*pair)
        mine += found.low <= 0 <= found.high
        plain += abs(math.atanh(found.value)) < 1.96 * math.sqrt(1.06 / 297)
    return mine / repeats, plain / repeats


def test_intervals_of_dependent_rows_cover_where_plain_ones_do_not() -> None:
    mine, plain = coverage(0.8, 200)
    assert mine >= 0.87
    assert plain < 0.8


def planted(seed: int = 3, *, dies: int = 800, n: int = 1400) -> tuple[Any, ...]:
    """Two features of IC near 0.5, one with a minus, of which the second dies; 400 rows of training; labels 5 on."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    alive = np.arange(n) < dies
    y = 0.6 * x[:, 0] - 0.6 * x[:, 1] * alive + rng.normal(size=n)
    times = np.arange(n, dtype=np.int64) * 10
    return x, y, ("lives", "dies"), times, times + 50, np.arange(n) < 400


def test_a_death_is_pruned_at_its_block_and_nothing_else_is() -> None:
    x, y, names, times, ends, train = planted(dies=405 + 300)
    lives, dies = decays(x, y, names, times, ends, train, rows=100, bound=0.2, patience=3)
    assert lives.pruned is None
    assert lives.since == -1
    assert lives.reason.startswith("lives")
    assert dies.training.value < -0.3
    # The first rows are those decided on after row 399's label, at 4,040: row 405. Blocks 3, 4 and 5 are dead.
    assert [(b.first, b.last) for b in dies.blocks[:2]] == [(405, 504), (505, 604)]
    assert all(b.told.value > 0.2 for b in dies.blocks[:3])
    assert dies.pruned == 5
    assert dies.since == dies.blocks[5].known == (405 + 600 - 1) * 10 + 50
    assert "3 blocks in a row" in dies.reason
    assert len(dies.blocks) == 9  # 995 rows: the last 95 decide nothing


@given(SEEDS, st.integers(405, 1400))
@settings(max_examples=25, deadline=None)
def test_later_rows_change_no_decision(seed: int, cut: int) -> None:
    x, y, names, times, ends, train = planted(seed % 1000)
    y[900:] *= -1
    settings_ = {"rows": 60, "bound": 0.1, "patience": 2}
    whole = decays(x, y, names, times, ends, train, **settings_)
    part = decays(x[:cut], y[:cut], names, times[:cut], ends[:cut], train[:cut], **settings_)
    for all_of_it, before in zip(whole, part, strict=True):
        assert before.blocks == all_of_it.blocks[: len(before.blocks)]
        if before.pruned is not None:
            assert before == all_of_it._replace(blocks=before.blocks)
        elif all_of_it.pruned is not None:
            assert all_of_it.since > times[cut - 1] or all_of_it.pruned >= len(before.blocks)


def pruned_by_chance(ic: float, repeats: int) -> float:
    """Share of features of this IC that are pruned within 12 blocks of 90 rows, by the rule as it stands."""
    rng = np.random.default_rng(4)
    n = 100 + 12 * 90
    times = np.arange(n, dtype=np.int64)
    x = rng.normal(size=(n, repeats))
    y = rng.normal(size=n)
    x = ic * y[:, None] + math.sqrt(1 - ic**2) * x
    x[:100] = y[:100, None] + 0.1 * x[:100]  # training knows the direction
    found = decays(x, y, [str(k) for k in range(repeats)], times, times, times < 100)
    return float(np.mean([each.pruned is not None for each in found]))


def test_the_rule_spares_the_strong_and_ends_most_of_the_dead() -> None:
    assert pruned_by_chance(0.2, 60) <= 0.02
    assert 0.35 <= pruned_by_chance(0.0, 60) <= 0.8  # 0.58


@pytest.mark.slow
def test_the_chances_of_pruning_are_as_stated() -> None:
    for ic, share in ((0.0, 0.58), (0.05, 0.24), (0.1, 0.06), (0.2, 0.0)):
        assert pruned_by_chance(ic, 600) == pytest.approx(share, abs=0.06)


def test_a_feature_that_stops_varying_tells_nothing() -> None:
    x, y, names, times, ends, train = planted()
    x[405:, 0] = 3.0
    found = decays(x, y, names, times, ends, train, rows=100, bound=0.01)[0]
    assert found.pruned == 2
    assert found.blocks[0].told[:3] == (0.0, -1.0, 1.0)
    assert decays(x[:450], y[:450], names, times[:450], ends[:450], train[:450])[0].reason.startswith("no full block")


def test_wrong_input_is_refused() -> None:
    x, y, names, times, ends, train = planted()
    for change, what in (
        ({"times": times[::-1]}, "sort"),
        ({"ends": times - 1}, "known before"),
        ({"ends": ends[:-1]}, "int64"),
        ({"train": times < 0}, "at least"),
        ({"y": y[:-1]}, "rows"),
        ({"names": ("a", "a")}, "different"),
        ({"X": np.where(x > 3, np.nan, x)}, "finite"),
        ({"rows": 2}, "rows"),
        ({"patience": 0}, "patience"),
        ({"bound": 2.0}, "bound"),
    ):
        given_ = {"X": x, "y": y, "names": names, "times": times, "ends": ends, "train": train, **change}
        with pytest.raises(InputError, match=what):
            decays(**given_)
    with pytest.raises(InputError, match="at least 8"):
        rank_ic(x[:5, 0], y[:5])
