"""docs/reference/journal.md says what the journal is: its tables are read back and compared."""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path

import numpy as np
import pytest

from quotewright.domain import journal
from quotewright.domain.journal import JOURNAL, MARKOUT_HORIZONS, Record, Refusal, Reject

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "journal.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """Cells of the table whose header row begins with these column names."""
    lines = PAGE.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows: list[list[str]] = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return rows


def test_the_columns_are_those_of_the_record() -> None:
    told = [(name, np.dtype(kind)) for name, kind, *_ in table("column | type")]
    assert told == [(name, JOURNAL[name]) for name in JOURNAL.names or ()]


def test_the_kinds_fill_what_the_definition_says() -> None:
    described: dict[str, str] = {}
    names: list[str] = []
    for line in (journal.__doc__ or "").splitlines():
        entry = re.match(r"    ((?:[A-Z_]+, )*[A-Z_]+) {1,}(\S.*)$", line)
        if entry:
            names = entry[1].split(", ")
            described |= dict.fromkeys(names, entry[2])
        elif line.startswith(" " * 8) and names:
            described |= {name: f"{described[name]} {line.strip()}" for name in names}
        else:
            names = []
    told = {name: fields for _, name, fields in table("code | kind")}
    assert told == described
    assert [(int(code), name) for code, name, _ in table("code | kind")] == [(r.value, r.name) for r in Record]


@pytest.mark.parametrize(("heading", "names"), [("code | refusal", Refusal), ("code | reject", Reject)])
def test_the_reasons_are_complete(heading: str, names: type[IntEnum]) -> None:
    assert [(int(code), name) for code, name, _ in table(heading)] == [(r.value, r.name) for r in names]


def test_the_flags_have_their_bits() -> None:
    for _, name, bit in table("kind | flag"):
        assert getattr(journal, name) == int(bit), name
    assert len(table("kind | flag")) == 11


def test_the_horizons_are_those_taken() -> None:
    assert [h / 1e9 for h in MARKOUT_HORIZONS] == [0.1, 1, 5, 30]
    assert "after 0.1, 1, 5 and 30 s" in PAGE
