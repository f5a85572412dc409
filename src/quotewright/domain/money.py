"""Exact money of fills, fees, funding and positions, in integer money units (see domain.instrument)."""

from __future__ import annotations

from typing import Any

from quotewright.domain.instrument import INVERSE
from quotewright.domain.kernel import subkernel
from quotewright.domain.units import RATE_SCALE


@subkernel
def value_of(instrument: Any, atoms: int, price2: int) -> int:
    """Value of signed position atoms at a price in half ticks, in money units, with the position's sign.

    Linear and spot: exact. Inverse: round-half-up(lots × contract value / price) of the size.
    A price of 0 (none known) gives 0.
    """
    if price2 <= 0:
        return 0
    if instrument.kind != INVERSE:
        return atoms * price2 * instrument.linear_value
    size = abs(atoms)
    worth = (size * instrument.inverse_value + price2 // 2) // price2
    return worth if atoms >= 0 else -worth


@subkernel
def equity_of(instrument: Any, cash: int, atoms: int, price2: int) -> int:
    """Cash plus the position's worth at a price in half ticks; an inverse long is short its own value."""
    if instrument.kind != INVERSE:
        return cash + value_of(instrument, atoms, price2)
    return cash - value_of(instrument, atoms, price2)


@subkernel
def charge(amount: int, rate: int, quantum: int) -> int:
    """`amount` × rate (1e-8), rounded up to a whole number of quanta: against us, for rebates too.

    The product is split so that no intermediate leaves 64 bits.
    """
    whole = amount // RATE_SCALE
    part = amount - whole * RATE_SCALE
    exact = whole * rate + part * rate // RATE_SCALE
    if (part * rate) % RATE_SCALE != 0:
        exact += 1  # `//` rounds down, so this is the ceiling
    return -((-exact) // quantum) * quantum


@subkernel
def signed_cash(instrument: Any, side: int, lots: int, price: int) -> int:
    """Cash received (negative: paid) for a fill of `lots` at a price in ticks, before fees."""
    worth = value_of(instrument, lots * instrument.atoms_per_lot, 2 * price)
    return side * worth if instrument.kind == INVERSE else -side * worth
