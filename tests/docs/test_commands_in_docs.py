"""Every command, program and settings file shown in README and docs is run, page by page, in the order shown.

A page is self-contained: it starts in an empty folder that holds the repository's examples. A python or toml block
whose first line is a comment with a file's name is saved under it; other python blocks are run.

README's commands run in a shell, as a reader runs them, and so does every block that needs one. What other pages show
of `quotewright` runs in this process, to start and load compiled code once; a market that several pages make by the
same command is made once and copied.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from quotewright.app.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# ([\w./-]+\.(?:py|toml))\n")
TARGET = re.compile(r"^([a-z]+):.*##", re.MULTILINE)
PLAIN = re.compile(r"quotewright [^|&;<>$`*?()#]*")  # nothing that only a shell understands
DEMO = "out/demo"


def blocks(page: Path) -> list[tuple[str, str]]:
    return [(language, text) for language, text in BLOCK.findall(page.read_text())]


WITH_BLOCKS = [page for page in PAGES if blocks(page)]


def run(command: list[str], folder: Path) -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{command[-1]}\n{ended.stdout}\n{ended.stderr}"


def run_here(words: list[str]) -> None:
    """`quotewright …` as its console script runs it, in the current folder."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", words)
        code = None
        try:
            main()
        except SystemExit as end:
            code = end.code
    assert not code, f"{shlex.join(words)}: exit code {code}"


def run_console(text: str, folder: Path, markets: dict[str, Path], *, shell: bool) -> None:
    targets = TARGET.findall((ROOT / "Makefile").read_text())
    commands: list[str] = []
    for line in text.replace("\\\n", "").splitlines():
        if line.startswith("make "):
            assert line.split()[1] in targets, f"{line}: not a target of the Makefile"
        else:
            commands.append(line)
    if shell or not all(PLAIN.fullmatch(command) for command in commands):
        run(["bash", "-euo", "pipefail", "-c", "\n".join(commands)], folder)
        return
    for command in commands:
        if command in markets:
            shutil.copytree(markets[command], folder / DEMO)
            continue
        fresh = command.startswith("quotewright demo ") and not (folder / DEMO).exists()
        run_here(shlex.split(command))
        if fresh and (folder / DEMO).exists():  # before later commands add to it
            shutil.copytree(folder / DEMO, markets.setdefault(command, folder.with_name(f"{folder.name}-made")))


@pytest.fixture(scope="module")
def markets() -> dict[str, Path]:
    """What `quotewright demo …` wrote, by command."""
    return {}


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: str(page.relative_to(ROOT)))
def test_everything_shown_works(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, markets: dict[str, Path]
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    for language, text in blocks(page):
        named = NAMED.match(text)
        if language in ("python", "toml") and named:
            (tmp_path / named[1]).write_text(text)
        elif language == "python":
            run([sys.executable, "-c", text], tmp_path)
        elif language == "console":
            run_console(text, tmp_path, markets, shell=page.name == "README.md")
        else:
            assert language in ("text", "json"), f"{page.name}: a {language or 'nameless'} block cannot be checked"
