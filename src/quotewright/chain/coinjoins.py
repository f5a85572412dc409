"""Transactions that several owners sign together: common-input ownership must not be read from them.

The exception and why it matters: S. Meiklejohn et al. (2013), "A fistful of bitcoins", IMC, section 4.1; the form of
CoinJoins, as many equal outputs as participants: M. Möser & R. Böhme (2017), "The price of anonymity", section 3, and
S. Goldfeder et al. (2018), "When the cookie meets the blockchain", PoPETs, section 4.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quotewright.chain.transfers import Transfers
from quotewright.domain.errors import InputError

LEAST_PARTICIPANTS = 3


def coinjoins(transfers: Transfers, *, least: int = LEAST_PARTICIPANTS) -> npt.NDArray[np.bool_]:
    """By transaction: whether it looks like a CoinJoin of at least `least` participants.

    Participants: the size of the largest group of equal positive outputs to distinct addresses. They must be no more
    than the distinct input addresses; each may have one more output (change), and the coordinator one. A batch of equal
    withdrawals is taken for one only where it has as many input addresses; two participants look like any payment, so
    `least` is 3. Raises InputError for fewer than 2.
    """
    if least < 2:
        raise InputError("least", least, "give 2 participants or more")
    count = len(transfers.time)
    inputs = distinct_by_transaction(transfers.source_tx, transfers.source_address, count)
    outputs = np.bincount(transfers.target_tx, minlength=count)
    largest = _largest_equal_group(transfers, count)
    return (largest >= least) & (inputs >= largest) & (outputs <= 2 * largest + 1)


def distinct_by_transaction(
    tx: npt.NDArray[np.int64], address: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.int64]:
    """How many different known addresses each of `count` transactions has on one side."""
    known = int(address.max(initial=0)) + 1
    pairs = np.unique((tx * known + address)[address >= 0])
    return np.bincount(pairs // known, minlength=count).astype(np.int64)


def _largest_equal_group(transfers: Transfers, count: int) -> npt.NDArray[np.int64]:
    shown = (transfers.target_address >= 0) & (transfers.target_satoshi > 0)
    columns = (transfers.target_tx, transfers.target_satoshi, transfers.target_address)
    rows = np.unique(np.stack(columns, axis=1)[shown], axis=0)  # an address paid twice counts once
    groups, sizes = np.unique(rows[:, :2], axis=0, return_counts=True)
    largest = np.zeros(count, np.int64)
    np.maximum.at(largest, groups[:, 0], sizes)
    return largest
