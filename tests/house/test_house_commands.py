"""The commands: targets exist, install only when needed, and CI fails when they fail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("demo", "setup", "test", "check", "unit", "bench", "peers", "soak", "lock", "clean", "help")
STAMPS = (".made", ".base", ".dev")


def plan(folder: Path, target: str) -> str:
    """The commands that make would run for `target` in `folder`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "--dry-run", f"PYTHON={sys.executable}", target],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with what the Makefile's installation reads, and no .venv."""
    (tmp_path / "requirements").mkdir()
    for name in ("Makefile", "pyproject.toml", *(f"requirements/{lock}.txt" for lock in ("base", "dev", "peers"))):
        shutil.copy(ROOT / name, tmp_path / name)
        os.utime(tmp_path / name, (1000, 1000))
    return tmp_path


@pytest.fixture
def installed(clone: Path) -> Path:
    """The same after a complete installation."""
    (clone / ".venv").mkdir()
    for name in STAMPS:
        (clone / ".venv" / name).touch()
        os.utime(clone / ".venv" / name, (2000, 2000))
    return clone


@pytest.mark.parametrize("target", TARGETS)
def test_target_exists_and_is_listed(clone: Path, target: str) -> None:
    plan(clone, target)
    assert re.search(rf"^{target}:.*## \S", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_demo_in_a_bare_clone_installs_the_base_alone_with_hashes(clone: Path) -> None:
    steps = plan(clone, "demo")
    assert "-m venv .venv" in steps
    assert "--require-hashes --requirement requirements/base.txt" in steps
    assert "dev.txt" not in steps
    assert steps.rstrip().endswith("quotewright demo")


def test_test_in_a_bare_clone_runs_all_that_ci_runs(clone: Path) -> None:
    steps = plan(clone, "test")
    parts = ["dev.txt", "ruff check", "ruff format --check", "bin/pyright", "lint-imports", "-m pytest"]
    places = [steps.index(part) for part in parts]
    assert places == sorted(places)


@pytest.mark.parametrize("target", ["demo", "test", "setup"])
def test_the_second_run_installs_nothing(installed: Path, target: str) -> None:
    assert "pip" not in plan(installed, target)
    assert "-m venv" not in plan(installed, target)


@pytest.mark.parametrize("changed", ["pyproject.toml", "requirements/base.txt"])
def test_a_changed_base_is_installed_again(installed: Path, changed: str) -> None:
    os.utime(installed / changed, (3000, 3000))
    assert "requirements/base.txt" in plan(installed, "demo")


@pytest.mark.parametrize("changed", ["pyproject.toml", "requirements/dev.txt"])
def test_a_changed_dev_is_installed_again(installed: Path, changed: str) -> None:
    os.utime(installed / changed, (3000, 3000))
    assert "requirements/dev.txt" in plan(installed, "test")


def test_an_interrupted_installation_is_taken_up_again(installed: Path) -> None:
    (installed / ".venv" / ".dev").unlink()
    assert "requirements/dev.txt" in plan(installed, "test")


def test_documents_name_only_targets_that_exist() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    named = {name for page in documents for name in re.findall(r"`make ([a-z]+)", page.read_text(encoding="utf-8"))}
    assert named <= set(TARGETS)


@pytest.mark.parametrize("status", [0, 2])
def test_ci_requires_the_data_and_passes_on_the_exit_status(tmp_path: Path, status: int) -> None:
    checkout = tmp_path / "with space" / "checkout"
    (checkout / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", checkout / ".ci" / "run")
    stand_in = tmp_path / "bin" / "make"
    stand_in.parent.mkdir()
    stand_in.write_text(
        f'#!/bin/sh\necho "$PWD|$*|$QUOTEWRIGHT_REQUIRE_DATA|$QUOTEWRIGHT_DATA"\necho "1 passed"\nexit {status}\n'
    )
    stand_in.chmod(0o755)

    done = subprocess.run(
        [str(checkout / ".ci" / "run")],
        cwd=tmp_path,
        env={"PATH": f"{stand_in.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    where, arguments, required, data = done.stdout.splitlines()[0].split("|")
    assert done.returncode == status
    assert Path(where).resolve() == checkout.resolve()
    assert arguments.split()[0] == "test"
    assert required == "1"
    assert Path(data).resolve() == (checkout.parent / "shared" / "data").resolve()
    assert done.stdout.splitlines()[-1] == "1 passed"


def test_commit_hooks_need_no_network() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert set(re.findall(r"repo: (\S+)", hooks)) == {"local"}
    assert set(re.findall(r"language: (\S+)", hooks)) == {"system"}
    assert all(entry.startswith(".venv/bin/") for entry in re.findall(r"entry: (.+)", hooks))
