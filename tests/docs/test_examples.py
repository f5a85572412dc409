"""Every example runs as it is, and prints what it promises."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PRINTED = {
    "01_replay_from_python.py": ["fills", "USDT", "position"],
    "02_own_strategy.py": ["report.html", "events"],
    "03_many_agents.py": ["close", "far", "desk-inner", "desk-outer"],
    "05_sweep.py": ["set", "half_spread", "fills"],
    "06_price_index.py": ["index", "plain VWAP", "price_index.html"],
    "07_placement.py": ["best place", "London", "placement.html"],
    "09_fair_prices.py": ["microprice", "half ticks²/s", "0.1 s", "fair_prices.html"],
    "08_fee_design.py": ["maker  taker", "largest revenue", "fee_design.html"],
    "10_penny_jump.py": ["ours first", "mid less value", "penny_jump.html"],
    "12_composed_quoter.py": ["`composed` less", "Student's", "transitional"],
    "11_deltas.py": ["turbulent", "precision", "at the touch"],
    "13_monte_carlo.py": ["garch_t", "figures covered", "flash crash", "monte_carlo.html"],
    "14_rain_puddle_taxi.py": [
        "spurious",
        "refused: taxi ⟂ rain | puddle",
        "break in time",
        "rain_puddle_taxi.html",
    ],
    "15_merged_views.py": ["bare strategy", "+ slow view", "= the whole"],
    "04_exact_money.py": [
        "618376 ticks of 0.1, 7 lots, settled in BTC",
        "= 0.01 BTC, exactly",
        "61837.635",
        "6.18e4",
        "NaN",
    ],
}


def test_every_example_is_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(PRINTED)
    assert len((EXAMPLES / "01_replay_from_python.py").read_text().splitlines()) < 30


@pytest.mark.parametrize("name", PRINTED)
def test_the_example_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the main program of this process: a process of its own would start and load compiled code anew each time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(EXAMPLES / name), str(tmp_path / "out")])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    printed = capsys.readouterr().out
    for part in PRINTED[name]:
        assert part in printed


def test_the_first_example_runs_as_a_process(tmp_path: Path) -> None:
    name = "01_replay_from_python.py"
    command = [sys.executable, str(EXAMPLES / name), str(tmp_path / "out")]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    for part in PRINTED[name]:
        assert part in ended.stdout
