"""The risk gate: every limit refuses just past its edge, and passes at it."""

from __future__ import annotations

from typing import Any

import pytest

from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import INSTRUMENT, Instrument
from quotewright.domain.journal import Refusal
from quotewright.domain.kernel import as_records, kernel, records
from quotewright.risk.gate import check_place, loss_reached, spend_message
from quotewright.risk.limits import LIMITS
from quotewright.risk.profile import RiskProfile

SPOT = Instrument(
    "v", "BTCUSDT", "spot", "BTC", "USDT", "1", "0.001", min_qty="0.002", min_notional="5", max_price="200000"
)
INVERSE = Instrument("v", "BTCUSD", "inverse", "BTC", "USD", "1", "1", "100")


@kernel
def _check(limits: Any, instruments: Any, side: int, price: int, qty: int, held: int, open_: int, money: int) -> int:
    return check_place(limits[0], instruments[0], side, price, qty, held, open_, money, 2 * 60_000)


@kernel
def _spend(limits: Any, until: int, now: int) -> int:
    return spend_message(limits[0], until, now)


@kernel
def _lost(limits: Any, instruments: Any, cash: int, position: int) -> bool:
    return loss_reached(limits[0], instruments[0], cash, position, 2 * 60_000)


def _limits(**given: int) -> Any:
    table = records(1, LIMITS)
    values = {
        "max_position": 100,
        "max_order_qty": 50,
        "max_open_notional": 2**60,
        "price_band": 500,
        "message_interval": 10,
        "message_burst": 30,
        "max_loss": 1_000,
    }
    for name, value in {**values, **given}.items():
        table[0][name] = value
    return table


def _table(instrument: Instrument) -> Any:
    return as_records(instrument.to_record(0).astype(INSTRUMENT))


def _place(side: int = BID, price: int = 60_000, qty: int = 10, held: int = 0, open_: int = 0, **given: int) -> int:
    money = given.pop("money", 0)
    atoms = held * SPOT.atoms_per_lot
    return int(_check(_limits(**given), _table(SPOT), side, price, qty, atoms, open_, money))


def test_an_order_within_every_limit_passes() -> None:
    assert _place() == 0


@pytest.mark.parametrize(("side", "sign"), [(BID, 1), (ASK, -1)])
def test_the_position_limit_counts_every_open_order_as_filled(side: int, sign: int) -> None:
    assert _place(side, held=sign * 60, open_=30, qty=10) == 0
    assert _place(side, held=sign * 60, open_=30, qty=11) == Refusal.POSITION
    assert _place(side, held=-sign * 100, open_=0, qty=50) == 0


def test_order_size_notional_and_band() -> None:
    assert _place(qty=50) == 0
    assert _place(qty=51) == Refusal.ORDER_QTY
    notional = int(SPOT.notional_units("600"))
    assert _place(qty=10, max_open_notional=notional) == 0
    assert _place(qty=10, max_open_notional=notional, money=1) == Refusal.OPEN_NOTIONAL
    assert _place(price=63_000) == 0
    assert _place(price=63_001) == Refusal.PRICE_BAND
    assert _place(price=57_000) == 0
    assert _place(price=56_999) == Refusal.PRICE_BAND


def test_the_instruments_own_bounds() -> None:
    assert _place(qty=1) == Refusal.BOUNDS
    assert _place(price=0) == Refusal.BOUNDS
    assert _place(price=200_001, price_band=10**9) == Refusal.BOUNDS
    assert _place(price=1, qty=2, price_band=10**9) == Refusal.BOUNDS  # 0.002 is below the minimum notional of 5


def test_the_message_budget_is_a_leaky_bucket() -> None:
    limits = _limits()
    until = 0
    for _ in range(3):
        until = int(_spend(limits, until, 1_000))
        assert until > 0
    assert _spend(limits, until, 1_000) == -1
    assert _spend(limits, until, 1_009) == -1
    assert _spend(limits, until, 1_010) == 1_040


def test_the_loss_limit_is_reached_at_its_edge() -> None:
    assert not _lost(_limits(), _table(SPOT), -999, 0)
    assert _lost(_limits(), _table(SPOT), -1_000, 0)


def test_a_profile_becomes_integers_of_each_kind() -> None:
    spot = RiskProfile(max_position=6_000, max_loss=100).to_limits(SPOT, 120_000)
    assert spot["max_position"] == 100  # lots of 0.001 BTC at 60,000
    assert spot["max_loss"] * SPOT.money_unit == 100
    inverse = RiskProfile(max_position=6_000, max_loss=600).to_limits(INVERSE, 120_000)
    assert inverse["max_position"] == 60  # contracts of 100 USD
    assert inverse["max_loss"] == 1_000_000  # 0.01 BTC in 1e-8


@pytest.mark.parametrize("given", [{"max_loss": 0.0}, {"max_position": -1.0}, {"price_band": 0.9}, {"max_open": 1e20}])
def test_no_limit_can_be_switched_off(given: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"limits\."):
        RiskProfile(**given)


def test_unknown_limits_are_named() -> None:
    with pytest.raises(InputError, match="max_drawdown"):
        RiskProfile.from_dict({"max_drawdown": 5})
    with pytest.raises(InputError, match="must be a number"):
        RiskProfile.from_dict({"max_loss": "much"})


@pytest.mark.parametrize("name", ["max_open", "max_loss"])
def test_a_limit_that_64_bits_cannot_count_is_refused_by_name(name: str) -> None:
    with pytest.raises(InputError, match=f"limits.{name}.*at most 2.306e") as caught:
        RiskProfile(**{name: 1e12}).to_limits(SPOT, 2 * 60_000)
    assert caught.value.value == 1e12
    found = RiskProfile(**{name: 2.3e10}).to_limits(SPOT, 2 * 60_000)
    assert 2**61 < found["max_open_notional" if name == "max_open" else name] < 2**62


@pytest.mark.parametrize("instrument", [SPOT, INVERSE])
def test_what_the_gate_adds_up_fits_whatever_the_limits(instrument: Instrument) -> None:
    limits = RiskProfile(max_position=9e14, max_order=9e14).to_limits(instrument, 2 * 60_000)
    assert 2 * max(limits["max_position"], limits["max_order_qty"]) * instrument.atoms_per_lot < 2**63


def test_a_message_budget_that_64_bits_cannot_count_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"limits.message_burst.*at most 4.612e\+11"):
        RiskProfile(message_burst=1e12).to_limits(SPOT, 2 * 60_000)
    with pytest.raises(InputError, match=r"limits.messages_per_second.*at least 2.168e-10"):
        RiskProfile(messages_per_second=1e-12).to_limits(SPOT, 2 * 60_000)
    assert RiskProfile(message_burst=4.6e11).to_limits(SPOT, 2 * 60_000)["message_burst"] < 2**62
