"""The sweep command: every way to give sets, what it prints and writes, and what it refuses."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from quotewright.app.sweep_command import _sets
from quotewright.domain.errors import InputError

MARKET = "synthetic:BTCUSDT"


@pytest.fixture(scope="module")
def grid(demo: Path, cli: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A sweep of two parameters: its folder, and the JSON printed."""
    out = tmp_path_factory.mktemp("grid")
    words = ["--strategy", "ladder", "--param", "levels=2", "--grid", "half_spread=0.05:0.35:4", "--grid", "skew=0,1"]
    return out, cli("sweep", MARKET, "--store", demo / "store", *words, "--out", out, "--json").json()


def test_the_table_has_a_row_a_set_and_the_top_is_its_best(grid: tuple[Path, Any]) -> None:
    out, printed = grid
    table = pl.read_parquet(out / "sweep.parquet")
    assert printed["table"] == str(out / "sweep.parquet")
    assert (printed["sets"], printed["rows"], printed["chunks"], printed["resumed"]) == (8, 8, 1, 0)
    assert printed["varied"] == ["half_spread", "skew"]
    assert table.select("param_half_spread", "param_skew").rows() == [
        (half, skew) for half in (0.05, 0.15, 0.25, 0.35) for skew in (0.0, 1.0)
    ]
    assert set(table["param_levels"]) == {2.0}
    assert set(table["param_order_notional"]) == {1000.0}, "defaults are in the table too"
    assert [row["pnl"] for row in printed["top"]] == sorted(table["pnl"].to_list(), reverse=True)
    for row in table.to_dicts():
        assert float(Decimal(row["pnl_exact"])) == row["pnl"]
    assert table["fills"].max() > 20
    (trials,) = printed["trials"]
    assert trials["trials"] == 8
    assert trials["best_set"] == table["set"][table["sharpe"].arg_max()]
    assert 0 <= trials["deflated"] <= 1
    assert "8 sets traded" in trials["warning"]


def test_a_row_is_what_replay_prints_of_the_set(grid: tuple[Path, Any], demo: Path, cli: Any, tmp_path: Path) -> None:
    row = grid[1]["top"][3]
    params = [
        word for name in ("levels", "half_spread", "skew") for word in ("--param", f"{name}={row[f'param_{name}']}")
    ]
    words = ["--store", demo / "store", "--instrument", MARKET, "--strategy", "ladder", *params, "--no-report"]
    (agent,) = cli("replay", *words, "--out", tmp_path, "--json").json()["agents"]
    (leg,) = agent["instruments"]
    assert leg["pnl"]["total"] == row["pnl_exact"]
    assert float(leg["pnl"]["fees"]) == row["fees"]
    assert leg["fills"] == row["fills"]


def test_the_report_shows_both_pictures_and_fetches_nothing(grid: tuple[Path, Any]) -> None:
    page = Path(grid[1]["report"]).read_text()
    body = page.split("<body", 1)[1].split('<script id="plotly">')[0]
    assert not re.findall(r'(?:src|href)="(?!#)', body)
    stored = json.loads(re.findall(r'<script type="application/json">(.*?)</script>', body, re.DOTALL)[0])
    heat, parallel = (figure["data"][0] for figure in stored["figures"])
    assert heat["type"] == "heatmap"
    assert sorted(heat["x"] + heat["y"]) == sorted(["0.05", "0.15", "0.25", "0.35", "0", "1"])
    table = pl.read_parquet(grid[0] / "sweep.parquet")
    assert sorted(value for row in heat["z"] for value in row) == pytest.approx(sorted(table["pnl"].to_list()))
    x, y = heat["x"].index("0.25"), heat["y"].index("1")
    (one,) = table.filter(param_half_spread=0.25, param_skew=1)["pnl"]
    assert heat["z"][y][x] == pytest.approx(one)
    assert parallel["type"] == "parcoords"
    assert [d["label"] for d in parallel["dimensions"]][:2] == ["half_spread", "skew"]
    assert "8 sets traded" in body
    assert "real trading" in body


def test_the_same_again_does_nothing_and_another_plan_is_refused(grid: tuple[Path, Any], demo: Path, cli: Any) -> None:
    out = grid[0]
    base = ["sweep", MARKET, "--store", demo / "store", "--strategy", "ladder", "--param", "levels=2", "--out", out]
    same = ["--grid", "half_spread=0.05,0.15,0.25,0.35", "--grid", "skew=0,1"]
    again = cli(*base, *same, "--no-report")
    assert "1 of 1 chunks were done before" in again.err
    assert "the 8 best of 8 sets" in again.out
    assert "deflated" in again.out or "none of them made money" in again.out
    refused = cli(*base, "--grid", "half_spread=1,2", "--json")
    assert refused.code == 2
    assert refused.json()["error"]["field"] == "out"
    assert "sets, sets_sha256" in refused.json()["error"]["fix"]


