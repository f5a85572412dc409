"""Which output of a payment goes back to the payer.

S. Meiklejohn et al. (2013), "A fistful of bitcoins", IMC, section 4.2 (heuristic 2, one-time change addresses), with
their safeguards against the super-clusters of false positives; the optimal-change rule: J. D. Nick (2015),
"Data-driven de-anonymization in Bitcoin", ETH Zürich, section 3.2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quotewright.chain.coinjoins import coinjoins
from quotewright.chain.transfers import UNKNOWN, Transfers

Integers = npt.NDArray[np.int64]


def one_time_change(transfers: Transfers) -> Integers:
    """By transaction: the row of its change output among the targets, or −1.

    It is the one output whose address had never been seen, where every other one had (so there are two or more), no
    output goes back to an input's address, and the transaction is neither a coinbase nor a CoinJoin. Seen means: before
    that transaction in `transfers`, as known then; so data that begin late have more new addresses than the chain, and
    fewer answers. The paper's wait (has the address stayed one-time for a week?) would read the future; it is not here.
    """
    fresh = _first_seen(transfers) == transfers.target_tx
    fresh &= transfers.target_address >= 0
    return _only(transfers, fresh, _eligible(transfers))


def optimal_change(transfers: Transfers) -> Integers:
    """By transaction: the row of the one output smaller than every input, or −1.

    Had the wallet not needed an input, it would not have spent it; so change is less than each of them. Only where all
    inputs' amounts are known, there are two or more of them and of outputs, and just one output is so small.
    """
    count = len(transfers.time)
    smallest = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(smallest, transfers.source_tx, transfers.source_satoshi)  # −1 where unknown: no output is below it
    small = (transfers.target_satoshi < smallest[transfers.target_tx]) & (transfers.target_address >= 0)
    several = np.bincount(transfers.source_tx, minlength=count) >= 2
    return _only(transfers, small, _eligible(transfers) & several)


def _only(transfers: Transfers, marked: npt.NDArray[np.bool_], eligible: npt.NDArray[np.bool_]) -> Integers:
    count = len(transfers.time)
    one = np.bincount(transfers.target_tx[marked], minlength=count) == 1
    found = np.full(count, UNKNOWN, np.int64)
    rows = np.flatnonzero(marked & (one & eligible)[transfers.target_tx])
    found[transfers.target_tx[rows]] = rows
    return found


def _eligible(transfers: Transfers) -> npt.NDArray[np.bool_]:
    """No coinbase, no CoinJoin, two or more outputs with an address, and none of them an input's."""
    count, known = len(transfers.time), len(transfers.addresses) + 1
    addressed = transfers.target_address >= 0
    wide = np.bincount(transfers.target_tx[addressed], minlength=count) >= 2
    spends = np.bincount(transfers.source_tx, minlength=count) > 0
    paid = transfers.target_tx * known + transfers.target_address
    spent = (transfers.source_tx * known + transfers.source_address)[transfers.source_address >= 0]
    back = np.bincount(transfers.target_tx[addressed & np.isin(paid, spent)], minlength=count) > 0
    return wide & spends & ~back & ~coinjoins(transfers)


def _first_seen(transfers: Transfers) -> Integers:
    """By target row: the first transaction that any row names its address in."""
    first = np.full(len(transfers.addresses) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, transfers.target_address, transfers.target_tx)  # −1 falls on the spare last place
    np.minimum.at(first, transfers.source_address, transfers.source_tx)
    return first[transfers.target_address]
