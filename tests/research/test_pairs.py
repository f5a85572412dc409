"""Cointegration on planted pairs, half-lives, the signal's rules, and two real venues."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotewright.domain.errors import InputError, MissingExtraError
from quotewright.research.pairs import (
    PairModel,
    engle_granger,
    fit_pair,
    half_life,
    johansen,
    pair_positions,
    trade_pair,
)


def pair(rng: Any, *, phi: float, count: int = 400) -> tuple[Any, Any]:
    """y = 1 + 0.5 x + spread, the spread of first order with `phi` (1: not cointegrated)."""
    x = np.cumsum(rng.normal(size=count))
    spread, shocks = np.zeros(count), rng.normal(size=count)
    for t in range(1, count):
        spread[t] = phi * spread[t - 1] + shocks[t]
    return 1 + 0.5 * x + spread, x


def test_planted_pairs_are_found_and_others_are_not() -> None:
    rng = np.random.default_rng(12)
    bound = [engle_granger(*pair(rng, phi=0.7)) for _ in range(30)]
    free = [engle_granger(*pair(rng, phi=1.0)).p_value for _ in range(60)]
    assert np.mean([found.p_value < 0.05 for found in bound]) > 0.95
    assert np.mean(np.array(free) < 0.05) < 0.05 + 3.5 * math.sqrt(0.05 * 0.95 / 60)  # lags by AIC reject a bit more
    slopes = np.array([found.model.slope for found in bound])
    assert abs(slopes.mean() - 0.5) < 3.5 * slopes.std(ddof=1) / math.sqrt(30) + 0.01
    lives = np.array([found.model.half_life for found in bound])
    assert np.median(lives) == pytest.approx(math.log(0.5) / math.log(0.7), rel=0.15)


def test_johansen_counts_the_relations() -> None:
    rng = np.random.default_rng(13)
    ranks = []
    for _ in range(30):
        y, x = pair(rng, phi=0.6)
        other = np.cumsum(rng.normal(size=len(x)))
        found = johansen(np.stack([y, x, other], axis=1))
        ranks.append(found.rank)
        direction = found.vectors[:, 0] / found.vectors[0, 0]
        assert direction[1] == pytest.approx(-0.5, abs=0.15)
    assert np.mean(np.array(ranks) == 1) > 0.75


def test_half_lives_by_construction() -> None:
    assert half_life(0.9 ** np.arange(3000) - 0.0) == pytest.approx(math.log(0.5) / math.log(0.9), rel=0.02)
    assert half_life(np.tile([1.0, -1.0], 50)) == 0
    assert half_life(1.1 ** np.arange(60.0)) == math.inf


def test_positions_by_hand() -> None:
    score = np.array([0, 1.9, 2.0, 1.0, 0.5, 3.0, 4.0, 2.5, 0.4, -2.0, -1.0, 1.0, 2.5, -2.5])
    positions = pair_positions(score, enter=2, leave=0.5, stop=4)
    assert positions.tolist() == [0, 0, -1, -1, 0, -1, 0, 0, 0, 1, 1, 0, -1, 1]


@given(st.lists(st.floats(-6, 6), min_size=1, max_size=60), st.integers(0, 60))
def test_positions_know_no_future_and_stand_against_the_spread(score: list[float], cut: int) -> None:
    whole = pair_positions(np.array(score))
    assert (pair_positions(np.array(score[:cut])) == whole[:cut]).all()
    held = whole != 0
    assert (np.sign(np.array(score)[held]) == -whole[held]).all()
    assert (np.abs(np.array(score)[held]) > 0.5).all()


def test_profit_by_hand() -> None:
    model = PairModel(0.0, 1.0, 1.0, 5.0)
    y, x = np.array([0.0, 2.5, 1.5, 0.0, -3.0]), np.zeros(5)
    found = trade_pair(model, y, x, cost=0.1)
    assert found.positions.tolist() == [0, -1, -1, 0, 1]
    assert found.gross == pytest.approx(2.5)
    assert found.changes == 2  # nothing is opened at the last observation
    assert found.net == pytest.approx(2.3)


def test_two_venues_hold_together_and_fees_eat_it(shared_data: Path) -> None:
    """Kraken and Coinbase BTC/USD, minute closes: cointegrated, a half-life of minutes, and not worth the fees."""
    bars = pl.read_parquet(shared_data / "minute/xvenue_1m_202303.parquet").filter(pl.col("symbol") == "BTC/USD")
    one, other = (bars.filter(pl.col("venue") == v).select("ts", pl.col("close").log()) for v in ("kraken", "coinbase"))
    both = one.join(other, on="ts", suffix="_other").sort("ts")
    days = [both.filter(pl.col("ts").dt.day() == day) for day in (2, 3)]
    y, x = (days[0][name].to_numpy() for name in ("close", "close_other"))
    found = engle_granger(y, x)
    assert found.p_value < 0.01
    assert 0.1 < found.model.half_life < 30
    assert found.model.slope == pytest.approx(1, abs=0.05)
    later = trade_pair(
        found.model, *(days[1][name].to_numpy() for name in ("close", "close_other")), cost=0.0026 + 0.006
    )
    assert later.changes > 10
    assert later.net < 0 < later.gross


def test_without_statsmodels_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels.tsa.stattools", None)
    with pytest.raises(MissingExtraError, match=r"quotewright\[research\]"):
        engle_granger(*pair(np.random.default_rng(1), phi=0.5))


WALK = np.cumsum(np.random.default_rng(0).normal(size=100))


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("y", lambda: fit_pair(WALK[:20], WALK[:20])),
        ("y", lambda: fit_pair(WALK, np.full(100, np.nan))),
        ("y", lambda: fit_pair(2 * WALK, WALK)),
        ("x", lambda: fit_pair(WALK, np.ones(100))),
        ("series", lambda: johansen(WALK[:, None])),
        ("enter", lambda: pair_positions(WALK, enter=1, leave=2)),
    ],
)
def test_wrong_input_is_refused(field: str, make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field
