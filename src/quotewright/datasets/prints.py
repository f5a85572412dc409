"""Prints as integers: times in ns, prices in ticks, sizes in lots, and the side of the taker, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.units import Step

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Sides = npt.NDArray[np.int8]

LARGEST = 2**62  # ticks·lots summed over all prints: half of what 64 bits hold


@dataclass(frozen=True)
class Prints:
    """Trades in the order of the tape: `time` (ns, never back), `price` (ticks), `size` (lots), `side` of the taker.

    A side is 1 (bought), −1 (sold) or 0 (not told). Raises InputError for arrays of other types or lengths, for times
    that go back, for prices or sizes below 1, and where the notional of all prints would not fit 64 bits.
    """

    time: Integers
    price: Integers
    size: Integers
    side: Sides

    def __post_init__(self) -> None:
        for name in ("time", "price", "size"):
            if getattr(self, name).dtype != np.int64:
                raise InputError(name, str(getattr(self, name).dtype), "must be int64; `from_floats` counts steps")
        if self.side.dtype != np.int8 or not np.isin(self.side, (-1, 0, 1)).all():
            raise InputError("side", str(self.side.dtype), "must be int8 of −1, 0 and 1")
        lengths = {len(self.time), len(self.price), len(self.size), len(self.side)}
        if len(lengths) > 1:
            raise InputError("prints", sorted(lengths), "must be arrays of one length")
        if (np.diff(self.time) < 0).any():
            raise InputError("time", int(np.argmax(np.diff(self.time) < 0)) + 1, "goes back at this print; sort first")
        if len(self.time) and (self.price.min() < 1 or self.size.min() < 1):
            raise InputError("price, size", (int(self.price.min()), int(self.size.min())), "must be 1 or more each")
        if float(self.price.astype(float) @ self.size.astype(float)) >= LARGEST:
            raise InputError("size", LARGEST, "the notional in ticks·lots does not fit; give fewer prints")

    def __len__(self) -> int:
        return len(self.time)


def from_floats(time: Integers, price: Floats, size: Floats, side: Sides, *, tick: str, lot: str) -> Prints:
    """Prints of float prices and sizes, each the closest float to a whole number of steps ("0.01", "0.00001").

    Raises DataError for a value that is not: the step is not the venue's, or the value is an average.
    """
    return Prints(time, _steps(price, tick, "price"), _steps(size, lot, "size"), side)


def _steps(values: Floats, step: str, field: str) -> Integers:
    unit = Step.parse(step, field)
    if not np.isfinite(values).all():
        raise DataError(f"{field}: a print without a value")
    scaled = values * 10**unit.scale / unit.digits
    counts = np.rint(scaled).astype(np.int64)
    # A product of two floats may be off by a few units in the last place, so exactness is judged on the way back:
    # whole number ÷ power of ten is correctly rounded, as is the text that the float was read from.
    exact = (counts * unit.digits) / 10**unit.scale == values
    if not exact.all() or (np.abs(scaled) > 2**53).any():
        at = int(np.argmin(exact))
        raise DataError(f"{field}: {values[at]!r} in print {at + 1:,} is no whole number of {step}")
    return counts


def tick_rule(price: Integers, side: Sides) -> Sides:
    """The sides, those not told filled by the tick rule: up 1, down −1, unchanged as the print before; 0 until known.

    C. M. C. Lee & M. J. Ready (1991), J. Finance 46(2); López de Prado (2018), section 2.3.2.1.
    """
    change = np.sign(np.diff(price, prepend=price[:1])).astype(np.int8)
    told = np.where(side != 0, side, change)
    last = np.maximum.accumulate(np.where(told != 0, np.arange(len(told)), 0))
    return told[last].astype(np.int8) if len(told) else told.astype(np.int8)
