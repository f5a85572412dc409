"""A model that runs beside the core: its answer comes a latency later, the same in every replay.

One worker that takes the newest question: what is asked while it works waits, and is dropped for anything asked after.
Nothing here reads a clock: times are the events', latencies were measured before (`quotewright.models.latency`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError

Floats = npt.NDArray[np.float64]


class Answer(NamedTuple):
    """A prediction, when it was asked for and since when it can be known, ns."""

    value: float
    asked_ns: int
    known_ns: int


class SidecarModel:
    """`predict` takes one row and gives one figure; `latencies_ns` are used in turn, over and over."""

    def __init__(self, predict: Callable[[Floats], float], latencies_ns: Sequence[int]) -> None:
        if not latencies_ns or min(latencies_ns) < 0:
            raise InputError("latencies_ns", list(latencies_ns)[:3], "give at least one, none below 0")
        self._predict = predict
        self._latencies = [int(each) for each in latencies_ns]
        self._started = 0
        self._now: int | None = None
        self._last: Answer | None = None
        self._working: Answer | None = None
        self._waiting: tuple[int, Floats] | None = None
        self.dropped = 0  # questions that a newer one replaced

    def ask(self, time_ns: int, x: Floats) -> None:
        """Put a question; times must not go back. The row is copied."""
        self._until(time_ns)
        if self._working is None:
            self._start(time_ns, time_ns, x)
            self._until(time_ns)
            return
        self.dropped += self._waiting is not None
        self._waiting = (time_ns, np.array(x, np.float64))

    def answer(self, time_ns: int) -> Answer | None:
        """The last answer known at this time; None before the first. Times must not go back."""
        self._until(time_ns)
        return self._last

    def _until(self, time_ns: int) -> None:
        if self._now is not None and time_ns < self._now:
            raise InputError("time_ns", time_ns, f"is before {self._now}: times must not go back")
        self._now = time_ns
        while self._working is not None and self._working.known_ns <= time_ns:
            self._last, free_ns = self._working, self._working.known_ns
            self._working = None
            if self._waiting is not None:
                (asked_ns, x), self._waiting = self._waiting, None
                self._start(asked_ns, free_ns, x)

    def _start(self, asked_ns: int, start_ns: int, x: Floats) -> None:
        latency = self._latencies[self._started % len(self._latencies)]
        self._started += 1
        value = float(self._predict(np.array(x, np.float64)))
        if not math.isfinite(value):
            raise InputError("prediction", value, f"the model's answer to the row of {asked_ns} is not finite")
        self._working = Answer(value, asked_ns, start_ns + latency)
