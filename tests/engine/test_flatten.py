"""How far a flattening leg takes, in what sizes, and when it is flat: by risk's and the venue's own rules."""

from __future__ import annotations

from dataclasses import replace

import pytest
from desk import LIMITS, QUOTER, SPOT, Desk, open_desk

from quotewright.domain.events import ASK, BID, CLEAR, LEVEL, STATUS, Status
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import FEE_TOLD, IOC, Hold, Record
from quotewright.domain.messages import PLACE
from quotewright.engine.flatten import is_flat
from quotewright.live.step import Departure
from quotewright.risk.profile import RiskProfile
from quotewright.sessions.wiring import LegStart

FAR = 10**6  # ticks beyond the touch: further than anything allows
LOT = SPOT.atoms_per_lot


def _holding(lots: int) -> LegStart:
    return LegStart(position=lots * LOT, held=int(Hold.STOPPING))


def _takes(sent: list[Departure]) -> list[tuple[int, int, int]]:
    places = [each for each in sent if each.kind == PLACE]
    assert all(each.flags == IOC for each in places)
    return [(each.side, each.qty, each.price) for each in places]


def _fill(desk: Desk, side: int, price: int, lots: int) -> list[Departure]:
    """The venue fills the one take that is under way."""
    order = int(desk.records(Record.PLACE)["order"][-1])
    return desk.say(Record.FILL, order, price, lots, 0, side, flags=FEE_TOLD) + desk.wait()


@pytest.mark.parametrize("ask", [100_001, 100_002])  # a mid on a tick, and one between two
@pytest.mark.parametrize("band", [0.0101, 0.05])
@pytest.mark.parametrize("lots", [40, -40])
def test_a_take_goes_as_far_as_risk_lets_it_and_no_further(lots: int, band: float, ask: int) -> None:
    agent = replace(QUOTER, limits=replace(LIMITS, price_band=band))
    with open_desk(_holding(lots), agents=[agent]) as desk:
        desk.rows([(LEVEL, ASK, 100_001, 0), (LEVEL, ASK, ask, 5_000)])
        mid2 = 99_999 + ask
        within = [price for price in range(90_000, 110_000) if abs(2 * price - mid2) * 10_000 <= band * 10_000 * mid2]
        side, limit = (ASK, min(within)) if lots > 0 else (BID, max(within))
        assert _takes(desk.say(Record.FLATTEN, price=FAR)) == [(side, 40, limit)]
        assert not len(desk.records(Record.REFUSED))


@pytest.mark.parametrize(("lots", "expected"), [(40, (ASK, 40, 90_000)), (-40, (BID, 40, 110_000))])
def test_a_take_stays_within_the_venues_prices(lots: int, expected: tuple[int, int, int]) -> None:
    narrow = replace(SPOT, min_price="900", max_price="1100")
    agent = replace(QUOTER, limits=replace(LIMITS, price_band=0.5))
    with open_desk(_holding(lots), instruments=[narrow], agents=[agent]) as desk:
        assert _takes(desk.say(Record.FLATTEN, price=FAR)) == [expected]


@pytest.mark.parametrize("limits", [replace(LIMITS, max_open=50.0), replace(LIMITS, max_order=50.0)])
@pytest.mark.parametrize("side", [ASK, BID])
def test_more_than_one_order_may_hold_is_taken_in_several(limits: RiskProfile, side: int) -> None:
    with open_desk(_holding(-120 * side), agents=[replace(QUOTER, limits=limits)]) as desk:
        sent = desk.say(Record.FLATTEN, price=5)
        taken: list[int] = []
        while found := _takes(sent):
            ((_, lots, price),) = found
            assert lots <= 50
            assert lots * price <= 5_000_000 or limits.max_order == 50.0  # lots of 0.001, ticks of 0.01
            taken.append(lots)
            assert not is_flat(desk.step.wired.state, 0)
            sent = _fill(desk, side, price, lots)
        assert sum(taken) == 120
        assert len(taken) == 3
        assert is_flat(desk.step.wired.state, 0)
        assert not len(desk.records(Record.REFUSED))


@pytest.mark.parametrize("side", [ASK, BID])
def test_what_is_too_little_for_the_venue_is_left_and_called_flat(side: int) -> None:
    dear = replace(SPOT, min_notional="5")  # a lot is worth 1
    for lots, beyond in ((4, 5), (5, 5), (6, 5), (0, 5)):
        with open_desk(_holding(-side * lots), instruments=[dear]) as desk:
            price = 99_999 - beyond if side == ASK else 100_001 + beyond
            enough = lots * price >= 500_000
            state = desk.step.wired.state
            state.legs[0]["unwind"] = beyond
            assert is_flat(state, 0) == (not enough)
            assert _takes(desk.say(Record.FLATTEN, price=beyond)) == [(side, lots, price)] * enough
            assert not len(desk.records(Record.REFUSED))


@pytest.mark.parametrize(("min_qty", "lots", "flat"), [("0.001", 1, False), ("0.001", 0, True), ("0.005", 4, True)])
@pytest.mark.parametrize("sign", [1, -1])
def test_without_a_book_a_leg_is_flat_only_if_no_order_could_ever_take_it(
    min_qty: str, lots: int, flat: bool, sign: int
) -> None:
    instrument: Instrument = replace(SPOT, min_qty=min_qty, min_notional="5")  # which no book says how to reckon
    held = LegStart(position=sign * (lots * LOT + LOT // 2), held=int(Hold.STOPPING))
    with open_desk(held, instruments=[instrument]) as desk:
        desk.rows([(STATUS, 0, int(Status.BOOK_GAP), 0)])
        assert is_flat(desk.step.wired.state, 0) == flat
        assert not _takes(desk.say(Record.FLATTEN, price=5))
        desk.rows([(CLEAR, 0, 0, 0), (LEVEL, BID, 99_999, 5_000), (LEVEL, ASK, 100_001, 5_000)])
        assert is_flat(desk.step.wired.state, 0)  # with one, it is too little
