"""Calibration of a stored recording."""

from __future__ import annotations

from collections.abc import Callable

from quotewright.domain.errors import InputError
from quotewright.research.calibration import HOLD, Calibration, calibrate
from quotewright.research.touch import read_tape
from quotewright.storage.feed import windows
from quotewright.storage.store import Dataset

Progress = Callable[[int, int], None]  # rows done, rows in all


def calibrate_dataset(dataset: Dataset, progress: Progress | None = None, *, hold: float = HOLD) -> Calibration:
    """Estimate sigma, k and A of a dataset, by the venue's clock; `hold` (s): how long a quote rests before it moves.

    By the receiver's clock quotes and prints race each other, and a third to a half of the prints of real
    recordings lie outside the touch last received. Raises InputError for a recording with too little in it, or
    with bars only, and DataError for a damaged one.
    """

    def told(done: int) -> None:
        if progress is not None:
            progress(min(done, dataset.rows), dataset.rows)

    tape = read_tape((window.exch for window in windows([dataset])), l3=bool(dataset.manifest["l3"]), told=told)
    if not len(tape.times_ns):
        raise InputError(
            "instrument", dataset.name, "has no order book in the store: calibration needs book and trades"
        )
    return calibrate(*tape, tick=float(dataset.instrument.price_step.fraction), hold=hold)
