"""Contributions of merged parts: fair by brute force, adding up, and those of strategies traded alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.features.state import View
from quotewright.sessions.outside import Outside
from quotewright.sessions.synthetic import make_market
from quotewright.storage.store import Store
from quotewright.studies.merging import Merged, Session, merge, shapley_values

BASE = {"order_notional": 600.0, "sigma": 0.1, "k": 20.0, "A": 5.0, "gamma": 1.0, "heed_stress": 0.0}
PARTS = {"view": {"view_target": 3.0}, "imbalance": {"signal_queue": 0.05}, "nothing": {"signal_trades": 0.0}}


def _subsets(parts: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [each for size in range(len(parts) + 1) for each in itertools.combinations(parts, size)]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.lists(st.floats(-100, 100), min_size=16, max_size=16))
def test_contributions_are_the_mean_over_all_orders_of_joining(count: int, values: list[float]) -> None:
    parts = tuple("abcd"[:count])
    value = dict(zip(_subsets(parts), values, strict=False))
    found = shapley_values(parts, value)
    orders = list(itertools.permutations(parts))
    for part, share in zip(parts, found, strict=True):
        joined = 0.0
        for order in orders:
            before = tuple(each for each in parts if each in order[: order.index(part)])
            after = tuple(each for each in parts if each in (*before, part))
            joined += value[after] - value[before]
        assert share == pytest.approx(joined / len(orders), abs=1e-9)
    assert sum(found) == pytest.approx(value[parts] - value[()], abs=1e-9)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    folder = tmp_path_factory.mktemp("market")
    name = make_market(folder, "calm", seed=2, seconds=60)
    dataset = Store(folder).dataset(name)
    start = int(dataset.manifest["first_ts"])
    view = View(np.array([start, start + 30 * 10**9]), np.array([1.0, -1.0]))
    return Session(dataset, Outside(views={name: view}))


def _sums(merged: Merged) -> None:
    gains = merged.profits[:, -1] - merged.profits[:, 0]
    np.testing.assert_allclose(merged.contributions.sum(axis=1), gains, atol=1e-9)


def test_parts_trade_as_they_do_alone_and_add_up(session: Session) -> None:
    merged = merge("composed", BASE, PARTS, [session])
    assert merged.subsets[0] == ()
    assert len(merged.subsets) == 8
    _sums(merged)
    assert merged.contribution("nothing").mean == 0.0
    assert merged.contribution("view").mean != 0.0
    alone = merge("composed", {**BASE, **PARTS["view"]}, {"imbalance": PARTS["imbalance"]}, [session])
    assert alone.profit().mean == merged.profit("view").mean
    assert alone.profit("imbalance").mean == merged.profit("view", "imbalance").mean
    assert merged.gain().mean == pytest.approx(merged.contributions.sum())
    table = merged.markdown().splitlines()
    assert len(table) == 2 + 1 + len(PARTS) + 1
    assert table[-1].startswith("| = the whole |")


def test_what_makes_no_sense_is_refused(session: Session) -> None:
    with pytest.raises(InputError, match="the same"):
        merge("composed", BASE, {"a": {"target": 1.0}, "b": {"target": 2.0}}, [session])
    with pytest.raises(InputError, match="1 to 6"):
        merge("composed", BASE, {}, [session])
    merged = merge("composed", BASE, {"a": {"target": 1.0}}, [session])
    with pytest.raises(InputError, match="one of a"):
        merged.profit("b")
