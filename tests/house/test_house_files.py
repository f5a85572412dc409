"""The rules for files that CONTRIBUTING.md states, held over everything that is or would be committed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 400
VAGUE = {"util", "utils", "helper", "helpers", "common", "misc"}
MACHINE_PATH = re.compile(r"(?<![\w./:-])/(?:root|home|Users|work|opt|mnt)/[\w.]")
INDEX_ADDRESS = re.compile(r"pypi\.org/simple|files\.pythonhosted|--(?:extra-)?index-url[ =]\S*/|registry\.npmjs")


def repository_files() -> list[Path]:
    """Every file that git tracks or would add, relative to the root."""
    listing = subprocess.run(
        # The checkout may belong to another user than the one who runs the tests, as in a container.
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [path for path in map(Path, filter(None, listing.split("\0"))) if (ROOT / path).is_file()]


FILES = repository_files()


def text_of(path: Path) -> str:
    """The file's text; empty for a file that is not UTF-8 text."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_git_lists_this_file() -> None:
    assert Path("tests/house/test_house_files.py") in FILES


def test_sources_stay_short() -> None:
    sources = [path for path in FILES if path.parts[0] == "src" and path.suffix == ".py"]
    long = {str(path): lines for path in sources if (lines := text_of(path).count("\n")) > LONGEST}
    assert not long, f"split what does more than one thing: {long}"


def test_no_file_or_folder_has_a_vague_name() -> None:
    assert not [path for path in FILES if VAGUE & {Path(part).stem.lower() for part in path.parts}]


def test_folders_are_at_most_three_deep() -> None:
    assert not [path for path in FILES if len(path.parent.parts) > 3]


@pytest.mark.parametrize(("pattern", "what"), [(MACHINE_PATH, "a machine's path"), (INDEX_ADDRESS, "an index address")])
def test_files_name_nothing_of_the_machine_they_were_made_on(pattern: re.Pattern[str], what: str) -> None:
    here = Path(__file__).relative_to(ROOT)
    found = {str(path): hit.group() for path in FILES if path != here if (hit := pattern.search(text_of(path)))}
    assert not found, f"{what} in {found}"


@pytest.mark.parametrize("text", ["see /home/ann/x", "open('/opt/data/f')", "`/Users/ann`", "=/root/.cache"])
def test_machine_paths_are_recognised(text: str) -> None:
    assert MACHINE_PATH.search(text)


@pytest.mark.parametrize("text", ["../shared/data", "https://example.org/home/page", "docs/work/x.md", "a/root/b"])
def test_other_paths_are_not_taken_for_a_machine_s(text: str) -> None:
    assert not MACHINE_PATH.search(text)


def test_the_core_never_trades_exactness_for_speed() -> None:
    assert not [path for path in FILES if path.parts[0] == "src" and "fastmath" in text_of(path)]


def test_test_files_have_unique_names_and_no_packages() -> None:
    tests = [path for path in FILES if path.parts[0] == "tests" and path.suffix == ".py" and path.stem != "conftest"]
    names = [path.name for path in tests]
    assert sorted(names) == sorted(set(names))
    assert "__init__.py" not in names


def test_no_recording_is_committed() -> None:
    heavy = {str(path): size for path in FILES if (size := (ROOT / path).stat().st_size) > 2_000_000}
    assert not heavy


def test_the_licence_is_whole_and_the_one_declared() -> None:
    licence = text_of(Path("LICENSE"))
    assert "Version 2.0, January 2004" in licence
    assert "9. Accepting Warranty or Additional Liability" in licence
    assert 'license = "Apache-2.0"' in text_of(Path("pyproject.toml"))


def test_the_changelog_has_room_for_the_next_change() -> None:
    assert "## [Unreleased]" in text_of(Path("CHANGELOG.md"))


def test_decisions_are_numbered_without_gaps_and_have_their_three_parts() -> None:
    records = sorted(path for path in FILES if path.parent == Path("docs/decisions"))
    assert [record.name[:4] for record in records] == [f"{n:04d}" for n in range(1, len(records) + 1)]
    for record in records:
        headings = set(re.findall(r"^## (.+)$", text_of(record), re.MULTILINE))
        assert {"Context", "Decision", "What it costs"} <= headings, record
