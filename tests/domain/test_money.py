"""Money of fills against fractions: values, fees in the venue's direction, inverse rounding, refused instruments."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.domain.instrument import INSTRUMENT, Instrument
from quotewright.domain.kernel import as_records, kernel
from quotewright.domain.money import charge, equity_of, signed_cash, value_of


@kernel
def _value(instruments: Any, atoms: int, price2: int) -> int:
    return value_of(instruments[0], atoms, price2)


@kernel
def _cash(instruments: Any, side: int, lots: int, price: int) -> int:
    return signed_cash(instruments[0], side, lots, price)


@kernel
def _equity(instruments: Any, cash: int, atoms: int, price2: int) -> int:
    return equity_of(instruments[0], cash, atoms, price2)


@kernel
def _charge(amount: int, rate: int, quantum: int) -> int:
    return charge(amount, rate, quantum)


def _spot(**given: Any) -> Instrument:
    plain = {"venue": "v", "symbol": "BTCUSDT", "kind": "spot", "base": "BTC", "quote": "USDT"}
    return Instrument(**{**plain, "tick": "0.01", "lot": "0.00001", **given})


SPOT = _spot(fee_asset="received")
LINEAR = _spot(kind="linear", tick="0.1", lot="0.001")
INVERSE = _spot(kind="inverse", quote="USD", tick="0.1", lot="1", contract_size="100")


def _table(instrument: Instrument) -> Any:
    return as_records(instrument.to_record(0).astype(INSTRUMENT))


@given(st.integers(-(10**8), 10**8), st.integers(1, 2 * 10**7))
@settings(deadline=None)
def test_linear_values_are_exact(lots: int, price2: int) -> None:
    for instrument in (SPOT, LINEAR):
        units = _value(_table(instrument), lots * instrument.atoms_per_lot, price2)
        price = Fraction(price2, 2) * instrument.price_step.fraction
        assert units * instrument.money_unit == lots * instrument.qty_step.fraction * price


@given(st.integers(-(10**6), 10**6), st.integers(2, 10**7))
@settings(deadline=None)
def test_inverse_values_round_half_up_in_size(lots: int, price2: int) -> None:
    price = Fraction(price2, 2) * INVERSE.price_step.fraction
    exact = Fraction(abs(lots) * 100) / price * 10**8
    expected = math.floor(exact + Fraction(1, 2)) * (1 if lots >= 0 else -1)
    assert _value(_table(INVERSE), lots, price2) == expected


@given(st.integers(-(10**17), 10**17), st.integers(-(10**6), 10**7), st.sampled_from([1, 5, 200, 2000]))
@settings(deadline=None)
def test_fees_are_rounded_up_against_us(amount: int, rate: int, quantum: int) -> None:
    exact = Fraction(amount * rate, 10**8)
    fee = _charge(amount, rate, quantum)
    assert fee % quantum == 0
    assert exact <= fee < exact + quantum


def test_a_long_inverse_position_gains_when_the_price_rises() -> None:
    table = _table(INVERSE)
    cash = _cash(table, 1, 10, 600_000)
    assert _equity(table, cash, 10, 2 * 600_000) == 0
    gain = _equity(table, cash, 10, 2 * 660_000)
    assert Decimal(INVERSE.money(gain)) == Decimal("0.00151515")  # 1000/60000 − 1000/66000 BTC


def test_two_partial_fills_make_the_whole_position_to_the_last_digit() -> None:
    instrument = _spot(lot="0.001")
    lots = instrument.qty_lots("0.004") + instrument.qty_lots("0.006")
    assert instrument.position(lots * instrument.atoms_per_lot) == "0.01"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "option"}, "kind"),
        ({"venue": ""}, "venue"),
        ({"symbol": "BTC:USDT"}, "symbol"),
        ({"tick": "0"}, "tick"),
        ({"lot": "nan"}, "lot"),
        ({"maker_rate": "0.5"}, "maker_rate"),
        ({"maker_rate": "2 bp"}, "maker_rate"),
        ({"fee_asset": "BNB"}, "fee_asset"),
        ({"kind": "linear", "fee_asset": "received"}, "fee_asset"),
        ({"post_only": "maybe"}, "post_only"),
        ({"kind": "linear", "tick": "0.00000000000001", "lot": "0.00000001"}, "tick"),
    ],
)
def test_an_impossible_instrument_is_refused_by_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        _spot(**given)
    assert caught.value.field == field


@pytest.mark.parametrize(("tick", "lot"), [("0.0001", "0.0001"), ("0.00000001", "1"), ("0.01", "0.000001")])
def test_ordinary_altcoins_fit(tick: str, lot: str) -> None:
    instrument = _spot(tick=tick, lot=lot, fee_asset="received")
    record = instrument.to_record(0)[0]
    assert 10**7 / instrument.money_unit <= 2**62
    assert int(record["linear_value"]) >= 1
    assert int(record["fee_quantum"]) * instrument.money_unit == Fraction(1, 10**8)
    assert np.iinfo(np.int64).max > 10**7 / instrument.money_unit


def test_notionals_round_up_to_a_unit() -> None:
    assert LINEAR.notional_units("100") * LINEAR.money_unit == 100
    assert SPOT.notional_units("5") * SPOT.money_unit == 5
