"""Issuance, difficulty, hash rate, what a coin costs, and the series made of them: closed forms and recorded years."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotewright.chain.as_features import MINER_NAMES, miner_series
from quotewright.chain.hardware import MACHINES, YEAR, Machine, fleet_efficiency
from quotewright.chain.issuance import FIRST_SUBSIDY, HALVING, HALVING_TIMES, issued, subsidy, subsidy_at
from quotewright.chain.production import blocks_found, breakeven_efficiency, hash_rate, production_cost
from quotewright.chain.series import DAY, Series, as_of, read_series, trailing_mean
from quotewright.chain.supply import miners
from quotewright.datasets.as_of import as_of as joined
from quotewright.domain.errors import DataError, InputError

METRICS = ("difficulty", "hash_rate_th_s", "market_price_usd", "transaction_fees_btc", "miners_revenue_usd")


def day(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> dict[str, Series]:
    return read_series(shared_data / "onchain" / "blockchain_com_btc_long.csv.gz", METRICS)


def test_there_will_never_be_21_million() -> None:
    assert issued(64 * HALVING) == 2_099_999_997_690_000  # the developer reference's total
    assert issued(10**9) == issued(33 * HALVING - 1) < 21_000_000 * 10**8
    assert subsidy(0) == FIRST_SUBSIDY
    assert subsidy(HALVING - 1) == 50 * 10**8
    assert subsidy(HALVING) == 25 * 10**8
    assert subsidy(839_999) == 625_000_000
    assert subsidy(840_000) == 312_500_000
    assert subsidy(33 * HALVING) == subsidy(64 * HALVING) == subsidy(10**9) == 0
    assert subsidy(32 * HALVING) == 1
    with pytest.raises(InputError):
        subsidy(-1)


@given(st.integers(0, 34 * HALVING))
def test_coins_so_far_are_the_sum_of_subsidies(height: int) -> None:
    assert issued(height) - issued(height - 1) == subsidy(height)


def test_subsidies_by_day_are_those_of_the_chain(shared_data: Path) -> None:
    """Coin Metrics' new coins a block, 2009 to 2019: the same on every day but those of the two halvings."""
    table = pl.read_csv(shared_data / "onchain" / "coinmetrics_btc_1d.csv.gz", infer_schema_length=None)
    names = {name.lower(): name for name in table.columns}
    rows = table.select(pl.col(names["date"]).cast(pl.String).str.slice(0, 10).str.to_date(), "BlkCnt", "IssTotNtv")
    rows = rows.drop_nulls().filter(pl.col("BlkCnt") > 0)
    time = rows[names["date"]].cast(pl.Datetime("ns")).cast(pl.Int64).to_numpy()
    made = (rows["IssTotNtv"].cast(pl.Float64) / rows["BlkCnt"].cast(pl.Float64)).to_numpy()
    differs = np.abs(made - subsidy_at(time)) > 0.01
    halved = set((HALVING_TIMES // DAY).tolist())
    assert len(time) > 3900
    assert set((time[differs] // DAY).tolist()) <= halved
    with pytest.raises(InputError, match="fifth"):
        subsidy_at(np.array([day("2028-01-01")]))


def test_recorded_hash_rates_are_difficulty_times_the_blocks_of_the_day(recorded: dict[str, Series]) -> None:
    """H = D·2³²/600 holds on average; by day it is off by the luck of about 144 blocks, whole ones to rounding."""
    difficulty, rate = recorded["difficulty"], recorded["hash_rate_th_s"]
    blocks = blocks_found(as_of(difficulty.time, rate, oldest_ns=0), difficulty.value)
    assert len(blocks) == 364
    assert np.abs(blocks - np.rint(blocks)).max() < 1e-9
    ratio = blocks / 144
    assert 1.0 < ratio.mean() < 1.05  # difficulty follows a growing hash rate
    assert 1 / math.sqrt(144) < ratio.std() < 1.3 / math.sqrt(144)
    assert hash_rate(difficulty.value, blocks) == pytest.approx(as_of(difficulty.time, rate, oldest_ns=0))


def test_recorded_revenue_is_subsidy_and_fees_at_the_price(recorded: dict[str, Series]) -> None:
    difficulty, price = recorded["difficulty"], recorded["market_price_usd"]
    time = difficulty.time[difficulty.time < day("2024-04-19")]
    rate, fees, usd, paid = (
        as_of(time, recorded[name], oldest_ns=0)
        for name in ("hash_rate_th_s", "transaction_fees_btc", "miners_revenue_usd", "market_price_usd")
    )
    blocks = np.rint(blocks_found(rate, difficulty.value[: len(time)]))
    expected = (blocks * subsidy_at(time) + fees) * paid
    known = np.isfinite(expected) & np.isfinite(usd)
    assert known.sum() > 340
    assert np.median(usd[known] / expected[known]) == pytest.approx(1, abs=0.01)  # the day's price against its end
    assert len(price.time) > 2000


def test_cost_by_hand() -> None:
    """Hayes' example in his units: a miner of 1,000 GH/s, δ, β, W per GH/s and USD per kWh; ρ cancels."""
    difficulty, reward, watt_per_gigahash, usd = 4.4455415962e10, 25.0, 0.6, 0.13
    rho = 1000 * 1e9  # hashes a second
    coins_a_day = reward * rho * 86_400 / (difficulty * 2**32)
    usd_a_day = (rho / 1e9) * watt_per_gigahash / 1000 * 24 * usd
    one = np.ones(1)
    found = production_cost(difficulty * one, reward * one, 1000 * watt_per_gigahash * one, usd_per_kwh=usd)
    assert found[0] == pytest.approx(usd_a_day / coins_a_day, rel=1e-12)


positive = st.floats(1e-3, 1e15)


@given(positive, positive, st.floats(1e-3, 1e4), st.floats(1e-3, 1.0))
def test_at_breakeven_the_cost_is_the_price(price: float, difficulty: float, reward: float, usd: float) -> None:
    p, d, r = (np.array([value]) for value in (price, difficulty, reward))
    needs = breakeven_efficiency(p, d, r, usd_per_kwh=usd)
    assert production_cost(d, r, needs, usd_per_kwh=usd)[0] == pytest.approx(price, rel=1e-9)
    assert production_cost(2 * d, r, needs, usd_per_kwh=usd)[0] == pytest.approx(2 * price, rel=1e-9)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.inf])
def test_what_must_be_positive_is_named(wrong: float) -> None:
    one, bad = np.ones(1), np.array([wrong])
    for name, arguments in {
        "difficulty": (bad, one, one),
        "reward": (one, bad, one),
        "joules_per_terahash": (one, one, bad),
    }.items():
        with pytest.raises(InputError, match=name):
            production_cost(*arguments)
    assert np.isnan(production_cost(np.array([np.nan]), one, one))[0]


def test_fleets_by_hand() -> None:
    machines = (Machine("a", "2014-01", 100.0), Machine("b", "2016-01", 40.0), Machine("c", "2018-01", 20.0))
    cases = [
        ("2013-12-31", 1e9, math.nan),
        ("2014-01-01", 1e9, 100.0),
        ("2016-06-01", 1e9, 70.0),
        ("2016-06-01", 90.0, 40.0),
        ("2016-06-01", 10.0, 40.0),  # none earns: the best
        ("2016-06-01", math.nan, 40.0),
        ("2018-06-01", 1e9, 160 / 3),
        ("2020-01-01", 1e9, 30.0),  # a is six years old
        ("2024-01-01", 1e9, math.nan),  # c, too
    ]
    time = np.array([day(text) for text, _, _ in cases])
    breakeven = np.array([value for _, value, _ in cases])
    assert fleet_efficiency(time, breakeven, machines=machines) == pytest.approx([e for _, _, e in cases], nan_ok=True)
    with pytest.raises(InputError):
        fleet_efficiency(time, breakeven, machines=())
    with pytest.raises(InputError):
        fleet_efficiency(time, breakeven, machines=(Machine("d", "2014-01", 0.0),))
    assert [each.shipped for each in MACHINES] == sorted(each.shipped for each in MACHINES)
    needs = [each.joules_per_terahash for each in MACHINES]
    assert needs == sorted(needs, reverse=True)
    assert YEAR == 365.25 * DAY


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60), st.integers(5, 20), st.data())
def test_trailing_means_by_brute_force(gaps: list[int], days: int, data: st.DataObject) -> None:
    time = np.cumsum(np.array(gaps)) * DAY
    value = np.array(data.draw(st.lists(st.integers(-9, 9), min_size=len(gaps), max_size=len(gaps))), np.float64)
    found = trailing_mean(Series(time, value), days * DAY)
    for i, now in enumerate(time):
        began = max([0, *(k for k in range(1, i + 1) if gaps[k] > 4)])
        step = gaps[i] * DAY if i > began else 0
        if now - time[began] < days * DAY - step:
            assert math.isnan(found[i])
        else:
            inside = (time > now - days * DAY) & (time <= now)
            assert found[i] == pytest.approx(value[inside].mean(), abs=1e-9)
    cut = data.draw(st.integers(0, len(gaps)))
    part = trailing_mean(Series(time[:cut], value[:cut]), days * DAY)
    assert np.array_equal(part, found[:cut], equal_nan=True)


