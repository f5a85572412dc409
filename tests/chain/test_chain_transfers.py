"""Transfers, CoinJoins, change and clusters: on a real block, by hand, and against independent graph code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.chain.addresses import address_of
from quotewright.chain.blocks import Block
from quotewright.chain.change import one_time_change, optimal_change
from quotewright.chain.clusters import clusters, smallest_member
from quotewright.chain.coinjoins import coinjoins
from quotewright.chain.scripts import Kind, pushes
from quotewright.chain.spenders import spender_of, spent_template
from quotewright.chain.transactions import Input, Output, Transaction
from quotewright.chain.transfers import UNKNOWN, Transfers, check_transfers, transfers_of
from quotewright.chain.unions import merge, roots, singletons
from quotewright.domain.errors import DataError, InputError

Side = Sequence[tuple[int, int]]  # (address, satoshi)


def chain_of(rows: Sequence[tuple[Side, Side]], addresses: int) -> Transfers:
    """One transaction a block, ten minutes apart."""
    source = [(n, a, v) for n, (side, _) in enumerate(rows) for a, v in side]
    target = [(n, a, v) for n, (_, side) in enumerate(rows) for a, v in side]
    s, t = (np.array(side, np.int64).reshape(-1, 3).T for side in (source, target))
    height = np.arange(len(rows), dtype=np.int64)
    found = Transfers(height * 600_000_000_000, height, *s, *t, tuple(f"a{n}" for n in range(addresses)))
    check_transfers(found)
    return found


sides = st.lists(st.tuples(st.integers(-1, 15), st.integers(0, 4)), min_size=1, max_size=6)
chains = st.lists(st.tuples(st.just([]) | sides, sides), max_size=25).map(lambda rows: chain_of(rows, 16))


def test_the_real_block_as_transfers(real_transfers: Transfers) -> None:
    found = real_transfers
    check_transfers(found)
    assert len(found.time) == 2500
    assert (len(found.source_tx), len(found.target_tx)) == (6517, 6015)  # the coinbase spends nothing
    assert (found.source_address >= 0).all()
    assert found.target_satoshi.sum() == 2_883_682_728_990
    spent = set(found.source_address.tolist())
    paid = set(found.target_address.tolist()) - {UNKNOWN}
    assert (len(spent), len(paid), len(spent & paid)) == (5695, 5733, 475)
    assert set(found.height.tolist()) == {702861}


def test_the_counts_that_the_data_s_description_gives(real_block: Block) -> None:
    """4,898 input addresses, 467 also outputs: without uncompressed keys and P2SH scripts shown in the script alone."""
    block = real_block
    spent: set[str | None] = set()
    for transaction in block.transactions[1:]:
        for each in transaction.inputs:
            stack, found = pushes(each.script), spent_template(each)
            assert stack is not None
            assert found is not None
            if found.kind == Kind.P2SH and not each.witness:
                continue
            if found.kind == Kind.P2PKH and len(stack[-1]) == 65:
                continue
            spent.add(spender_of(each))
    paid = {address_of(output.script) for each in block.transactions for output in each.outputs}
    assert (len(spent), len(spent & paid)) == (4898, 467)


def test_what_inputs_reveal_is_what_the_outputs_they_spend_say(real_block: Block, real_transfers: Transfers) -> None:
    block = real_block
    made = {(each.txid, n): output for each in block.transactions for n, output in enumerate(each.outputs)}
    inside = [
        each for transaction in block.transactions for each in transaction.inputs if (each.txid, each.output) in made
    ]
    assert len(inside) == 327
    for each in inside:
        assert spender_of(each) == address_of(made[each.txid, each.output].script)
    assert (real_transfers.source_satoshi >= 0).sum() == 327


def test_mined_blocks_resolve_each_other(mine: Callable[..., Block]) -> None:
    pay = [b"\x00\x14" + bytes((n,)) * 20 for n in range(4)]
    first = mine([], height=200, time=1_700_000_000)
    reward = Input(first.transactions[0].txid, 0, b"", 0)
    split = Transaction(2, (reward,), (Output(30_0000_0000, pay[0]), Output(19_0000_0000, pay[1])), 0)
    spend = Transaction(2, (Input(split.txid, 1, b"", 0),), (Output(18_0000_0000, pay[2]), Output(5, b"\x6a")), 0)
    second = mine([split, spend], previous=first.header.hash, height=201, time=1_699_999_000)
    found = transfers_of([first, second])
    check_transfers(found)
    assert found.resolved
    assert found.height.tolist() == [200, 201, 201, 201]
    assert found.time.tolist() == [1_700_000_000_000_000_000] * 4  # the second miner's clock is behind
    assert found.source_satoshi.tolist() == [50_0000_0000, 19_0000_0000]
    assert [found.addresses[n] for n in found.source_address] == [
        address_of(first.transactions[0].outputs[0].script),
        address_of(pay[1]),
    ]
    assert found.target_address[-1] == UNKNOWN
    before = found.until(200)
    check_transfers(before)
    assert (len(before.time), len(before.source_tx), len(before.target_tx)) == (1, 0, 2)
    with pytest.raises(DataError, match="does not follow"):
        transfers_of([second, first])
    twice = mine([split, split._replace(version=1)], previous=first.header.hash, height=201)
    with pytest.raises(DataError, match="spent twice"):
        transfers_of([first, twice])
    with pytest.raises(InputError, match="at least one"):
        transfers_of([])
    old = first._replace(header=first.header._replace(version=1))
    with pytest.raises(InputError, match="first_height"):
        transfers_of([old])
    assert transfers_of([old], first_height=3).height.tolist() == [3]


@pytest.mark.parametrize(
    ("column", "values"),
    [("time", [5, 4]), ("height", [1]), ("source_tx", [2]), ("source_address", [3]), ("target_satoshi", [-1, 3])],
)
def test_transfers_that_contradict_themselves_are_refused(column: str, values: list[int]) -> None:
    good = chain_of([([], [(0, 5)]), ([(0, 5)], [(1, 4)])], 3)
    with pytest.raises(InputError):
        check_transfers(good._replace(**{column: np.array(values, np.int64)}))


@given(st.integers(1, 30), st.data())
@settings(deadline=None)  # the first call compiles
def test_unions_are_connected_components(count: int, data: st.DataObject) -> None:
    members = st.integers(0, count - 1)
    pairs = data.draw(st.lists(st.tuples(members, members), max_size=40))
    a, b = np.array(pairs, np.int64).reshape(-1, 2).T
    parents, sizes = singletons(count)
    half = len(pairs) // 2
    merge(parents, sizes, a[:half], b[:half])
    merge(parents, sizes, a[half:], b[half:])
    graph = nx.Graph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(pairs)
    expected = np.empty(count, np.int64)
    for component in nx.connected_components(graph):
        expected[list(component)] = min(component)
    assert (smallest_member(roots(parents)) == expected).all()


def test_unions_of_strangers_are_refused() -> None:
    parents, sizes = singletons(3)
    for a, b in (([3], [0]), ([0], [-1]), ([0, 1], [2])):
        with pytest.raises(InputError):
            merge(parents, sizes, np.array(a), np.array(b))
    assert len(roots(singletons(0)[0])) == 0


@given(chains)
@settings(max_examples=40, deadline=None)
def test_clusters_are_what_common_inputs_say(chain: Transfers) -> None:
    joint = coinjoins(chain)
    graph = nx.Graph()
    graph.add_nodes_from(range(16))
    for tx in range(len(chain.time)):
        members = [a for a in chain.source_address[chain.source_tx == tx].tolist() if a >= 0]
        if not joint[tx]:
            nx.add_path(graph, members)
    found = clusters(chain)
    components = {frozenset(component) for component in nx.connected_components(graph)}
    assert {frozenset(np.flatnonzero(found == name).tolist()) for name in np.unique(found)} == components
    merged = clusters(chain, change=True)
    assert all(len(np.unique(merged[found == name])) == 1 for name in np.unique(found))  # coarser, never finer


@given(chains, st.integers(0, 25))
@settings(max_examples=40, deadline=None)
def test_nothing_is_read_from_later_blocks(chain: Transfers, height: int) -> None:
    before = chain.until(height)
    count = len(before.time)
    for rule in (coinjoins, one_time_change, optimal_change):
        assert (rule(before) == rule(chain)[:count]).all()


def test_coinjoins_by_hand() -> None:
    three = [(n, 10) for n in range(3)]
    rows: list[tuple[Side, Side]] = [
        (three, [(n, 9) for n in range(3, 6)]),  # three owners
        (three, [*((n, 9) for n in range(3, 6)), (6, 1), (7, 2), (8, 3), (9, 1)]),  # each with change, and a fee
        (three, [*((n, 9) for n in range(3, 6)), (6, 1), (7, 2), (8, 3), (9, 1), (10, 1), (11, 4)]),  # too much else
        (three, [(3, 9), (3, 9), (3, 9)]),  # three times to one address
        ([(0, 10), (0, 10), (0, 10)], [(n, 9) for n in range(3, 6)]),  # one owner: a batch
        (three, [(3, 9), (4, 9), (5, 8)]),  # two equal ones
        ([], [(n, 9) for n in range(3, 6)]),
        ([(n, 0) for n in range(3)], [(n, 0) for n in range(3, 6)]),  # nothing changes hands
    ]
    chain = chain_of(rows, 16)
    assert coinjoins(chain).tolist() == [True, True, False, False, False, False, False, False]
    assert coinjoins(chain, least=2)[5]
    with pytest.raises(InputError):
        coinjoins(chain, least=1)


def test_the_real_block_holds_seven_coinjoins_of_five(real_transfers: Transfers) -> None:
    """Five inputs, five outputs of 0.01 or 0.001 bitcoin: the pools of Samourai's Whirlpool."""
    found = real_transfers
    rows = [found.target_satoshi[found.target_tx == tx].tolist() for tx in np.flatnonzero(coinjoins(found))]
    assert sorted(rows) == [[100_000] * 5] * 4 + [[1_000_000] * 5] * 3
    whole, careless = clusters(found), clusters(found, except_coinjoins=False)
    assert len(np.unique(careless)) == len(np.unique(whole)) - 7 * 4


