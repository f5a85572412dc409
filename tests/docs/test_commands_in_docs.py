"""Every command, program and settings file shown in README and docs is run, page by page, in the order shown.

A page is self-contained: it starts in an empty folder that holds the repository's examples. A python or toml block
whose first line is a comment with a file's name is saved under it; other python blocks are run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# ([\w./-]+\.(?:py|toml))\n")
TARGET = re.compile(r"^([a-z]+):.*##", re.MULTILINE)


def blocks(page: Path) -> list[tuple[str, str]]:
    return [(language, text) for language, text in BLOCK.findall(page.read_text())]


WITH_BLOCKS = [page for page in PAGES if blocks(page)]


def run(command: list[str], folder: Path) -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{command[-1]}\n{ended.stdout}\n{ended.stderr}"


def run_console(text: str, folder: Path) -> None:
    targets = TARGET.findall((ROOT / "Makefile").read_text())
    commands: list[str] = []
    for line in text.splitlines():
        if line.startswith("make "):
            assert line.split()[1] in targets, f"{line}: not a target of the Makefile"
        else:
            commands.append(line)
    run(["bash", "-euo", "pipefail", "-c", "\n".join(commands)], folder)


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: str(page.relative_to(ROOT)))
def test_everything_shown_works(page: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    for language, text in blocks(page):
        named = NAMED.match(text)
        if language in ("python", "toml") and named:
            (tmp_path / named[1]).write_text(text)
        elif language == "python":
            run([sys.executable, "-c", text], tmp_path)
        elif language == "console":
            run_console(text, tmp_path)
        else:
            assert language in ("text", "json"), f"{page.name}: a {language or 'nameless'} block cannot be checked"
