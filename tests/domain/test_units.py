"""Exact parsing: what is read is read to the last digit, everything else is refused by name."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotewright.domain.errors import ParseError
from quotewright.domain.units import (
    INT64_MAX,
    Step,
    format_decimal,
    format_fraction,
    parse_decimal,
    parse_duration,
    parse_rate,
)

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**9), max_value=10**9)


@given(DECIMALS)
def test_decimals_survive_the_round_trip(value: Decimal) -> None:
    digits, scale = parse_decimal(f"{value:f}", "x")
    assert Fraction(digits, 10**scale) == Fraction(value)
    assert Fraction(Decimal(format_decimal(digits, scale))) == Fraction(value)


@given(st.integers(-(10**18), 10**18), st.sampled_from(["0.01", "0.5", "0.25", "100", "0.00000001", "0.0003"]))
def test_counts_of_steps_survive_the_round_trip(count: int, step_text: str) -> None:
    step = Step.parse(step_text, "tick")
    assert step.count(step.format(count), "x", signed=True) == count


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nan", "not a number"),
        ("NaN", "not a number"),
        ("inf", "not a number"),
        ("-Infinity", "not a number"),
        ("1e-5", "exponent"),
        ("1E5", "exponent"),
        ("+1", "plus sign"),
        (" 1", "white space"),
        ("1 ", "white space"),
        ("1,5", "separator"),
        ("1_000", "separator"),
        ("1'000.5", "separator"),
        ("1\u00a0000", "separator"),
        ("", "empty"),
        (".", "plain decimal"),
        (".5", "plain decimal"),
        ("5.", "plain decimal"),
        ("1.2.3", "plain decimal"),
        ("0x10", "plain decimal"),
        ("١٢٣", "plain decimal"),
        ("1\n", "white space"),
        ("--1", "plain decimal"),
        ("9" * 60, "longer than"),
    ],
)
def test_what_is_not_a_plain_decimal_is_refused_with_field_and_value(text: str, why: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_decimal(text, "price")
    assert caught.value.field == "price"
    assert why in str(caught.value)
    assert repr(text[:20])[1:-1] in str(caught.value) or text == ""


def test_a_float_is_refused_because_it_has_already_lost_digits() -> None:
    with pytest.raises(ParseError, match="float has already lost"):
        parse_decimal(0.1, "price")  # type: ignore[arg-type]


def test_off_tick_negative_and_overflowing_values_are_refused() -> None:
    tick = Step.parse("0.1", "tick")
    with pytest.raises(ParseError, match=r"price.*61800.05.*not a multiple of the step 0.1"):
        tick.count("61800.05", "price")
    with pytest.raises(ParseError, match="must not be negative"):
        tick.count("-1", "price")
    assert tick.count("922337203685477580.7", "price") == INT64_MAX
    with pytest.raises(ParseError, match="does not fit 64 bits"):
        tick.count("922337203685477580.8", "price")
    for bad in ("0", "-0.1", "0.000"):
        with pytest.raises(ParseError, match="greater than zero"):
            Step.parse(bad, "tick")


@given(st.integers(-(10**12), 10**12), st.integers(0, 12), st.integers(0, 12))
def test_fractions_of_twos_and_fives_print_exactly(numerator: int, twos: int, fives: int) -> None:
    value = Fraction(numerator, 2**twos * 5**fives)
    assert Fraction(Decimal(format_fraction(value))) == value


def test_a_fraction_without_a_finite_decimal_is_an_error() -> None:
    with pytest.raises(ValueError, match="no finite decimal"):
        format_fraction(Fraction(1, 3))


def test_rates_and_durations() -> None:
    assert parse_rate("0.0002", "maker_rate") == 20_000
    assert parse_rate("-0.00005", "maker_rate") == -5_000
    with pytest.raises(ParseError, match="not a multiple"):
        parse_rate("0.000000001", "maker_rate")
    assert parse_duration("250ms", "x") == 250_000_000
    assert parse_duration("-1.27s", "x") == -1_270_000_000
    for bad in ("5", "ms", "1.5ns", "1 s", "1e3s", "five s"):
        with pytest.raises(ParseError):
            parse_duration(bad, "latency")
