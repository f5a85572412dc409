"""A fill that overtakes the answer to an amend: the order is done, and its slot is free again."""

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.instrument import INSTRUMENT, Instrument
from quotewright.domain.journal import Record
from quotewright.domain.kernel import kernel, records
from quotewright.domain.messages import AMEND, CANCEL, RESPONSE
from quotewright.engine.commands import send_amend
from quotewright.engine.functions import no_functions
from quotewright.engine.responses import on_response
from quotewright.engine.state import LEG, new_state
from quotewright.orders.states import OPEN, append_order
from quotewright.risk.limits import LIMITS

PERPETUAL = Instrument("v", "BTCUSDT", "linear", "BTC", "USDT", "0.1", "0.001")


@kernel
def _open_amended(state: Any) -> int:
    """An order of 10 lots, 0 filled, whose amend to 6 is on its way."""
    slot = append_order(state.orders, state.engine[0], state.legs[0])
    order = state.orders[slot]
    order.id = 7
    order.price = 600_000
    order.qty = 6
    order.filled = 0
    order.leaves = 10
    order.side = 1
    order.state = OPEN
    order.amending = 1
    return slot


@kernel
def _respond(state: Any, responses: Any) -> int:
    return on_response(state, responses[0])


def test_the_order_is_released() -> None:
    instruments = PERPETUAL.to_record(0).astype(INSTRUMENT)
    legs = np.zeros(1, LEG)
    legs["strategy"] = -1
    limits = np.zeros(1, LIMITS)
    state = new_state(instruments, [False], legs, limits, np.zeros(1), no_functions(), mark_interval=0)
    slot = int(_open_amended(state))
    for kind, qty in ((Record.FILL, 6), (Record.AMENDED, 6)):
        responses = records(1, RESPONSE)
        for field, value in {"order": 7, "slot": slot, "kind": kind, "side": 1, "qty": qty, "price": 600_000}.items():
            responses[0][field] = value
        assert _respond(state, responses) == 0
    assert state.legs[0]["open_orders"] == 0
    assert state.legs[0]["position"] == 6


@kernel
def _amend(state: Any, slot: int, total: int) -> None:
    send_amend(state, 0, slot, total)


def test_an_amend_that_the_message_rate_refuses_is_a_cancel() -> None:
    """Two amends where the rate lets one pass: a cancel always passes, and less rests than was asked to be less."""
    limits = np.zeros(1, LIMITS)
    limits["message_interval"] = limits["message_burst"] = 10**9
    legs = np.zeros(1, LEG)
    legs["strategy"] = legs["first_order"] = legs["last_order"] = -1
    instruments = PERPETUAL.to_record(0).astype(INSTRUMENT)
    state = new_state(instruments, [False], legs, limits, np.zeros(1), no_functions(), mark_interval=0)
    first, second = int(_open_amended(state)), int(_open_amended(state))
    state.orders[second]["id"] = 8
    for slot in (first, second):
        state.orders[slot]["amending"] = 0
        _amend(state, slot, 3)
    sent = state.outbox[: int(state.engine[0]["outbox_rows"])]
    assert [(int(m["kind"]), int(m["order"])) for m in sent] == [(AMEND, 7), (CANCEL, 8)]
    assert state.orders[second]["canceling"] == 1
    journal = state.journal[: int(state.engine[0]["journal_rows"])]
    assert [int(row["kind"]) for row in journal] == [Record.AMEND, Record.REFUSED, Record.CANCEL]


def test_a_price_without_a_venue_limit_cannot_wrap_the_price_band() -> None:
    assert int(PERPETUAL.to_record(0)["max_price"][0]) * 20_000 < 2**63
