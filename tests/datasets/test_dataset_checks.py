"""Planted defects are found by their check and by no other; clean data are found clean; repairs are recorded."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from quotewright.datasets import cleaning
from quotewright.datasets.agreement import agreement, best_shift
from quotewright.datasets.checks import check, summary
from quotewright.datasets.dataset import Dataset, make_dataset
from quotewright.datasets.manifest import Column, Kind
from quotewright.domain.errors import DataError, InputError

HOUR = 3_600 * 10**9
COUNT = 400


def bars(change: Callable[[dict[str, Any]], object] = lambda columns: None) -> Dataset:
    """Clean hourly bars, with whatever `change` plants in their columns."""
    rng = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 2e-3, COUNT)))
    opened = np.concatenate([[100.0], close[:-1]])
    spread = 1 + rng.uniform(1e-4, 1e-3, (2, COUNT))
    volume = rng.uniform(1, 5, COUNT)
    columns: dict[str, Any] = {
        "time": (np.arange(COUNT, dtype=np.int64) + 1) * HOUR,
        "open": opened,
        "high": np.maximum(opened, close) * spread[0],
        "low": np.minimum(opened, close) / spread[1],
        "close": close,
        "volume_btc": volume,
        "volume_usd": volume * (opened + close) / 2,
    }
    change(columns)
    units = {"volume_btc": "BTC"}
    declared = [Column(name, "float", units.get(name, "USD")) for name in columns if name != "time"]
    return make_dataset(pl.DataFrame(columns), "bars", "bars", declared, period=HOUR, licence="ours")


def set_at(column: str, place: Any, value: Any) -> Callable[[dict[str, Any]], object]:
    def change(columns: dict[str, Any]) -> None:
        columns[column][place] = value

    return change


def swap_volumes(columns: dict[str, Any]) -> None:
    base, quote = columns["volume_btc"].copy(), columns["volume_usd"].copy()
    columns["volume_btc"][:50], columns["volume_usd"][:50] = quote[:50], base[:50]


def interpolate(columns: dict[str, Any]) -> None:
    for name, values in columns.items():
        if name != "time":
            values[100:111] = np.linspace(values[100], values[110], 11)


def rows_of(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Dataset:
    dataset = bars()
    return dataset.stepped(change(dataset.frame), "planted", 1)


PLANTED: dict[str, tuple[Dataset, int]] = {
    "impossible_bar": (bars(set_at("high", [10, 20], 1.0)), 2),
    "not_positive": (bars(set_at("low", 30, -1.0)), 1),
    "not_finite": (bars(set_at("volume_usd", [5, 6], math.inf)), 2),
    "unknown_volume": (bars(set_at("volume_btc", [3, 4, 5], 0.0)), 3),
    "negative_volume": (bars(set_at("volume_btc", 3, -2.0)), 1),
    "swapped_volumes": (bars(swap_volumes), 50),
    "mean_price_outside": (bars(set_at("volume_usd", 9, 1e6)), 1),
    "interpolated": (bars(interpolate), 9),
    "outliers": (bars(set_at("high", 200, 150.0)), 1),
    "gaps": (rows_of(lambda frame: pl.concat([frame[:50], frame[53:]])), 1),
    "duplicates": (rows_of(lambda frame: pl.concat([frame[:5], frame[4:]])), 1),
    "out_of_order": (rows_of(lambda frame: pl.concat([frame[:5], frame[10:], frame[5:10]])), 1),
    "missing": (rows_of(lambda frame: frame.with_columns(pl.col("volume_usd").shift(3))), 3),
    "held": (
        rows_of(lambda frame: frame.with_columns(volume_usd=pl.col("volume_usd").gather(pl.int_range(COUNT) // 8 * 8))),
        350,
    ),
    "constant": (bars(set_at("volume_usd", slice(None), 7.0)), COUNT),
    "proportional": (rows_of(lambda frame: frame.with_columns(volume_usd=pl.col("volume_btc") * 3)), COUNT),
}


# what is rightly found with it: a high of 1 is far off, and leaves the mean price outside its bar
ALSO = {
    "impossible_bar": {"outliers", "mean_price_outside"},
    "not_positive": {"outliers"},
    "negative_volume": {"mean_price_outside"},
    "out_of_order": {"outliers"},
    "held": {"mean_price_outside"},
    "constant": {"mean_price_outside"},
    "proportional": {"mean_price_outside"},
    "missing": {"mean_price_outside"},
}


def test_clean_bars_are_found_clean() -> None:
    assert check(bars()) == ()


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_defect_is_found(kind: str) -> None:
    dataset, count = PLANTED[kind]
    found = {one.check: one for one in check(dataset)}
    assert found[kind].count == count
    assert set(found) <= {kind} | ALSO.get(kind, set())


def test_off_grid_rows() -> None:
    moved = rows_of(
        lambda frame: frame.with_columns(time=pl.col("time") + pl.when(pl.int_range(COUNT) == 7).then(60).otherwise(0))
    )
    assert {one.check for one in check(moved)} == {"off_grid", "gaps"}


def panel(ends: list[int], kind: Kind = "series") -> Dataset:
    days = 86_400 * 10**9
    frames = [
        pl.DataFrame(
            {"time": (np.arange(end, dtype=np.int64) + 1) * days, "value": np.random.default_rng(i).normal(size=end)}
        ).with_columns(symbol=pl.lit(f"s{i}"))
        for i, end in enumerate(ends)
    ]
    columns = [Column("value", "float", "1"), Column("symbol", "text", "name")]
    frame = pl.concat(frames).select("time", "value", "symbol")
    return make_dataset(frame, "panel", kind, columns, keys=["symbol"], period=days, licence="ours")


def test_universes() -> None:
    alive = check(panel([500] * 12))
    assert {one.check for one in alive} == {"survivors"}
    died = check(panel([500] * 10 + [300, 210]))
    assert {one.check for one in died} == {"coverage"}
    assert [(one.check, one.series, one.rows) for one in summary(died)] == [("coverage", 2, 510)]
    cut = check(panel([500] * 8 + [300] * 4))
    assert {one.check for one in cut} == {"coverage", "survivors", "cut_together"}


@pytest.mark.parametrize(
    ("scale", "unit", "wrong"), [(1, "fraction", 0), (100, "fraction", 1), (100, "percent", 0), (1, "percent", 1)]
)
def test_units_of_funding(scale: float, unit: str, wrong: int) -> None:
    rates = np.random.default_rng(2).normal(1e-4, 5e-5, 200) * scale
    frame = pl.DataFrame({"time": (np.arange(200, dtype=np.int64) + 1) * 8 * HOUR, "funding_rate": rates})
    made = make_dataset(frame, "f", "funding", [Column("funding_rate", "float", f"{unit} per 8 h")], licence="ours")
    assert [one.check for one in check(made)] == ["funding_unit"] * wrong


def test_one_row_and_all_empty_columns_are_looked_at() -> None:
    frame = pl.DataFrame({"time": [1], "close": [None], "source": ["a"]}, schema_overrides={"close": pl.Float64})
    made = make_dataset(frame, "x", "bars", [Column("close", "float", "U"), Column("source", "text", "s")], licence="l")
    assert [one.check for one in check(made)] == ["missing"]


def test_repairs_undo_what_was_planted_and_say_so() -> None:
    clean = bars()
    shuffled = clean.stepped(clean.frame.sample(fraction=1, shuffle=True, seed=4), "shuffled", 0)
    assert cleaning.in_order(shuffled).frame.equals(clean.frame)
    doubled = clean.stepped(pl.concat([clean.frame, clean.frame[7:9]]), "doubled", 2)
    once = cleaning.without_duplicates(cleaning.in_order(doubled))
    assert once.frame.equals(clean.frame)
    assert once.manifest.steps[-1].changed == 2
    swapped = PLANTED["swapped_volumes"][0]
    right = cleaning.with_volumes_put_right(swapped, base="volume_btc", quote="volume_usd")
    assert right.frame.equals(clean.frame)
    assert right.manifest.steps[-1].changed == 50
    possible = cleaning.without_impossible_bars(PLANTED["impossible_bar"][0])
    assert possible.manifest.rows == COUNT - 2
    assert check(possible)[0].check == "gaps"
    emptied = cleaning.with_zeros_empty(PLANTED["unknown_volume"][0], "volume_btc")
    assert emptied.frame["volume_btc"].null_count() == 3


def test_rows_that_contradict_each_other_are_not_chosen_between_in_silence() -> None:
    clean = bars()
    other = clean.frame[7:8].with_columns(close=pl.lit(1.0))
    doubled = clean.stepped(pl.concat([clean.frame, other]).sort("time", maintain_order=True), "doubled", 1)
    with pytest.raises(DataError, match="2 rows contradict"):
        cleaning.without_duplicates(doubled)
    assert cleaning.without_duplicates(doubled, contradicting="first").frame.equals(clean.frame)
    assert cleaning.without_duplicates(doubled, contradicting="last").frame["close"][7] == 1.0


def test_flags_are_marked_and_removed_only_when_asked() -> None:
    spiked = PLANTED["outliers"][0]
    marked = cleaning.with_outliers_flagged(spiked)
    assert marked.frame.drop("is_outlier").equals(spiked.frame)
    assert np.flatnonzero(marked.frame["is_outlier"].to_numpy()).tolist() == [200]
    removed = cleaning.without_flagged(marked, "is_outlier")
    assert removed.manifest.rows == COUNT - 1
    assert [step.name for step in removed.manifest.steps] == ["with_outliers_flagged", "without_flagged"]
    dropped = cleaning.without_columns(marked, "is_outlier")
    assert dropped.frame.equals(spiked.frame)


def test_carrying_forward_stays_within_its_series() -> None:
    dataset = panel([5, 5])
    holed = dataset.stepped(
        dataset.frame.with_columns(value=pl.when(pl.int_range(10).is_in([1, 2, 5])).then(None).otherwise("value")),
        "holed",
        3,
    )
    filled = cleaning.carried_forward(holed, "value")
    first = dataset.frame["value"][0]
    assert filled.frame["value"][:3].to_list() == [first] * 3
    assert filled.frame["value"][5] is None  # the other series has nothing before
    assert filled.manifest.steps[-1].changed == 2
    assert cleaning.carried_forward(holed, "value", most_rows=1).manifest.steps[-1].changed == 1


@pytest.mark.parametrize("names", [["time"], ["symbol", "time"]])
def test_what_stands_above_is_never_the_future(names: list[str]) -> None:
    """Many published files have their newest row first."""
    dataset = panel([5, 5])
    newest_first = dataset.stepped(dataset.frame.sort(names, descending=True), "newest_first", 0)
    with pytest.raises(DataError, match=r"s\d: row 2 is before the row above it"):
        cleaning.carried_forward(newest_first, "value")
    ordered = cleaning.in_order(newest_first)
    assert cleaning.carried_forward(ordered, "value").manifest.rows == 10
    falling = bars()
    falling = falling.stepped(falling.frame.reverse(), "newest_first", COUNT)
    with pytest.raises(DataError, match="take in_order first"):
        cleaning.with_outliers_flagged(falling)


def test_prints_that_are_alike_are_two_trades() -> None:
    columns = [Column("price", "float", "USD"), Column("size", "float", "BTC")]
    frame = pl.DataFrame({"time": [1, 1], "price": [9.0, 9.0], "size": [0.5, 0.5]})
    with pytest.raises(InputError, match="two trades"):
        cleaning.without_duplicates(make_dataset(frame, "p", "prints", columns, licence="ours"))


def test_a_flag_is_made_once() -> None:
    with pytest.raises(InputError, match="twice"):
        cleaning.with_outliers_flagged(cleaning.with_outliers_flagged(bars()), threshold=5.0)


def test_the_rest_of_the_steps() -> None:
    dataset = panel([5, 7])
    one = cleaning.only(dataset, symbol="s1")
    assert (one.manifest.keys, one.manifest.rows, one.frame.columns) == ((), 7, ["time", "value"])
    assert one.manifest.parent == dataset.manifest.hash
    times = one.frame["time"]
    assert cleaning.between(one, times[2], times[4]).frame["time"].to_list() == times[2:4].to_list()
    halved = cleaning.rescaled(one, "value", 0.5, "half")
    np.testing.assert_array_equal(halved.frame["value"], one.frame["value"] * 0.5)
    assert halved.manifest.columns[0].unit == "half"
    with pytest.raises(InputError, match="have no row"):
        cleaning.between(one, 0, 1)
    with pytest.raises(InputError, match="factor"):
        cleaning.rescaled(one, "value", 0, "none")
    with pytest.raises(InputError, match="recorder"):
        cleaning.with_clock_moved(one, 1)
    for wrong in (lambda: cleaning.without_flagged(one, "value"), lambda: cleaning.carried_forward(one, "other")):
        with pytest.raises(InputError, match="column"):
            wrong()


def test_a_planted_shift_and_basis_are_found() -> None:
    time = np.arange(500, dtype=np.int64) * HOUR
    price = 100 * np.exp(np.cumsum(np.random.default_rng(9).normal(0, 0.01, 500)))
    late = best_shift(time, price, time + 3 * HOUR, price * 1.001, [k * HOUR for k in range(-5, 6)])
    assert late[0].shift == -3 * HOUR
    assert late[0].basis == pytest.approx(10)
    assert agreement(time, price, time[100:], price[100:]).identical == 1
    with pytest.raises(InputError, match="share no time"):
        agreement(time, price, time + 1, price)
    with pytest.raises(InputError, match="distinct"):
        agreement(time, price, np.zeros(500, np.int64), price)
