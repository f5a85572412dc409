"""Addresses of one owner, found together: common-input ownership, and change if asked for.

S. Nakamoto (2008), section 10; S. Meiklejohn et al. (2013), "A fistful of bitcoins", IMC, heuristics 1 and 2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quotewright.chain.change import one_time_change
from quotewright.chain.coinjoins import coinjoins
from quotewright.chain.transfers import Transfers
from quotewright.chain.unions import merge, roots, singletons

Integers = npt.NDArray[np.int64]


def clusters(transfers: Transfers, *, change: bool = False, except_coinjoins: bool = True) -> Integers:
    """By address: the smallest address index of its cluster. Addresses never spent with another stand alone.

    All known inputs of a transaction belong to one owner, CoinJoins excepted; with `change`, its one-time change output
    too (`change.one_time_change`): it finds more, and one wrong answer can merge two services for good.
    """
    parents, sizes = singletons(len(transfers.addresses))
    _, a, b = common_inputs(transfers, except_coinjoins=except_coinjoins)
    merge(parents, sizes, a, b)
    if change:
        _, a, b = change_links(transfers)
        merge(parents, sizes, a, b)
    return smallest_member(roots(parents))


def common_inputs(transfers: Transfers, *, except_coinjoins: bool = True) -> tuple[Integers, Integers, Integers]:
    """(transaction, address, address) of neighbouring known inputs, in order of transactions."""
    known = transfers.source_address >= 0
    if except_coinjoins:
        known &= ~coinjoins(transfers)[transfers.source_tx]
    tx, address = transfers.source_tx[known], transfers.source_address[known]
    same = tx[1:] == tx[:-1]
    return tx[:-1][same], address[:-1][same], address[1:][same]


def change_links(transfers: Transfers) -> tuple[Integers, Integers, Integers]:
    """(transaction, address, address) of the first known input and the one-time change of each that has both."""
    rows = one_time_change(transfers)
    known = np.flatnonzero(transfers.source_address >= 0)
    tx, first = np.unique(transfers.source_tx[known], return_index=True)
    has = rows[tx] >= 0
    return tx[has], transfers.source_address[known[first[has]]], transfers.target_address[rows[tx[has]]]


def smallest_member(representative: Integers) -> Integers:
    """The same partition, each set named by its smallest member: the same name however it was built."""
    _, first, place = np.unique(representative, return_index=True, return_inverse=True)
    return first[place].astype(np.int64)
