"""The replay's loop: recorded market, venue and engine on one virtual timeline.

It only moves records between the two sides in the stated order of time; every decision is the engine's and every fill
the venue's. It does not go from event to event: it looks for the next *moment* that concerns an agent (a message or a
response that arrives, a timer, an update that makes something due), lets the market run up to it, first at the venue,
then at home, and does what is due. An update that brings a response about, or will change what the engine may do, ends
the run early, so that nothing is ever done too late.

It returns when the window is used up, when messages for a venue elsewhere wait, when the journal's buffer wants
emptying, when a strategy in plain Python is asked, or on an error status, and can always be called again to go on.
"""

from __future__ import annotations

from typing import Any

from quotewright.domain.events import FUNDING, LAST, STATUS
from quotewright.domain.kernel import inlined, kernel, subkernel
from quotewright.engine.decide import go_on_deciding
from quotewright.engine.responses import on_response
from quotewright.engine.state import NEVER
from quotewright.engine.step import on_start
from quotewright.engine.timers import markouts_until, on_timer
from quotewright.engine.updates import on_row, on_update
from quotewright.market.book import take_update
from quotewright.market.levels import OK
from quotewright.simulation.flight import IN_FLIGHT_FULL, MESSAGES, RESPONSES, latency_of, send_off, take_next
from quotewright.simulation.incoming import on_message
from quotewright.simulation.venue import NO_ROOM, REACHED, STOPPED, market_until, quiet_until, way_of

TO_VENUE = 0  # a session's commands go to the replay venue
NOWHERE = 1  # they are only journaled: the responses are already known

DONE = 0
EMPTY_JOURNAL = 100
MORE_ROOM = 103  # more updates are on their way home than there is room for: see `make_room_for_updates`
DEPARTURES = 105  # messages for other venues wait in `departures`; all of them, before the loop goes on
ASK_PYTHON = 104  # `engine.due_leg` is asked; its target is read when the loop goes on


@inlined
def _copy_message(sent: Any, message: Any) -> None:
    message.order = sent.order
    message.price = sent.price
    message.qty = sent.qty
    message.slot = sent.slot
    message.leg = sent.leg
    message["flags"] = sent["flags"]
    message.kind = sent.kind
    message.side = sent.side


@subkernel
def _send_outbox(state: Any, vs: Any) -> int:
    """Put what the engine wants sent on its way, each message with its own latency."""
    engine = state.engine[0]
    for i in range(engine.outbox_rows):
        sent = state.outbox[i]
        mine = vs.legs[sent.leg]
        if mine.elsewhere:
            _copy_message(sent, vs.departures[vs.venue[0].departures])
            vs.departures[vs.venue[0].departures].ts = sent.ts
            vs.venue[0].departures += 1
            continue
        mine.messages += 1
        due = sent.ts + latency_of(vs, vs.entry, sent.ts, mine.messages)
        slot = send_off(vs.flights[MESSAGES], vs.messages, vs.message_heap, due)
        if slot < 0:
            return IN_FLIGHT_FULL
        _copy_message(sent, vs.messages[slot])
    engine.outbox_rows = 0
    return OK


@inlined
def _next_home(vs: Any, exch: Any, local: Any) -> int:
    """When the next update comes home, if it is of this window."""
    venue = vs.venue[0]
    if not venue.one_order:
        return local[venue.local_next].local_ts if venue.local_next < len(local) else NEVER
    way = vs.ways[0]
    if way.head < way.tail:
        return vs.updates[way.head & (venue.ring - 1)].local_ts
    return exch[venue.exch_next].local_ts if venue.exch_next < len(exch) else NEVER


@inlined
def _must_empty(state: Any, now: int) -> bool:
    """Write the markouts due before `now`; True if the journal has no room for all of them."""
    engine = state.engine[0]
    if now <= engine.next_markout:
        return False
    markouts_until(state, now - 1)
    return now > engine.next_markout


