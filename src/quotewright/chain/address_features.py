"""What an address did, as numbers a classifier can use: each from the transfers given and from nothing later.

Which features tell kinds of owners apart: M. Jourdan et al. (2018), "Characterizing entities in the bitcoin
blockchain", ICDM workshops. Give `transfers.until(height)` for features as of then.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quotewright.chain.addresses import kind_of
from quotewright.chain.clusters import clusters
from quotewright.chain.coinjoins import coinjoins, distinct_by_transaction
from quotewright.chain.graph import PLACE_NAMES, edges, places
from quotewright.chain.scripts import Kind
from quotewright.chain.transfers import Transfers

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

KINDS = (Kind.P2PKH, Kind.P2SH, Kind.P2WPKH, Kind.P2WSH, Kind.P2TR)
TEXT_NAMES = tuple(f"is_{kind.name.lower()}" for kind in KINDS)
ACTIVITY_NAMES = (
    "receipts",
    "spends",
    "log_received",
    "log_spent",
    "mean_log_receipt",
    "spread_log_receipt",
    "log_lifetime",
    "log_held",
    "mined_share",
    "coinjoin_share",
    "round_share",
    "inputs_beside",
    "outputs_beside_spent",
    "outputs_beside_received",
)
_ROUND = 100_000  # satoshi: a thousandth of a bitcoin


def text_features(addresses: tuple[str, ...] | list[str]) -> Floats:
    """addresses × `TEXT_NAMES`: the kind of output it asks for, all that its text tells. InputError for a typo."""
    kinds = np.array([kind_of(address) for address in addresses], np.int64)
    return np.stack([kinds == kind for kind in KINDS], axis=1).astype(np.float64)


def activity(transfers: Transfers, node: Integers) -> Floats:
    """nodes × `ACTIVITY_NAMES` for the nodes 0 to max(node); `node` maps each address to its node.

    Counts of receipts and spends are log(1 + n); amounts are logarithms of 1 + satoshi, held and lifetime those of
    1 + hours (from the mean receipt to the mean spend, and from first to last seen); shares are of receipts, but
    `coinjoin_share` of all rows; `*_beside*` are means of log counts in its transactions. 0 where there is nothing.
    """
    nodes = int(node.max(initial=-1)) + 1
    paid, spent = transfers.target_address >= 0, transfers.source_address >= 0
    got, gave = node[transfers.target_address[paid]], node[transfers.source_address[spent]]
    got_tx, gave_tx = transfers.target_tx[paid], transfers.source_tx[spent]
    amount, taken = transfers.target_satoshi[paid], np.maximum(transfers.source_satoshi[spent], 0)
    receipts, spends = np.bincount(got, minlength=nodes), np.bincount(gave, minlength=nodes)
    both, both_tx = np.concatenate([got, gave]), np.concatenate([got_tx, gave_tx])
    hours = (transfers.time - transfers.time[:1].sum()) / 3.6e12
    inputs = np.bincount(transfers.source_tx, minlength=len(hours))
    outputs = np.log1p(np.bincount(transfers.target_tx, minlength=len(hours)))
    payers = np.log1p(distinct_by_transaction(transfers.source_tx, transfers.source_address, len(hours)))
    joint = coinjoins(transfers)
    logs = np.log1p(amount)
    mean_log = _mean(got, logs, nodes)
    held = _mean(gave, hours[gave_tx], nodes) - _mean(got, hours[got_tx], nodes)
    columns = [
        np.log1p(receipts),
        np.log1p(spends),
        np.log1p(np.bincount(got, amount, nodes)),
        np.log1p(np.bincount(gave, taken, nodes)),
        mean_log,
        np.sqrt(np.maximum(_mean(got, (logs - mean_log[got]) ** 2, nodes), 0)),
        np.log1p(_span(both, hours[both_tx], nodes)),
        np.where((receipts > 0) & (spends > 0), np.log1p(np.maximum(held, 0)), 0.0),
        _mean(got, inputs[got_tx] == 0, nodes),
        _mean(both, joint[both_tx], nodes),
        _mean(got, amount % _ROUND == 0, nodes),
        _mean(gave, payers[gave_tx], nodes),
        _mean(gave, outputs[gave_tx], nodes),
        _mean(got, outputs[got_tx], nodes),
    ]
    return np.stack(columns, axis=1)


def address_features(transfers: Transfers, cluster: Integers | None = None) -> tuple[Floats, tuple[str, ...]]:
    """(addresses × features, names): kind, activity and place of each address, and of the cluster that it is in.

    `cluster` names a cluster for each address (default: `clusters.clusters`). MissingExtraError without rustworkx.
    """
    count = len(transfers.addresses)
    owner = clusters(transfers) if cluster is None else cluster
    _, group = np.unique(owner, return_inverse=True)
    group = group.reshape(-1).astype(np.int64)
    groups = int(group.max(initial=-1)) + 1
    own = np.arange(count, dtype=np.int64)
    size = np.log1p(np.bincount(group, minlength=groups))[group][:, None]
    blocks = [
        text_features(transfers.addresses),
        activity(transfers, own),
        places(edges(transfers), count),
        activity(transfers, group)[group],
        places(edges(transfers, group), groups)[group],
        size,
    ]
    of_cluster = (*ACTIVITY_NAMES, *PLACE_NAMES)
    names = (
        *TEXT_NAMES,
        *ACTIVITY_NAMES,
        *PLACE_NAMES,
        *(f"cluster_{name}" for name in of_cluster),
        "log_cluster_size",
    )
    return np.concatenate(blocks, axis=1), names


def _mean(node: Integers, value: npt.ArrayLike, nodes: int) -> Floats:
    return np.bincount(node, np.asarray(value, np.float64), nodes) / np.maximum(np.bincount(node, minlength=nodes), 1)


def _span(node: Integers, hours: Floats, nodes: int) -> Floats:
    low, high = np.full(nodes, np.inf), np.full(nodes, -np.inf)
    np.minimum.at(low, node, hours)
    np.maximum.at(high, node, hours)
    return np.where(np.isfinite(low), high - low, 0.0)
