"""The replay's loop: recorded market, venue and engine on one virtual timeline.

It only moves records between the two sides in the stated order of time; every decision is the engine's and
every fill the venue's. It returns when the window is used up, when the journal's buffer wants emptying, or on
an error status, and can always be called again to go on.
"""

from __future__ import annotations

from typing import Any

from quotewright.domain.events import LAST
from quotewright.domain.kernel import inlined, kernel, subkernel
from quotewright.engine.state import NEVER
from quotewright.engine.step import on_market, on_response, on_start, on_timer
from quotewright.market.levels import OK
from quotewright.orders.states import find_order
from quotewright.simulation.flight import IN_FLIGHT_FULL, latency_of, pop, push
from quotewright.simulation.incoming import on_message
from quotewright.simulation.venue import on_event

DONE = 0
EMPTY_JOURNAL = 100

TO_VENUE = 0  # commands go to the replay venue
NOWHERE = 1  # commands are only journaled: the responses are already known


@subkernel
def _send_outbox(state: Any, vs: Any) -> int:
    """Put what the engine wants sent on its way, each message with its own latency."""
    engine = state.engine[0]
    venue = vs.venue[0]
    for i in range(engine.outbox_rows):
        if venue.messages >= len(vs.messages):
            return IN_FLIGHT_FULL
        sent = state.outbox[i]
        slot = vs.message_heap[venue.messages]
        message = vs.messages[slot]
        mine = vs.legs[sent.leg]
        mine.messages += 1
        message.ts = sent.ts + latency_of(vs, vs.entry, sent.ts, mine.messages)
        message.seq = venue.message_seq
        venue.message_seq += 1
        message.order = sent.order
        message.price = sent.price
        message.qty = sent.qty
        message.slot = sent.slot
        message.leg = sent.leg
        message["flags"] = sent["flags"]
        message.kind = sent.kind
        message.side = sent.side
        push(vs.message_heap, vs.messages, venue.messages)
        venue.messages += 1
    engine.outbox_rows = 0
    return OK


@inlined
def _update_at_venue(vs: Any, exch: Any) -> int:
    """Apply one whole recorded update at the venue."""
    venue = vs.venue[0]
    status = OK
    while venue.exch_next < len(exch):
        row = exch[venue.exch_next]
        venue.exch_next += 1
        status = on_event(vs, row)
        if status != OK or row["flags"] & LAST:
            break
    return status


@inlined
def _update_at_home(state: Any, vs: Any, local: Any) -> int:
    """Apply one whole recorded update at home."""
    venue = vs.venue[0]
    status = OK
    while venue.local_next < len(local):
        row = local[venue.local_next]
        venue.local_next += 1
        status = on_market(state, row)
        if status != OK or row["flags"] & LAST:
            break
    return status


@kernel
def run_window(state: Any, vs: Any, exch: Any, local: Any, until: int, mode: int, journal_room: int) -> int:
    """Process everything before `until`; returns DONE, EMPTY_JOURNAL, or an error status.

    `exch` and `local` hold the window's rows by venue time and by home time. `journal_room` is how many
    journal rows may be filled before the caller must empty the buffer.
    """
    engine = state.engine[0]
    venue = vs.venue[0]
    status = OK
    while status == OK:
        if engine.journal_rows >= journal_room:
            return EMPTY_JOURNAL
        if engine.outbox_rows > 0:
            if mode == TO_VENUE:
                status = _send_outbox(state, vs)
                if status != OK:
                    return status
            else:
                engine.outbox_rows = 0
        at_venue = exch[venue.exch_next].exch_ts if venue.exch_next < len(exch) else NEVER
        message_at = vs.messages[vs.message_heap[0]].ts if venue.messages > 0 else NEVER
        at_home = local[venue.local_next].local_ts if venue.local_next < len(local) else NEVER
        response_at = vs.responses[vs.response_heap[0]].ts if venue.responses > 0 else NEVER
        timer_at = engine.next_timer
        home = min(at_home, min(response_at, timer_at))
        now = min(min(at_venue, message_at), home)
        if now >= until:
            return DONE
        if at_venue == now:
            status = _update_at_venue(vs, exch)
        elif message_at == now:
            venue.messages -= 1
            slot = pop(vs.message_heap, vs.messages, venue.messages + 1)
            on_message(vs, vs.messages[slot], now)
            status = venue.status
        else:
            engine.now = now
            if at_home == now:
                if engine.start == 0:
                    on_start(state)
                status = _update_at_home(state, vs, local)
            elif response_at == now:
                venue.responses -= 1
                slot = pop(vs.response_heap, vs.responses, venue.responses + 1)
                if mode == NOWHERE:
                    answer = vs.responses[slot]
                    answer.slot = find_order(state.orders, state.legs[answer.leg], answer.order)
                status = on_response(state, vs.responses[slot])
            else:
                on_timer(state)
    return status
