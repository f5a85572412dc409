"""The audit catches every planted leak and names it, and lets clean counterparts pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.validation.audit import FAILED, POISONED, TRUNCATED, UNREPEATABLE, Audit, Column, Known, audit
from quotewright.validation.labels import forward_returns
from quotewright.validation.poison import poisoned
from quotewright.validation.triple_barrier import triple_barrier
from quotewright.validation.user_code import frame_maker, load_function

DAY = 86_400 * 10**9
N = 160
TIMES = np.arange(1, N + 1, dtype=np.int64) * DAY
CLOSES = np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.03, N)))
BARS = pl.DataFrame({"time": TIMES, "close": CLOSES})
TABLES = {"bars": Known(BARS, TIMES)}


def of_bars(*columns: pl.Expr) -> Audit:
    """The audit of columns of the bars, each known at its row's time."""
    return audit(frame_maker(lambda bars: bars.select("time", *columns)), TABLES, number=8)


price = pl.col("close")
change = price.log().diff()
CLEAN = {
    "past mean": price.rolling_mean(5),
    "past z-score": (price - price.rolling_mean(20)) / price.rolling_std(20),
    "lag": change.shift(1),
    "running maximum": price.cum_max(),
    "fading mean": price.ewm_mean(half_life=5),
    "decision": pl.when(price > price.rolling_mean(10)).then(pl.lit("long")).otherwise(pl.lit("flat")),
}
LEAKING = {
    "centred mean": price.rolling_mean(5, center=True),
    "global z-score": (price - price.mean()) / price.std(),
    "next change": change.shift(-1),
    "range": (price - price.min()) / (price.max() - price.min()),
    "rank": price.rank(),
    "warm-up filled from behind": price.rolling_mean(9).fill_null(strategy="backward"),
    "quantile decision": pl.when(price > price.median()).then(pl.lit("long")).otherwise(pl.lit("flat")),
    "knows the best day": price == price.max(),
}


def test_clean_features_and_decisions_pass() -> None:
    found = of_bars(*(expression.alias(name) for name, expression in CLEAN.items()))
    assert found.leaks == ()
    assert found.clean
    assert set(found.columns) == set(CLEAN)
    assert found.compared > 1_000


@pytest.mark.parametrize("name", LEAKING)
def test_a_planted_leak_is_caught_and_only_it(name: str) -> None:
    found = of_bars(*(expression.alias(clean) for clean, expression in CLEAN.items()), LEAKING[name].alias(name))
    assert {leak.column for leak in found.leaks} == {name}
    assert not found.clean
    leak = found.leaks[0]
    assert leak.time <= leak.moment
    assert leak.whole != leak.cut
    assert name in leak.sentence


def test_the_first_row_and_both_values_are_named() -> None:
    found = audit(
        frame_maker(lambda bars: bars.select("time", next=price.shift(-1))),
        TABLES,
        moments=TIMES[[59, 99]],
        poison=False,
    )
    (leak,) = found.leaks
    assert (leak.column, leak.time, leak.moment) == ("next", TIMES[59], TIMES[59])
    assert leak.whole == CLOSES[60]
    assert leak.cut != leak.cut  # nothing is there


def test_labels_pass_when_they_say_when_they_are_known_and_not_when_they_do_not() -> None:
    def labels(rows: dict[str, Any]) -> Mapping[str, Column]:
        times, closes = rows["times"], rows["closes"]
        after, barriers = forward_returns(times, closes, 5), triple_barrier(times, closes, take=0.05, stop=0.04, bars=9)
        columns = {
            "after": Column(after.values, times, after.ends),
            "barrier": Column(barriers.labels().values, times, barriers.ends),
            "paid": Column(barriers.returns, times, barriers.ends),
        }
        return columns | ({"early": Column(after.values, times, after.ends - DAY)} if rows["early"].any() else {})

    plain = {"times": Known(TIMES, TIMES), "closes": Known(CLOSES, TIMES)}
    assert audit(labels, plain | {"early": Known(np.zeros(N), TIMES)}).clean
    found = audit(labels, plain | {"early": Known(np.ones(N), TIMES)})
    assert {leak.column for leak in found.leaks} == {"early"}


