"""What a strategy sees at the touch is what others have there: our orders rest in the same feed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from desk import QUOTER, SPOT, Desk, open_desk

from quotewright.domain.events import ASK, BID, LEVEL
from quotewright.domain.journal import FEE_TOLD, POST_ONLY, Record

OTHER = replace(SPOT, symbol="BBBUSD", base="BBB")
APART = replace(QUOTER, params={"half_spread": 9.0})  # away from the touch
AGENTS = (
    replace(APART, name="one"),
    replace(APART, name="two", instruments=(SPOT.name,)),
    replace(APART, name="shadow", world="\0shadow", instruments=(SPOT.name,)),
)
ONE, ONE_ON_OTHER, TWO, SHADOW = range(4)


def _by_hand(desk: Desk, leg: int, side: int, price: int, lots: int, *, accepted: bool = True) -> int:
    desk.say(Record.MANUAL, price=price, qty=lots, side=side, leg=leg, flags=POST_ONLY)
    number = int(desk.records(Record.PLACE)["order"][-1])
    if accepted:
        desk.say(Record.ACCEPTED, number, price, lots, lots, side, leg=leg)
    return number


def _seen(desk: Desk, instrument: int = 0) -> tuple[int, int]:
    """Lots at the touch as the agents of an instrument see them now; the last to decide is the shadow."""
    desk.wait(100)
    view = desk.step.wired.state.views[0]
    if instrument:  # ask the agent on it alone
        desk.say(Record.FLATTEN, leg=ONE_ON_OTHER)
    assert int(view["instrument"]) == instrument
    return int(view["bid_qty"]), int(view["ask_qty"])


def test_orders_of_ours_that_the_feed_shows_are_not_seen() -> None:
    with open_desk(instruments=[SPOT, OTHER], agents=AGENTS) as desk:
        assert _seen(desk) == (5_000, 5_000)
        first = _by_hand(desk, ONE, BID, 99_999, 70)
        _by_hand(desk, TWO, BID, 99_999, 30)
        _by_hand(desk, TWO, BID, 99_998, 900)  # behind the touch
        _by_hand(desk, ONE, ASK, 100_001, 11)
        _by_hand(desk, ONE_ON_OTHER, BID, 99_999, 400)
        desk.rows([(LEVEL, BID, 99_999, 5_100), (LEVEL, ASK, 100_001, 5_011)])
        desk.rows([(LEVEL, BID, 99_999, 5_400)], 1)
        assert _seen(desk) == (5_000, 5_000)
        assert _seen(desk, 1) == (5_000, 5_000)
        desk.say(Record.FILL, first, 99_999, 50, 20, BID, flags=FEE_TOLD)
        desk.rows([(LEVEL, BID, 99_999, 5_050)])
        assert _seen(desk) == (5_000, 5_000)


@pytest.mark.parametrize("leg", [ONE, SHADOW])
def test_what_the_feed_does_not_show_is_not_taken_off(leg: int) -> None:
    """An order that the venue has not told of yet, and one that is met by simulation."""
    with open_desk(instruments=[SPOT, OTHER], agents=AGENTS) as desk:
        _by_hand(desk, leg, BID, 99_999, 70, accepted=leg == SHADOW)
        assert _seen(desk) == (5_000, 5_000)


def test_a_touch_that_lags_behind_our_orders_shows_nothing_rather_than_less() -> None:
    with open_desk(instruments=[SPOT, OTHER], agents=AGENTS) as desk:
        _by_hand(desk, ONE, BID, 99_999, 70)
        desk.rows([(LEVEL, BID, 99_999, 40)])
        assert _seen(desk) == (0, 5_000)
