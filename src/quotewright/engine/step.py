"""The step: event in, state changed, commands out. It reads no clock, draws nothing, and knows no mode.

Four kinds of input: the market (`updates`), a venue's response (`responses`), a timer (`timers`), and here the
beginning and the end of a run. Time comes with the input.
"""

from __future__ import annotations

from typing import Any

from quotewright.domain.journal import Record
from quotewright.domain.kernel import kernel, subkernel
from quotewright.domain.quotes import ON_TOUCH, ON_TRADE
from quotewright.engine.commands import flush_refusals
from quotewright.engine.record import next_record
from quotewright.engine.timers import start_timers

RUN_START = int(Record.RUN_START)
RUN_END = int(Record.RUN_END)


@subkernel
def on_start(state: Any) -> None:
    """First event's time is known: open the journal, start timers and marks."""
    engine = state.engine[0]
    engine.start = engine.now
    for leg in range(len(state.legs)):
        mine = state.legs[leg]
        if mine.agent < 0:  # room for an agent that may begin later
            continue
        row = state.journal[next_record(state, leg, RUN_START)]
        row.cash = mine.cash
        row.position = mine.position
        if mine.strategy != -1:
            if mine.triggers & ON_TOUCH:
                engine.touch_listeners += 1
            if mine.triggers & ON_TRADE:
                engine.trade_listeners += 1
    start_timers(state)


@kernel
def on_end(state: Any) -> None:
    """Close the journal with every leg's final cash, position and mark."""
    for leg in range(len(state.legs)):
        if state.legs[leg].agent < 0:
            continue
        flush_refusals(state, leg)
        mine = state.legs[leg]
        row = state.journal[next_record(state, leg, RUN_END)]
        row.mid2 = state.touches[mine.instrument].mid2
        row.cash = mine.cash
        row.position = mine.position
        row.fee = mine.funding
