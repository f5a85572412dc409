"""One market at several venues: a price far from all others is not quoted on until it comes back."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from quotewright.domain.instrument import Instrument

PATIENCE = 2_000_000_000  # ns apart before it counts
_BASIS = 10_000


class CrossVenue:
    """Watches mids of instruments with the same base and quote; needs two venues, and with two suspects both.

    `apart` is the distance from the median of the others, in basis points, from which a mid is held for wrong.
    """

    def __init__(self, instruments: Sequence[Instrument], apart: int) -> None:
        self.suspects: set[int] = set()
        self._apart = apart
        self._since: dict[int, int] = {}
        self._mids: dict[int, float] = {}
        self._peers: dict[int, list[int]] = {}
        self._scale = [float(each.price_step.fraction) / 2 for each in instruments]
        for number, each in enumerate(instruments):
            same = [
                other
                for other, one in enumerate(instruments)
                if other != number and (one.base, one.quote, one.kind) == (each.base, each.quote, each.kind)
            ]
            if same:
                self._peers[number] = same

    @property
    def watches(self) -> bool:
        """Whether any instrument has a peer at all."""
        return bool(self._peers)

    def take(self, instrument: int, mid2: int, now: int) -> bool:
        """A mid in half ticks, 0 if there is none; True if `suspects` changed."""
        peers = self._peers.get(instrument)
        if peers is None:
            return False
        if mid2 > 0:
            self._mids[instrument] = mid2 * self._scale[instrument]
        else:
            self._mids.pop(instrument, None)
        before = set(self.suspects)
        for number in (instrument, *peers):
            self._judge(number, now)
        return self.suspects != before

    def _judge(self, number: int, now: int) -> None:
        others = [self._mids[peer] for peer in self._peers[number] if peer in self._mids]
        mine = self._mids.get(number)
        if mine is None or not others or abs(mine / median(others) - 1) * _BASIS <= self._apart:
            self._since.pop(number, None)
            self.suspects.discard(number)
        elif now - self._since.setdefault(number, now) >= PATIENCE:
            self.suspects.add(number)
