"""The lock files: hashed, addressless, in step with pyproject.toml and with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("base.txt", "dev.txt", "peers.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def entries(lock: str) -> list[str]:
    """Logical lines of a lock: a requirement and its options; comments dropped, continuations joined."""
    text = (ROOT / "requirements" / lock).read_text()
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def pins(lock: str) -> set[str]:
    """`name==version ; marker` of each entry."""
    return {line.split("--hash")[0].strip() for line in entries(lock)}


def plain(requirement: str) -> str:
    """The normalised name in a requirement."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0]).lower()


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address_and_no_index(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text()
    assert not re.search(r"://|@ |file:|--(?:extra-)?index-url|--find-links|--trusted-host", text)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_entry_is_one_exact_version_with_hashes(lock: str) -> None:
    assert entries(lock)
    for line in entries(lock):
        assert re.match(r"[a-z0-9-]+(\[[a-z,-]+\])?==[\w.+!-]+( ; [^-]+)? +--hash=sha256:[0-9a-f]{64}", line), line


def test_what_the_demo_installs_is_what_the_tests_ran_on() -> None:
    """The same versions; a marker may differ, where something of dev alone needs a package on more platforms."""
    base, dev = ({pin.partition(" ;")[0] for pin in pins(lock)} for lock in ("base.txt", "dev.txt"))
    assert base <= dev


def test_the_base_lock_covers_the_dependencies_and_the_build_backend() -> None:
    asked = PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"]
    assert set(map(plain, asked)) <= set(map(plain, pins("base.txt")))


def test_the_dev_lock_covers_every_extra() -> None:
    asked = [each for extra in PROJECT["project"]["optional-dependencies"].values() for each in extra]
    assert set(map(plain, asked)) <= set(map(plain, pins("dev.txt")))


def test_the_base_stays_free_of_development_tools() -> None:
    tools = set(map(plain, PROJECT["project"]["optional-dependencies"]["dev"]))
    assert not tools & set(map(plain, pins("base.txt")))


def test_the_locked_build_backend_is_the_one_that_builds() -> None:
    assert PROJECT["dependency-groups"]["build"] == PROJECT["build-system"]["requires"]