def test_trailing_means_refuse_nonsense_and_carry_what_is_missing() -> None:
    time = np.arange(20) * DAY
    with pytest.raises(InputError, match="longer"):
        trailing_mean(Series(time, np.ones(20)), 3 * DAY)
    with pytest.raises(InputError, match="rise"):
        trailing_mean(Series(time[::-1], np.ones(20)), 7 * DAY)
    value = np.ones(20)
    value[9] = np.nan
    found = trailing_mean(Series(time, value), 5 * DAY)
    assert np.flatnonzero(np.isnan(found)).tolist() == [0, 1, 2, 3, 9, 10, 11, 12, 13]


def test_as_of_takes_the_latest_that_is_not_too_old() -> None:
    series = Series(np.array([10, 20, 40]), np.array([1.0, 2.0, 4.0]))
    found = as_of(np.array([9, 10, 19, 25, 31, 40, 99]), series, oldest_ns=10)
    assert found == pytest.approx([math.nan, 1, 1, 2, math.nan, 4, math.nan], nan_ok=True)
    assert np.isnan(as_of(np.array([1]), Series(np.zeros(0, np.int64), np.zeros(0)), oldest_ns=1)).all()


def test_recorded_series_that_contradict_themselves_are_refused(shared_data: Path, tmp_path: Path) -> None:
    recording = shared_data / "onchain" / "blockchain_com_btc_long.csv.gz"
    with pytest.raises(DataError, match="two values on one date"):
        read_series(recording, ["n_transactions"])  # its daily and its three-daily rows differ by a percent
    with pytest.raises(DataError, match="no values"):
        read_series(recording, ["hashes"])
    table = tmp_path / "t.csv"
    for text in (
        "",
        "date,metric\n2020-01-01,a\n",
        "date,metric,value\nyesterday,a,1\n",
        "date,metric,value\n2020-01-01,a,x\n",
    ):
        table.write_text(text)
        with pytest.raises(DataError):
            read_series(table, ["a"])
    table.write_text("date,metric,value\n2020-01-02,a,\n")
    with pytest.raises(DataError, match="missing"):
        read_series(table, ["a"])
    with pytest.raises(DataError):
        read_series(tmp_path / "none.csv", ["a"])


