"""Worth of positions in money units, over arrays of Python integers, so that no sum can overflow.

A second implementation of `domain.money`, on purpose: what the compiled core booked is checked against it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.instrument import Instrument

Integers = npt.NDArray[np.object_]  # Python integers


def exact(column: Any) -> Integers:
    """A column of integers as Python integers."""
    return np.asarray(column).astype(object)


class Valuation:
    """Values of one instrument.

    `direction` is +1 where a long position is worth its value (spot, linear) and −1 where a long
    is short its value in coin (inverse): profit = cash + direction × value.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.linear = instrument.linear_value
        self.inverse = instrument.inverse_value
        self.atoms_per_lot = instrument.atoms_per_lot
        self.direction = -1 if instrument.kind == "inverse" else 1

    def value(self, atoms: Any, half_ticks: Any) -> Any:
        """Money units of signed position atoms at prices in half ticks; a price of 0 (none known) gives 0.

        Linear and spot: atoms × half ticks × linear_value, exact. Inverse: the size's value rounded
        half up, with the position's sign. Takes integers or arrays of Python integers alike.
        """
        if not self.inverse:
            return atoms * half_ticks * self.linear
        known = half_ticks > 0
        divisor = half_ticks + (1 - known * 1)  # 1 where no price is known
        size = abs(atoms) * known
        sign = (atoms >= 0) * 2 - 1
        return sign * ((size * self.inverse + divisor // 2) // divisor)

    def worth(self, atoms: Any, half_ticks: Any) -> Any:
        """What a position adds to cash when profit is counted: direction × value."""
        return self.direction * self.value(atoms, half_ticks)
