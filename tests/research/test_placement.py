"""Placement on the globe: what theory says about each kind of flow, and a fine search as the oracle for mixtures."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.research.placement import (
    LIGHT,
    RADIUS,
    Leg,
    Network,
    Place,
    Signal,
    best_place,
    best_site,
    distance,
    latency,
    middle,
    value_at,
)

TOKYO, LONDON, NEW_YORK = Place("tokyo", 35.68, 139.77), Place("london", 51.51, -0.09), Place("new york", 40.71, -74.01)
TWO = Network((LONDON, NEW_YORK))


def own(name: str, rate: float = 1.0, decay: float = 20.0) -> Signal:
    return Signal((name,), (Leg(name, 1.0, decay),), rate, 1.0)


def both(decays: tuple[float, float] = (20.0, 20.0), rate: float = 1.0) -> Signal:
    return Signal(("london", "new york"), (Leg("london", 0.5, decays[0]), Leg("new york", 0.5, decays[1])), rate, 1.0)


def apart(one: Place, other: Place) -> float:
    return float(distance(np.array(one.north), np.array(one.east), other))


def along(one: Place, other: Place, shares: Any) -> tuple[Any, Any]:
    """Points on the great circle from one place to the other, by interpolation on the sphere."""
    a, b = (
        np.array(
            [
                math.cos(math.radians(p.north)) * math.cos(math.radians(p.east)),
                math.cos(math.radians(p.north)) * math.sin(math.radians(p.east)),
                math.sin(math.radians(p.north)),
            ]
        )
        for p in (one, other)
    )
    angle = math.acos(float(a @ b))
    points = np.outer(np.sin((1 - shares) * angle), a) + np.outer(np.sin(shares * angle), b)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return np.degrees(np.arcsin(points[:, 2])), np.degrees(np.arctan2(points[:, 1], points[:, 0]))


def test_distances_and_latencies() -> None:
    assert apart(LONDON, NEW_YORK) == pytest.approx(5570, rel=0.002)
    assert apart(Place("a", 0, 0), Place("b", 0, 180)) == pytest.approx(math.pi * RADIUS)
    assert apart(Place("a", 90, 0), Place("b", -90, 77)) == pytest.approx(math.pi * RADIUS)
    seconds = latency(Network((LONDON,), 0.5, 1.2, 0.001), np.array(NEW_YORK.north), np.array(NEW_YORK.east))
    assert float(seconds["london"]) == pytest.approx(1.2 * apart(LONDON, NEW_YORK) / (0.5 * LIGHT) + 0.001)


def test_a_signal_for_its_own_venue_wants_the_node_there() -> None:
    found = best_place(TWO, [own("london")])
    assert found.place.name == "london"
    assert apart(found.place, LONDON) < 0.1
    assert found.value == pytest.approx(1)


@pytest.mark.parametrize("decays", [(20.0, 20.0), (5.0, 80.0)])
def test_a_signal_that_needs_both_wants_the_middle(decays: tuple[float, float]) -> None:
    found = best_place(TWO, [both(decays)])
    assert apart(found.place, middle(LONDON, NEW_YORK)) < 1
    one_way = found.latencies["london"]
    assert found.latencies["new york"] == pytest.approx(one_way, rel=1e-3)
    assert found.value == pytest.approx(0.5 * sum(math.exp(-2 * one_way * decay) for decay in decays), rel=1e-3)


def test_from_here_to_there_is_worth_the_same_on_the_whole_way() -> None:
    signal = Signal(("london",), (Leg("new york", 1.0, 30.0),), 1.0, 1.0)
    north, east = along(LONDON, NEW_YORK, np.linspace(0, 1, 21))
    on_the_way = value_at(TWO, [signal], north, east)
    assert on_the_way == pytest.approx(on_the_way[0], rel=1e-9)
    assert (value_at(TWO, [signal], north + 3, east) < on_the_way[0]).all()
    assert best_place(TWO, [signal]).value == pytest.approx(on_the_way[0], rel=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.floats(0.01, 3), st.floats(0.01, 3), st.floats(1, 60), st.floats(1, 60), st.floats(1, 60))
def test_mixtures_agree_with_a_fine_search_along_the_way(
    here: float, there: float, decay: float, first: float, second: float
) -> None:
    """With flow of these venues only, any detour off the great circle loses on both ways."""
    signals = [own("london", here, first), own("new york", there, second), both((decay, decay))]
    north, east = along(LONDON, NEW_YORK, np.linspace(0, 1, 20_001))
    assert best_place(TWO, signals).value == pytest.approx(value_at(TWO, signals, north, east).max(), rel=2e-5)


def test_three_venues_and_the_sites_that_can_be_had() -> None:
    network = Network((TOKYO, LONDON, NEW_YORK), detour=1.3)
    names = ("tokyo", "london", "new york")
    pairs = [
        Signal((a, b), (Leg(a, 0.5, 10.0), Leg(b, 0.5, 10.0)), 1.0, 1.0)
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    ]
    found = best_place(network, pairs)
    rng = np.random.default_rng(1)
    north, east = np.degrees(np.arcsin(rng.uniform(-1, 1, 200_000))), rng.uniform(-180, 180, 200_000)
    assert found.value >= value_at(network, pairs, north, east).max()
    ranked = best_site(network, pairs, [TOKYO, Place("reykjavik", 64.15, -21.94), Place("sydney", -33.87, 151.21)])
    assert [p.place.name for p in ranked] == ["reykjavik", "tokyo", "sydney"]
    assert found.value > ranked[0].value > ranked[1].value > ranked[2].value


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("venues", lambda: best_place(Network(()), [own("london")])),
        ("venues", lambda: best_place(Network((LONDON, LONDON)), [own("london")])),
        ("venues", lambda: best_place(Network((Place("x", 91, 0),)), [own("x")])),
        ("speed", lambda: best_place(Network((LONDON,), 1.5), [own("london")])),
        ("signals", lambda: best_place(TWO, [])),
        ("signals", lambda: best_place(TWO, [own("paris")])),
        ("signals", lambda: best_place(TWO, [own("london", -1.0)])),
        ("sites", lambda: best_site(TWO, [own("london")], [])),
    ],
)
def test_wrong_input_is_refused(field: str, make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field
