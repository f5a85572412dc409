"""Where a running session stands, as plain values: for the terminal, for `--json`, for whoever asks."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from quotewright.accounting.valuation import Valuation
from quotewright.domain.journal import Hold
from quotewright.live.session import Session
from quotewright.orders.states import NONE, UNKNOWN
from quotewright.sessions.wiring import Market


def leg_status(session: Session, markets: list[Market], legs: list[tuple[str, str]], leg: int) -> dict[str, Any]:
    """One leg: quotes, position, fills and marked profit; amounts are exact decimal strings."""
    state = session.step.wired.state
    mine = state.legs[leg]
    which = session.leg_instruments[leg]
    instrument = markets[which].instrument
    touch = state.touches[which]
    bids: list[int] = []
    asks: list[int] = []
    unknown = 0
    slot = int(mine["first_order"])
    while slot != NONE:
        order = state.orders[slot]
        (bids if order["side"] > 0 else asks).append(int(order["price"]))
        unknown += int(order["state"] == UNKNOWN)
        slot = int(order["next"])
    equity = int(mine["cash"]) + int(Valuation(instrument).worth(int(mine["position"]), int(touch["mid2"])))
    tick = instrument.price_step.fraction

    def price(ticks: int) -> str:
        return _decimal(ticks * tick) if ticks else ""

    held = session.is_held(leg)
    return {
        "agent": legs[leg][0],
        "instrument": legs[leg][1],
        "at_venue": session.elsewhere[leg] >= 0,
        "bid": price(int(touch["bid"])),
        "ask": price(int(touch["ask"])),
        "our_bids": [price(each) for each in sorted(bids, reverse=True)],
        "our_asks": [price(each) for each in sorted(asks)],
        "unknown_orders": unknown,
        "position": instrument.position(int(mine["position"])),
        "base": instrument.base,
        "fills": int(mine["fills"]),
        "orders": int(mine["orders_sent"]),
        "pnl": instrument.money(equity),
        "fees": instrument.money(int(mine["fees"])),
        "base_fees": instrument.position(int(mine["base_fees"])),  # paid in what was bought
        "settle": instrument.settle,
        "halted": bool(mine["halted"]),
        "waits_for_budget": int(mine["budget_until"]) - int(state.limits[leg]["message_burst"]) > session.now,
        "held_by": [each.name.lower() for each in Hold if held & each],
    }


def session_status(session: Session, markets: list[Market], legs: list[tuple[str, str]]) -> dict[str, Any]:
    """The whole session."""
    return {
        "events": int(session.step.wired.state.engine[0]["events"]),
        "records": session.step.records,
        "legs": [leg_status(session, markets, legs, leg) for leg in session.legs],
        "venues": [
            {
                "venue": link.name,
                "holds": sorted(link.gateway.holds) if link.gateway is not None else [],
                "alarms": sorted({name for name, _ in link.alarms}),
            }
            for link in session.links
        ],
        "stop": session.stop.kind if session.stop is not None else "",
    }


def _decimal(value: Fraction) -> str:
    return f"{float(value):.10g}"
