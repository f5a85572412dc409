"""Coins that reach and leave a group of addresses (exchanges, say) by UTC day, in whole satoshi, and when it was known.

A transaction counts by its net: what it leaves at members' addresses less what it takes from them. So change, sweeps
and payments among members vanish, and only their fee is an outflow. Inflow less outflow is the change of the balance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.chain.clusters import change_links, common_inputs
from quotewright.chain.transfers import Transfers, check_transfers
from quotewright.chain.unions import merge, roots, singletons
from quotewright.domain.errors import DataError, InputError

Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

DAY = 86_400_000_000_000  # ns
CONFIRMATIONS = 6


class Flows(NamedTuple):
    """One row a UTC day, none missing: its start (ns), satoshi in and out, what joined, and the balance at its end.

    `joined` is what addresses already held when they were recognised as members (0 with fixed members):
    balance = balance before + inflow − outflow + joined, exactly.
    """

    day: Integers
    inflow: Integers
    outflow: Integers
    joined: Integers
    balance: Integers

    @property
    def netflow(self) -> Integers:
        """Inflow less outflow."""
        return self.inflow - self.outflow


class Known(NamedTuple):
    """Flows as features: each row is of the day that begins at `time`, and could be known from `known` on (ns)."""

    time: Integers
    known: Integers
    flows: Flows


def flows(transfers: Transfers, member: Booleans) -> Flows:
    """Daily flows of the addresses marked in `member` (one flag per address), the same from first to last.

    Who belongs to whom is often learnt later: for features use `flows_as_known`. Raises DataError where inputs are not
    resolved, InputError for flags that do not fit.
    """
    if len(member) != len(transfers.addresses):
        raise InputError("member", len(member), f"give one flag for each of {len(transfers.addresses)} addresses")
    days = _days(transfers)
    none = np.zeros(0, np.int64)
    return _gathered(transfers, days, [np.flatnonzero(member)] + [none] * (len(days) - 1))


def flows_as_known(
    transfers: Transfers, labelled: Integers, *, since: Integers | None = None, change: bool = False
) -> Flows:
    """Daily flows of the owners of `labelled` addresses, with the members of each day as they were known before it.

    Members of a day are the labelled addresses and all clustered with them by the transactions of earlier days
    (`clusters.common_inputs`, with `change` also `change_links`). `since` (ns) says when each label was published; it
    counts from the first day that begins then or later; without it the labels are taken as known from the start, which
    they seldom were. Truncating the chain changes no earlier day. Raises as `flows` does.
    """
    known = len(transfers.addresses)
    labelled = np.asarray(labelled, np.int64)
    if len(labelled) and (labelled.min() < 0 or labelled.max() >= known):
        raise InputError("labelled", int(labelled.max()), f"must be indices of addresses, 0 to {known - 1}")
    if since is not None and len(since) != len(labelled):
        raise InputError("since", len(since), "needs a time for each label")
    days = _days(transfers)
    return _gathered(transfers, days, _recognised(transfers, days, labelled, since, change=change))


def publish(found: Flows, transfers: Transfers, *, confirmations: int = CONFIRMATIONS, delay_ns: int = 0) -> Known:
    """The days whose last block is `confirmations` deep within `transfers`, with when each became known.

    That is once the day is over, a block of a later day has come, and the last block of the day has its confirmations
    (itself being the first); `delay_ns` is for the provider's own work. Later days are left out.
    """
    if confirmations < 1 or delay_ns < 0:
        raise InputError("confirmations, delay_ns", (confirmations, delay_ns), "give at least 1, and at least 0")
    _, first = np.unique(transfers.height, return_index=True)
    block_time = transfers.time[first]
    after = np.searchsorted(block_time, found.day + DAY)  # the first block of a later day
    deep = np.maximum(after, after - 1 + confirmations - 1)
    ready = deep < len(block_time)
    known = np.maximum(found.day[ready] + DAY, block_time[deep[ready]]) + delay_ns
    kept = Flows(*(column[ready] for column in found))
    return Known(kept.day, known, kept)


def _recognised(
    transfers: Transfers, days: Integers, labelled: Integers, since: Integers | None, *, change: bool
) -> list[Integers]:
    """By day, the addresses that are members from that day on and were not before."""
    links = [common_inputs(transfers), *([change_links(transfers)] if change else [])]
    parents, sizes = singletons(len(transfers.addresses))
    member = np.zeros(len(transfers.addresses), np.bool_)
    joining: list[Integers] = []
    for day in days.tolist():
        yesterday = np.searchsorted(transfers.time, [day - DAY, day])
        for tx, a, b in links:
            lo, hi = np.searchsorted(tx, yesterday)
            merge(parents, sizes, a[lo:hi], b[lo:hi])
        told = labelled if since is None else labelled[since <= day]
        owner = roots(parents)
        now = np.isin(owner, owner[told])
        joining.append(np.flatnonzero(now & ~member))
        member |= now
    return joining


def _gathered(transfers: Transfers, days: Integers, joining: list[Integers]) -> Flows:
    inflow, outflow, joined, balance = (np.zeros(len(days), np.int64) for _ in range(4))
    member = np.zeros(len(transfers.addresses) + 1, np.bool_)  # the last place is for outputs without an address
    held = np.zeros(len(member), np.int64)
    sides = (
        (-1, (transfers.source_tx, transfers.source_address, transfers.source_satoshi)),
        (1, (transfers.target_tx, transfers.target_address, transfers.target_satoshi)),
    )
    for k, day in enumerate(days.tolist()):
        member[joining[k]] = True
        joined[k] = held[joining[k]].sum()
        first, last = np.searchsorted(transfers.time, [day, day + DAY])
        net = np.zeros(int(last - first), np.int64)
        for sign, (tx, address, satoshi) in sides:
            rows = slice(*np.searchsorted(tx, [first, last]))
            moved = sign * satoshi[rows]
            np.add.at(held, address[rows], moved)
            np.add.at(net, tx[rows] - first, np.where(member[address[rows]], moved, 0))
        inflow[k], outflow[k] = np.maximum(net, 0).sum(), np.maximum(-net, 0).sum()
        balance[k] = held[member].sum()
    return Flows(days, inflow, outflow, joined, balance)


def _days(transfers: Transfers) -> Integers:
    check_transfers(transfers)
    unknown = int(((transfers.source_satoshi < 0) | (transfers.source_address < 0)).sum())
    if unknown:
        raise DataError(f"{unknown} of {len(transfers.source_tx)} inputs spend outputs that are not among the data")
    if not len(transfers.time):
        raise InputError("transfers", 0, "give at least one transaction")
    return np.arange(transfers.time[0] // DAY, transfers.time[-1] // DAY + 1, dtype=np.int64) * DAY
