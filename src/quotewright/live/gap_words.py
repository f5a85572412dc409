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


_COUNTED = (
    ("REJECTED", "orders rejected"),
    ("DENIED", "orders not let out, or known to have had no effect"),
    ("UNKNOWN", "times that an order was in doubt"),
    ("REFUSED", "refusals by risk"),
    ("HALT", "halts by the loss limit"),
)


def _reasons(leg: LegGap) -> list[str]:
    session, replay = leg.came_to["session"], leg.came_to["replay"]
    found: list[str] = []
    if leg.only_live_lots:
        found.append(f"{leg.only_live_lots:,} of the session's {leg.lots_live:,} lots have no counterpart.")
    if leg.only_replay_lots:
        found.append(f"{leg.only_replay_lots:,} of the replay's {leg.lots_replay:,} lots have no counterpart.")
    if leg.apart_ms:
        found.append(f"matched fills are {leg.apart_ms:,.3f} ms apart (median): latency or place in the queue.")
    if leg.slippage_ticks:
        side = "better" if leg.slippage_ticks > 0 else "worse"
        found.append(f"the session's price was {abs(leg.slippage_ticks):.3f} ticks {side} on matched lots.")
    for kind, what in _COUNTED:
        if session[kind] != replay[kind]:
            found.append(f"{what}: {session[kind]:,}, in the replay {replay[kind]:,}.")
    if session["ADOPTED"]:
        found.append(f"orders of an earlier session, which the replay does not have: {session['ADOPTED']}.")
    fees = leg.profit["fees"]["difference"]
    if fees.strip("-0."):
        found.append(f"fees differ by {fees} {leg.settle}: what was charged, against the stored rates.")
    return found


def _ms(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e6:g}ms"
