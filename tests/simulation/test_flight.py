"""Messages on their way arrive by time, then by order of sending, whatever overtakes whatever."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.kernel import kernel, records
from quotewright.domain.messages import MESSAGE
from quotewright.simulation.flight import FLIGHT, NOTHING_DUE, send_off, take_next

RING = 16


@kernel
def _take(flights: Any, slab: Any, heap: Any) -> int:
    return take_next(flights[0], slab, heap)


@kernel
def _send(flights: Any, slab: Any, heap: Any, ts: int) -> int:
    return send_off(flights[0], slab, heap, ts)


# A number sends something due at that time; None takes what is due next.
STEPS = st.lists(st.one_of(st.integers(0, 12), st.none()), max_size=80)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_arrivals_are_those_of_a_sorted_list(steps: list[int | None]) -> None:
    flights, slab, heap = records(1, FLIGHT), records(2 * RING, MESSAGE), np.arange(RING, 2 * RING)
    flights[0]["ring"] = RING
    flights[0]["due"] = NOTHING_DUE
    waiting: list[tuple[int, int]] = []
    sent = 0
    for step in steps:
        if step is not None:
            slot = int(_send(flights, slab, heap, step))
            if slot < 0:
                assert len(waiting) >= RING, "refused though there is room"
                continue
            slab[slot]["order"] = 1_000 + sent
            waiting.append((step, sent))
            sent += 1
        elif waiting:
            waiting.sort()
            ts, number = waiting.pop(0)
            slot = int(_take(flights, slab, heap))
            assert (slab[slot]["ts"], slab[slot]["order"]) == (ts, 1_000 + number)
        assert flights[0]["due"] == (min(waiting)[0] if waiting else NOTHING_DUE)