def test_the_recorded_year_of_the_miners(recorded: dict[str, Series]) -> None:
    """About 30 J/TH at five cents: some 16,000 dollars a coin in 2023; the halving of 2024 nearly doubles it."""
    difficulty, rate = recorded["difficulty"], recorded["hash_rate_th_s"]
    blocks = blocks_found(as_of(difficulty.time, rate, oldest_ns=0), difficulty.value)
    fees = Series(difficulty.time, as_of(difficulty.time, recorded["transaction_fees_btc"], oldest_ns=0) / blocks)
    found = miners(difficulty, recorded["market_price_usd"], fees=fees, rate=rate)
    assert np.isfinite(found.cost).mean() > 0.98
    year = (found.time >= day("2023-05-01")) & (found.time < day("2024-01-01"))
    assert 14_000 < np.nanmedian(found.cost[year]) < 20_000
    assert (found.sales[year] <= found.issued[year]).all()
    alone = miners(difficulty, recorded["market_price_usd"], machines=(Machine("s", "2022-07", 21.5),))
    before, after = (alone.cost[alone.time == day(text)][0] for text in ("2024-04-19", "2024-04-21"))
    assert after / before == pytest.approx(2, rel=0.03)
    assert (found.known - found.time == 2 * DAY).all()
    late = miners(difficulty, recorded["market_price_usd"], delay_ns=0, usd_per_kwh=0.10, machines=MACHINES[-2:-1])
    cheap = miners(difficulty, recorded["market_price_usd"], delay_ns=0, usd_per_kwh=0.05, machines=MACHINES[-2:-1])
    assert late.cost == pytest.approx(2 * cheap.cost, nan_ok=True)
    risen = Series(np.array([day("2023-01-01"), day("2023-10-01")]), np.array([0.05, 0.10]))
    dear = miners(difficulty, recorded["market_price_usd"], delay_ns=0, usd_per_kwh=risen, machines=MACHINES[-2:-1])
    rise = np.where(found.time < risen.time[1], 1, 2)
    assert dear.cost == pytest.approx(rise * cheap.cost, nan_ok=True)
    assert late.ratio == pytest.approx(cheap.ratio / 2, nan_ok=True)