def mood(published: int) -> dict[str, Known]:
    """Bars, and a daily figure about each day that is published some time after it has ended."""
    figures = pl.DataFrame({"time": TIMES, "mood": np.random.default_rng(2).normal(size=N)})
    return TABLES | {"mood": Known(figures, TIMES + published)}


def joined(shift: int) -> Callable[[dict[str, pl.DataFrame]], pl.DataFrame]:
    def join(frames: dict[str, pl.DataFrame]) -> pl.DataFrame:
        figures = frames["mood"].with_columns(pl.col("time") + shift)
        return frames["bars"].join_asof(figures, on="time").select("time", "mood")

    return join


def test_a_daily_figure_used_on_its_own_day_is_caught() -> None:
    published = DAY // 3
    found = audit(frame_maker(joined(0)), mood(published))
    assert {leak.column for leak in found.leaks} == {"mood"}
    assert {leak.kind for leak in found.leaks} == {TRUNCATED, POISONED}
    assert audit(frame_maker(joined(published)), mood(published)).clean
    assert audit(frame_maker(joined(0)), mood(0)).clean


def test_what_only_shows_when_the_future_is_another_is_caught() -> None:
    """A function that makes do without the future, and uses it where it is there: live it would be another."""

    def careful(bars: pl.DataFrame) -> pl.DataFrame:
        after = price.shift(-1).fill_null(price) if bars.height == N else price
        return bars.select("time", fair=after)

    found = audit(frame_maker(careful), TABLES)
    assert {leak.kind for leak in found.leaks} == {TRUNCATED, POISONED}

    falling = {"bars": Known(BARS.with_columns(close=pl.lit(CLOSES).sort(descending=True)), TIMES)}
    share = frame_maker(lambda bars: bars.select("time", x=price / price.max()))  # no cut takes the maximum away
    assert audit(share, falling, poison=False).clean
    assert {leak.kind for leak in audit(share, falling).leaks} == {POISONED}


def test_rows_that_depend_on_the_future_are_caught() -> None:
    found = audit(frame_maker(lambda bars: bars.filter(price.shift(-1) > price).select("time", "close")), TABLES)
    assert found.leaks[0].cut is None or found.leaks[0].whole is None
    assert audit(frame_maker(lambda bars: bars.filter(price.shift(1) > price).select("time", "close")), TABLES).clean


def test_code_that_draws_changes_its_input_or_fails_is_found_out() -> None:
    rng = np.random.default_rng(3)
    drawn = audit(frame_maker(lambda bars: bars.select("time", x=pl.Series(rng.normal(size=bars.height)))), TABLES)
    assert UNREPEATABLE in {leak.kind for leak in drawn.leaks}

    def whole_only(bars: pl.DataFrame) -> pl.DataFrame:
        if bars.height < N:
            raise ZeroDivisionError("too few")
        return bars

    failed = audit(frame_maker(whole_only), TABLES)
    assert {leak.kind for leak in failed.leaks} == {FAILED}
    assert "too few" in failed.leaks[0].sentence

    def in_place(rows: dict[str, Any]) -> dict[str, Column]:
        rows["a"][0] = 7
        return {"a": Column(rows["a"], TIMES, TIMES)}

    with pytest.raises(InputError, match="read-only"):
        audit(in_place, {"a": Known(CLOSES.copy(), TIMES)})


