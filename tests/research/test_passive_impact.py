"""Our quotes in the synthetic exchange: what they do where it is known, and nothing where nothing can be done."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BID
from quotewright.research.own_quotes import Look, Participant, by_strategy, resting
from quotewright.research.passive_impact import UNITS, Effect, passive_impact
from quotewright.simulation.presets import load_preset
from quotewright.simulation.synthetic import SECOND, SyntheticMarket
from quotewright.strategies.catalogue import find

CALM = load_preset("calm")
SEEDS = range(1, 9)


def by_name(effects: list[Effect]) -> dict[str, Effect]:
    return {effect.name: effect for effect in effects}


def test_no_quotes_and_quotes_out_of_reach_change_nothing_at_all() -> None:
    for quoting in (lambda _: [], resting(-350, 20)):
        found = by_name(passive_impact(CALM, lambda _, q=quoting: q, [1, 2], seconds=10))
        assert list(found) == list(UNITS)
        assert all(effect.difference == effect.error == 0 for effect in found.values())


@pytest.fixture(scope="module")
def two_sided() -> dict[str, Effect]:
    return by_name(passive_impact(CALM, lambda _: resting(1, 20), SEEDS, seconds=20))


@pytest.fixture(scope="module")
def one_sided() -> list[dict[str, Effect]]:
    return [by_name(passive_impact(CALM, lambda _, s=s: resting(1, 100, (s,)), SEEDS, seconds=20)) for s in (BID, ASK)]


def test_quotes_inside_narrow_the_spread_and_take_fills_from_the_makers(two_sided: dict[str, Effect]) -> None:
    assert two_sided["spread"].high < 0
    assert two_sided["makers' fills"].difference < 0 < two_sided["our fills"].low
    assert two_sided["ours best"].with_quotes > 0.8
    assert two_sided["ours jumped"].with_quotes > 0.1
    assert two_sided["spread"].difference < two_sided["others' spread"].difference < 0


def test_a_bid_alone_lifts_the_mid_and_an_ask_alone_presses_it(
    one_sided: list[dict[str, Effect]], two_sided: dict[str, Effect]
) -> None:
    bid, ask = (effects["mid less value"] for effects in one_sided)
    assert bid.low > 0 > ask.high
    assert bid.difference == pytest.approx(-ask.difference, abs=3 * np.hypot(bid.error, ask.error))
    assert abs(two_sided["mid less value"].difference) < min(bid.difference, -ask.difference) / 2


def test_the_interval_is_students_over_paired_differences(two_sided: dict[str, Effect]) -> None:
    for effect in two_sided.values():
        assert effect.difference == pytest.approx(effect.with_quotes - effect.without)
        assert effect.high - effect.difference == pytest.approx(2.3646 * effect.error, rel=1e-4)  # 7 degrees of freedom


def test_a_strategy_plays_in_the_market_and_the_value_does_not_see_it() -> None:
    def game(market: SyntheticMarket) -> Any:
        return by_strategy(find("penny_jump"), {"order_notional": 1_200, "floor": 0.02, "patience": 0.3}, market)

    found = by_name(passive_impact(CALM, game, [1, 2, 3], seconds=15))
    assert found["our fills"].with_quotes > 0
    assert 0.1 < found["ours best"].with_quotes < 1
    with_us, alone = SyntheticMarket(CALM, 5), SyntheticMarket(CALM, 5)
    us, quoting = Participant(with_us), game(with_us)
    for _ in range(100):
        with_us.run_until(with_us.now + SECOND // 20)
        us.hear(with_us.take_executions())
        us.want(quoting(us.look()))
        alone.run_until(with_us.now)
        assert with_us.value == alone.value


def test_a_participant_knows_its_orders_from_others_and_counts_its_fills() -> None:
    market = SyntheticMarket(CALM, 3)
    us = Participant(market)
    before = us.look()
    assert (before.bid, before.ask) == (before.other_bid, before.other_ask)
    us.want([(BID, before.bid - 50, 7), (BID, before.bid, 10)])
    joined = us.look()
    assert (joined.bid, joined.bid_qty, joined.other_bid) == (before.bid, before.bid_qty + 10, before.bid)
    first = dict(us._orders)
    us.want([(BID, before.bid, 10)])
    assert us._orders == {(BID, before.bid): first[BID, before.bid]}  # its place is kept
    own_lots = us.open()[BID, before.bid]
    market.submit(ASK, before.bid, before.bid_qty + 4, owner=2_000)
    done = market.take_executions()
    us.hear(done)
    mine = done[done["maker_owner"] == us.owner]
    assert us.lots == us.inventory == mine["qty"].sum() == 4
    assert us.cash == -4 * before.bid
    assert us.open()[BID, before.bid] == own_lots - 4
    alone = us.look()
    assert (alone.bid, alone.bid_qty) == (before.bid, 6)
    assert alone.other_bid < before.bid
    us.want([])
    assert us.open() == {}


def test_resting_quotes_share_the_room_and_never_meet() -> None:
    def look(bid: int, ask: int) -> Look:
        return Look(0, bid, 1, ask, 1, bid, ask, 0)

    assert resting(1, 5)(look(100, 104)) == [(BID, 101, 5), (ASK, 103, 5)]
    assert resting(1, 5)(look(100, 102)) == [(BID, 100, 5), (ASK, 102, 5)]
    assert resting(1, 5, (BID,))(look(100, 102)) == [(BID, 101, 5)]
    assert resting(9, 5, (ASK,))(look(100, 102)) == [(ASK, 101, 5)]
    assert resting(-3, 5)(look(100, 101)) == [(BID, 97, 5), (ASK, 104, 5)]
    assert resting(0, 5)(look(0, 101)) == []


@pytest.mark.parametrize(
    ("seeds", "given"),
    [([1], {}), ([1, 2], {"seconds": 0}), ([1, 2], {"delay_ns": SECOND}), ([1, 2], {"delay_ns": -1})],
)
def test_what_cannot_be_measured_is_refused(seeds: list[int], given: dict[str, int]) -> None:
    with pytest.raises(InputError):
        passive_impact(CALM, lambda _: resting(0, 1), seeds, **given)
    with pytest.raises(InputError):
        resting(0, 0)
