"""Eight virtual hours of one session in quiet: memory stays flat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import psutil
import pytest

from quotewright.simtest.plan import SECOND, START, draw_plan
from quotewright.simtest.world import run_plan

HOUR = 3600
SLACK = 12 << 20  # bytes of growth that the allocator may show


def hourly(sizes: list[int]) -> Callable[[int, str], None]:
    """A tracer that notes the process's memory whenever another virtual hour has passed."""
    process = psutil.Process()

    def look(now: int, _: str) -> None:
        if now - START >= (len(sizes) + 1) * HOUR * SECOND:
            sizes.append(process.memory_info().rss)

    return look


@pytest.mark.slow
def test_memory_is_flat_over_eight_hours() -> None:
    plan = replace(draw_plan(1, seconds=8 * HOUR, calm=True), deeds=())
    sizes: list[int] = []
    result = run_plan(plan, trace=hourly(sizes))
    assert not result.violations
    assert result.fills > 5000
    assert len(sizes) == 8
    assert sizes[-1] - sizes[3] < SLACK  # the venue's own history is full by the fourth hour
