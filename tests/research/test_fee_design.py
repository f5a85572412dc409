"""Fee schedules on the synthetic market: neutral splits until one tick, a revenue curve with a top, refusals."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from quotewright.domain.errors import InputError
from quotewright.research.fee_design import FeePoint, best_sum, fee_market, fee_point
from quotewright.simulation.presets import load_preset

CALM = load_preset("calm")
KEPT: dict[str, Any] = {"reserve": 6.0, "seeds": (1, 2, 3, 4)}


def test_only_the_sum_matters_until_the_spread_is_one_tick() -> None:
    """At a sum of 2 ticks: cost measured 3.6 to 3.8 from maker 2 down to −1, then 4.5, 6.5 and 8.5 at −2, −4 and −6."""
    free = [fee_point(CALM, maker, 2 - maker, **KEPT) for maker in (2, 0, -1)]
    assert max(p.cost for p in free) - min(p.cost for p in free) < 0.4
    assert [round(a.spread - b.spread) for a, b in pairwise(free)] == [4, 2]  # passed on in full
    bound = [fee_point(CALM, maker, 2 - maker, **KEPT) for maker in (-3, -6)]
    assert [p.spread for p in bound] == pytest.approx([1, 1], abs=0.02)
    assert bound[1].cost - bound[0].cost == pytest.approx(3, abs=0.05)
    assert bound[1].volume < bound[0].volume - 2 * bound[0].volume_error
    assert bound[1].volume < 0.6 * min(p.volume for p in free)


def test_revenue_has_a_top_between_nothing_and_too_much() -> None:
    points = [fee_point(CALM, 0, taker, **KEPT) for taker in (0, 2, 6, 12, 24)]
    assert points[0].revenue == 0
    assert points[-1].volume < 0.2 * points[0].volume
    assert 2 < best_sum(points)[0] < 12
    assert points[2].revenue > 3 * points[-1].revenue


def test_the_fees_reach_the_makers_and_the_takers() -> None:
    market = fee_market(CALM, -1.5, 4.0, 0.5)
    assert market.params.maker_half_spread == CALM.params.maker_half_spread - 1.5
    assert market.params.taker_rate == CALM.params.taker_rate / 2
    assert float(market.to_record()["taker_fee"][0]) * CALM.start_price == pytest.approx(4, abs=1e-3)
    assert market.instrument.maker_rate == "-0.00001250"
    assert fee_market(CALM, -9, 0, 1).params.maker_half_spread == 0


def point(total: float, revenue: float) -> FeePoint:
    return FeePoint(0, total, 1, 0, 1, 1, 0, revenue, 0)


def test_the_top_of_a_parabola_is_found_between_the_points() -> None:
    points = [point(x, 10 - (x - 3.7) ** 2) for x in (0, 1, 3, 5, 9)]
    assert best_sum(points[::-1]) == pytest.approx((3.7, 10))
    assert best_sum(points[:3]) == (3, pytest.approx(10 - 0.49))


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("seeds", lambda: fee_point(CALM, 0, 1, reserve=5, seeds=(1,))),
        ("reserve", lambda: fee_point(CALM, 0, 1, reserve=0, seeds=(1, 2))),
        ("taker", lambda: fee_point(CALM, -2, 1, reserve=5, seeds=(1, 2))),
        ("maker", lambda: fee_market(CALM, float("nan"), 1, 1)),
        ("demand", lambda: fee_market(CALM, 0, 1, 0)),
        ("points", lambda: best_sum([])),
    ],
)
def test_wrong_input_is_refused(field: str, make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field
