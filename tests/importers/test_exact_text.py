"""Decimal text to integers: the fast path says what the slow path says."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quotewright.domain.errors import ParseError
from quotewright.domain.units import Step
from quotewright.importers.exact import StepCounts, whole_id, whole_number, written_out

STEPS = st.sampled_from(["0.01", "0.1", "1", "0.5", "10", "0.00000001", "0.25", "100"])
NUMBERS = st.from_regex(r"-?[0-9]{0,22}(\.[0-9]{0,12})?", fullmatch=True)
TEXTS = st.one_of(NUMBERS, st.text(max_size=12), st.from_regex(r"[0-9]{1,5}(\.[0-9]{1,9})?0*", fullmatch=True))


def counted(step: Step, text: str) -> int | str:
    try:
        return step.count(text, "price")
    except ParseError as error:
        return error.fix


@given(STEPS, st.lists(TEXTS, min_size=1, max_size=5))
@example("0.01", ["61837.63000000", "61837.63", "61837.635", "٣.٣", "1_0.0", "+1.0", "1.", ".5", " 1.0", "00.01"])
@example("0.01", ["9" * 16 + ".99", "9" * 17 + ".99", "9" * 19 + ".99", "1." + "0" * 37, "1." + "0" * 40])
@example("1", ["9223372036854775807.0", "9223372036854775808.0"])
def test_cached_counts_are_the_steps_counts(step_text: str, texts: list[str]) -> None:
    step = Step.parse(step_text, "tick")
    counts = StepCounts(step, "price")
    for text in [*texts, *texts]:
        try:
            ours: int | str = counts[text]
        except ParseError as error:
            ours = error.fix
        assert ours == counted(step, text)


def test_zero_is_refused_where_it_means_nothing() -> None:
    counts = StepCounts(Step.parse("0.1", "tick"), "price", positive=True)
    for text in ("0", "0.0", "0.00000000"):
        with pytest.raises(ParseError, match="above zero"):
            counts[text]


def test_the_cache_is_bounded() -> None:
    counts = StepCounts(Step.parse("1", "lot"), "qty")
    for number in range(200_001):
        counts[str(number)]
    assert len(counts) == 1


@given(st.from_regex(r"[0-9]{1,6}(\.[0-9]{1,8})?[eE][+-]?[0-9]{1,2}", fullmatch=True))
@example("1e-05")
@example("2.6e-06")
@example("1.5E+3")
@example("0e99")
def test_exponents_are_written_out_exactly(text: str) -> None:
    plain = written_out(text)
    assert "e" not in plain.lower()
    assert Fraction(plain) == Fraction(text)


@given(st.text(max_size=10))
def test_other_text_is_left_alone(text: str) -> None:
    if not any(letter in text for letter in "eE"):
        assert written_out(text) == text


def test_exponents_are_read_only_where_allowed() -> None:
    step = Step.parse("0.00000001", "lot")
    assert StepCounts(step, "qty", exponents=True)["1e-05"] == 1000
    for text in ("1e-09", "1e400", "1e", "e5", "-1e-5", "1e-5e-5"):
        with pytest.raises(ParseError):
            StepCounts(step, "qty", exponents=True)[text]
    with pytest.raises(ParseError, match="exponent"):
        StepCounts(step, "qty")["1e-05"]


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1.0", "1e3", "1_0", "٣", "²", "9223372036854775808", "1" * 30])
def test_whole_numbers_refuse_anything_else(text: str) -> None:
    with pytest.raises(ParseError):
        whole_number(text, "id")


def test_whole_numbers_and_ids() -> None:
    assert whole_number("9223372036854775807", "id") == 2**63 - 1
    assert whole_number("1598918403696000", "timestamp", 1000) == 1598918403696000000
    with pytest.raises(ParseError, match="64 bits"):
        whole_number("9223372036854776", "timestamp", 1000)
    assert whole_id("568694537") == 568694537
    assert whole_id("ccc3c1fa-212c-e8b0") == 0
    assert whole_id("9223372036854775808") == 0