@inlined
def _take_home(state: Any, vs: Any, number: int, local: Any, at: int) -> bool:
    """Take in the next update of one way home; True if it made something due. Its rows begin at `at`, where wanted."""
    engine = state.engine[0]
    venue = vs.venue[0]
    way = vs.ways[number]
    update = vs.updates[number * venue.ring + (way.head & (venue.ring - 1))]
    way.head += 1
    written = engine.seq
    if engine.start == 0:
        engine.now = update.local_ts
        on_start(state)
        written = -1
    if update.snapshot or update.kind in (STATUS, FUNDING):
        venue.rare -= 1
    if engine.features:
        engine.now = update.local_ts
        for i in range(update.rows):
            on_row(state, local[at + i])  # the venue's book has room for it, so the one at home does
    else:
        on_update(state, update)
    return engine.seq != written or engine.outbox_rows > 0 or engine.due_leg >= 0


@inlined
def home_until(state: Any, vs: Any, local: Any, limit: int, watching: bool) -> int:
    """Take in updates at home up to `limit`, or to the first that makes something due; returns how many.

    Nothing can become due while nobody is `watching`. It ends early where the journal must be emptied first.
    """
    venue = vs.venue[0]
    taken = 0
    if venue.one_order:
        way = vs.ways[0]
        if not watching:
            rows = 0
            head = way.head
            tail = way.tail
            last = venue.ring - 1
            while head < tail and vs.updates[head & last].local_ts <= limit:
                update = vs.updates[head & last]
                if _must_empty(state, update.local_ts):
                    break
                take_update(state.touches[update.instrument], update)
                rows += update.rows
                head += 1
            taken = head - way.head
            way.head = head
            state.engine[0].events += rows
            return taken
        while way.head < way.tail:
            at_home = vs.updates[way.head & (venue.ring - 1)].local_ts
            if at_home > limit or _must_empty(state, at_home):
                break
            taken += 1
            if _take_home(state, vs, 0, local, 0):
                break
        return taken
    while venue.local_next < len(local) and local[venue.local_next].local_ts <= limit:
        first = venue.local_next
        if _must_empty(state, local[first].local_ts):
            break
        at = first
        while not local[at]["flags"] & LAST:
            at += 1
        number = way_of(venue.one_order, local[at].instrument, local[at].kind)
        if vs.ways[number].head == vs.ways[number].tail:  # the venue has yet to apply it
            break
        venue.local_next = at + 1
        taken += 1
        if _take_home(state, vs, number, local, first):
            break
    return taken


@inlined
def _is_quiet(vs: Any) -> bool:
    """Whether nothing of ours rests, and nothing is under way either way."""
    venue = vs.venue[0]
    if not venue.one_order or venue.interest > 0 or vs.ways[0].head < vs.ways[0].tail:
        return False
    return vs.flights[MESSAGES].due == NEVER and vs.flights[RESPONSES].due == NEVER


@inlined
def _take_answers(state: Any, vs: Any, moment: int) -> int:
    """Take in the responses that arrive now, up to one that makes the engine send or ask something."""
    engine = state.engine[0]
    responses = vs.flights[RESPONSES]
    status = OK
    while responses.due == moment and status == OK and engine.outbox_rows == 0 and engine.due_leg < 0:
        slot = take_next(responses, vs.responses, vs.response_heap)
        status = on_response(state, vs.responses[slot])
        if engine.journal_rows >= engine.journal_room:
            break
    return status


