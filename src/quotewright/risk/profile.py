"""Risk limits as a desk states them, in the quote currency, and their translation into an instrument's integers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from quotewright.domain.errors import InputError
from quotewright.domain.instrument import Instrument
from quotewright.domain.units import Step

MOST = 2**63 - 1


@dataclass(frozen=True)
class RiskProfile:
    """Hard limits of one agent on one instrument; amounts are in the quote currency at the first mid.

    Every limit is always on: there is no value that switches one off.
    """

    max_position: float = 100_000.0  # notional either way, counting every open order as filled
    max_order: float = 25_000.0  # notional of one order
    max_open: float = 250_000.0  # notional of all open orders
    price_band: float = 0.05  # share of the mid that an order's price may be away from it
    messages_per_second: float = 100.0  # places and amends; cancels always pass
    message_burst: float = 200.0
    max_loss: float = 5_000.0  # marked loss that halts the agent on the instrument

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 < value < 1e15:
                raise InputError(f"limits.{name}", value, "must be above zero (limits cannot be switched off)")
        if self.price_band > 0.5:
            raise InputError("limits.price_band", self.price_band, "must be at most 0.5 (half the mid)")

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> RiskProfile:
        """A profile from a table of settings; raises InputError for names that are not limits."""
        known = set(cls.__dataclass_fields__)
        for name, value in given.items():
            if name not in known:
                raise InputError("limits", name, f"is not a limit; they are {', '.join(sorted(known))}")
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(f"limits.{name}", value, "must be a number")
        return cls(**given)

    def to_limits(self, instrument: Instrument, mid2: int) -> dict[str, int]:
        """The fields of a LIMITS record for an instrument whose mid is `mid2` half ticks; at least 1 lot each.

        Raises InputError for an amount that 64 bits do not hold in the instrument's units.
        """
        price = Fraction(mid2, 2) * instrument.price_step.fraction
        contract = Step.parse(instrument.contract_size, "contract_size").fraction
        lot = instrument.qty_step.fraction
        notional_of_lot = contract * lot if instrument.kind == "inverse" else price * contract * lot
        money_of_quote = 1 / instrument.money_unit / (price if instrument.kind == "inverse" else 1)

        def whole(name: str, unit: Fraction, most: int) -> int:
            amount = getattr(self, name)
            found = int(Fraction(amount) / unit)
            if found > most:
                largest = float(unit * most)
                raise InputError(
                    f"limits.{name}", amount, f"is more than {instrument.name} can count: at most {largest:.4g}"
                )
            return max(1, found)

        most_lots = MOST // (2 * instrument.atoms_per_lot)  # position and open orders are added up in atoms

        def lots(name: str) -> int:
            return whole(name, notional_of_lot, most_lots)

        def money(name: str) -> int:
            return whole(name, 1 / money_of_quote, MOST // 2)

        def budget(name: str, messages: float, fix: str) -> int:
            found = int(1e9 * messages / self.messages_per_second)
            if found > MOST // 2:  # it is added to the time of day
                raise InputError(f"limits.{name}", getattr(self, name), fix)
            return max(1, found)

        most_seconds = MOST // 2 / 1e9
        slowest = f"is too few to count: at least {1 / most_seconds:.4g}"
        largest_burst = (
            f"is more than {instrument.name} can count: at most {most_seconds * self.messages_per_second:.4g}"
        )

        return {
            "max_position": lots("max_position"),
            "max_order_qty": lots("max_order"),
            "max_open_notional": money("max_open"),
            "price_band": max(1, int(self.price_band * 10_000)),
            "message_interval": budget("messages_per_second", 1, slowest),
            "message_burst": budget("message_burst", self.message_burst, largest_burst),
            "max_loss": money("max_loss"),
        }
