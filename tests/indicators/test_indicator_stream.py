"""Bar by bar, in pieces and at once give the same bits, no value knows the future, and wrong input is refused."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.indicators.catalogue import FEATURES, series_features
from quotewright.indicators.stream import Stream, compute

Floats = npt.NDArray[np.float64]
NAMES = (*FEATURES, *series_features("hash_rate"), "funding:zscore_100")
COLUMNS = ("high", "low", "close", "volume", "funding", "hash_rate")
price = st.one_of(st.floats(0.01, 1e6), st.integers(1, 4).map(float), st.just(math.nan))


@st.composite
def bars(draw: st.DrawFn) -> dict[str, Floats]:
    rows = []
    for _ in range(draw(st.integers(1, 60))):
        low, high = sorted((draw(price), draw(price)))
        volume, funding, rate = (draw(st.sampled_from([0.0, 1.0, 2.5, math.nan])) for _ in range(3))
        rows.append((high, low, draw(price), volume, funding, rate))
    return dict(zip(COLUMNS, np.array(rows).T, strict=True))


def row(table: dict[str, Floats], i: int) -> dict[str, float]:
    return {name: float(values[i]) for name, values in table.items()}


@given(bars(), st.data())
@settings(max_examples=35, deadline=None)
def test_bar_by_bar_in_pieces_and_at_once(table: dict[str, Floats], data: st.DataObject) -> None:
    count = len(table["close"])
    cut = data.draw(st.integers(0, count))
    whole = compute(table, NAMES)
    assert whole.shape == (count, len(NAMES))
    stream, pieces = Stream(NAMES), Stream(NAMES)
    single = np.array([stream.update(row(table, i)) for i in range(count)])
    halves = [pieces.extend({k: v[part] for k, v in table.items()}) for part in (slice(0, cut), slice(cut, None))]
    assert single.tobytes() == whole.tobytes() == np.concatenate(halves).tobytes()
    assert stream.count == pieces.count == count


@given(bars(), st.data())
@settings(max_examples=40, deadline=None)
def test_the_future_changes_nothing(table: dict[str, Floats], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(table["close"])))
    known = compute({name: values[:cut] for name, values in table.items()}, NAMES)
    assert known.tobytes() == compute(table, NAMES)[:cut].tobytes()


@given(bars(), st.lists(st.sampled_from(NAMES), min_size=1, max_size=8, unique=True))
@settings(max_examples=40, deadline=None)
def test_the_company_of_a_feature_does_not_change_it(table: dict[str, Floats], chosen: list[str]) -> None:
    places = [NAMES.index(name) for name in chosen]
    assert np.array_equal(compute(table, chosen), compute(table, NAMES)[:, places], equal_nan=True)


def test_values_do_not_follow_the_unit_of_price_or_volume() -> None:
    """Shares, indices and scores are the same in dollars and cents, coins and satoshis, to the last few bits."""
    rng = np.random.default_rng(2)
    close = 50 + np.cumsum(rng.normal(size=300)) * 0.5
    table = {"high": close + rng.random(300), "low": close - rng.random(300), "close": close, "volume": rng.random(300)}
    finer = {name: values * (1e8 if name == "volume" else 1e-4) for name, values in table.items()}
    free = [n for n in FEATURES if n.split("_")[0] in ("cmf", "mfi", "keltner", "log", "roc", "volatility", "rsi")]
    free += [f"bollinger_{part}_{w}" for part in ("width", "place") for w in (7, 28)] + ["sar_distance"]
    np.testing.assert_allclose(compute(table, free), compute(finer, free), rtol=1e-9, atol=1e-12)


def test_a_structured_array_will_do_and_only_needed_columns_are_asked_for() -> None:
    table = np.zeros(30, [("close", "f8"), ("volume", "f8")])
    table["close"] = np.arange(30) + 1.0
    assert Stream(["momentum_7", "rsi_14"]).inputs == ("close",)
    assert compute(table, ["momentum_7"])[-1, 0] == 7


def test_a_stored_stream_goes_on_as_if_it_had_never_stopped() -> None:
    rng = np.random.default_rng(9)
    low = rng.uniform(90, 100, 80)
    table = {"high": low + 5, "low": low, "close": low + 2, "volume": rng.random(80)}
    table |= {"hash_rate": rng.random(80), "funding": rng.random(80)}
    stream = Stream(NAMES)
    stream.extend({name: values[:33] for name, values in table.items()})
    again = pickle.loads(pickle.dumps(stream))
    rest = {name: values[33:] for name, values in table.items()}
    assert again.extend(rest).tobytes() == stream.extend(rest).tobytes() == compute(table, NAMES)[33:].tobytes()


def test_no_bars_and_one_bar() -> None:
    none = {name: np.empty(0) for name in COLUMNS}
    assert compute(none, NAMES).shape == (0, len(NAMES))
    first = compute({name: np.array([2.0]) for name in COLUMNS}, NAMES)
    known = {name for name, value in zip(NAMES, first[0], strict=True) if not math.isnan(value)}
    assert {"ad_line", "ad_1", "cmf_1", "bollinger_middle_1", "hash_rate:ewm_28", "hash_rate:zscore_1"} <= known
    assert not {name for name in known if name.endswith(("_7", "_14", "_21")) and ":ewm" not in name}


SOME = {"high": np.array([2.0, 3.0]), "low": np.array([1.0, 2.0]), "close": np.array([1.5, 2.5]), "volume": np.ones(2)}


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("names", lambda: compute(SOME, [])),
        ("names", lambda: compute(SOME, ["mfi_7", "mfi_7"])),
        ("bars", lambda: compute({"close": np.ones(3)}, ["mfi_7"])),
        ("bars", lambda: compute(SOME, ["funding:ewm_7"])),
        ("bars", lambda: compute(SOME | {"close": np.ones(3)}, ["mfi_7"])),
        ("bars", lambda: compute(SOME | {"close": np.array(["a", "b"])}, ["mfi_7"])),
        ("close", lambda: compute(SOME | {"close": np.ones((2, 2))}, ["rsi_7"])),
        ("low, high, volume", lambda: compute(SOME | {"low": np.array([1.0, 4.0])}, ["sar"])),
        ("low, high, volume", lambda: compute(SOME | {"volume": np.array([1.0, -4.0])}, ["mfi_7"])),
        ("close", lambda: Stream(["rsi_7"]).update({"high": 3.0})),
        ("close", lambda: Stream(["rsi_7"]).update({"close": "much"})),  # type: ignore[dict-item]
        ("low, high, volume", lambda: Stream(["sar"]).update({"high": 3.0, "low": 4.0})),
    ],
)
def test_wrong_input_is_refused(field: str, make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field


def test_a_refused_bar_leaves_the_stream_as_it_was() -> None:
    stream, other = Stream(["sar", "ad_line", "rsi_7"]), Stream(["sar", "ad_line", "rsi_7"])
    rng = np.random.default_rng(1)
    for i in range(20):
        if i == 9:
            with pytest.raises(InputError):
                stream.update({"high": 1.0, "low": 2.0, "close": 1.5, "volume": 1.0})
        low = float(rng.uniform(90, 100))
        bar = {"high": low + 3, "low": low, "close": low + 1, "volume": 2.0}
        assert stream.update(bar).tobytes() == other.update(bar).tobytes()
