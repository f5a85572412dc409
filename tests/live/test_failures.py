"""An error of our own in the middle of a session: it ends, says so, and leaves no order at the venue."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pains_stage import MID, quoter, spot
from served_desk import served_desk

from quotewright.exchange.quiet_market import QuietSettings
from quotewright.live.control_folder import ControlFolder
from quotewright.live.runner import Runner
from quotewright.live.settings import SessionSettings, VenueSettings


def _broken(*given: Any) -> Any:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("part", ["control folder", "timer of the adapter", "rows of the step", "answers to the step"])
def test_what_breaks_leaves_nothing_resting(tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    market = QuietSettings(spot("AAA"), 5, MID, 10_000_000, 12, qty=2_000, move=0.4, take=0.4, take_qty=400)
    with served_desk(tmp_path, [market], {"AAA": "1000", "USD": "100000"}) as (serving, books):
        venue = VenueSettings("sim", serving.rest, ("AAAUSD",), keys=str(tmp_path / "keys.toml"))
        settings = SessionSettings((venue,), (quoter("maker", levels=3),))
        rested = 0

        def spoil(runner: Runner) -> None:
            nonlocal rested
            rested = sum(len(orders) for orders in books.open.values())
            if not rested:
                asyncio.get_running_loop().call_later(0.05, spoil, runner)
                return
            assert runner.session is not None
            step: Any = runner.session.step
            adapter: Any = runner._adapters[0]  # pyright: ignore[reportPrivateUsage]
            if part == "control folder":
                monkeypatch.setattr(ControlFolder, "waiting", _broken)
            elif part == "timer of the adapter":
                adapter.next_due = lambda: 0
                adapter.on_time = _broken
            elif part == "rows of the step":
                step.rows = _broken
            else:
                step.answers = _broken

        runner = Runner(settings, "live", tmp_path / "out", seconds=30, began=spoil)
        with pytest.raises(Exception, match="No space left") as told:
            asyncio.run(runner.run())
        assert type(told.value).__name__ in ("HaltError", "OSError")
        assert rested
        assert not any(books.open.values())