def test_the_ribbon_of_the_recorded_hash_rate(recorded: dict[str, Series]) -> None:
    """Miners left in late 2018, after the halving of 2020 and when China forbade mining in 2021, and came back."""
    rate, price = recorded["hash_rate_th_s"], recorded["market_price_usd"]
    implied = Series(rate.time, rate.value * 1e12 * 600 / 2**32)
    found = miners(implied, price, rate=rate)
    for text in ("2018-12-10", "2020-06-10", "2021-07-10"):
        assert found.capitulation[np.searchsorted(found.time, day(text))]
    months = {str(np.datetime64(int(t), "ns").astype("M8[M]")) for t in found.time[found.recovery]}
    assert {"2019-01", "2021-08", "2022-08"} <= months
    again = miners(Series(implied.time[:1500], implied.value[:1500]), price, rate=rate)
    for name in ("cost", "ratio", "sales", "ribbon", "puell"):
        assert np.array_equal(getattr(again, name), getattr(found, name)[:1500], equal_nan=True)


def test_a_day_knows_no_later_price(recorded: dict[str, Series]) -> None:
    difficulty, price = recorded["difficulty"], recorded["market_price_usd"]
    whole = miners(difficulty, price)
    for cut in (day("2023-08-01"), day("2024-02-01")):
        part = miners(difficulty, Series(*(column[price.time <= cut] for column in price)))
        upto = int((difficulty.time <= cut).sum())
        for name in ("cost", "ratio", "sales", "puell"):
            assert np.array_equal(getattr(part, name)[:upto], getattr(whole, name)[:upto], equal_nan=True)


def test_miners_refuse_nonsense() -> None:
    one = Series(np.array([day("2020-01-01")]), np.array([1e13]))
    price = Series(one.time, np.array([7000.0]))
    found = miners(one, price)
    assert np.isfinite(found.cost).all()
    assert np.isnan(found.ribbon).all()
    assert not found.recovery.any()
    assert np.isnan(miners(one, Series(one.time, np.array([0.0]))).ratio).all()
    with pytest.raises(InputError):
        miners(Series(one.time[:0], one.value[:0]), price)
    with pytest.raises(InputError):
        miners(one, price, delay_ns=-1)
    with pytest.raises(InputError, match="difficulty"):
        miners(Series(one.time, np.array([0.0])), price)


def test_miners_as_features_are_known_when_published(recorded: dict[str, Series]) -> None:
    found = miners(recorded["difficulty"], recorded["market_price_usd"], rate=recorded["hash_rate_th_s"], delay_ns=7)
    series = dict(zip(MINER_NAMES, miner_series(found), strict=True))
    assert series["cost"].name == "miner_cost"
    assert len(series["ribbon"].time) == np.isfinite(found.ribbon).sum() < len(found.time)
    row = int(np.flatnonzero(np.isfinite(found.ratio))[50])
    before, at = joined(np.array([found.known[row] - 1, found.known[row]]), series["ratio"])
    assert (before, at) == (found.ratio[row - 1], found.ratio[row])