def test_change_by_hand() -> None:
    rows: list[tuple[Side, Side]] = [
        ([], [(0, 50)]),
        ([], [(1, 50)]),
        ([(0, 50)], [(1, 30), (2, 20)]),  # 2 is new, 1 is not: 2 is change
        ([(2, 20)], [(3, 10), (4, 9)]),  # both new
        ([(3, 10)], [(1, 4), (0, 5)]),  # none new
        ([(4, 9)], [(4, 3), (5, 5)]),  # change to itself
        ([(5, 5)], [(6, 4)]),  # one output
        ([(1, 50), (1, 30)], [(0, 60), (7, 19)]),  # by both rules
        ([(6, 4), (8, UNKNOWN)], [(0, 3), (9, 1)]),  # an amount is not known
        ([(7, 19), (9, 1)], [(10, 5), (11, 14), (UNKNOWN, 0)]),  # data is no change
    ]
    chain = chain_of(rows, 12)

    def addresses(rows: np.ndarray) -> list[int]:
        return [int(chain.target_address[row]) if row >= 0 else -1 for row in rows]

    assert addresses(one_time_change(chain)) == [-1, -1, 2, -1, -1, -1, -1, 7, 9, -1]
    assert addresses(optimal_change(chain)) == [-1, -1, -1, -1, -1, -1, -1, 7, -1, -1]
    assert clusters(chain, change=True).tolist() == [0, 1, 0, 3, 4, 5, 1, 1, 1, 1, 10, 11]  # 7 and 9 meet last
