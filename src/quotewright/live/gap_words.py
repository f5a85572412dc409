"""Why a session and its replay are apart, in words."""

from __future__ import annotations

from collections.abc import Sequence

from quotewright.live.gap_leg import LegGap
from quotewright.sessions.venue_options import VenueOptions


def explained(legs: Sequence[LegGap], own: VenueOptions, best: VenueOptions, *, live: bool) -> list[str]:
    """One sentence for each thing that parts them, and what to set."""
    said: list[str] = []
    for leg in legs:
        name = f"{leg.agent} on {leg.instrument}"
        if leg.agrees:
            said.append(f"{name}: no gap; every fill has its counterpart at the same time and price.")
            continue
        said += [f"{name}: {why}" for why in _reasons(leg)]
    if live:
        said.append(
            "The replay venue is not moved by our orders, and starts without what an earlier session had left to rest; "
            "once one fill differs, what follows from it differs too."
        )
    if best != own:
        said.append(
            f"Closest: queue model {best.queue_model}, entry latency {_ms(best.entry_latency_ns)}, response latency "
            f"{_ms(best.response_latency_ns)}. They are for venues that hear of the market when we do, as in "
            "paper and shadow sessions."
        )
    return said


def _reasons(leg: LegGap) -> list[str]:
    session, replay = leg.came_to["session"], leg.came_to["replay"]
    found: list[str] = []
    if leg.only_live_lots:
        found.append(f"{leg.only_live_lots:,} of {leg.lots_live:,} lots filled that the replay does not fill in time.")
    if leg.only_replay_lots:
        found.append(
            f"the replay fills {leg.only_replay_lots:,} of its {leg.lots_replay:,} lots without a counterpart."
        )
    if leg.apart_ms:
        found.append(f"matched fills are {leg.apart_ms:,.3f} ms apart (median): latency or place in the queue.")
    if leg.slippage_ticks:
        side = "better" if leg.slippage_ticks > 0 else "worse"
        found.append(f"the session's price was {abs(leg.slippage_ticks):.3f} ticks {side} on matched lots.")
    for kind, what in (
        ("REJECTED", "orders were rejected"),
        ("DENIED", "orders were not let out, or had no effect"),
        ("UNKNOWN", "times an order was in doubt"),
        ("REFUSED", "refusals by risk"),
        ("HALT", "halts by the loss limit"),
    ):
        if session[kind] != replay[kind]:
            found.append(f"{session[kind]:,} {what}, in the replay {replay[kind]:,}.")
    if session["ADOPTED"]:
        found.append(f"{session['ADOPTED']} orders of an earlier session, which the replay does not have.")
    if leg.profit["fees"]["difference"].strip("-0."):
        found.append(
            f"fees differ by {leg.profit['fees']['difference']} {leg.settle}: what was charged, against the rates."
        )
    return found


def _ms(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e6:g}ms"
