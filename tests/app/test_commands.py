"""Every command: help with an example, JSON that parses, and the same result by every way to it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from quotewright.app.cli import app

MARKET = "synthetic:BTCUSDT"
COMMANDS = [
    (name,) if not hasattr(command, "commands") else (name, inner)
    for name, command in get_command(app).commands.items()  # pyright: ignore[reportAttributeAccessIssue]
    for inner in getattr(command, "commands", [""])
]


def test_the_commands_are_those_promised() -> None:
    assert {" ".join(command) for command in COMMANDS} == {
        *("demo", "doctor", "calibrate", "replay", "report", "compare", "strategies", "sweep", "explain"),
        *("paper", "shadow", "live", "tell", "live-gap", "record", "simtest", "venue serve"),
        *(f"data {name}" for name in ("import", "list", "verify", "unpack", "book", "export")),
        *(f"features {name}" for name in ("list", "fit")),
        *(f"research {name}" for name in ("train", "validate", "tune", "study", "features", "explain", "audit")),
        *(f"research {name}" for name in ("montecarlo", "compare", "models", "diff", "datasets")),
    }


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example_and_json(cli: Any, command: tuple[str, ...]) -> None:
    result = cli(*command, "--help")
    assert result.code == 0
    assert f"Example: quotewright {' '.join(command)}" in " ".join(result.out.split())
    assert "--json" in result.out


def test_the_root_lists_commands_and_exit_codes(cli: Any) -> None:
    result = cli("--help")
    assert all(command[0] in result.out for command in COMMANDS)
    assert "Exit codes: 0 done" in result.out
    assert cli("--version").out.startswith("quotewright ")


def test_the_module_runs_as_a_program() -> None:
    command = [sys.executable, "-m", "quotewright.app.cli", "strategies", "nope"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "symmetric" in ended.stderr


def test_demo_json_has_the_form_that_others_rely_on(demo: Path, cli: Any) -> None:
    result = cli("report", demo / "run", "--json").json()
    assert set(result) >= {"dataset", "events", "journal", "report", "assumptions", "agents"}
    assert [agent["name"] for agent in result["agents"]] == ["symmetric", "avellaneda_stoikov", "glft", "ladder"]
    fills = 0
    for agent in result["agents"]:
        (leg,) = agent["instruments"]
        assert leg["instrument"] == MARKET
        assert leg["settle"] == "USDT"
        pnl = {part: Decimal(value) for part, value in leg["pnl"].items()}
        assert pnl["spread"] + pnl["inventory"] + pnl["fees"] + pnl["funding"] == pnl["total"]
        fills += leg["fills"]
    assert fills > 20
    assert "http" not in (demo / "run/report.html").read_text().split("<body", 1)[0].replace("http-equiv", "")


def test_demo_trades_over_sockets_and_its_session_repeats(demo: Path, cli: Any, tmp_path: Path) -> None:
    (folder,) = (demo / "live").glob("run-*")
    result = cli("report", folder, "--json").json()
    assert [agent["name"] for agent in result["agents"]] == ["ladder", "symmetric"]
    (leg,) = result["agents"][0]["instruments"]
    assert leg["fills"] > 0
    assert abs(Decimal(leg["position"])) < Decimal("0.001")  # flat but for what a fee in the base asset left
    repeated = cli("replay", "--journal", folder, "--out", tmp_path / "again", "--json").json()
    assert repeated["same"]
    assert repeated["commands"] > 20


def test_text_and_json_of_strategies(cli: Any) -> None:
    listed = cli("strategies", "--json").json()
    assert list(listed) == ["symmetric", "avellaneda_stoikov", "glft", "ladder", "penny_jump", "composed"]
    for name in listed:
        schema = cli("strategies", name, "--json").json()
        assert schema["title"] == name
        shown = cli("strategies", name).out
        for parameter, about in schema["properties"].items():
            assert parameter in shown
            assert about["minimum"] <= about["default"] <= about["maximum"]
            assert about["unit"]
            assert about["description"]


def test_data_commands_agree(demo: Path, cli: Any, tmp_path: Path) -> None:
    store = demo / "store"
    (listed,) = cli("data", "list", "--store", store, "--json").json()
    (verified,) = cli("data", "verify", "--store", store, "--json").json()
    assert (listed["instrument"], listed["hash"]) == (MARKET, verified["hash"])
    exported = cli("data", "export", MARKET, "--store", store, "--out", tmp_path / "e.csv", "--json").json()
    with (tmp_path / "e.csv").open() as file:
        assert sum(1 for _ in csv.reader(file)) == listed["rows"] + 1 == exported["rows"] + 1
    asked = ("data", "book", MARKET, "--store", store, "--every", 2000, "--depth", 3)
    from_json = cli(*asked, "--json").json()
    from_csv = list(csv.reader(cli(*asked, "--csv").out.splitlines()))
    assert from_csv[0] == from_json["columns"]
    assert from_csv[1:] == [[str(cell) for cell in row] for row in from_json["rows"]]
    for row in from_json["rows"]:
        named = dict(zip(from_json["columns"], row, strict=True))
        assert Decimal(named["bid1_px"]) < Decimal(named["bid0_px"]) < Decimal(named["ask0_px"])


def test_doctor(demo: Path, cli: Any, tmp_path: Path) -> None:
    checks = cli("doctor", "--store", demo / "store", "--json")
    assert checks.code == 0
    assert all(check["ok"] for check in checks.json())
    missing = cli("doctor", "--store", tmp_path / "none", "--json")
    assert missing.code == 3
    assert [check["name"] for check in missing.json() if not check["ok"]] == ["store"]


def test_a_replay_is_repeated_compared_and_reported(demo: Path, cli: Any, tmp_path: Path) -> None:
    given = ("replay", "--store", demo / "store", "--instrument", MARKET, "--strategy", "glft")
    params = ("--param", "k=6", "--param", "gamma=0.3", "--param", "sigma=0.25", "--param", "A=4")
    alone = cli(*given, *params, "--out", tmp_path / "a", "--json").json()
    among = next(a for a in cli("report", demo / "run", "--json").json()["agents"] if a["name"] == "glft")
    assert alone["agents"][0]["instruments"] == among["instruments"]

    cli(*given, *params, "--out", tmp_path / "b", "--no-report")
    assert (tmp_path / "a/journal.parquet").read_bytes() == (tmp_path / "b/journal.parquet").read_bytes()
    assert not (tmp_path / "b/report.html").exists()
    repeat = ("replay", "--journal", tmp_path / "a", "--store", demo / "store", "--out")
    repeated = cli(*repeat, tmp_path / "c", "--json").json()
    assert repeated["same"]
    assert "same commands" in cli(*repeat, tmp_path / "d").out

    runs = cli("compare", tmp_path / "a", demo / "run", "--out", tmp_path / "compare.html", "--json").json()
    assert [run["dataset"] for run in runs] == [alone["dataset"]] * 2
    assert (tmp_path / "compare.html").stat().st_size > 1000
    assert "glft" in cli("compare", tmp_path / "a", demo / "run").out
    cli("report", tmp_path / "b", "--json")
    assert (tmp_path / "b/report.html").is_file()


def test_an_agents_file_is_the_command_line_said_otherwise(demo: Path, cli: Any, tmp_path: Path) -> None:
    (tmp_path / "agents.toml").write_text(
        '[[agent]]\nname = "symmetric"\nstrategy = "symmetric"\nparams = { half_spread = 0.15 }\n'
    )
    given = ("replay", "--store", demo / "store", "--instrument", MARKET, "--no-report", "--json", "--out")
    from_file = cli(*given, tmp_path / "a", "--agents", tmp_path / "agents.toml").json()
    from_options = cli(*given, tmp_path / "b", "--strategy", "symmetric", "--param", "half_spread=0.15").json()
    assert from_file["agents"] == from_options["agents"]
    assert from_file["report"] is None
    record = json.loads((tmp_path / "b/run.json").read_text())
    assert record["agents"][0]["params"]["half_spread"] == 0.15