def test_a_tolerance_excuses_last_bits_and_no_more() -> None:
    noisy = frame_maker(lambda bars: bars.select("time", x=price * (1 + 1e-14 * bars.height)))
    assert not audit(noisy, TABLES).clean
    assert audit(noisy, TABLES, tolerance=1e-10).clean
    more = frame_maker(lambda bars: bars.select("time", x=price * (1 + 1e-6 * bars.height)))
    assert not audit(more, TABLES, tolerance=1e-10).clean


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(0, 3), st.integers(0, 1_000))
def test_any_look_ahead_is_caught_and_any_look_back_is_not(window: int, ahead: int, seed: int) -> None:
    expression = price.rolling_sum(window).shift(-ahead)
    found = audit(frame_maker(lambda bars: bars.select("time", x=expression)), TABLES, number=3, seed=seed)
    assert found.clean == (ahead == 0)


def test_poison_leaves_the_past_and_times_alone() -> None:
    frame = pl.DataFrame({"time": TIMES, "x": CLOSES, "word": [str(k) for k in range(N)], "n": list(range(N))[::-1]})
    other = poisoned(frame, 100, seed=1)
    assert other[:100].equals(frame[:100])
    assert (other["time"] == frame["time"]).all()
    assert (other["x"][100:] != frame["x"][100:]).all()
    assert sorted(other["word"][100:]) == sorted(frame["word"][100:])
    assert (other["word"][100:] != frame["word"][100:]).any()
    assert other.schema == frame.schema
    records = np.zeros(N, np.dtype([("time", "i8"), ("px", "f8", (2,)), ("side", "i8")]))
    records["time"], records["px"], records["side"] = TIMES, CLOSES[:, None], np.arange(N) % 2
    changed = poisoned(records, 100, seed=1)
    assert (changed[:100] == records[:100]).all()
    assert (changed["px"][100:] != records["px"][100:]).all()
    assert (changed["time"] == TIMES).all()
    assert (poisoned(CLOSES, N, seed=1) == CLOSES).all()


def test_the_user_s_own_file_is_audited(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        "import polars as pl\n"
        "def good(bars):\n"
        "    return bars.select('date', x=pl.col('close').rolling_mean(3))\n"
        "def label(bars):\n"
        "    known = pl.col('date').shift(-2) + pl.duration(days=1)\n"
        "    return bars.select('date', y=pl.col('close').shift(-2) > pl.col('close'), y_known=known)\n"
    )
    dated = BARS.with_columns(date=pl.from_epoch("time", time_unit="ns").dt.date()).drop("time")
    tables = {"bars": Known(dated, TIMES + DAY)}
    for name in ("good", "label"):
        function = load_function(f"{file}:{name}")
        assert audit(frame_maker(function, time="date", delay=DAY), tables).clean
    assert not audit(frame_maker(load_function(f"{file}:good"), time="date"), tables).clean  # known before its close


