"""An import that is killed, at whatever moment, leaves the store as it was or as it was to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from killed_processes import run_script

SCRIPT = Path(__file__).with_name("killed_imports.py")


def kill_imports(folder: Path, seed: int, random_kills: int) -> dict[str, int]:
    return run_script(SCRIPT, folder, seed, random_kills)


def test_killed_at_every_step_or_at_any_moment_an_import_leaves_a_whole_store(tmp_path: Path) -> None:
    found = kill_imports(tmp_path, seed=1, random_kills=20)
    assert found["steps"] > 60
    assert found["before"] > 20
    assert found["after"] > 5


@pytest.mark.slow
def test_killed_a_thousand_times(tmp_path: Path) -> None:
    kill_imports(tmp_path, seed=2, random_kills=1000)
