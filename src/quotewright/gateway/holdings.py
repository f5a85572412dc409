"""What the account must hold by the trades it made, exactly, against what the venue says it holds."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from fractions import Fraction

from quotewright.domain.instrument import Instrument
from quotewright.domain.units import format_decimal
from quotewright.gateway.port import TradeReport

_FINE = 10**16  # fine units in an atom of 1e-8: products of ticks and lots are whole numbers of them
_RECENT = 1024  # effects remembered one by one


class Holdings:
    """Effects of trades by asset, and the totals they must add up to; amounts in atoms of 1e-8.

    A total read from the venue is right if it equals what was expected at any moment since shortly before it was asked
    for: readings lag. Only assets that are traded, or paid as fees, are compared; and none of contracts, whose balances
    change with more than trades.
    """

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self.totals: dict[str, tuple[int, int]] = {}  # free and locked, as the venue last said
        self._told: dict[str, int] = {}  # venue time of it
        self._base: dict[str, int] | None = None
        self._candidates: dict[str, set[int]] = {}
        self._effects: dict[str, int] = {}
        self._recent: dict[str, list[tuple[int, int]]] = {}  # single effects by venue time
        self._steps: list[tuple[str, int, str, int] | None] = []
        self._rough: dict[str, int] = {}  # trades whose value is finer than an atom: the venue rounds each
        contracts = {name for i in instruments if i.kind != "spot" for name in (i.base, i.quote)}
        self._contracts = contracts
        self._traded = {name for i in instruments for name in (i.base, i.quote)}
        for i in instruments:
            lot, tick = i.qty_step.fraction, i.price_step.fraction
            scale = Fraction(10**8 * _FINE)
            steps = (i.base, int(lot * scale), i.quote, int(lot * tick * scale))
            self._steps.append(steps if i.kind == "spot" else None)

    @property
    def known(self) -> bool:
        """Whether there is something to compare with."""
        return self._base is not None

    def restore(self, totals: Mapping[str, int]) -> None:
        """Totals that a journal says the account had."""
        self._base = dict(totals)

    def view(self, balances: Mapping[str, tuple[int, int]], time: int) -> None:
        """Take what the venue says, unless something newer is known."""
        for asset, amounts in balances.items():
            if time >= self._told.get(asset, 0):
                self._told[asset] = time
                self.totals[asset] = amounts

    def book(self, trade: TradeReport) -> None:
        """Add the effect of a trade."""
        for asset, fine in self._effects_of(trade):
            self._add(asset, fine, trade.time)
            if fine % _FINE:
                self._rough[asset] = self._rough.get(asset, 0) + 1

    def _effects_of(self, trade: TradeReport) -> list[tuple[str, int]]:
        effects: list[tuple[str, int]] = []
        steps = self._steps[trade.instrument]
        if steps is not None:
            base, base_step, quote, quote_step = steps
            effects.append((base, trade.side * trade.qty * base_step))
            effects.append((quote, -trade.side * trade.qty * trade.price * quote_step))
        if trade.fee:
            effects.append((trade.fee_asset, -trade.fee * _FINE))
        return effects

    def _add(self, asset: str, fine: int, time: int) -> None:
        self._effects[asset] = self._effects.get(asset, 0) + fine
        recent = self._recent.setdefault(asset, [])
        if recent and time < recent[-1][0]:
            insort(recent, (time, fine))
        else:
            recent.append((time, fine))
        if len(recent) > 2 * _RECENT:
            del recent[:_RECENT]

    def expected(self, without: Sequence[TradeReport]) -> dict[str, int]:
        """Totals by asset, atoms rounded down, leaving some trades out; empty while there is nothing to go by."""
        if self._base is None:
            return {}
        effects = dict(self._effects)
        for trade in without:
            for asset, fine in self._effects_of(trade):
                effects[asset] -= fine
        return {
            name: self._base.get(name, 0) + effects.get(name, 0) // _FINE for name in sorted({*self._base, *effects})
        }

    def compare(self, balances: Mapping[str, tuple[int, int]], since: int) -> dict[str, int]:
        """Atoms too many (or, negative, too few) at the venue, by asset; `since` is the earliest it may be as of."""
        base = self._base or {}
        differences: dict[str, int] = {}
        for asset in sorted(self._watched()):
            free, locked = balances.get(asset, (0, 0))
            total = (free + locked - base.get(asset, 0)) * _FINE
            slack = self._rough.get(asset, 0) * _FINE
            if not any(abs(total - effect) <= slack for effect in self._effects_since(asset, since)):
                differences[asset] = (total - self._effects.get(asset, 0)) // _FINE
        return differences

    def _watched(self) -> set[str]:
        return (self._traded | set(self._effects)) - self._contracts

    def _effects_since(self, asset: str, since: int) -> list[int]:
        """The sums of effects that the asset went through from a venue time on, the newest first."""
        effect = self._effects.get(asset, 0)
        effects = [effect]
        for time, fine in reversed(self._recent.get(asset, ())):
            if time <= since:
                break
            effect -= fine
            effects.append(effect)
        return effects

    def begin(self, balances: Mapping[str, tuple[int, int]], since: int) -> bool:
        """Take readings as what trades add to, once two in a row can mean only one thing; True when that is so.

        Trades may happen while a reading is under way: each asset then has as many candidates as it had totals.
        """
        before, self._candidates = self._candidates, {}
        base = {asset: free + locked for asset, (free, locked) in balances.items()}
        certain = True
        for asset in sorted(self._watched()):
            total = base.get(asset, 0)
            found = {total - effect // _FINE for effect in self._effects_since(asset, since)}
            common = found & before.get(asset, set())
            self._candidates[asset] = common or found
            certain &= len(common) == 1
            base[asset] = min(common or found)
        if certain:
            self._base = base
        return certain

    def accept(self) -> None:
        """Forget what was expected: the next readings are right, by a person's word."""
        self._base = None
        self._candidates = {}


def describe(differences: Mapping[str, int]) -> str:
    """Differences in words: asset and exact amount."""
    return ", ".join(f"{asset} {format_decimal(atoms, 8)}" for asset, atoms in sorted(differences.items()))
