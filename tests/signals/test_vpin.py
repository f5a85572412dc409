"""VPIN against a tape written out lot by lot, and against the informed share it estimates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quotewright.domain.errors import InputError
from quotewright.signals.vpin import bulk_split, vpin, vpin_state


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 70)), min_size=1, max_size=60),
    st.integers(1, 40),
    st.integers(2, 6),
)
@settings(max_examples=80, deadline=None)
def test_it_is_that_of_a_tape_lot_by_lot(trades: list[tuple[bool, int]], bucket: int, window: int) -> None:
    bought = np.array([q if buys else 0 for buys, q in trades])
    sold = np.array([0 if buys else q for buys, q in trades])
    whole = vpin(vpin_state(), bought, sold, bucket, window)
    state = vpin_state()
    for i in range(len(trades)):
        lots = np.concatenate([np.full(q, 1 if buys else -1) for buys, q in trades[: i + 1]])
        full = lots[: len(lots) // bucket * bucket].reshape(-1, bucket)
        one = vpin(state, bought[i : i + 1], sold[i : i + 1], bucket, window)[0]
        if len(full) < window:
            assert math.isnan(whole[i])
            assert math.isnan(one)
        else:
            assert whole[i] == one == np.abs(full[-window:].sum(axis=1)).sum() / (window * bucket)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 2_000)), min_size=1, max_size=12),
    st.integers(1, 3),
    st.integers(2, 5),
)
@settings(max_examples=60, deadline=None)
def test_a_huge_trade_is_that_of_its_pieces(trades: list[tuple[bool, int]], bucket: int, window: int) -> None:
    pieces = [(buys, 1) for buys, lots in trades for _ in range(lots)]
    whole, split = vpin_state(), vpin_state()
    for state, tape in ((whole, trades), (split, pieces or [(True, 0)])):
        bought = np.array([lots if buys else 0 for buys, lots in tape])
        sold = np.array([0 if buys else lots for buys, lots in tape])
        vpin(state, bought, sold, bucket, window)
    for name in ("filled", "bought", "complete", "apart"):
        assert np.asarray(whole)[name] == np.asarray(split)[name]
    used = [np.asarray(state)["gaps"][0][:window].tolist() for state in (whole, split)]
    assert used[0] == used[1]


def test_a_trade_of_more_lots_than_there_is_time_to_count() -> None:
    state = vpin_state()
    assert vpin(state, np.array([0, 10**15]), np.array([3, 0]), 1, 50)[-1] == 1.0
    assert np.asarray(state)["complete"] == 10**15 + 3


def test_it_approaches_the_share_of_informed_orders() -> None:
    """In a share α of periods informed orders come on one side at rate μ: VPIN ≈ αμ/(αμ + 2ε) (section 1)."""
    alpha, informed, noise, rng = 0.4, 2_000, 1_000, np.random.default_rng(6)
    sides = []
    for _ in range(300):
        news = rng.random() < alpha
        tape = np.where(rng.random(2 * noise + news * informed) < 0.5, 1, -1)
        if news:
            tape[rng.permutation(len(tape))[:informed]] = rng.choice([1, -1])
        sides.append(tape)
    tape = np.concatenate(sides)
    found = vpin(vpin_state(), 7 * (tape > 0), 7 * (tape < 0), 7 * 1_000 + 3, 500)[-1]
    assert found == pytest.approx(alpha * informed / (alpha * informed + 2 * noise), abs=0.05)


def test_one_side_alone_is_one_and_alternation_is_zero() -> None:
    assert vpin(vpin_state(), np.full(20, 10), np.zeros(20, np.int64), 20, 5)[-1] == 1.0
    sides = np.arange(20) % 2
    assert vpin(vpin_state(), 10 * sides, 10 * (1 - sides), 20, 5)[-1] == 0.0


def test_bulk_split_is_the_normal_distribution_and_loses_no_lot() -> None:
    changes, volumes = np.linspace(-6, 6, 41), np.full(41, 1_000_000)
    bought, sold = bulk_split(volumes, changes, 1.7)
    assert bought == pytest.approx(1e6 * stats.norm.cdf(changes / 1.7), abs=0.51)
    assert (bought + sold == volumes).all()


def test_what_makes_no_sense_is_refused_by_name() -> None:
    some = np.ones(3, np.int64)
    for bucket, window in ((0, 5), (10, 1), (10, 501)):
        with pytest.raises(InputError, match="bucket"):
            vpin(vpin_state(), some, some, bucket, window)
    with pytest.raises(InputError, match="bought"):
        vpin(vpin_state(), -some, some, 10, 5)
    with pytest.raises(InputError, match="sigma"):
        bulk_split(some, np.ones(3), 0.0)
