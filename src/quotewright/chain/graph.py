"""Who pays whom: the graph of addresses or clusters, and what a node's place in it tells.

PageRank: L. Page et al. (1999), "The PageRank citation ranking"; core numbers: V. Batagelj & M. Zaveršnik (2003); both
rustworkx's (extra `research`).
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.chain.transfers import Transfers
from quotewright.domain.errors import InputError, MissingExtraError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MOST_PAIRS = 20_000_000
FOLLOWED = 0.85  # share of PageRank that follows payments; the rest falls on all alike


class Edges(NamedTuple):
    """Payments from one node to another, summed: each pair once, in order; satoshi shared out, so not whole."""

    payer: Integers
    payee: Integers
    satoshi: Floats
    payments: Integers


def edges(transfers: Transfers, node: Integers | None = None) -> Edges:
    """Edges between nodes; `node` maps addresses to them (clusters, say; by default each address is one).

    An output is shared among a transaction's known payers by what each put in, or equally where an amount is unknown.
    Payments to a payer itself are left out: change, mostly. Raises InputError for a map that does not fit, or more than
    20 million pairs: map addresses to clusters first.
    """
    nodes = np.arange(len(transfers.addresses)) if node is None else np.asarray(node, np.int64)
    if len(nodes) != len(transfers.addresses) or (len(nodes) and nodes.min() < 0):
        raise InputError(
            "node", len(nodes), f"give a node of 0 or more for each of {len(transfers.addresses)} addresses"
        )
    paying, paid = transfers.source_address >= 0, transfers.target_address >= 0
    p_tx, payer, put = _summed(transfers.source_tx, nodes[transfers.source_address], _shares(transfers), paying)
    q_tx, payee, got = _summed(
        transfers.target_tx, nodes[transfers.target_address], transfers.target_satoshi.astype(np.float64), paid
    )
    first, last = np.searchsorted(q_tx, p_tx), np.searchsorted(q_tx, p_tx, side="right")
    if (last - first).sum() > MOST_PAIRS:
        raise InputError("transfers", int((last - first).sum()), f"make more than {MOST_PAIRS} pairs: cluster first")
    left = np.repeat(np.arange(len(p_tx)), last - first)
    right = np.arange(len(left)) - np.repeat(np.cumsum(last - first) - (last - first), last - first) + first[left]
    total = np.bincount(p_tx, put, len(transfers.time))
    amount = got[right] * put[left] / np.where(total[p_tx[left]] > 0, total[p_tx[left]], 1.0)
    other = payer[left] != payee[right]
    count = int(nodes.max(initial=0)) + 1
    unique, place = np.unique((payer[left] * count + payee[right])[other], return_inverse=True)
    sums = np.bincount(place, amount[other], len(unique)).astype(np.float64)
    return Edges(unique // count, unique % count, sums, np.bincount(place, minlength=len(unique)).astype(np.int64))


def graph_of(found: Edges, nodes: int) -> Any:
    """The edges as a rustworkx PyDiGraph of `nodes` nodes, weighed by satoshi. Raises MissingExtraError without it."""
    graph = _rustworkx().PyDiGraph(multigraph=False)
    graph.add_nodes_from(range(nodes))
    graph.add_edges_from(list(zip(found.payer.tolist(), found.payee.tolist(), found.satoshi.tolist(), strict=True)))
    return graph


PLACE_NAMES = ("payees", "payers", "mutual", "log_pagerank", "core", "largest_payee_share", "largest_payer_share")


def places(found: Edges, nodes: int) -> Floats:
    """nodes × `PLACE_NAMES`: how many it pays and is paid by, how many both, PageRank, core number, concentration.

    PageRank is among the nodes that pay or are paid, in shares of their mean, so that nodes which come later change
    nothing; those without a payment have the least there can be. A share is the largest counterparty's of all satoshi
    paid, or received; 0 without any.
    """
    rustworkx = _rustworkx()
    linked, ends = np.unique(np.concatenate([found.payer, found.payee]), return_inverse=True)
    payer, payee = ends.reshape(2, -1).astype(np.int64)
    graph = graph_of(Edges(payer, payee, found.satoshi, found.payments), len(linked))
    pagerank = rustworkx.pagerank(graph, alpha=FOLLOWED, weight_fn=float)
    numbers = rustworkx.core_number(graph.to_undirected(multigraph=False))
    rank, core = np.zeros(nodes), np.zeros(nodes)
    rank[linked] = [pagerank[n] * len(linked) for n in range(len(linked))]
    core[linked] = [numbers[n] for n in range(len(linked))]
    ways = found.payer * nodes + found.payee
    mutual = np.isin(found.payee * nodes + found.payer, ways)
    columns = [
        np.bincount(found.payer, minlength=nodes),
        np.bincount(found.payee, minlength=nodes),
        np.bincount(found.payer, mutual, nodes),
        np.log(np.maximum(rank, 1 - FOLLOWED)),
        core,
        _largest_share(found.payer, found.satoshi, nodes),
        _largest_share(found.payee, found.satoshi, nodes),
    ]
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)


def _largest_share(node: Integers, satoshi: Floats, nodes: int) -> Floats:
    largest = np.zeros(nodes)
    np.maximum.at(largest, node, satoshi)
    return largest / np.maximum(np.bincount(node, satoshi, nodes), 1.0)


def _shares(transfers: Transfers) -> Floats:
    """What each input row put in; 1 for every input of a transaction of which an amount is unknown."""
    unknown = np.bincount(transfers.source_tx[transfers.source_satoshi < 0], minlength=len(transfers.time)) > 0
    return np.where(unknown[transfers.source_tx], 1, transfers.source_satoshi).astype(np.float64)


def _summed(
    tx: Integers, node: Integers, amount: Floats, kept: npt.NDArray[np.bool_]
) -> tuple[Integers, Integers, Floats]:
    """Rows of one transaction and node as one."""
    nodes = int(node.max(initial=0)) + 1
    pairs, place = np.unique((tx * nodes + node)[kept], return_inverse=True)
    return pairs // nodes, pairs % nodes, np.bincount(place, amount[kept], len(pairs)).astype(np.float64)


def _rustworkx() -> Any:
    try:
        return importlib.import_module("rustworkx")
    except ImportError:
        raise MissingExtraError("graphs of payments need: pip install 'quotewright[research]'") from None
