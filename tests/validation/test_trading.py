"""Returns of positions after costs, drawdowns and tail losses, against plain loops and by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.validation.trading import Trades, equity, max_drawdown, performance, tail_loss, trade

ROWS = st.lists(st.tuples(st.floats(-1, 1), st.floats(-0.2, 0.2)), min_size=1, max_size=40)


@settings(max_examples=50, deadline=None)
@given(ROWS, st.floats(-2, 30), st.floats(0, 20), st.floats(-1, 1), st.booleans())
def test_every_period_by_a_plain_loop(
    rows: list[tuple[float, float]], fee: float, slippage: float, initial: float, close: bool
) -> None:
    positions, returns = (np.array(column) for column in zip(*rows, strict=True))
    found = trade(positions, returns, fee_bp=fee, slippage_bp=slippage, initial=initial, close=close)
    held = initial
    for k, (position, move) in enumerate(rows):
        turned = abs(position - held) + (abs(position) if close and k == len(rows) - 1 else 0)
        assert found.turnover[k] == pytest.approx(turned)
        assert found.net[k] == pytest.approx(position * move - turned * (fee + slippage) / 1e4, abs=1e-15)
        assert found.gross[k] - found.costs[k] == pytest.approx(found.net[k], abs=1e-15)
        held = position


@settings(max_examples=50, deadline=None)
@given(ROWS, st.floats(0, 50), st.floats(0, 50))
def test_costs_never_help(rows: list[tuple[float, float]], fee: float, more: float) -> None:
    positions, returns = (np.array(column) for column in zip(*rows, strict=True))
    cheap = trade(positions, returns, fee_bp=fee, slippage_bp=0)
    dear = trade(positions, returns, fee_bp=fee, slippage_bp=more)
    assert equity(dear.net)[-1] <= equity(cheap.net)[-1] + 1e-12


def test_figures_by_hand() -> None:
    found = performance(
        trade(np.array([1.0, 1, 0, -1]), np.array([0.1, -0.2, 0.5, -0.1]), fee_bp=10, slippage_bp=0), periods_per_year=4
    )
    whole = 1.099 * 0.8 * 0.999 * 1.098
    assert found.pnl_pct == pytest.approx((whole - 1) * 100)
    assert found.max_drawdown == pytest.approx(1 - 0.8 * 0.999)
    assert found.turnover == pytest.approx(4)
    assert found.costs_pct == pytest.approx(0.4)
    assert found.hit_rate == pytest.approx(2 / 3)
    net = np.array([0.099, -0.2, -0.001, 0.098])
    assert found.sharpe.value == pytest.approx(net.mean() / net.std(ddof=1) * 2)
    assert (found.sharpe.low, found.var_95, found.es_99) == (None, None, None)


def test_holding_through_is_holding() -> None:
    rng = np.random.default_rng(1)
    prices = np.exp(np.cumsum(rng.normal(0, 0.03, 400)))
    returns = np.diff(prices) / prices[:-1]
    found = performance(trade(np.ones(399), returns, fee_bp=0, slippage_bp=0), periods_per_year=365)
    assert found.pnl_pct == pytest.approx((prices[-1] / prices[0] - 1) * 100)
    peak = max(1 - prices[j] / prices[i] for i in range(400) for j in range(i, 400))
    assert found.max_drawdown == pytest.approx(peak)
    assert found.sharpe.low < found.sharpe.value < found.sharpe.high  # type: ignore[operator]
    assert found.sharpe_bootstrap.value == pytest.approx(found.sharpe.value)
    again = performance(trade(np.ones(399), returns, fee_bp=0, slippage_bp=0), periods_per_year=365)
    assert again == found


def test_what_never_trades_has_no_ratio_and_no_hits() -> None:
    found = performance(trade(np.zeros(50), np.linspace(-0.1, 0.1, 50), fee_bp=5, slippage_bp=5), periods_per_year=365)
    assert (found.pnl_pct, found.sharpe.value, found.hit_rate, found.max_drawdown) == (0, None, None, 0)
    empty = performance(Trades(*(np.zeros(0),) * 5), periods_per_year=365)
    assert (empty.periods, empty.sharpe.value, empty.turnover, empty.var_95) == (0, None, None, None)


def test_ruin_is_final() -> None:
    path = equity(np.array([0.5, -1.2, 3.0]))
    assert path.tolist() == [1, 1.5, 0, 0]
    assert max_drawdown(path) == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_tail_losses_by_integration(returns: list[float], level: float) -> None:
    """The shortfall is the mean of the quantile function over the worst share, integrated step by step."""
    at_risk, shortfall = tail_loss(np.array(returns), level)
    n, share = len(returns), 1 - level
    if n * share < 1 - 1e-9:
        assert at_risk is None
        assert shortfall is None
        return
    assert at_risk is not None
    assert shortfall is not None
    area = sum(
        max(min((k + 1) / n, share) - k / n, 0.0) * value for k, value in enumerate(sorted(returns)) if k / n < share
    )
    assert shortfall == pytest.approx(-area / share, abs=1e-9)
    assert shortfall >= at_risk - 1e-9
    assert np.mean(np.array(returns) <= -at_risk) >= share - 1e-9


ONE = np.ones(3)


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("positions", lambda: trade(ONE[:2], ONE, fee_bp=0, slippage_bp=0)),
        ("positions", lambda: trade(ONE * math.nan, ONE, fee_bp=0, slippage_bp=0)),
        ("returns", lambda: trade(ONE, ONE * math.inf, fee_bp=0, slippage_bp=0)),
        ("fee_bp, slippage_bp", lambda: trade(ONE, ONE, fee_bp=math.nan, slippage_bp=0)),
        ("fee_bp, slippage_bp", lambda: trade(ONE, ONE, fee_bp=0, slippage_bp=-1)),
        ("initial", lambda: trade(ONE, ONE, fee_bp=0, slippage_bp=0, initial=math.nan)),
        ("periods_per_year", lambda: performance(trade(ONE, ONE, fee_bp=0, slippage_bp=0), periods_per_year=0)),
        ("level", lambda: tail_loss(ONE, 1)),
        ("path", lambda: max_drawdown(np.zeros(3))),
    ],
)
def test_wrong_input_is_refused(field: str, make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field