@kernel
def run_window(state: Any, vs: Any, exch: Any, local: Any, until: int) -> int:
    """Process everything before `until`; returns DONE, another of the codes above, or an error status.

    `exch` and `local` hold the window's rows by venue time and by home time.
    """
    engine = state.engine[0]
    venue = vs.venue[0]
    messages = vs.flights[MESSAGES]
    responses = vs.flights[RESPONSES]
    if engine.due_leg >= 0:
        go_on_deciding(state)
    while True:
        if engine.due_leg >= 0:
            return ASK_PYTHON
        if engine.journal_rows >= engine.journal_room:
            return EMPTY_JOURNAL
        if engine.outbox_rows > 0:
            status = _send_outbox(state, vs)
            if status != OK:
                return status
            if venue.departures > 0:
                return DEPARTURES
        moment = min(min(messages.due, responses.due), min(engine.next_timer, until - 1))
        watching = engine.start == 0 or venue.rare > 0 or engine.touch_listeners > 0 or engine.trade_listeners > 0
        if watching:
            moment = min(moment, _next_home(vs, exch, local))
        elif _is_quiet(vs) and engine.next_markout > moment:
            quiet_until(state, vs, exch, moment)
        status = market_until(vs, exch, moment)
        if status == STOPPED:
            continue
        if status == NO_ROOM:
            taken = home_until(state, vs, local, min(moment, venue.time), watching)
            if taken == 0 and engine.journal_rows < engine.journal_room:
                return MORE_ROOM
            continue
        if status != REACHED:
            return status
        if messages.due == moment:
            while messages.due == moment and venue.status == OK:
                slot = take_next(messages, vs.messages, vs.message_heap)
                on_message(vs, vs.messages[slot], moment)
            if venue.status != OK:
                return venue.status
            continue
        if home_until(state, vs, local, moment, watching) > 0 and watching:
            continue
        if _must_empty(state, moment) or engine.journal_rows >= engine.journal_room:
            continue
        engine.now = moment
        if responses.due == moment:
            status = _take_answers(state, vs, moment)
            if status != OK:
                return status
        elif engine.next_timer == moment:
            on_timer(state)
        elif moment == until - 1 and not _must_empty(state, until):
            return DONE


@kernel
def deliver(vs: Any, answers: Any, count: int) -> int:
    """Queue what another venue answered, or the operator asks, due at each row's `ts`; returns OK or IN_FLIGHT_FULL."""
    for i in range(count):
        slot = send_off(vs.flights[RESPONSES], vs.responses, vs.response_heap, answers[i].ts)
        if slot < 0:
            return IN_FLIGHT_FULL
        answer = answers[i]
        response = vs.responses[slot]
        response.exch_ts = answer.exch_ts
        response.order = answer.order
        response.price = answer.price
        response.qty = answer.qty
        response.leaves = answer.leaves
        response.ahead = answer.ahead
        response.slot = answer.slot
        response.leg = answer.leg
        response.kind = answer.kind
        response.side = answer.side
        response.reason = answer.reason
        response["flags"] = answer["flags"]
        response.fee = answer.fee
        response.trade = answer.trade
        response.venue_id = answer.venue_id
    return OK


@kernel
def repeat_window(state: Any, vs: Any, local: Any, until: int) -> int:
    """Process everything at home before `until`, with responses that are already known; commands go nowhere."""
    engine = state.engine[0]
    venue = vs.venue[0]
    responses = vs.flights[RESPONSES]
    if engine.due_leg >= 0:
        go_on_deciding(state)
    while True:
        if engine.due_leg >= 0:
            return ASK_PYTHON
        if engine.journal_rows >= engine.journal_room:
            return EMPTY_JOURNAL
        engine.outbox_rows = 0
        at_home = local[venue.local_next].local_ts if venue.local_next < len(local) else NEVER
        now = min(min(at_home, responses.due), min(engine.next_timer, engine.next_markout))
        if now >= until:
            return DONE
        engine.now = now
        status = OK
        if at_home == now:
            if engine.start == 0:
                on_start(state)
            last = 0
            while status == OK and not last:
                row = local[venue.local_next]
                venue.local_next += 1
                status = on_row(state, row)
                last = row["flags"] & LAST
        elif responses.due == now:
            slot = take_next(responses, vs.responses, vs.response_heap)
            status = on_response(state, vs.responses[slot])
        else:
            on_timer(state)
        if status != OK:
            return status
