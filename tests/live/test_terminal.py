"""What the terminal shows of a running session."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pains_stage import Stage, quoter
from rich.console import Console

from quotewright.gateway.messages import Note
from quotewright.live.latency import LatencyBook
from quotewright.live.latency import Stage as Part
from quotewright.live.terminal import view
from quotewright.simtest.process import session_markets


def _shown(stage: Stage, latencies: LatencyBook, notes: list[Note]) -> str:
    runner: Any = SimpleNamespace(
        session=stage.session, operator=stage.operator, markets=session_markets(stage.plan), mode="live",
        notes=notes, latencies=latencies,
    )  # fmt: skip
    text = io.StringIO()
    Console(file=text, width=160).print(view(runner))
    return text.getvalue()


def test_it_shows_legs_notes_and_how_long_our_part_and_the_venues_take(tmp_path: Path) -> None:
    latencies = LatencyBook(["sim", "other"])
    with Stage(tmp_path, quoter("maker"), quoter("held", away=20.0)) as stage:
        stage.begin()
        stage.run(1)
        stage.word("pause", agents=["held"])
        notes = [Note(0, f"number-{number}", "note", "said", "", -1) for number in range(9)]
        before = _shown(stage, latencies, notes)
        assert "99.9" in before
        assert "held by operator" in before
        assert [f"number-{number}" in before for number in range(9)] == [False] * 5 + [True] * 4
        assert "ms" not in before
        for ns in range(1_000, 101_000, 1_000):
            latencies.record(0, Part.RESPOND, ns)
            latencies.record(0, Part.STEP, ns)
        latencies.record(0, Part.ACKNOWLEDGE, 7_000_000)  # told within 0.4 %
        shown = [line for line in _shown(stage, latencies, notes).splitlines() if " ms" in line]
        assert [line.strip() for line in shown] == [
            "sim: acknowledge 6.996 ms, 99 % within 6.996 ms; respond 0.050 ms, 99 % within 0.099 ms"
        ]


def test_before_there_is_a_session_it_says_so() -> None:
    runner: Any = SimpleNamespace(session=None, operator=None)
    text = io.StringIO()
    Console(file=text).print(view(runner))
    assert text.getvalue().strip() == "opening"
