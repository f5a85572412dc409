"""Parameter sets: grids, draws and files, and what each refuses."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.domain.strategy import Param, Strategy
from quotewright.sessions.sweep_axes import grid_sets, parse_grid, parse_ranges, random_sets
from quotewright.sessions.sweep_sets import read_sets
from quotewright.strategies.catalogue import find

WHOLE = Strategy("s", lambda *_: None, (Param("n", 3, 1, 9, "", "", whole=True), Param("x", 1, 0, 9, "", "")), "", "")


def test_a_grid_is_every_combination_the_last_axis_fastest() -> None:
    sets = grid_sets(parse_grid(["a=1,2", "b=0.1:0.3:3"]))
    assert sets == [{"a": a, "b": b} for a in (1.0, 2.0) for b in (0.1, 0.2, 0.3)], "even steps are exact in decimals"


def test_a_logarithmic_axis_has_equal_ratios_and_its_ends_exactly() -> None:
    (values,) = parse_grid(["a=0.01:1:5:log"]).values()
    assert values[0] == 0.01
    assert values[-1] == 1.0
    assert [b / a for a, b in itertools.pairwise(values)] == pytest.approx([math.sqrt(10)] * 4)


WRONG_GRIDS = [
    *("a", "a=", "=1", "a=1,x", "a=1:2", "a=1:2:1", "a=1:2:2.5", "a=2:1:3", "a=0:1:3:log", "a=1:2:3:lin", "a=1,1"),
    *("a=1:2:3:log:x", "a=nan", "a=inf:1:2", "a=0:1:1000001"),
]


@pytest.mark.parametrize("word", WRONG_GRIDS)
def test_a_wrong_grid_is_refused_by_name(word: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_grid([word])
    assert caught.value.field.startswith("grid")


@pytest.mark.parametrize("word", ["a", "a=1", "a=2:1", "a=1:1", "a=0:1:log", "a=1:2:lin", "a=1:x", "a=1:2:log:4"])
def test_a_wrong_range_is_refused_by_name(word: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_ranges([word])
    assert caught.value.field.startswith("range")


def test_an_axis_given_twice_and_a_grid_too_large_are_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        parse_grid(["a=1", "a=2"])
    with pytest.raises(InputError, match="1,000,200 sets"):
        grid_sets(parse_grid(["a=0:1:5001", "b=0:1:200"]))


@given(st.integers(0, 10**6), st.integers(1, 60))
def test_draws_repeat_lie_in_their_ranges_and_fewer_are_the_first_of_more(seed: int, count: int) -> None:
    ranges = parse_ranges(["n=0.5:4", "x=0.001:9:log"])
    sets = random_sets(WHOLE, ranges, count, seed)
    assert sets == random_sets(WHOLE, ranges, count + 7, seed)[:count]
    assert {each["n"] for each in sets} <= {1.0, 2.0, 3.0, 4.0}
    assert all(0.001 <= each["x"] <= 9 for each in sets)


def test_draws_are_even_over_whole_numbers_and_over_logarithms() -> None:
    sets = random_sets(WHOLE, parse_ranges(["n=1:4", "x=0.001:1:log"]), 8_000, 5)
    counts = [sum(each["n"] == n for each in sets) for n in (1, 2, 3, 4)]
    assert min(counts) > 1_850
    below = sum(each["x"] < math.sqrt(0.001) for each in sets)
    assert 3_850 < below < 4_150
    logs = [each["n"] for each in random_sets(WHOLE, parse_ranges(["n=1:9:log"]), 8_000, 5)]
    assert {*logs} == {float(n) for n in range(1, 10)}
    assert logs.count(1.0) > 4 * logs.count(9.0)


def test_draws_refuse_what_the_strategy_does_not_have_or_allow() -> None:
    for word in ("gama=0:1", "x=0:10", "n=1.2:1.8", "n=0:3"):
        with pytest.raises(InputError):
            random_sets(WHOLE, parse_ranges([word]), 3, 0)
    with pytest.raises(InputError, match="--range"):
        random_sets(WHOLE, {}, 3, 0)


def _csv(path: Path) -> None:
    path.write_text("half_spread,levels\n0.5,2\n1.5,\n")


def _jsonl(path: Path) -> None:
    path.write_text('{"half_spread": 0.5, "levels": 2}\n\n{"half_spread": 1.5, "levels": null}\n')


def _toml(path: Path) -> None:
    path.write_text("[[set]]\nhalf_spread = 0.5\nlevels = 2\n[[set]]\nhalf_spread = 1.5\n")


def _parquet(path: Path) -> None:
    pl.DataFrame({"half_spread": [0.5, 1.5], "levels": [2, None]}).write_parquet(path)


@pytest.mark.parametrize(
    ("name", "write"), [(".csv", _csv), (".jsonl", _jsonl), (".toml", _toml), (".parquet", _parquet)]
)
def test_one_file_in_four_forms(tmp_path: Path, name: str, write: Callable[[Path], Any]) -> None:
    write(tmp_path / f"sets{name}")
    sets = read_sets(tmp_path / f"sets{name}")
    assert sets == [{"half_spread": 0.5, "levels": 2.0}, {"half_spread": 1.5}]
    assert find("ladder").bind(sets[1])[2] == 4, "what is empty keeps its default"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "x,y\n1\n", "as many cells"),
        ("b.csv", "x,y\n1,2,3\n", "as many cells"),
        ("c.csv", "x\nhigh\n", "set 0"),
        ("d.csv", "", "has no sets"),
        ("e.jsonl", '{"x": 1}\n{"x": true}\n', "set 1"),
        ("f.jsonl", "[1]\n", "not a table"),
        ("g.jsonl", "{", "cannot be read"),
        ("h.jsonl", '{"x": NaN}\n', "not a number"),
        ("i.toml", "[[sets]]\nx = 1\n", "'sets'"),
        ("j.toml", "x = [", "cannot be read"),
        ("k.parquet", "no", "cannot be read"),
        ("l.txt", "x", "must end in"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_why(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        read_sets(tmp_path / name)
    assert said in str(caught.value)
    assert name in str(caught.value)


def test_a_file_that_is_not_there_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_sets(tmp_path / "sets.csv")


def test_a_spreadsheets_csv_is_read(tmp_path: Path) -> None:
    (tmp_path / "sets.csv").write_bytes(b"\xef\xbb\xbfhalf_spread,skew\r\n0.1,2\r\n0.2,3\r\n")
    assert read_sets(tmp_path / "sets.csv") == [{"half_spread": 0.1, "skew": 2.0}, {"half_spread": 0.2, "skew": 3.0}]


def test_a_set_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sets.jsonl").write_text('{"a": 1, "b": 2}\n{"a": 2}\n{"b": 2.0, "a": 1}\n')
    with pytest.raises(InputError, match="set 0 and set 2"):
        read_sets(tmp_path / "sets.jsonl")
