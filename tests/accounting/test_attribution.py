"""The attribution adds up to the last unit, on every kind of instrument, and is refuted where it should be."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from run_builder import ALL_KINDS, INVERSE, LINEAR, SECOND, SPOT, T0, Keeper, RunBuilder, agent, random_run

from quotewright.accounting.attribution import attribute, attribute_leg, profit_path
from quotewright.accounting.runs import Agent, Leg, load_run
from quotewright.accounting.statistics import leg_statistics
from quotewright.accounting.summary import summary
from quotewright.domain.errors import DataError
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import FEE_ELSEWHERE, FEE_TOLD, JOURNAL, Record

# (what, side, lots, mid move in half ticks, price offset from the mid in ticks, taker)
ACTION = st.tuples(
    st.sampled_from(("fill", "fill", "fill", "fund", "mark")),
    st.sampled_from((1, -1)),
    st.integers(1, 5000),
    st.integers(-3000, 3000),
    st.integers(-400, 400),
    st.booleans(),
)


def leg_of(builder: RunBuilder, a: int = 0, i: int = 0) -> Leg:
    """One leg straight from the builder's records, without files."""
    rows = np.zeros(len(builder.records), dtype=JOURNAL)
    for seq, record in enumerate(sorted(builder.records, key=lambda r: r["ts"])):
        rows[seq]["seq"] = seq
        for name, value in record.items():
            rows[seq][name] = value
    mine = (rows["agent"] == a) & (rows["instrument"] == i)
    book = (rows["agent"] == -1) & (rows["instrument"] == i)
    described = builder.agents[a]
    return Leg(
        Agent(**{**described, "instruments": tuple(described["instruments"])}),
        builder.instruments[i],
        rows[mine],
        rows[book],
    )


