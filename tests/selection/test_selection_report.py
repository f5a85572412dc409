"""The report: planted features are judged for what they are, on training rows alone; real days run through."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quotewright.domain.errors import InputError, MissingExtraError
from quotewright.selection import inputs
from quotewright.selection.figures import correlation_map, decay_chart
from quotewright.selection.report import feature_report

NAMES = ("signal", "copy", "fades", "walk", "noise", "constant", "unknown")
N, TRAIN = 900, 500
SETTINGS: Any = {"draws": 19, "neighbours": 6, "block_rows": 60, "bound": 0.3}


def planted(seed: int = 2) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    signal, fades, noise = rng.normal(size=(3, N))
    walk = np.cumsum(rng.normal(0.1, 1, N))
    copy = np.exp(signal + 0.3 * rng.normal(size=N))
    fading = np.where(np.arange(N) < TRAIN + 120, 0.8, 0.0)
    y = signal - fading * fades + 0.5 * rng.normal(size=N)
    unknown = np.where(np.arange(N) < 200, math.nan, noise)
    times = np.arange(N, dtype=np.int64) * 1000
    x = np.column_stack([signal, copy, fades, walk, noise + 4 * (np.arange(N) > 650), np.ones(N), unknown])
    return {"X": x, "names": NAMES, "y": y, "times": times, "ends": times + 1000, "train": np.arange(N) < TRAIN}


def least_squares(x: Any, y: Any) -> Any:
    beta = np.linalg.lstsq(x, y - y.mean(), rcond=None)[0]
    return lambda z: z @ beta


def test_planted_features_are_judged_for_what_they_are() -> None:
    data = planted()
    data["X"][3, 0] = math.nan
    report = feature_report(**data, fit=least_squares, **SETTINGS)
    assert report.names == NAMES[:5]
    assert set(report.left_out) == {"constant", "unknown"}
    assert (report.training, report.rows_left_out) == (TRAIN - 1, 1)
    assert report.kept == ("signal", "fades")
    assert report.row("copy").replaced_by == "signal"
    assert report.row("copy").verdict.startswith("drop: ρ +0.9")
    assert report.row("copy").cluster == report.row("signal").cluster
    assert report.row("signal").mrmr_rank == 1
    assert report.row("noise").verdict.startswith("drop: by itself says no more")
    assert report.row("walk").stationarity.wanders
    assert report.row("fades").decay.pruned == 4  # blocks of 60 rows: dead from the third
    assert "then pruned" in report.row("fades").verdict
    assert report.row("signal").decay.pruned is None
    assert report.row("noise").psi.value > 0.25
    assert report.row("noise").ks.block_p <= 0.05
    assert min(report.row("noise").alarms) > 650 * 1000
    assert report.row("signal").alarms == ()
    assert report.row("signal").importance.drop > report.row("noise").importance.drop
    assert {each.members for each in report.cluster_importance} == set(report.clusters.members)


def test_later_rows_decide_nothing_about_what_is_kept() -> None:
    data = planted()
    report = feature_report(**data, **SETTINGS)
    later = ~data["train"]
    data["X"][later] = np.random.default_rng(9).normal(size=(int(later.sum()), len(NAMES)))
    data["y"][later] *= -1
    other = feature_report(**data, **SETTINGS)
    assert (other.kept, other.clusters, other.correlations) == (report.kept, report.clusters, report.correlations)
    assert [row.information for row in other.rows] == [row.information for row in report.rows]
    cut = feature_report(
        **{name: value if name == "names" else value[:TRAIN] for name, value in data.items()}, **SETTINGS
    )
    assert cut.kept == report.kept
    assert cut.rows[0].psi is cut.rows[0].ks is None
    assert cut.rows[0].decay.blocks == ()


def test_the_order_of_columns_matters_to_nothing() -> None:
    data = planted()
    report = feature_report(**data, **SETTINGS)
    turned = feature_report(**{**data, "X": data["X"][:, ::-1], "names": NAMES[::-1]}, **SETTINGS)
    assert turned.rows[::-1] == report.rows
    assert turned.kept == report.kept


def test_the_report_is_json_a_table_and_pictures() -> None:
    report = feature_report(**planted(), fit=least_squares, **SETTINGS)
    text = json.dumps(report.to_dict(), allow_nan=False)
    again = json.loads(text)
    assert again["kept"] == ["signal", "fades"]
    assert again["rows"][0]["information"]["nats"] == report.rows[0].information.nats
    assert again["rows"][2]["decay"]["blocks"][0]["told"]["value"] == report.rows[2].decay.blocks[0].told.value
    headers, cells = report.table()
    assert [row[0] for row in cells[:2]] == ["signal", "fades"]
    assert {len(row) for row in cells} == {len(headers)}
    heat = correlation_map(report).to_plotly_json()["data"][0]
    i, j = heat["x"].index("signal"), heat["y"].index("copy")
    assert heat["z"][j][i] == report.correlations[0][1]
    chart = decay_chart(report, "fades").to_plotly_json()["data"][0]
    assert len(chart["x"]) == len(report.row("fades").decay.blocks)


def test_wrong_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = planted()
    for change, what in (
        ({"X": data["X"][:, 0]}, "X"),
        ({"names": NAMES[1:]}, "names"),
        ({"y": data["y"][1:]}, "y"),
        ({"times": data["times"][::-1]}, "sort"),
        ({"train": ~data["train"]}, "first rows"),
        ({"train": np.zeros(N, np.bool_)}, "at least"),
        ({"X": data["X"] * math.nan}, "judged"),
        ({"y": np.ones(N)}, "vary"),
        ({"y": np.full(N, math.nan)}, "at least 50"),
        ({"draws": 9}, "at least 19"),
    ):
        with pytest.raises(InputError, match=what):
            feature_report(**{**data, **SETTINGS, **change})
    with pytest.raises(InputError, match="one of"):
        feature_report(**data, **SETTINGS).row("nobody")
    monkeypatch.setattr(inputs.importlib, "import_module", lambda name: (_ for _ in ()).throw(ImportError(name)))
    with pytest.raises(MissingExtraError, match=r"quotewright\[research\]"):
        feature_report(**data)


def test_real_days_run_through(shared_data: Path) -> None:
    import polars as pl

    from quotewright.indicators.stream import compute

    frame = pl.read_csv(shared_data / "ohlcv" / "btcusd_1d_merged_2013-2025.csv.gz", infer_schema_length=None)
    frame = frame.filter(pl.col("date") >= "2018-01-01")
    bars = {name: frame[name].cast(pl.Float64).fill_null(math.nan).to_numpy() for name in ("high", "low", "close")}
    times = frame["date"].str.to_date().cast(pl.Datetime("ns")).cast(pl.Int64).to_numpy()
    names = ("bollinger_width_21", "log_return_1", "volatility_14", "volatility_21", "bollinger_middle_7")
    size = np.append(np.abs(np.diff(np.log(bars["close"]))), math.nan)  # of the next day's move
    first = times < np.datetime64("2023-02-01", "ns").astype(np.int64)
    report = feature_report(
        compute(bars, names), names, size, times, times + 86_400 * 10**9, first, draws=19, neighbours=8
    )
    assert report.rows_left_out == 22  # windows fill; the last day has no next
    assert (report.training, report.later) == (1836, 1029)
    assert report.row("bollinger_middle_7").stationarity.wanders
    assert not report.row("log_return_1").stationarity.wanders
    assert report.row("volatility_14").information.p_value == 0.05  # the least of 19 draws: volatility clusters
    assert report.row("volatility_14").cluster == report.row("volatility_21").cluster
    assert report.row("bollinger_middle_7").psi.value > 1  # prices went where training never was
    json.dumps(report.to_dict(), allow_nan=False)
