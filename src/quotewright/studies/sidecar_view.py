"""A model that cannot be compiled, in a replay: a sidecar asked at a steady pace, its answers a slow view.

The features are those of the engine to the bit, so what the sidecar is asked here it would be asked live; each answer
is known when its latency has passed, and the slot `view` shows it from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.features.matrix import Features
from quotewright.features.slots import VIEW
from quotewright.features.state import View
from quotewright.models.sidecar import SidecarModel

Floats = npt.NDArray[np.float64]


def sidecar_view(
    predict: Callable[[Floats], float], seen: Features, *, every_ns: int, latencies_ns: Sequence[int]
) -> View:
    """What a sidecar would have published over a recording: its answers, and since when each was known.

    `predict` takes the slots before `view`; it is asked at the first update of each `every_ns`, unless one of its slots
    is not known. `latencies_ns` are measured ones (`models.latency`), used in turn. Raises InputError for a pace below
    1 ns or answers that are not finite.
    """
    if every_ns < 1:
        raise InputError("every_ns", every_ns, "give at least 1")
    sidecar = SidecarModel(predict, latencies_ns)
    times, values = seen.times, seen.values[:, :VIEW]
    turns = times // every_ns
    known: dict[int, float] = {}
    for at, now in enumerate(times.tolist()):
        if (at == 0 or turns[at] != turns[at - 1]) and np.isfinite(values[at]).all():
            sidecar.ask(now, values[at])
        answer = sidecar.answer(now)
        if answer is not None:
            known.setdefault(answer.known_ns, answer.value)
    moments = sorted(known)
    return View(np.array(moments, np.int64), np.array([known[moment] for moment in moments], np.float64))
