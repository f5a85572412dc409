"""The synthetic exchange behind the venue: its participants meet accounts' orders in one queue, and react to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from quotewright.domain.events import ADD, BID, CHANGE, DELETE
from quotewright.domain.instrument import Instrument
from quotewright.domain.units import format_fraction
from quotewright.exchange.markets import Change, Print
from quotewright.simulation.presets import Preset, load_preset
from quotewright.simulation.synthetic import SyntheticMarket
from quotewright.simulation.synthetic_state import PARTICIPANT

MILLISECOND = 1_000_000
_PRICES = {"BTC": 1, "ETH": 20}  # by how much a tick is divided, so that each asset has a price that people know


@dataclass(frozen=True)
class SyntheticSettings:
    """A preset's market with a seed; the market runs on in steps of `step` ns, its own moments in between."""

    preset: str = "calm"
    seed: int = 0
    base: str = "BTC"
    step: int = 5 * MILLISECOND

    @property
    def instrument(self) -> Instrument:
        """The preset's, as a spot pair in USDT."""
        known = load_preset(self.preset).instrument
        tick = known.price_step.fraction / _PRICES.get(self.base, 1)
        return replace(
            known,
            kind="spot",
            symbol=f"{self.base}USDT",
            base=self.base,
            tick=format_fraction(tick),
            min_notional="5",
            fee_asset="received",
        )

    def open(self, now: int) -> SyntheticVenueMarket:
        """The market, warmed up, standing at `now`."""
        return SyntheticVenueMarket(load_preset(self.preset), self.seed, self.step, now)

    def describe(self) -> dict[str, Any]:
        """For people: what this market is."""
        return {"symbol": self.instrument.symbol, "kind": "synthetic", "preset": self.preset, "seed": self.seed}


class SyntheticVenueMarket:
    """See `markets.Market`."""

    def __init__(self, preset: Preset, seed: int, step: int, now: int) -> None:
        self._market = SyntheticMarket(preset, seed)
        self._offset = now - preset.start_ns  # from the market's time to the venue's
        self._step = step
        self._due = now + step
        self._numbers: dict[int, int] = {}  # the venue's order number by the market's id
        self._ids: dict[int, int] = {}
        self._passing: list[int] = []  # ids of takers that never rest
        self._lots: dict[int, int] = {}  # open lots by the market's id
        self._levels: dict[tuple[int, int], int] = {}
        self._market.snapshot()

    def advance(self, now: int) -> None:
        """Run everything due at or before `now`."""
        self._market.run_until(now - self._offset)
        self._due = now - now % self._step + self._step

    def next_due(self) -> int:
        """The next step."""
        return self._due

    def place(self, order: int, owner: int, side: int, price: int, qty: int, flags: int, now: int) -> int:
        """See `markets.Market`."""
        answer = self._market.submit(side, price, qty, owner=PARTICIPANT + owner, flags=flags)
        if answer.accepted:
            self._numbers[answer.order_id] = order
            if answer.resting:
                self._ids[order] = answer.order_id
            else:
                self._passing.append(answer.order_id)
        return answer.status

    def cancel(self, order: int, now: int) -> None:
        """See `markets.Market`."""
        order_id = self._ids.pop(order)
        del self._numbers[order_id]
        self._market.cancel(order_id)

    def own_met(self, owner: int, side: int, price: int, qty: int) -> list[int]:
        """See `markets.Market`."""
        met: list[int] = []
        for _, lots, found, order_id in self._facing(side, price):
            if qty <= 0:
                break
            if found == PARTICIPANT + owner:
                met.append(self._numbers[order_id])
            else:
                qty -= lots
        return met

    def reach(self, owner: int, side: int, price: int, qty: int) -> tuple[int, int]:
        """See `markets.Market`."""
        reached = value = 0
        for at, lots, found, _ in self._facing(side, price):
            if reached == qty:
                break
            if found != PARTICIPANT + owner:
                taken = min(lots, qty - reached)
                reached += taken
                value += taken * at
        return reached, value

    def _facing(self, side: int, price: int) -> Any:
        """Orders that one of `side` up to `price` (0: any) would meet: (price, lots, owner, id), in their order."""
        head, orders, levels, _, _ = self._market.engine.arrays
        row, count = (1, "asks") if side == BID else (0, "bids")
        for at in range(int(head[0][count]) - 1, -1, -1):
            level = levels[row, at]
            here = int(level["price"])
            if price and (price - here) * side < 0:
                return
            slot = int(level["first"])
            while slot >= 0:
                order = orders[slot]
                yield here, int(order["qty"]), int(order["owner"]), int(order["id"])
                slot = int(order["after"])

    def take_prints(self) -> list[Print]:
        """See `markets.Market`."""
        numbers, prints = self._numbers, list[Print]()
        for ts, _, side, price, qty, maker, taker, _, _, leaves in self._market.take_executions().tolist():
            prints.append(Print(ts + self._offset, price, qty, side, numbers.get(maker, 0), numbers.get(taker, 0)))
            if not leaves and maker in numbers:
                self._ids.pop(numbers.pop(maker), None)
        for order_id in self._passing:
            numbers.pop(order_id, None)
        self._passing.clear()
        return prints

    def take_changes(self) -> list[Change]:
        """See `markets.Market`."""
        changes: list[Change] = []
        lots, levels = self._lots, self._levels
        for row in self._market.engine.take_events().tolist():
            time, _, _, order_id, price, qty, kind, side, _, _ = row
            if kind not in (ADD, CHANGE, DELETE):
                continue
            left = 0 if kind == DELETE else qty
            key = (side, price)
            levels[key] = level = levels.get(key, 0) + left - lots.pop(order_id, 0)
            if left:
                lots[order_id] = left
            if not level:
                del levels[key]
            changes.append(Change(time + self._offset, side, price, level))
        return changes
