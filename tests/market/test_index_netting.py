"""Fee-netted prices: the published examples, exactness against fractions, and what is refused."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.market.fee_netted import LARGEST, VenueTerms, netting_table, paid

RATES = st.integers(-(10**6), 10**6).map(lambda r: f"{'-' if r < 0 else ''}{abs(r) / 10**8:.8f}")
TICKS = st.sampled_from(["0.01", "0.1", "0.5", "1", "0.00001", "0.25"])


def test_the_published_examples() -> None:
    """K. Zhou (2019): 4000 at 0 / 30 bp is worth 4006; 4000 at 25 / 25 bp is worth 4000."""
    assert paid(VenueTerms("a", "0.01", "1", "0", "0.003"), "4000", True) == (4012, 4000, 4006)
    assert paid(VenueTerms("b", "0.01", "1", "0.0025", "0.0025"), "4000", True) == (4010, 3990, 4000)
    assert paid(VenueTerms("a", "0.01", "1", "0", "0.003"), "4000", False) == (4000, 3988, 3994)


@given(RATES, RATES, st.integers(1, 10**8), st.booleans())
def test_the_fair_price_is_half_way_between_payer_and_receiver(m: str, t: str, ticks: int, buys: bool) -> None:
    terms = VenueTerms("a", "0.01", "1", m, t)
    price = Fraction(ticks, 100)
    pays, gets, fair = paid(terms, f"{ticks / 100:.2f}", buys)
    payer, receiver = (t, m) if buys else (m, t)
    assert pays == price * (1 + Fraction(payer))
    assert gets == price * (1 - Fraction(receiver))
    assert fair == (pays + gets) / 2
    table = netting_table([terms])
    row = table.rows[0]
    assert int(row["lifted_mid" if buys else "hit_mid"]) * ticks * table.price_unit == fair


@given(st.lists(st.tuples(TICKS, RATES, RATES), min_size=1, max_size=5))
def test_one_unit_serves_all_venues_exactly(given_terms: list[tuple[str, str, str]]) -> None:
    venues = [VenueTerms(f"v{i}", tick, "0.001", m, t) for i, (tick, m, t) in enumerate(given_terms)]
    table = netting_table(venues, highest_price=10**4)
    for terms, row in zip(venues, table.rows, strict=True):
        for name, value in terms.factors().items():
            assert int(row[name]) * table.price_unit == value
            assert int(row["most_ticks"]) * int(row[name]) <= LARGEST
        assert int(row["quantity"]) * table.quantity_unit == Fraction(1, 1000)


@given(st.tuples(RATES, RATES).map(sorted), st.tuples(RATES, RATES).map(sorted), st.data())
def test_unknown_tiers_give_an_interval_that_holds_every_tier(
    makers: list[str], takers: list[str], data: st.DataObject
) -> None:
    makers.sort(key=Fraction)
    takers.sort(key=Fraction)
    wide = VenueTerms("a", "1", "1", makers=(makers[0], makers[1]), takers=(takers[0], takers[1]))
    m = data.draw(st.sampled_from(makers))
    t = data.draw(st.sampled_from(takers))
    for buys, side in ((True, "lifted"), (False, "hit")):
        fair = paid(VenueTerms("a", "1", "1", m, t), "7000", buys)[2]
        factors = wide.factors()
        assert 7000 * factors[f"{side}_low"] <= fair <= 7000 * factors[f"{side}_high"]
        assert factors[f"{side}_low"] + factors[f"{side}_high"] == 2 * factors[f"{side}_mid"]


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("tick", lambda: VenueTerms("a", "0", "1")),
        ("lot", lambda: VenueTerms("a", "1", "x")),
        ("takers", lambda: VenueTerms("a", "1", "1", takers=("0.002", "0.001"))),
        ("maker", lambda: netting_table([VenueTerms("a", "1", "1", maker="0.2")])),
        ("venues", lambda: netting_table([])),
        ("venues", lambda: netting_table([VenueTerms("a", "1", "1"), VenueTerms("a", "1", "1")])),
        ("tick", lambda: netting_table([VenueTerms("a", "0.00000001", "1", "0.00000001")])),
    ],
)
def test_wrong_terms_are_refused_by_field(field: str, make: object) -> None:
    with pytest.raises(InputError) as refused:
        make()  # type: ignore[operator]
    assert refused.value.field == field
