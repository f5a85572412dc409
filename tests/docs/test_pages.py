"""The pages hold together: every page is listed, links lead somewhere, the command reference is the command line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from quotewright.app.cli import app
from quotewright.domain import errors

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
CLI = (DOCS / "reference/cli.md").read_text()


def all_commands() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, command in get_command(app).commands.items():  # pyright: ignore[reportAttributeAccessIssue]
        inner = getattr(command, "commands", None)
        found |= {name: command} if inner is None else {f"{name} {key}": value for key, value in inner.items()}
    return found


def test_the_index_lists_every_page() -> None:
    listed = set(LINK.findall((DOCS / "index.md").read_text()))
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} - {"index.md"}
    assert pages <= listed, f"not listed: {sorted(pages - listed)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if not link.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / link).exists(), link


def test_the_first_screen_names_the_two_commands() -> None:
    first_screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:30])
    assert "make demo" in first_screen
    assert "make test" in first_screen
    assert (ROOT / "docs/images/report.png").stat().st_size < 300_000


def test_the_reference_has_every_command() -> None:
    assert re.findall(r"^## (.+)$", CLI, re.MULTILINE)[: len(all_commands())] == list(all_commands())


@pytest.mark.parametrize("name", all_commands())
def test_the_reference_has_every_option_and_default(name: str) -> None:
    section = re.split(r"^## ", CLI.split(f"\n## {name}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    rows = {row[0]: row[1] for row in re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", section, re.MULTILINE)}
    command = all_commands()[name]
    expected: dict[str, str] = {}
    for param in command.params:
        option = next((flag for flag in param.opts if flag.startswith("--")), param.name.upper())
        if option not in ("--help", "--json"):
            given = param.default is None or param.is_flag if hasattr(param, "is_flag") else param.default is None
            expected[option] = "required" if param.required else "" if given else str(param.default)
    assert set(rows) == set(expected)
    for option, default in expected.items():
        shown = rows[option].strip().strip("`")
        assert shown == (default or "–"), option
    assert f"quotewright {name}" in section


def test_the_errors_page_has_every_class_and_exit_code() -> None:
    page = (DOCS / "reference/errors.md").read_text()
    for name, error in vars(errors).items():
        if isinstance(error, type) and issubclass(error, errors.QuotewrightError):
            assert re.search(rf"^\| `{name}` \| {error.exit_code} \|", page, re.MULTILINE), name