def play(instrument: Instrument, actions: list[Any], start: int = 120_001) -> RunBuilder:
    run = RunBuilder([instrument], [agent("one", [0])])
    mid2 = start
    run.state(Record.RUN_START, T0, 0, 0, 0)
    for n, (what, side, lots, move, offset, taker) in enumerate(actions):
        ts = T0 + (n + 1) * SECOND
        mid2 = max(1001, mid2 + move)
        if what == "fill":
            run.fill(ts, 0, 0, side, lots, max(1, mid2 // 2 + offset), mid2, taker=taker, order=n + 1)
        elif what == "mark":
            run.state(Record.MARK, ts, 0, 0, mid2)
        elif run.keeper(0, 0).position and instrument.kind != "spot":
            run.fund(ts, 0, 0, offset * 100, max(1, mid2 // 2 + side * 3), mid2)
    run.state(Record.RUN_END, T0 + (len(actions) + 1) * SECOND, 0, 0, mid2)
    return run


@pytest.mark.parametrize("instrument", ALL_KINDS, ids=lambda i: i.name)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions=st.lists(ACTION, max_size=40))
def test_the_parts_add_up_and_equal_the_keepers_equity(instrument: Instrument, actions: list[Any]) -> None:
    run = play(instrument, actions)
    leg = leg_of(run)
    result = attribute_leg(leg)
    keeper: Keeper = run.keeper(0, 0)
    assert result.spread + result.inventory + result.fees + result.funding == result.total
    assert result.realised + result.unrealised == result.spread + result.inventory
    assert result.total * instrument.money_unit == keeper.equity(int(leg.end["mid2"]))
    assert result.funding * instrument.money_unit == -keeper.funding
    if instrument.kind != "inverse":
        assert result.rounding == 0
    assert abs(result.rounding) <= 2 * sum(what == "fill" for what, *_ in actions)


@settings(max_examples=60, deadline=None)
@given(actions=st.lists(ACTION, max_size=30))
def test_parts_of_a_linear_contract_against_floats_of_the_textbook(actions: list[Any]) -> None:
    """Spread and inventory by the formulas in prices and quantities, without any of the valuation code."""
    leg = leg_of(play(LINEAR, actions))
    result, tick, lot = attribute_leg(leg), Fraction(LINEAR.tick), Fraction(LINEAR.lot)
    spread = inventory = Fraction(0)
    position, mid = 0, Fraction(0)
    for row in leg.rows:
        if row["kind"] in (Record.FILL, Record.FUNDING, Record.MARK, Record.RUN_END):
            now = Fraction(int(row["mid2"]), 2) * tick
            inventory += position * lot * (now - mid)
            mid = now
        if row["kind"] == Record.FILL:
            q = int(row["side"]) * int(row["qty"])
            spread += q * lot * (mid - int(row["price"]) * tick)
            position += q
    assert result.spread * LINEAR.money_unit == spread
    assert result.inventory * LINEAR.money_unit == inventory


@pytest.mark.parametrize("instrument", ALL_KINDS, ids=lambda i: i.name)
@settings(max_examples=25, deadline=None)
@given(actions=st.lists(ACTION, min_size=1, max_size=25), data=st.data())
def test_a_changed_figure_in_the_journal_is_found(instrument: Instrument, actions: list[Any], data: Any) -> None:
    leg = leg_of(play(instrument, actions))
    money_rows = np.flatnonzero(np.isin(leg.rows["kind"], [Record.FILL, Record.FUNDING, Record.MARK, Record.RUN_END]))
    at = data.draw(st.sampled_from(list(money_rows)))
    name = data.draw(st.sampled_from(("cash", "position")))
    leg.rows[name][at] += data.draw(st.sampled_from((-1, 1)))
    with pytest.raises(DataError, match="journal record"):
        attribute_leg(leg)


def test_realised_profit_of_a_round_trip_and_of_one_through_zero() -> None:
    run = RunBuilder([LINEAR], [agent("one", [0])])
    run.state(Record.RUN_START, T0, 0, 0, 0)
    run.fill(T0 + 1, 0, 0, 1, 10, 600_000, 1_200_001)
    run.fill(T0 + 2, 0, 0, 1, 10, 600_200, 1_200_401)
    run.fill(T0 + 3, 0, 0, -1, 25, 600_300, 1_200_601)  # average cost 60010: closes 20 at +20, opens -5
    run.state(Record.RUN_END, T0 + 4, 0, 0, 1_200_401)
    decimals = attribute_leg(leg_of(run)).decimals()
    assert decimals["realised"] == "0.4"  # 0.020 × (60030 − 60010)
    assert decimals["unrealised"] == "0.04975"  # −0.005 × (60020.05 − 60030)
    assert decimals["rounding"] == "0"


def test_a_base_fee_is_paid_in_coin_and_valued_at_the_mid() -> None:
    run = RunBuilder([SPOT], [agent("one", [0])])
    run.state(Record.RUN_START, T0, 0, 0, 0)
    run.fill(T0 + 1, 0, 0, 1, 100_000, 6_000_000, 12_000_100)  # 1 BTC at 60000, mid 60000.5
    run.state(Record.RUN_END, T0 + 2, 0, 0, 12_000_100)
    result = attribute_leg(leg_of(run))
    assert SPOT.position(result.position) == "0.999"
    assert result.decimals()["spread"] == "0.5"
    assert result.decimals()["fees"] == "-60.0005"
    assert result.decimals()["total"] == "-59.5005"


def test_a_turnover_beyond_64_bits_is_exact() -> None:
    run = RunBuilder([SPOT], [agent("one", [0])])
    run.state(Record.RUN_START, T0, 0, 0, 0)
    for n in range(20):
        run.fill(T0 + 1 + n, 0, 0, 1 if n % 2 == 0 else -1, 5 * 10**8, 6_000_000, 12_000_001)
    run.state(Record.RUN_END, T0 + 60, 0, 0, 12_000_001)
    leg = leg_of(run)
    turnover = leg_statistics(leg, SECOND).turnover
    assert turnover > 2**63
    assert turnover * SPOT.money_unit == 20 * 5000 * 60_000
    result = attribute_leg(leg)
    assert result.total * SPOT.money_unit == run.keeper(0, 0).equity(12_000_001)


def test_mids_that_are_missing_are_refused() -> None:
    run = RunBuilder([INVERSE], [agent("one", [0])])
    run.state(Record.RUN_START, T0, 0, 0, 0)
    run.state(Record.MARK, T0 + 1, 0, 0, 0)  # nothing held, no book yet: fine
    run.fill(T0 + 2, 0, 0, 1, 10, 600_000, 1_200_001)
    run.state(Record.RUN_END, T0 + 3, 0, 0, 0)
    with pytest.raises(DataError, match=r"RUN_END.*without a mid"):
        attribute_leg(leg_of(run))


def test_profit_counts_from_the_position_a_run_starts_with() -> None:
    run = RunBuilder([INVERSE], [agent("one", [0])])
    keeper = run.keeper(0, 0)
    keeper.cash, keeper.position = Fraction(3, 10**4), -7
    run.state(Record.RUN_START, T0, 0, 0, 1_200_000)
    run.state(Record.RUN_END, T0 + 1, 0, 0, 1_210_000)
    result = attribute_leg(leg_of(run))
    # short 700 USD of inverse contracts: worth 700/60000 coin at first and 700/60500 at the end
    change = math.floor(Fraction(700 * 10**8, 60_500) + Fraction(1, 2)) - math.floor(
        Fraction(700 * 10**8, 60_000) + Fraction(1, 2)
    )
    assert result.total == result.inventory == result.unrealised == change
    assert result.spread == result.fees == result.realised == 0


def second_route(run: Any, a: int, i: int) -> dict[str, Fraction]:
    """Headline figures from fills and funding alone, in fractions; the journal's cash is not looked at."""
    facts, rows = run.facts["instruments"][i], run.leg(a, i).rows
    tick, lot, size = (Fraction(facts[name]) for name in ("tick", "lot", "contract_size"))
    atom = min(lot, Fraction(1, 10**8)) if facts["kind"] == "spot" else lot
    coin = Fraction(1, 10**8)

    def value(quantity: Fraction, price: Fraction) -> Fraction:
        if facts["kind"] == "inverse":
            return math.floor(quantity * size / price / coin + Fraction(1, 2)) * coin
        return quantity * size * price

    cash = position = fees = funding = Fraction(0)
    unit = Instrument(**facts).money_unit
    toward = -1 if facts["kind"] == "inverse" else 1
    mid = Fraction(0)
    for row in rows:
        kind, price, fee = row["kind"], int(row["price"]) * tick, int(row["fee"])
        if kind == Record.FILL:
            side, quantity = int(row["side"]), int(row["qty"]) * lot
            cash -= toward * side * value(quantity, price)
            position += side * quantity
            if row["flags"] & 2:
                position -= fee * atom
                fees += fee * atom * int(row["mid2"]) * tick / 2
            else:
                cash -= fee * unit
                fees += fee * unit
        elif kind == Record.FUNDING:
            cash -= fee * unit
            funding += fee * unit
        elif kind == Record.RUN_END:
            mid = int(row["mid2"]) * tick / 2
    held = (1 if position > 0 else -1) * value(abs(position), mid)
    return {"total": cash + toward * held, "fees": -fees, "funding": -funding, "position": position}


def test_headline_figures_by_a_second_route(tmp_path: Path) -> None:
    everything = list(range(len(ALL_KINDS)))
    built = random_run(3, list(ALL_KINDS), [agent("a", everything), agent("b", everything, "glft", gamma=0.2)], 40)
    run = load_run(built.write(tmp_path / "run"))
    told = summary(run)
    seen = 0
    for a, described in enumerate(told["agents"]):
        for i, leg in zip(run.agents[a].instruments, described["instruments"], strict=True):
            second = second_route(run, a, i)
            assert Fraction(leg["position"]) == second["position"]
            for name in ("total", "fees", "funding"):
                assert Fraction(leg["pnl"][name]) == second[name], (leg["instrument"], name)
            parts = sum(Fraction(leg["pnl"][name]) for name in ("spread", "inventory", "fees", "funding"))
            assert parts == Fraction(leg["pnl"]["total"])
            assert leg["fills"] == int((run.leg(a, i).rows["kind"] == Record.FILL).sum())
            seen += leg["fills"]
            assert attribute(run, a, i).decimals() == leg["pnl"]
    assert seen > 500


def test_every_point_of_the_path_is_the_attribution_of_the_run_so_far() -> None:
    run = random_run(5, [INVERSE], [agent("one", [0])], 20)
    leg = leg_of(run)
    path = profit_path(leg)
    keeper = Keeper(INVERSE)
    for row, total in zip(path.rows, path.total, strict=True):
        keeper.cash, keeper.position = int(row["cash"]) * INVERSE.money_unit, int(row["position"])
        assert total * INVERSE.money_unit == keeper.equity(int(row["mid2"]))


@pytest.mark.parametrize("seed", range(20))
def test_what_a_session_is_given_and_trades_elsewhere(seed: int) -> None:
    """Cash and coins brought in are no profit, booked trades are, and fees in a third asset are in nothing."""
    rng = random.Random(seed)
    run = RunBuilder([SPOT], [agent("one", [0])])
    keeper = run.keeper(0, 0)
    keeper.cash, keeper.position = Fraction(-7), rng.randrange(-(10**9), 10**9)
    run.state(Record.RUN_START, T0, 0, 0, 0)  # it began with something, before it had seen a price
    mid2 = first = 12_000_000
    brought, edges, paid = Fraction(0), Fraction(0), Fraction(0)

    def worth(atoms: int, half_ticks: int) -> Fraction:
        return Fraction(atoms, keeper.atoms_per_lot) * keeper.lot * keeper.tick * Fraction(half_ticks, 2)

    opening = keeper.cash + worth(keeper.position, first)
    for n in range(1, 40):
        mid2 += 0 if n == 1 else rng.randrange(-2_000, 2_001)
        atoms, price, fee = (
            rng.randrange(-(10**8), 10**8),
            mid2 // 2 + rng.randrange(-50, 51),
            Fraction(rng.randrange(9)),
        )
        done = rng.choice(("mark", "fill", "trade", "gift", "elsewhere"))
        fields: dict[str, int] = {}
        if done == "trade":
            added = -worth(atoms, 2 * price) - fee
            fields = {"price": price, "side": 1 if atoms > 0 else -1}
            edges, paid = edges + worth(atoms, mid2) - worth(atoms, 2 * price), paid + fee
        elif done == "gift":
            added = fee
            brought += worth(atoms, mid2) + fee
        elif done == "elsewhere":
            lots = rng.randrange(1, 1_000)
            atoms = lots * keeper.atoms_per_lot
            added = -worth(atoms, 2 * price)
            edges += worth(atoms, mid2) - worth(atoms, 2 * price)
        else:
            run.state(Record.MARK, T0 + n, 0, 0, mid2)
            continue
        keeper.cash, keeper.position = keeper.cash + added, keeper.position + atoms
        now = {"cash": keeper.units(keeper.cash), "position": keeper.position, "mid2": mid2}
        if done == "elsewhere":
            run.fill_numbers += 1
            run.add(Record.FILL, T0 + n, 0, 0, side=1, qty=lots, price=price, fee=rng.randrange(10**9),
                    flags=FEE_TOLD | FEE_ELSEWHERE, ref=run.fill_numbers, **now)  # fmt: skip
        else:
            run.add(Record.ADJUSTED, T0 + n, 0, 0, qty=atoms, fee=keeper.units(added), **fields, **now)
    run.state(Record.RUN_END, T0 + 50, 0, 0, mid2)
    result = attribute_leg(leg_of(run))
    assert result.total * SPOT.money_unit == keeper.cash + worth(keeper.position, mid2) - opening - brought
    assert result.spread * SPOT.money_unit == edges
    assert result.fees * SPOT.money_unit == -paid
