"""Flows against the simulated owners' own books, to the satoshi; what was known when; the simulated chain itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.chain.as_features import flow_series
from quotewright.chain.clusters import clusters
from quotewright.chain.coinjoins import coinjoins
from quotewright.chain.flows import CONFIRMATIONS, DAY, Flows, flows, flows_as_known, publish
from quotewright.chain.issuance import subsidy
from quotewright.chain.simulated import CATEGORIES, SimulatedChain, simulate_chain
from quotewright.chain.transfers import UNKNOWN, Transfers, check_transfers
from quotewright.datasets.as_of import as_of_matrix
from quotewright.domain.errors import DataError, InputError

FEW = {"exchange": 3, "gambling": 3, "miner": 3, "mixer": 3, "user": 25}


@pytest.fixture(scope="module")
def chain() -> SimulatedChain:
    return simulate_chain(11, days=12, counts=FEW)


@pytest.fixture(scope="module")
def hot(chain: SimulatedChain) -> np.ndarray:
    """One address of each exchange: the one that received the most."""
    found = chain.transfers
    got = np.bincount(found.target_address, minlength=len(found.addresses))
    return np.array([max(np.flatnonzero(chain.owner == owner), key=lambda a: got[a]) for owner in range(3)])


def test_the_simulated_chain_makes_no_coins_but_its_subsidies(chain: SimulatedChain) -> None:
    found = chain.transfers
    check_transfers(found)
    assert found.resolved
    count = len(found.time)
    put, got = (np.zeros(count, np.int64) for _ in range(2))
    np.add.at(put, found.source_tx, found.source_satoshi)
    np.add.at(got, found.target_tx, found.target_satoshi)
    mined = put == 0
    assert (put[~mined] > got[~mined]).all()  # each leaves a fee
    fees = np.bincount(found.height[~mined], (put - got)[~mined], int(found.height[-1]) + 1)
    blocks = found.height[mined]
    assert blocks.tolist() == list(range(len(blocks)))
    assert (got[mined] == np.array([subsidy(h) for h in range(len(blocks))]) + fees).all()
    held = np.zeros(len(found.addresses), np.int64)
    np.add.at(held, found.target_address, found.target_satoshi)
    np.subtract.at(held, found.source_address, found.source_satoshi)
    assert held.min() >= 0
    assert held.sum() == sum(subsidy(h) for h in range(len(blocks)))
    assert len(set(found.addresses)) == len(found.addresses)


def test_the_simulated_chain_is_of_its_seed(chain: SimulatedChain) -> None:
    again = simulate_chain(11, days=12, counts=FEW)
    other = simulate_chain(12, days=12, counts=FEW)
    assert again.transfers.addresses == chain.transfers.addresses
    assert all((a == b).all() for a, b in zip(again.transfers[:-1], chain.transfers[:-1], strict=True))
    assert other.transfers.addresses != chain.transfers.addresses
    assert [(chain.category == k).sum() for k in range(5)] == [FEW[name] for name in CATEGORIES]
    for wrong in ({"counts": {"user": 1}}, {"counts": {"whale": 5}}, {"days": 0}):
        with pytest.raises(InputError):
            simulate_chain(1, **wrong)  # type: ignore[arg-type]


def test_no_cluster_has_two_owners_once_coinjoins_are_set_aside(chain: SimulatedChain) -> None:
    found = chain.transfers
    joint = coinjoins(found)
    owners = [
        len(set(chain.owner[found.source_address[found.source_tx == tx]].tolist())) for tx in np.flatnonzero(joint)
    ]
    assert len(owners) > 3
    assert min(owners) > 2

    def owners_by_cluster(named: np.ndarray) -> np.ndarray:
        return np.bincount(np.unique(np.stack([named, chain.owner]), axis=1)[0])

    assert owners_by_cluster(clusters(found)).max() == 1
    assert owners_by_cluster(clusters(found, except_coinjoins=False)).max() > 2


def test_flows_are_the_owners_own_books(chain: SimulatedChain) -> None:
    for owner in np.flatnonzero(chain.category != CATEGORIES.index("user")).tolist():
        found = flows(chain.transfers, chain.owner == owner)
        days = len(found.day)
        gained = chain.deposited + chain.mined
        assert (found.netflow == (gained - chain.withdrawn - chain.fees)[:days, owner]).all()
        if chain.mined[:, owner].sum() == 0:
            assert (found.inflow == chain.deposited[:days, owner]).all()
            assert (found.outflow == (chain.withdrawn + chain.fees)[:days, owner]).all()
        assert (found.balance == np.cumsum(found.netflow)).all()
        assert not found.joined.any()


def test_payments_among_exchanges_are_no_flow_of_all_of_them(chain: SimulatedChain) -> None:
    each = [flows(chain.transfers, chain.owner == owner) for owner in range(3)]
    whole = flows(chain.transfers, chain.category[chain.owner] == 0)
    assert (whole.netflow == sum(found.netflow for found in each)).all()
    assert whole.inflow.sum() < sum(found.inflow.sum() for found in each)


def test_flows_as_known_keep_their_own_books(chain: SimulatedChain, hot: np.ndarray) -> None:
    found = flows_as_known(chain.transfers, hot)
    assert (np.diff(found.balance, prepend=0) == found.netflow + found.joined).all()
    assert found.joined.sum() > 0  # deposits that were swept together with others are recognised later
    truth = flows(chain.transfers, chain.category[chain.owner] == 0)
    assert np.corrcoef(found.netflow, truth.netflow)[0, 1] > 0.8
    assert (found.balance <= truth.balance).all()  # members are never strangers here


def test_labels_count_from_when_they_were_published(chain: SimulatedChain, hot: np.ndarray) -> None:
    late = chain.start + 5 * DAY
    found = flows_as_known(chain.transfers, hot, since=np.full(3, late))
    always = flows_as_known(chain.transfers, hot)
    assert not found.inflow[:5].any()
    assert found.joined[5] == always.balance[4] + always.joined[5]
    assert (found.netflow[5:] == always.netflow[5:]).all()
    assert not flows_as_known(chain.transfers, np.zeros(0, np.int64)).balance.any()


@pytest.mark.parametrize("change", [False, True])
def test_a_chain_cut_short_changes_no_day_that_was_published(
    chain: SimulatedChain, hot: np.ndarray, change: bool
) -> None:
    whole = publish(flows_as_known(chain.transfers, hot, change=change), chain.transfers)
    for height in range(20, int(chain.transfers.height[-1]), 31):
        cut = chain.transfers.until(height)
        part = publish(flows_as_known(cut, hot, change=change), cut)
        days = len(part.time)
        assert days == (whole.known <= cut.time[-1]).sum()  # all that was known by then, and no more
        for a, b in zip((part.time, part.known, *part.flows), (whole.time, whole.known, *whole.flows), strict=True):
            assert (a == b[:days]).all()


def test_publication_by_hand() -> None:
    hour = DAY // 24
    time = np.array([1, 20, 23, 25, 47, 49, 50, 51], np.int64) * hour
    none = np.zeros(0, np.int64)
    found = Transfers(
        time, np.arange(8) + 5, none, none, none, np.arange(8), np.zeros(8, np.int64), np.arange(8), ("a",)
    )
    all_days = flows(found, np.array([True]))
    assert all_days.inflow.tolist() == [0 + 1 + 2, 3 + 4, 5 + 6 + 7]
    for confirmations, known in {1: [25, 49], 2: [25, 49], 3: [47, 50], 4: [49, 51], 5: [50]}.items():
        told = publish(all_days, found, confirmations=confirmations)
        assert (told.known // hour).tolist() == known
        assert (told.time // DAY).tolist() == list(range(len(known)))
    later = publish(all_days, found, confirmations=1, delay_ns=7)
    assert later.known.tolist() == [25 * hour + 7, 49 * hour + 7]
    with pytest.raises(InputError):
        publish(all_days, found, confirmations=0)


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_any_group_s_flow_is_the_change_of_its_balance(chain: SimulatedChain, data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 2**32 - 1))
    member = np.random.default_rng(seed).random(len(chain.transfers.addresses)) < data.draw(st.floats(0, 1))
    found = flows(chain.transfers, member)
    rest = flows(chain.transfers, ~member)
    held = np.zeros(len(member), np.int64)
    np.add.at(held, chain.transfers.target_address, chain.transfers.target_satoshi)
    np.subtract.at(held, chain.transfers.source_address, chain.transfers.source_satoshi)
    assert found.balance[-1] == held[member].sum()
    assert (found.balance == np.cumsum(found.inflow - found.outflow)).all()
    whole = flows(chain.transfers, np.ones(len(member), np.bool_))
    assert (found.netflow + rest.netflow == whole.netflow).all()


def test_what_cannot_be_told_is_refused(chain: SimulatedChain) -> None:
    found = chain.transfers
    blind = found.source_satoshi.copy()
    blind[3:5] = UNKNOWN
    with pytest.raises(DataError, match="2 of"):
        flows(found._replace(source_satoshi=blind), chain.owner == 0)
    with pytest.raises(InputError, match="one flag"):
        flows(found, np.ones(3, np.bool_))
    with pytest.raises(InputError, match="indices"):
        flows_as_known(found, np.array([len(found.addresses)]))
    with pytest.raises(InputError, match="each label"):
        flows_as_known(found, np.array([0]), since=np.zeros(2, np.int64))
    with pytest.raises(InputError, match="at least one"):
        flows(found.until(-1), chain.owner == 0)
    assert CONFIRMATIONS == 6
    assert len(Flows._fields) == 5


def test_flows_as_features_are_known_when_published(chain: SimulatedChain, hot: np.ndarray) -> None:
    told = publish(flows_as_known(chain.transfers, hot), chain.transfers, delay_ns=5)
    inflow, outflow, netflow = flow_series(told, "exchange")
    assert [each.name for each in (inflow, outflow, netflow)] == [
        f"exchange_{n}" for n in ("inflow", "outflow", "netflow")
    ]
    moments = np.sort(np.concatenate([told.known - 1, told.known]))
    found = as_of_matrix(moments, [inflow, outflow, netflow])
    assert np.isnan(found[0]).all()
    assert (found[1::2] == np.stack((*told.flows[1:3], told.flows.netflow), axis=1) / 1e8).all()
    assert np.array_equal(found[2::2], found[1:-1:2])  # a nanosecond before the next, still the one before
