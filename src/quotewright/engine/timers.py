"""Timers: markouts first, then marks, then decisions, by agent."""

from __future__ import annotations

from typing import Any

from quotewright.domain.journal import MARKOUT_HORIZONS, Record
from quotewright.domain.kernel import subkernel
from quotewright.engine.decide import decide_leg
from quotewright.engine.loss import check_loss
from quotewright.engine.record import next_record
from quotewright.engine.state import NEVER
from quotewright.market.book import usable
from quotewright.orders.states import OPEN

MARK = int(Record.MARK)
MARKOUT = int(Record.MARKOUT)
HORIZONS = MARKOUT_HORIZONS


@subkernel
def start_timers(state: Any) -> None:
    """Set every timer going from now."""
    engine = state.engine[0]
    if engine.mark_interval > 0:
        engine.next_mark = engine.now + engine.mark_interval
    for index in range(len(state.timers)):
        timer = state.timers[index]
        for turn in range(timer.first, timer.first + timer.count):
            mine = state.legs[state.timer_legs[turn]]
            mine.next_decision = engine.now + mine.phase + mine.interval
        if timer.count > 0:
            timer.due = state.legs[state.timer_legs[timer.first]].next_decision
    schedule(state)


@subkernel
def start_timer(state: Any, leg: int) -> None:
    """Set the timer of a leg going that begins in mid-run, if there is a spare one."""
    mine = state.legs[leg]
    for index in range(len(state.timers)):
        timer = state.timers[index]
        if timer.count == 0:
            state.timer_legs[timer.first] = leg
            timer.count = 1
            timer.turn = 0
            mine.next_decision = state.engine[0].now + mine.phase + mine.interval
            timer.due = mine.next_decision
            schedule(state)
            return


@subkernel
def schedule(state: Any) -> None:
    """Recompute when the next mark or decision is due."""
    engine = state.engine[0]
    due = engine.next_mark
    for index in range(len(state.timers)):
        due = min(due, state.timers[index].due)
    engine.next_timer = due


@subkernel
def on_timer(state: Any) -> None:
    """Run what is due now: one thing of it, or all where no message can come in between."""
    engine = state.engine[0]
    more = True
    while more:
        if engine.next_markout <= engine.now:
            markouts_until(state, engine.now)
            if engine.next_markout <= engine.now:
                break
        more = _marks_due(state) or _decision_due(state)
        if not engine.together or engine.due_leg >= 0:
            break
    schedule(state)


@subkernel
def _decision_due(state: Any) -> bool:
    """Let the leg decide whose turn it is, of those with equal times the first; False if none is due."""
    chosen = -1
    due = NEVER
    leg = -1
    for index in range(len(state.timers)):
        timer = state.timers[index]
        if timer.count == 0:
            continue
        turn = state.timer_legs[timer.first + timer.turn]
        if timer.due < due or (timer.due == due and turn < leg):
            chosen = index
            due = timer.due
            leg = turn
    if chosen < 0 or due > state.engine[0].now:
        return False
    timer = state.timers[chosen]
    mine = state.legs[leg]
    mine.next_decision += mine.interval
    timer.turn = timer.turn + 1 if timer.turn + 1 < timer.count else 0
    timer.due = state.legs[state.timer_legs[timer.first + timer.turn]].next_decision
    decide_leg(state, leg)
    return True


@subkernel
def markouts_until(state: Any, until: int) -> None:
    """Write the markouts due up to `until`, at the mids known now, as of when each was due.

    They change nothing but the journal, so whoever drives the step may leave them until the mid is about to change. It
    stops when the journal must be emptied; then nothing later may happen before the rest is written.
    """
    engine = state.engine[0]
    now = engine.now
    while engine.next_markout <= until and engine.journal_rows < engine.journal_room:
        h = 0
        while engine.markouts_due[h] != engine.next_markout:
            h += 1
        engine.now = engine.next_markout
        entry = state.markouts[engine.markouts_out[h] % len(state.markouts)]
        row = state.journal[next_record(state, entry.leg, MARKOUT)]
        row.ref = entry.number
        row.qty = HORIZONS[h]
        row.side = entry.side
        row.price = entry.price
        row.mid2 = state.touches[state.legs[entry.leg].instrument].mid2
        engine.markouts_out[h] += 1
        due = NEVER
        if engine.markouts_out[h] < engine.markouts_in:
            due = state.markouts[engine.markouts_out[h] % len(state.markouts)].ts + HORIZONS[h]
        engine.markouts_due[h] = due
        first = min(engine.markouts_due[0], engine.markouts_due[1])
        engine.next_markout = min(first, min(engine.markouts_due[2], engine.markouts_due[3]))
    engine.now = now


@subkernel
def _marks_due(state: Any) -> bool:
    engine = state.engine[0]
    if engine.next_mark > engine.now:
        return False
    engine.next_mark += engine.mark_interval
    for leg in range(len(state.legs)):
        mine = state.legs[leg]
        if mine.agent < 0:
            continue
        row = state.journal[next_record(state, leg, MARK)]
        row.mid2 = state.touches[mine.instrument].mid2
        row.cash = mine.cash
        row.position = mine.position
        row.fee = mine.funding
        row["flags"] = _sides_at_touch(state, leg)
        check_loss(state, leg)
    return True


@subkernel
def _sides_at_touch(state: Any, leg: int) -> int:
    mine = state.legs[leg]
    touch = state.touches[mine.instrument]
    flags = 0
    if not usable(touch):
        return 0
    slot = mine.first_order
    while slot >= 0:
        order = state.orders[slot]
        if order.state == OPEN:
            if order.side > 0 and order.price >= touch.bid:
                flags |= 1
            elif order.side < 0 and order.price <= touch.ask:
                flags |= 2
        slot = order.next
    return flags
