"""The loss limit: a leg that reaches it is halted and everything it has is cancelled."""

from __future__ import annotations

from typing import Any

from quotewright.domain.journal import Record, Refusal
from quotewright.domain.kernel import subkernel
from quotewright.engine.commands import cancel_all
from quotewright.engine.record import next_record
from quotewright.risk.gate import loss_reached

HALT = int(Record.HALT)
LOSS = int(Refusal.LOSS)


@subkernel
def check_loss(state: Any, leg: int) -> None:
    """Halt the leg, and cancel everything it has, once marked equity reaches the loss limit."""
    mine = state.legs[leg]
    if mine.halted or mine.strategy == -1:
        return
    mid2 = state.touches[mine.instrument].mid2
    if loss_reached(state.limits[leg], state.instruments[mine.instrument], mine.cash, mine.position, mid2):
        mine.halted = 1
        row = state.journal[next_record(state, leg, HALT)]
        row.reason = LOSS
        row.mid2 = mid2
        row.cash = mine.cash
        row.position = mine.position
        cancel_all(state, leg)
