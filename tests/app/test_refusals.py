"""What is wrong is told by field, value and fix, with the exit code of its class; the process lives."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

MARKET = "synthetic:BTCUSDT"
START = 1_700_000_000_000
AGENT = '[[agent]]\nname = "a"\nstrategy = "symmetric"\n'


def replay(demo: Path, out: Path, *more: object) -> tuple[object, ...]:
    return ("replay", "--store", demo / "store", "--out", out, *more)


def on_market(strategy: str = "glft") -> tuple[object, ...]:
    return ("--instrument", MARKET, "--strategy", strategy)


def refused(result: Any, code: int, *told: str) -> None:
    """The exit code, one error on standard error that tells what it must, and no traceback."""
    assert result.code == code, result.err
    text = " ".join(result.err.split())
    assert "Traceback" not in text
    for part in told:
        assert part in text, text


WRONG: dict[str, tuple[tuple[object, ...], tuple[str, ...]]] = {
    "unknown strategy": (on_market("gluft"), ("strategy", "'gluft'", "glft, ladder")),
    "strategy file missing": (on_market("mine.py"), ("strategy", "mine.py", "is not a file")),
    "unknown instrument": (
        ("--instrument", "binance-spot:XYZ", "--strategy", "glft"),
        ("instrument", "'binance-spot:XYZ'", "it holds synthetic:BTCUSDT"),
    ),
    "instrument twice": ((*on_market(), "--instrument", MARKET), ("instrument", MARKET, "is given twice")),
    "no instrument": (("--strategy", "glft"), ("instrument", "--instrument VENUE:SYMBOL")),
    "no strategy": (("--instrument", MARKET), ("strategy", "--agents")),
    "unknown parameter": ((*on_market(), "--param", "gama=1"), ("param", "'gama'", "sigma, k, A")),
    "parameter below range": ((*on_market(), "--param", "gamma=-1"), ("gamma", "-1.0", "must lie in [1e-06")),
    "parameter not a number": ((*on_market(), "--param", "gamma=lots"), ("gamma", "'lots'", "is not a number")),
    "parameter is nan": ((*on_market(), "--param", "gamma=nan"), ("gamma", "nan", "must lie in")),
    "parameter without value": ((*on_market(), "--param", "gamma"), ("param", "'gamma'", "name=value")),
    "fractional levels": ((*on_market("ladder"), "--param", "levels=2.5"), ("levels", "2.5", "whole number")),
    "latency without unit": ((*on_market(), "--entry-latency", "5"), ("entry-latency", "'5'", "such as 250ms")),
    "negative latency": ((*on_market(), "--response-latency=-5ms"), ("response-latency", "-5", "between 0 and 60s")),
    "unknown queue model": ((*on_market(), "--queue-model", "hopeful"), ("queue", "'hopeful'", "risk-averse")),
    "mark interval of nothing": ((*on_market(), "--mark-interval", "0s"), ("mark-interval", "at least 1ms")),
    "latency file missing": ((*on_market(), "--latency-file", "none.csv"), ("latency", "none.csv")),
    "agents file missing": (("--instrument", MARKET, "--agents", "none.toml"), ("agents", "none.toml")),
    "agents and strategy": ((*on_market(), "--agents", "none.toml"), ("agents", "cannot be combined")),
    "no such journal": (("--journal", "nowhere"), ("journal", "'nowhere'", "run.json")),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_to_replay(demo: Path, cli: Any, tmp_path: Path, case: str) -> None:
    arguments, told = WRONG[case]
    refused(cli(*replay(demo, tmp_path / "run", *arguments)), 2, *told)
    as_json = cli(*replay(demo, tmp_path / "run", *arguments, "--json"))
    assert as_json.code == 2
    error = as_json.json()["error"]
    assert set(error) == {"type", "message", "field", "value", "fix"}
    assert not (tmp_path / "run/journal.parquet").exists()


AGENT_FILES: dict[str, tuple[str, tuple[str, ...]]] = {
    "two of one name": (AGENT + AGENT, ("name", "'a'", "more than one agent")),
    "no table": ('title = "none"\n', ("agents", "[[agent]]")),
    "not TOML": ("[[agent\n", ("agents", "cannot be read as TOML")),
    "no strategy": ('[[agent]]\nname = "a"\n', ("agent 1", "strategy", "is missing")),
    "unknown setting": (AGENT + "colour = 3\n", ("agent 1: colour", "is not a setting")),
    "unknown limit": (AGENT + "limits = { max_hope = 3 }\n", ("limits", "'max_hope'", "is not a limit")),
    "limit switched off": (AGENT + "limits = { max_loss = 0 }\n", ("limits.max_loss", "0", "cannot be switched off")),
    "parameter as text": (AGENT + 'params = { half_spread = "1" }\n', ("params.half_spread", "must be a number")),
    "parameter out of range": (AGENT + "params = { half_spread = -1 }\n", ("half_spread", "-1", "must lie in")),
    "foreign instrument": (AGENT + 'instruments = ["binance-spot:XYZ"]\n', ("binance-spot:XYZ",)),
    "tolerance of half a tick": (AGENT + "price_tolerance = 0.5\n", ("price_tolerance", "0.5", "whole number")),
    "params no table": (AGENT + "params = 3\n", ("agent 1: params", "3", "must be a table")),
    "limits no table": (AGENT + "limits = 3\n", ("agent 1: limits", "3", "must be a table")),
    "triggers as text": (AGENT + 'triggers = "touch"\n', ("agent 1: triggers", "'touch'", "must be a list of timer")),
    "a trigger that is none": (
        AGENT + 'triggers = ["tick"]\n',
        ("triggers", "'tick'", "timer, fill, touch, trade"),
    ),
    "interval as text": (AGENT + 'interval_ms = "fast"\n', ("agent 1: interval_ms", "'fast'", "must be a number")),
    "an agent that is a number": ("agent = [3]\n", ("agents", "no table")),
    "tolerance yes": (AGENT + "price_tolerance = true\n", ("price_tolerance", "True", "whole number")),
    "instruments no list": (AGENT + 'instruments = "x:y"\n', ("instruments", "must be a list")),
    "quantity tolerance of all": (AGENT + "qty_tolerance = 1\n", ("qty_tolerance", "must lie in [0, 1)")),
    "interval of a year": (AGENT + "interval_ms = 4e10\n", ("interval_ms", "must lie in")),
}


@pytest.mark.parametrize("case", AGENT_FILES)
def test_wrong_agents_file(demo: Path, cli: Any, tmp_path: Path, case: str) -> None:
    text, told = AGENT_FILES[case]
    (tmp_path / "agents.toml").write_text(text)
    given = ("--instrument", MARKET, "--agents", tmp_path / "agents.toml")
    refused(cli(*replay(demo, tmp_path / "run", *given)), 2, *told)


STRATEGY_FILES = {
    "syntax error": ("def decide(:\n", "SyntaxError"),
    "no STRATEGY": ("x = 1\n", "defines no STRATEGY"),
    "fails when loaded": ("1 / 0\n", "ZeroDivisionError"),
}


@pytest.mark.parametrize("case", STRATEGY_FILES)
def test_wrong_strategy_file(demo: Path, cli: Any, tmp_path: Path, case: str) -> None:
    text, told = STRATEGY_FILES[case]
    (tmp_path / "mine.py").write_text(text)
    refused(cli(*replay(demo, tmp_path / "run", *on_market(str(tmp_path / "mine.py")))), 2, "strategy", told)


@pytest.mark.parametrize(
    "arguments",
    [
        ("data", "list"),
        ("data", "verify"),
        ("data", "book", MARKET),
        ("data", "export", MARKET, "--out", "e.csv"),
        ("replay", *on_market(), "--out", "run"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_missing_store(cli: Any, tmp_path: Path, arguments: tuple[object, ...]) -> None:
    refused(cli(*arguments, "--store", tmp_path / "none"), 2, "store", "none", "data import")


def test_other_commands_refuse(demo: Path, cli: Any, tmp_path: Path) -> None:
    refused(cli("demo", "--preset", "wild", "--out", tmp_path), 2, "preset", "'wild'", "calm, transitional, turbulent")
    refused(cli("report", tmp_path / "none"), 3, "run.json", "not found")
    refused(cli("compare", demo / "run", tmp_path / "none"), 3, "run.json", "not found")
    refused(cli("strategies", "gluft"), 2, "strategy", "'gluft'")
    refused(cli("data", "book", MARKET, "--store", demo / "store", "--every", 0), 2, "--every")
    export = ("data", "export", MARKET, "--store", demo / "store", "--out")
    refused(cli(*export, tmp_path / "events.xls"), 2, "events.xls")
    refused(cli("nonsense"), 2, "nonsense")


def damaged(demo: Path, tmp_path: Path, damage: Callable[[Path], None]) -> Path:
    store = tmp_path / "store"
    shutil.copytree(demo / "store", store)
    damage(store)
    return store


def flip_a_byte(store: Path) -> None:
    path = next(store.rglob("*.parquet"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def cut_the_parquet(store: Path) -> None:
    path = next(store.rglob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-1000])


def remove_the_parquet(store: Path) -> None:
    next(store.rglob("*.parquet")).unlink()


def cut_the_manifest(store: Path) -> None:
    path = next(store.rglob("manifest.json"))
    path.write_text(path.read_text()[:200])


def change_the_dtype(store: Path) -> None:
    path = next(store.rglob("*.parquet"))
    pl.read_parquet(path).with_columns(pl.col("price").cast(pl.Float64)).write_parquet(path)


@pytest.mark.parametrize(
    "damage", [flip_a_byte, cut_the_parquet, remove_the_parquet, cut_the_manifest, change_the_dtype]
)
def test_a_damaged_store_is_refused(demo: Path, cli: Any, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    store = damaged(demo, tmp_path, damage)
    refused(cli("data", "verify", "--store", store), 3)
    assert cli("doctor", "--store", store).code == 3
    if damage is not flip_a_byte:  # a byte inside a page is found by the checksum, which `verify` reads
        refused(cli("replay", "--store", store, *on_market(), "--out", tmp_path / "run", "--json"), 3)


def test_a_damaged_journal_is_refused(demo: Path, cli: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(demo / "run", run)
    (run / "journal.parquet").write_bytes((run / "journal.parquet").read_bytes()[:-500])
    refused(cli("report", run), 3, "journal.parquet")
    shutil.copytree(demo / "run", tmp_path / "other")
    record = json.loads((run / "run.json").read_text())
    (tmp_path / "other/run.json").write_text(json.dumps(record)[:300])
    refused(cli("report", tmp_path / "other"), 3, "run.json")


def recording(updates: int = 20) -> list[str]:
    """Lines of a sound recording: a snapshot, then differences that follow each other, 100 ms apart."""
    book = {"bids": [["30000.0", "1.000"]], "asks": [["30001.0", "1.000"]]}
    lines = [_line(0, {"lastUpdateId": 100, "E": START, "T": START, **book})]
    for i in range(1, updates + 1):
        at = START + 100 * i
        change = {"e": "depthUpdate", "E": at, "T": at, "s": "BTCUSDT", "U": 100 + i, "u": 100 + i, "pu": 99 + i}
        change |= {"b": [["30000.0", f"{1 + i / 1000:.3f}"]], "a": []}
        lines.append(_line(100 * i, {"stream": "btcusdt@depth@0ms", "data": change}))
    return lines


def _line(ms: int, content: dict[str, Any]) -> str:
    return f"{(START + ms + 3) * 1_000_000} {json.dumps(content)}\n"


def import_lines(cli: Any, tmp_path: Path, content: bytes, *more: object) -> Any:
    path = tmp_path / "recording.txt"
    path.write_bytes(content)
    given = ("--format", "binance-ws", "--venue", "binance-usdm", "--symbol", "BTCUSDT", "--store", tmp_path / "store")
    return cli("data", "import", path, *given, *more)


def test_a_sound_recording_is_imported_whole(cli: Any, tmp_path: Path) -> None:
    report = import_lines(cli, tmp_path, "".join(recording()).encode(), "--json").json()
    assert report["refused"] == {}
    assert report["quality"]["gaps"] == 0


def test_an_unsorted_recording_is_reported_line_by_line(cli: Any, tmp_path: Path) -> None:
    lines = recording()
    lines[10], lines[11] = lines[11], lines[10]
    result = import_lines(cli, tmp_path, "".join(lines).encode())
    assert result.code == 0, result.err
    assert "1 refused" in result.out
    assert "recording.txt:12" in result.out


def test_a_gapped_recording_says_so_and_the_book_waits_for_a_snapshot(cli: Any, tmp_path: Path) -> None:
    lines = recording()
    del lines[10]
    result = import_lines(cli, tmp_path, "".join(lines).encode())
    assert result.code == 0, result.err
    assert "gaps 1" in result.out
    book = cli("data", "book", "binance-usdm:BTCUSDT", "--store", tmp_path / "store", "--every", 1, "--csv")
    assert 5 < len(book.out.splitlines()) < len(lines)


UNUSABLE: dict[str, tuple[Callable[[], bytes], int]] = {
    "truncated archive": (lambda: gzip.compress("".join(recording(3000)).encode())[:-2000], 3),
    "empty": (lambda: b"", 3),
    "not a recording": (lambda: b"price,qty\n1,2\n", 3),
    "an array of the wrong dtype": (lambda: np.zeros(8, "f8").tobytes(), 3),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_file_leaves_the_store_as_it_was(cli: Any, tmp_path: Path, case: str) -> None:
    import_lines(cli, tmp_path, "".join(recording()).encode())
    before = cli("data", "list", "--store", tmp_path / "store", "--json").json()
    content, code = UNUSABLE[case]
    result = import_lines(cli, tmp_path, content())
    assert result.code in (2, code), result.err
    refused(result, result.code, "empty" if case == "empty" else "recording.txt")
    assert cli("data", "list", "--store", tmp_path / "store", "--json").json() == before


def test_import_refuses_wrong_options(cli: Any, tmp_path: Path) -> None:
    sound = "".join(recording()).encode()
    refused(import_lines(cli, tmp_path, sound, "--format", "csv"), 2, "format", "'csv'", "binance-ws")
    refused(import_lines(cli, tmp_path, sound, "--symbol", "XYZ"), 2, "XYZ")
    refused(import_lines(cli, tmp_path, sound, "--clock-offset", "soon"), 2, "clock-offset", "'soon'")
    refused(import_lines(cli, tmp_path, sound, "--instrument", tmp_path / "none.toml"), 2, "instrument", "none.toml")
    assert not (tmp_path / "store/binance-usdm").exists()
