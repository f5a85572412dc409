"""The main job on real order books, through the command line: import, golden books, replay, exact parts, repeat."""

from __future__ import annotations

import csv
import gzip
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from quotewright.app.cli import app

# VENUE:SYMBOL → recordings in order, and the golden books made from them
RECORDINGS = {
    "binance-spot:BTCUSDT": (["spot_btcusdt_20240808"], "spot_btcusdt_20240808"),
    "binance-spot:ETHUSDT": (["spot_ethusdt_20240808", "spot_ethusdt_20240809"], "spot_ethusdt_20240808-09"),
    "binance-usdm:BTCUSDT": (["usdm_btcusdt_20240808"], "usdm_btcusdt_20240808"),
    "binance-usdm:ETHUSDT": (["usdm_ethusdt_20240808"], "usdm_ethusdt_20240808"),
    "binance-coinm:BTCUSD_PERP": (["cm_btcusd_perp_20240808"], "cm_btcusd_perp_20240808"),
    "binance-coinm:ETHUSD_PERP": (["cm_ethusd_perp_20240808", "cm_ethusd_perp_20240809"], "cm_ethusd_perp_20240808-09"),
}
JULY = (["usdm_ethusdt_20240718", "usdm_ethusdt_20240719"], "usdm_ethusdt_20240718-19")

AGENTS = """
[[agent]]
name = "as"
strategy = "avellaneda_stoikov"
params = {sigma = 0.8, k = 1.5, gamma = 0.1}

[[agent]]
name = "glft"
strategy = "glft"
params = {sigma = 0.8, k = 3.0, gamma = 0.1}

[[agent]]
name = "ladder"
strategy = "ladder"
params = {half_spread = 0.3, step = 0.3}
"""


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def import_binance(data: Path, store: Path, name: str, files: list[str]) -> None:
    venue, _, symbol = name.partition(":")
    paths = [str(data / f"tick/binance_ws/{file}.gz") for file in files]
    options = ["--format", "binance-ws", "--venue", venue, "--symbol", symbol, "--store", str(store), "--json"]
    report = json.loads(run("data", "import", *paths, *options))
    assert report["refused"] == {}
    assert report["clock_offset"] > 1_000_000_000, "the recorder was more than a second behind"


@pytest.fixture(scope="module")
def store(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    for name, (files, _) in RECORDINGS.items():
        import_binance(shared_data, folder, name, files)
    session = str(shared_data / "tick/bitstamp_l3_20260502")
    options = ["--format", "bitstamp-l3", "--venue", "bitstamp", "--symbol", "BTCUSD", "--store", str(folder), "--json"]
    report = json.loads(run("data", "import", session, *options))
    assert any("2002347646152704" in note and "2002347642003458" in note for note in report["notes"])
    return folder


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("agents") / "agents.toml"
    path.write_text(AGENTS)
    return path


def assert_golden(data: Path, store: Path, name: str, golden: str) -> None:
    printed = run("data", "book", name, "--store", str(store), "--every", "100", "--depth", "5", "--csv")
    found = list(csv.reader(io.StringIO(printed)))
    with gzip.open(data / f"tick/binance_ws/golden_book_{golden}.csv.gz", "rt") as file:
        expected = list(csv.reader(file))
    assert found[0] == expected[0]
    assert len(found) == len(expected)
    for mine, theirs in zip(found[1:], expected[1:], strict=True):
        assert [Decimal(cell) for cell in mine] == [Decimal(cell) for cell in theirs]


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_compiled_book_matches_the_golden_book(shared_data: Path, store: Path, name: str) -> None:
    assert_golden(shared_data, store, name, RECORDINGS[name][1])


def test_the_july_recording_matches_its_golden_book(shared_data: Path, tmp_path: Path) -> None:
    import_binance(shared_data, tmp_path, "binance-usdm:ETHUSDT", JULY[0])
    assert_golden(shared_data, tmp_path, "binance-usdm:ETHUSDT", JULY[1])


def replay(store: Path, out: Path, agents: Path, *instruments: str, report: bool = True) -> dict[str, Any]:
    chosen = [part for name in instruments for part in ("--instrument", name)] + ["--no-report"] * (not report)
    printed = run("replay", "--store", str(store), *chosen, "--agents", str(agents), "--out", str(out), "--json")
    return json.loads(printed)


def assert_result(result: dict[str, Any], instruments: list[str]) -> None:
    assert result["events"] > 100_000
    assert Path(result["journal"]).is_file()
    assert Path(result["report"]).is_file()
    assert len(result["dataset"]) == 64
    assert len(result["assumptions"]) >= 6
    assert [agent["name"] for agent in result["agents"]] == ["as", "glft", "ladder"]
    for agent in result["agents"]:
        assert [entry["instrument"] for entry in agent["instruments"]] == instruments
        for entry in agent["instruments"]:
            pnl = {part: Decimal(value) for part, value in entry["pnl"].items()}
            assert pnl["spread"] + pnl["inventory"] + pnl["fees"] + pnl["funding"] == pnl["total"]
            assert pnl["realised"] + pnl["unrealised"] + pnl["fees"] + pnl["funding"] == pnl["total"]
            assert pnl["fees"] < 0
            assert entry["fills"] > 20
            assert entry["settle"] in ("USDT", "BTC", "ETH", "USD")
            assert 0 < entry["fill_ratio"] <= 1
            assert set(entry["markouts"]) == {"0.1s", "1s", "5s", "30s"}
            Decimal(entry["position"])


@pytest.mark.parametrize("name", ["binance-spot:BTCUSDT", "binance-usdm:BTCUSDT", "binance-coinm:BTCUSD_PERP"])
def test_each_venue_alone(store: Path, agents: Path, tmp_path: Path, name: str) -> None:
    assert_result(replay(store, tmp_path, agents, name), [name])


def test_six_streams_in_one_run_twice_and_from_the_journal(store: Path, agents: Path, tmp_path: Path) -> None:
    names = list(RECORDINGS)
    assert_result(replay(store, tmp_path / "first", agents, *names), names)
    replay(store, tmp_path / "second", agents, *names, report=False)
    first, second = ((tmp_path / run / "journal.parquet").read_bytes() for run in ("first", "second"))
    assert first == second
    options = ["--journal", str(tmp_path / "first"), "--out", str(tmp_path / "again"), "--json"]
    repeated = json.loads(run("replay", "--store", str(store), *options))
    assert repeated["same"]
    assert repeated["commands"] > 10_000


def test_bitstamp_order_by_order(store: Path, agents: Path, tmp_path: Path) -> None:
    result = replay(store, tmp_path, agents, "bitstamp:BTCUSD")
    assert_result(result, ["bitstamp:BTCUSD"])
    assert any("exact" in sentence for sentence in result["assumptions"])
