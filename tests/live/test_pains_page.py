"""The page of pains names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "explanation" / "what-can-go-wrong.md"
PAINS = [  # of the venues page
    8457, 3374, 6716, 243, 3561, 4428, 8250, 7590, 3101, 2821, 5122, 7996, 8099, 7891, 2534,
    1145, 2501, 5688, 7503, 7043, 6238, 2416, 4877, 5318, 5494, 9608, 3965, 4366, 2409,
]  # fmt: skip


def test_every_pain_has_a_test_and_every_test_named_exists() -> None:
    page = PAGE.read_text(encoding="utf-8")
    scenarios = "".join(path.read_text(encoding="utf-8") for path in sorted(HERE.glob("test_*.py")))
    tests = set(re.findall(r"^def (test_\w+)", scenarios, re.MULTILINE))
    named = re.findall(r"`(test_\w+)`", page)
    assert len(named) > 13
    assert set(named) <= tests
    for number in PAINS:
        assert f"#{number}" in page
        assert f"#{number}" in scenarios.replace("hummingbot-api ", "")
    rows = [line for line in page.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 13
    assert all("`test_" in row.rsplit("|", 2)[1] for row in rows)