def test_random_sets_and_sets_of_a_file(demo: Path, cli: Any, tmp_path: Path) -> None:
    base = ["sweep", MARKET, "--store", demo / "store", "--no-report", "--json"]
    drawn = ["--strategy", "symmetric", "--random", 5, "--range", "half_spread=0.05:0.5:log", "--seed", 3]
    first = cli(*base, *drawn, "--out", tmp_path / "a").json()
    assert first["sets"] == 5
    assert first["report"] is None
    (tmp_path / "sets.jsonl").write_text(
        "".join(json.dumps({"half_spread": row["param_half_spread"]}) + "\n" for row in first["top"])
    )
    (tmp_path / "agent.toml").write_text(
        '[[agent]]\nname = "x"\nstrategy = "symmetric"\nlimits = { max_loss = 0.01 }\n'
    )
    given = ["--sets", tmp_path / "sets.jsonl", "--chunk", 2, "--workers", 2]
    second = cli(*base, "--strategy", "symmetric", *given, "--out", tmp_path / "b").json()
    assert second["chunks"] == 3
    assert sorted(row["pnl_exact"] for row in second["top"]) == sorted(row["pnl_exact"] for row in first["top"])
    limited = cli(*base, "--agent", tmp_path / "agent.toml", *given, "--out", tmp_path / "c").json()
    assert any(row["halted"] for row in limited["top"]), "limits of the agent's file hold for every set"


REFUSED: list[tuple[str, list[Any]]] = [
    ("strategy", ["--grid", "half_spread=1,2"]),
    ("grid", ["--strategy", "symmetric"]),
    ("grid", ["--strategy", "symmetric", "--grid", "half_spread=1,2", "--random", "3"]),
    ("range", ["--strategy", "symmetric", "--grid", "half_spread=1,2", "--range", "half_spread=1:2"]),
    ("random", ["--strategy", "symmetric", "--random", "3"]),
    ("param", ["--strategy", "symmetric", "--grid", "half_spread=1,2", "--param", "half_spread=1"]),
    ("set 0: param", ["--strategy", "symmetric", "--grid", "gamma=1,2"]),
    ("agent", ["--agent", "none.toml", "--strategy", "symmetric", "--grid", "half_spread=1,2"]),
    ("agents", ["--agent", "none.toml", "--grid", "half_spread=1,2"]),
    ("engine", ["--strategy", "symmetric", "--grid", "half_spread=1,2", "--engine", "ray"]),
    ("scheduler", ["--strategy", "symmetric", "--grid", "half_spread=1,2", "--engine", "dask"]),
    ("scheduler", ["--strategy", "symmetric", "--grid", "half_spread=1,2", "--scheduler", "tcp://x:1"]),
    ("chunk", ["--strategy", "symmetric", "--grid", "half_spread=1,2", "--chunk", "0"]),
    ("queue-model", ["--strategy", "symmetric", "--grid", "half_spread=1,2", "--queue-model", "hope"]),
    ("mark-interval", ["--strategy", "symmetric", "--grid", "half_spread=1,2", "--mark-interval", "soon"]),
]


@pytest.mark.parametrize(("field", "words"), REFUSED, ids=[f"{n}-{field}" for n, (field, _) in enumerate(REFUSED)])
def test_what_makes_no_sense_is_refused_by_field(
    demo: Path, cli: Any, tmp_path: Path, field: str, words: list[Any]
) -> None:
    result = cli("sweep", MARKET, "--store", demo / "store", *words, "--out", tmp_path / "out", "--json")
    assert result.code == 2
    assert result.json()["error"]["field"] == field
    assert not (tmp_path / "out").exists(), "nothing is written before everything is checked"


def test_no_sets_and_too_many_ways_to_give_them_say_what_to_do() -> None:
    with pytest.raises(InputError, match="--random 100 --range") as caught:
        _sets(None, [], None, [], None, 0)
    assert caught.value.value == "nothing"
    with pytest.raises(InputError, match=r"--grid and --random.*give only one"):
        _sets(None, ["gamma=1,2"], 3, [], None, 0)
