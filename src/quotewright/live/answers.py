"""From a gateway's answers to the step's responses: the same facts, fees in the units of the instrument."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from quotewright.domain.instrument import ASSET_ATOM, Instrument
from quotewright.domain.journal import FEE_ELSEWHERE, FEE_IN_BASE, FEE_TOLD, Record
from quotewright.gateway.messages import Answer
from quotewright.live.step import Response


class Translator:
    """Knows each instrument's units; see `fee_units` for what is rounded."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._units = [
            (each.settle, each.base, each.money_unit, each.qty_step.fraction / each.atoms_per_lot, each.kind == "spot")
            for each in instruments
        ]

    def response(self, first: int, answer: Answer) -> Response:
        """The response of an answer whose instrument is number `first` + its own."""
        flags, fee = answer.flags, 0
        if answer.kind == Record.FILL:
            fee, of_fee = self.fee_units(first + answer.instrument, answer.fee, answer.fee_asset)
            flags |= of_fee
        return Response(
            answer.exch_ts,
            answer.order,
            answer.price,
            answer.qty,
            answer.leaves,
            answer.leg,
            answer.kind,
            answer.side,
            answer.reason,
            flags,
            fee,
            answer.trade,
            answer.venue_id,
        )

    def fee_units(self, instrument: int, atoms: int, asset: str) -> tuple[int, int]:
        """A fee in 1e-8 of `asset` as the step books it, and the flags that say how.

        Settle asset: money units, exact. Base asset of a spot pair: position atoms, rounded up where these are coarser
        than 1e-8. Any other asset: as told, and not in cash.
        """
        settle, base, money_unit, position_atom, spot = self._units[instrument]
        if asset == settle:
            return int(atoms * ASSET_ATOM / money_unit), FEE_TOLD
        if asset == base and spot:
            units = Fraction(atoms) * ASSET_ATOM / position_atom
            return -((-units.numerator) // units.denominator), FEE_TOLD | FEE_IN_BASE
        return atoms, FEE_TOLD | FEE_ELSEWHERE