def test_on_daily_bitcoin_and_the_index_of_fear(shared_data: Path) -> None:
    """A figure published on the morning after its day: joined by its date it leaks, by its publication it does not."""
    prices = pl.read_csv(shared_data / "ohlcv/btcusd_1d_merged_2013-2025.csv.gz", try_parse_dates=True)
    bars = prices.filter(pl.col("date") >= pl.date(2018, 2, 1)).select("date", "close").tail(1_500)
    fear = pl.read_csv(shared_data / "sentiment/fear_greed_1d_2018-2025.csv.gz", try_parse_dates=True)
    fear = fear.select("date", pl.col("value").cast(pl.Float64))
    closed = (bars["date"].cast(pl.Datetime("ns")).dt.epoch("ns") + DAY).to_numpy()
    published = (fear["date"].cast(pl.Datetime("ns")).dt.epoch("ns") + DAY + DAY // 4).to_numpy()
    tables = {"bars": Known(bars, closed), "fear": Known(fear, published)}

    def features(frames: dict[str, pl.DataFrame], days: int) -> pl.DataFrame:
        late = frames["fear"].with_columns(pl.col("date").dt.offset_by(f"{days}d"))
        return frames["bars"].join(late, on="date", how="left", maintain_order="left").select("date", "value")

    assert audit(frame_maker(lambda f: features(f, 1), time="date", delay=DAY), tables, number=8).clean
    found = audit(frame_maker(lambda f: features(f, 0), time="date", delay=DAY), tables, number=8)
    assert {leak.column for leak in found.leaks} == {"value"}


def test_values_of_every_kind_are_compared() -> None:
    kinds = {
        "date": pl.from_epoch("time", time_unit="ns"),
        "date or null": pl.when(price > 1).then(pl.from_epoch("time", time_unit="ns")),
        "number or null": pl.when(price > 1).then(pl.lit(3)),
        "truth or null": pl.when(price > 1).then(price > 1.1),
        "word or null": pl.when(price > 1).then(pl.lit("x")),
        "single": price.cast(pl.Float32).log(),
    }
    make = frame_maker(lambda bars: bars.select("time", *(each.alias(name) for name, each in kinds.items())))
    assert audit(make, TABLES).clean
    for name, each in kinds.items():
        found = audit(frame_maker(lambda bars, each=each: bars.select("time", x=each.shift(-1))), TABLES)
        assert {leak.column for leak in found.leaks} == {"x"}, name
    mixed = np.array([*CLOSES[:-1], np.nan], dtype=object)
    objects = audit(
        lambda rows: {"o": Column(rows["o"], rows["t"], rows["t"])},
        {"o": Known(mixed, TIMES), "t": Known(TIMES, TIMES)},
    )
    assert objects.clean


def test_the_first_rows_may_be_too_few() -> None:
    def warmed(bars: pl.DataFrame) -> pl.DataFrame:
        if bars.height < N // 5:
            raise ValueError("not yet")
        return bars

    assert audit(frame_maker(warmed), TABLES).clean


def nothing(_: Any) -> Any:
    return None


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("tables", lambda: audit(nothing, {})),
        ("bars.known", lambda: audit(nothing, {"bars": Known(BARS, TIMES[:5])})),
        ("bars.known", lambda: audit(nothing, {"bars": Known(BARS, TIMES[::-1].copy())})),
        ("tolerance", lambda: audit(nothing, TABLES, tolerance=-1)),
        ("function", lambda: audit(frame_maker(nothing), TABLES)),
        ("function", lambda: audit(frame_maker(lambda bars: bars.select("close")), TABLES)),
        ("function", lambda: audit(frame_maker(lambda bars: bars.select("nowhere")), TABLES)),
        ("close", lambda: audit(frame_maker(lambda bars: bars, time="close"), TABLES)),
        ("x", lambda: audit(lambda _: {"x": Column(CLOSES, TIMES[:3], TIMES)}, TABLES)),
        ("rows", lambda: poisoned([1, 2], 1, seed=1)),
        ("function", lambda: load_function("nowhere.py:f")),
        ("function", lambda: load_function(f"{__file__}:nothing_of_the_kind")),
        ("function", lambda: load_function("f")),
    ],
)
def test_wrong_input_is_refused(field: str, make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field


def test_what_a_function_writes_into_its_frame_is_not_there_the_next_time() -> None:
    def forward(bars: pl.DataFrame) -> pl.DataFrame:
        if "next" not in bars.columns:
            bars.insert_column(1, bars["close"].log().diff().shift(-1).alias("next"))
        return bars.select("time", "next")

    found = audit(frame_maker(forward), {"bars": Known(BARS.clone(), TIMES)}, number=8)
    assert {(leak.column, leak.kind) for leak in found.leaks} >= {("next", TRUNCATED), ("next", POISONED)}


def test_a_function_that_works_only_once_is_a_finding() -> None:
    calls: list[int] = []

    def once(bars: pl.DataFrame) -> pl.DataFrame:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("already made")
        return bars

    found = audit(frame_maker(once), TABLES, number=8)
    assert not found.clean
    assert [leak.kind for leak in found.leaks] == [FAILED]
    assert "already made" in found.leaks[0].sentence
