"""Quotes that lag another venue: ours or others' that a move elsewhere has left behind, and by how much.

The follower's fair mid is the leader's times e^basis, the basis being an exponentially weighted mean of the log
distance between the two, taken whenever the follower quotes and owes no answer. It owes one while its prices have not
changed since the leader's last move, for `patience` at most: what stays away for longer is a new basis. As long as it
does, a bid above the fair mid, or an ask below it, by more than `margin` is stale.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel, records, subkernel

FRESH = 0
STALE_ASK = 1  # too low: a taker would lift it
STALE_BID = 2  # too high: a taker would hit it

LEADER, FOLLOWER = 0, 1

STALE_RULES = np.dtype(
    [
        ("margin", "f8"),  # of the fair mid
        ("basis_memory", "f8"),  # ns, half-life
        ("patience", "i8"),  # ns after the leader's move in which the follower has not answered yet
        ("warm_up", "i8"),  # follower's quotes before the first judgement
    ],
    align=True,
)

STALE_STATE = np.dtype(
    [
        ("leader", "f8"),  # mid
        ("moved", "i8"),  # when the leader's mid changed last
        ("bid", "f8"),  # the follower's
        ("ask", "f8"),
        ("answered", "i8"),  # when the follower's prices changed last
        ("basis", "f8"),
        ("learnt", "i8"),  # when the basis was
        ("count", "i8"),
        ("code", "i8"),
        ("gap", "f8"),  # how far the stale price is beyond the fair mid, as a share of it; 0 if fresh
        ("age", "i8"),  # ns since the leader's move that the follower has not answered
    ],
    align=True,
)

VENUE_QUOTE = np.dtype([("time", "i8"), ("who", "i8"), ("bid", "f8"), ("ask", "f8")], align=True)


def stale_rules(*, margin: float = 0.0002, basis_memory: float = 60.0, patience: float = 1.0, warm_up: int = 20) -> Any:
    """One STALE_RULES record; margin as a share of the price (fees belong in it), memory and patience in seconds.

    Raises InputError for what is not positive.
    """
    for field, value in (("margin", margin), ("basis_memory", basis_memory), ("patience", patience)):
        if not 0 < value < 1e9:
            raise InputError(field, value, "must be positive and finite")
    if warm_up < 1:
        raise InputError("warm_up", warm_up, "must be at least one quote")
    rules = records(1, STALE_RULES)
    rules["margin"], rules["warm_up"] = margin, warm_up
    rules["basis_memory"], rules["patience"] = basis_memory * 1e9, round(patience * 1e9)
    return rules


@subkernel
def stale_step(state: Any, rules: Any, quote: Any) -> int:
    """The code after one quote of either venue, in order of time; gap and age are in the state.

    A quote without both sides is passed over. For our own quotes, give them as the follower's.
    """
    if not (quote.bid > 0.0 and quote.ask > 0.0):
        return state.code
    mid = 0.5 * (quote.bid + quote.ask)
    if quote.who == LEADER:
        if mid != state.leader:
            state.moved = quote.time
        state.leader = mid
    else:
        if quote.bid != state.bid or quote.ask != state.ask:
            state.answered = quote.time
        state.bid = quote.bid
        state.ask = quote.ask
        if state.leader > 0.0 and not _owes_answer(state, rules, quote.time):
            _learn_basis(state, rules, math.log(mid / state.leader), quote.time)
    _judge(state, rules, quote.time)
    return state.code


@subkernel
def _owes_answer(state: Any, rules: Any, time: int) -> bool:
    return state.answered < state.moved and time - state.moved <= rules.patience


@subkernel
def _learn_basis(state: Any, rules: Any, distance: float, time: int) -> None:
    if state.count == 0:
        state.basis = distance
    else:
        keep = math.exp(-math.log(2.0) * (time - state.learnt) / rules.basis_memory)
        keep = min(keep, state.count / (state.count + 1.0))  # the first quotes weigh alike
        state.basis += (1.0 - keep) * (distance - state.basis)
    state.learnt = time
    state.count += 1


@subkernel
def _judge(state: Any, rules: Any, time: int) -> None:
    state.code = FRESH
    state.gap = 0.0
    state.age = 0
    if state.count < rules.warm_up or not _owes_answer(state, rules, time):
        return
    fair = state.leader * math.exp(state.basis)
    low, high = (fair - state.ask) / fair, (state.bid - fair) / fair
    state.age = time - state.moved
    if low > rules.margin:
        state.code = STALE_ASK
        state.gap = low
    elif high > rules.margin:
        state.code = STALE_BID
        state.gap = high


@kernel
def stale_codes(states: Any, rules: Any, quotes: Any, codes: Any, gaps: Any) -> int:
    """Fold VENUE_QUOTE rows into the one state of `states`; writes code and gap each, returns how many were stale."""
    found = 0
    for i in range(len(quotes)):
        codes[i] = stale_step(states[0], rules[0], quotes[i])
        gaps[i] = states[0].gap
        found += 1 if codes[i] != FRESH else 0
    return found
