"""Features of addresses, the graph of payments, classification by owners held out, and the labelled addresses."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.chain.address_features import ACTIVITY_NAMES, KINDS, activity, address_features, text_features
from quotewright.chain.classify import Neighbours, classify, scores
from quotewright.chain.clusters import clusters
from quotewright.chain.graph import PLACE_NAMES, Edges, edges, graph_of, places
from quotewright.chain.label_study import study_labels
from quotewright.chain.labels import read_labels
from quotewright.chain.simulated import CATEGORIES, SimulatedChain, simulate_chain
from quotewright.chain.transfers import UNKNOWN, Transfers
from quotewright.domain.errors import DataError, InputError, MissingExtraError

COUNTS = {"exchange": 5, "gambling": 5, "miner": 5, "mixer": 5, "user": 30}
NAMED = (
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "3P14159f73E4gFr7JterCCQh9QjiTjiZrG",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
)
HOUR = 3_600_000_000_000


@pytest.fixture(scope="module")
def chain() -> SimulatedChain:
    return simulate_chain(3, days=10, counts=COUNTS)


@pytest.fixture(scope="module")
def by_hand() -> Transfers:
    """0 mines 100; 0 pays 1 and 2 (60, 30); 1 and 2 pay 3 (50 of 60 and 30); 3 and an unknown pay 0 and nobody."""
    source = [(1, 0, 100), (2, 1, 60), (2, 2, 30), (3, 3, 50), (3, UNKNOWN, UNKNOWN)]
    target = [(0, 0, 100), (1, 1, 60), (1, 2, 30), (2, 3, 50), (2, 1, 30), (3, 0, 40), (3, UNKNOWN, 0)]
    s, t = (np.array(side, np.int64).T for side in (source, target))
    return Transfers(np.arange(4) * HOUR, np.arange(4), *s, *t, NAMED)


def test_edges_by_hand(by_hand: Transfers) -> None:
    found = edges(by_hand)
    pairs = list(zip(found.payer.tolist(), found.payee.tolist(), found.payments.tolist(), strict=True))
    assert pairs == [(0, 1, 1), (0, 2, 1), (1, 3, 1), (2, 1, 1), (2, 3, 1), (3, 0, 1)]
    assert found.satoshi == pytest.approx([60, 30, 50 * 60 / 90, 30 * 30 / 90, 50 * 30 / 90, 40])
    merged = edges(by_hand, np.array([0, 1, 1, 2]))  # 1 and 2 are of one owner
    assert list(zip(merged.payer.tolist(), merged.payee.tolist(), strict=True)) == [(0, 1), (1, 2), (2, 0)]
    assert merged.satoshi == pytest.approx([90, 50, 40])
    with pytest.raises(InputError):
        edges(by_hand, np.zeros(3, np.int64))


def test_activity_by_hand(by_hand: Transfers) -> None:
    found = dict(zip(ACTIVITY_NAMES, activity(by_hand, np.arange(4)).T, strict=True))
    assert found["receipts"] == pytest.approx(np.log1p([2, 2, 1, 1]))
    assert found["spends"] == pytest.approx(np.log1p([1, 1, 1, 1]))
    assert found["log_received"] == pytest.approx(np.log1p([140, 90, 30, 50]))
    assert found["log_spent"] == pytest.approx(np.log1p([100, 60, 30, 50]))
    assert found["mined_share"].tolist() == [0.5, 0, 0, 0]
    assert found["log_lifetime"] == pytest.approx(np.log1p([3, 1, 1, 1]))
    assert found["log_held"] == pytest.approx(np.log1p([0, 0.5, 1, 1]))  # 0: received at 0 and 3, spent at 1
    assert found["inputs_beside"] == pytest.approx(np.log1p([1, 2, 2, 1]))
    assert found["outputs_beside_spent"] == pytest.approx(np.log1p([2, 2, 2, 2]))
    assert found["outputs_beside_received"] == pytest.approx([np.log(2) / 2 + np.log(3) / 2, *np.log1p([2, 2, 2])])
    assert text_features(NAMED).argmax(axis=1).tolist() == [
        KINDS.index(k) for k in (KINDS[0], KINDS[1], KINDS[2], KINDS[4])
    ]


def test_places_are_networkx_s(chain: SimulatedChain) -> None:
    found = edges(chain.transfers.until(60), chain.owner)
    nodes = int(chain.owner.max()) + 1
    graph = nx.DiGraph()
    graph.add_nodes_from(range(nodes))
    graph.add_weighted_edges_from(zip(found.payer.tolist(), found.payee.tolist(), found.satoshi.tolist(), strict=True))
    place = dict(zip(PLACE_NAMES, places(found, nodes).T, strict=True))
    assert place["payees"].tolist() == [graph.out_degree(n) for n in range(nodes)]
    assert place["payers"].tolist() == [graph.in_degree(n) for n in range(nodes)]
    assert place["mutual"].tolist() == [
        len(set(graph.successors(n)) & set(graph.predecessors(n))) for n in range(nodes)
    ]
    core = nx.core_number(graph.to_undirected())
    assert place["core"].tolist() == [core[n] for n in range(nodes)]
    linked = graph.subgraph([n for n in range(nodes) if graph.degree(n)])
    rank = nx.pagerank(linked, tol=1e-9)
    shares = [rank[n] * len(linked) if n in linked else 0.15 for n in range(nodes)]
    assert 2 < len(linked) < nodes
    assert np.exp(place["log_pagerank"]) == pytest.approx(shares, rel=1e-3, abs=1e-3)
    largest = [max((d["weight"] for *_, d in graph.out_edges(n, data=True)), default=0) for n in range(nodes)]
    total = [max(graph.out_degree(n, weight="weight"), 1) for n in range(nodes)]
    assert place["largest_payee_share"] == pytest.approx(np.array(largest) / np.array(total))
    assert graph_of(found, nodes).num_edges() == graph.number_of_edges()
    more = dict(zip(PLACE_NAMES, places(found, nodes + 500).T, strict=True))
    for name, values in place.items():
        assert np.array_equal(more[name][:nodes], values), name


def test_features_know_nothing_of_later_blocks(chain: SimulatedChain) -> None:
    cut = chain.transfers.until(70)
    used = np.unique(np.concatenate([cut.source_address, cut.target_address]))
    place = np.full(len(cut.addresses), -1)
    place[used] = np.arange(len(used))
    alone = cut._replace(  # as if the later addresses had never been
        source_address=place[cut.source_address],
        target_address=place[cut.target_address],
        addresses=tuple(cut.addresses[n] for n in used),
    )
    node, whole = np.where(place >= 0, place, len(used)), chain.transfers
    assert np.array_equal(activity(cut, node)[: len(used)], activity(alone, np.arange(len(used))))
    features, names = address_features(alone)
    assert features.shape == (len(used), len(names))
    assert np.isfinite(features).all()
    among_later, _ = address_features(cut)
    np.testing.assert_allclose(among_later[used], features, rtol=1e-9, atol=1e-9)
    assert not np.array_equal(activity(whole, node)[: len(used)], activity(cut, node)[: len(used)])


def test_kinds_of_simulated_owners_are_told_by_what_they_do_and_not_by_their_text(chain: SimulatedChain) -> None:
    features, names = address_features(chain.transfers, clusters(chain.transfers))
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.permutation(np.flatnonzero(chain.owner == o))[:8] for o in range(len(chain.category))])
    category, owner = chain.category[chain.owner[rows]], chain.owner[rows]
    text = [n for n, name in enumerate(names) if name.startswith("is_")]
    told = classify(features[rows], category, owner, seed=1, trees=20)
    blind = classify(features[rows][:, text], category, owner, seed=1, trees=10)
    assert told.by_owner.balanced_accuracy.low > 0.7
    assert told.by_owner.balanced_accuracy.low > told.baseline.balanced_accuracy.high
    assert blind.by_owner.balanced_accuracy.low < 0.35
    assert told.baseline.balanced_accuracy.value == pytest.approx(1 / 5)
    assert told.baseline.accuracy.value == pytest.approx(30 / 50)
    assert told.owners.tolist() == [COUNTS[name] for name in CATEGORIES]
    assert told.by_owner.confusion.sum(axis=1) == pytest.approx(told.owners)
    assert told.by_address.confusion.sum() == pytest.approx(len(rows))


def test_an_owner_s_fingerprint_is_worth_nothing() -> None:
    """Features that tell owners apart perfectly and categories not at all: a split by address would score 1."""
    rng = np.random.default_rng(4)
    owner = np.repeat(np.arange(40), 6)
    category = rng.integers(0, 2, 40)[owner]
    features = rng.normal(size=(40, 5))[owner]
    found = classify(features, category, owner, seed=2, trees=15)
    assert found.by_owner.balanced_accuracy.low < 0.5 < found.by_owner.balanced_accuracy.high + 0.1


def test_the_baseline_of_addresses_says_what_most_addresses_are() -> None:
    """Category 1 has fewer owners but more addresses: by owners the commonest is 0, by addresses it is 1."""
    owner = np.arange(30)
    category = (owner >= 20).astype(np.int64)
    stands = np.where(category == 1, 50.0, 1.0)
    found = classify(np.zeros((30, 1)), category, owner, seed=1, trees=2, addresses=stands)
    assert found.baseline.accuracy.value == pytest.approx(20 / 30)
    assert found.baseline_by_address.accuracy.value == pytest.approx(500 / 520)
    assert found.baseline_by_address.balanced_accuracy.value == pytest.approx(1 / 2)


def test_neighbours_labels_help_where_they_tell_and_come_from_training_alone() -> None:
    """Owners pay only owners of their own category; a category told by an owner's own label alone stays unknown."""
    rng = np.random.default_rng(5)
    owner = np.repeat(np.arange(60), 2)
    category = (owner % 2).astype(np.int64)
    noise = rng.normal(size=(120, 2))
    pays = [(n, int(other)) for n in range(120) for other in rng.choice(np.flatnonzero(category == category[n]), 6)]
    payer, payee = np.array(pays).T
    ones = np.ones(len(payer))
    kin = Neighbours(Edges(payer, payee, ones, ones.astype(np.int64)), np.arange(120))
    helped = classify(noise, category, owner, seed=1, trees=15, neighbours=kin)
    assert helped.by_owner.balanced_accuracy.low > 0.9
    own = np.arange(120) ^ 1  # each pays the other address of its own owner, and nobody else
    inside = Neighbours(Edges(np.arange(120), own, np.ones(120), np.ones(120, np.int64)), np.arange(120))
    closed = classify(noise, category, owner, seed=1, trees=15, neighbours=inside)
    assert (
        closed.predicted
        == classify(np.hstack([noise, np.zeros((120, 4))]), category, owner, seed=1, trees=15).predicted
    ).all()


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 5), st.floats(0.5, 9)), min_size=6, max_size=40
    )
)
@settings(max_examples=25, deadline=None)
def test_scores_are_scikit_learn_s(rows: list[tuple[int, int, int, float]]) -> None:
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score

    rows = [*rows, (0, 0, 0, 1.0), (1, 1, 1, 1.0), (2, 2, 2, 1.0)]
    category, predicted, owner = (np.array([row[n] for row in rows]) for n in range(3))
    unit = owner * 3 + category
    weights = np.array([row[3] for row in rows])
    each = 1.0 / np.bincount(unit)[unit]
    for given_weights, used in ((None, each), (weights, weights)):
        found = scores(category, predicted, unit, 3, weights=given_weights, repeats=50, rng=np.random.default_rng(1))
        assert found.confusion == pytest.approx(confusion_matrix(category, predicted, sample_weight=used))
        truth = {
            "balanced_accuracy": balanced_accuracy_score(category, predicted, sample_weight=used),
            "macro_f1": f1_score(category, predicted, average="macro", sample_weight=used, zero_division=0),
            "accuracy": accuracy_score(category, predicted, sample_weight=used),
        }
        for name, value in truth.items():
            interval = getattr(found, name)
            assert interval.value == pytest.approx(value)
            assert 0 <= interval.low <= interval.high <= 1


def test_nonsense_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    features, category, owner = np.zeros((20, 1)), np.arange(20) % 2, np.arange(20)
    for wrong in (
        {"features": features[:5]},
        {"features": features * np.nan},
        {"features": features[:0], "category": category[:0], "owner": owner[:0]},
        {"category": np.zeros(20, np.int64)},
        {"category": np.where(owner < 3, 1, 0)},
        {"owner": owner // 10},
    ):
        given_arrays: dict[str, Any] = {"features": features, "category": category, "owner": owner} | wrong
        with pytest.raises(InputError):
            classify(**given_arrays, seed=1)
    strangers = Neighbours(Edges(*np.zeros((4, 0), np.int64)), np.arange(3))
    with pytest.raises(InputError, match="node"):
        classify(features, category, owner, seed=1, neighbours=strangers)
    constant = classify(features, category, owner, seed=1, trees=5)
    assert constant.by_owner.balanced_accuracy.value <= 0.5
    again = classify(features, category, owner, seed=1, trees=5)
    assert (again.predicted == constant.predicted).all()
    for module in ("sklearn.ensemble", "rustworkx"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError):
        classify(features, category, owner, seed=1)
    none = np.zeros(0, np.int64)
    with pytest.raises(MissingExtraError):
        graph_of(Edges(none, none, np.zeros(0), none), 0)


def test_labels_by_hand(tmp_path: Path) -> None:
    one, two, three, four = NAMED
    rows = [
        (one, "A", "exchange", "a", None),
        (two, "a", "exchange", None, None),  # the same label
        (two, "other", "exchange", None, None),
        (three, "Other", "miner", None, None),  # linked to both by label
        (four, "x", None, None, "scam"),
        ("not an address", "y", "miner", None, None),
        ("1111111111111111111114oLvT2", "z", "miner", None, None),
        ("1111111111111111111114oLvT2", "w", "user", None, None),
        ("1111111111111111111114oLvT2", "v", None, None, None),
    ]
    columns = ["address", "label", "category", "actor", "abuse"]
    table = tmp_path / "tags.parquet"
    pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row").write_parquet(table)
    found = read_labels(table, most=5, seed=1)
    known = {a: (found.categories[c], o) for a, c, o in zip(found.addresses, found.category, found.owner, strict=True)}
    assert set(known) == set(NAMED)
    assert [known[a][0] for a in NAMED] == ["exchange", "exchange", "miner", "abuse"]
    assert known[one][1] == known[two][1] == known[three][1] != known[four][1]
    assert list(found.left_out.values()) == [1, 1, 1]
    single = read_labels(table, most=1, seed=1)
    assert sorted(single.stands_for.tolist()) == [1, 1, 2]
    with pytest.raises(InputError):
        read_labels(table, most=0, seed=1)
    for missing in (tmp_path / "none.parquet", Path(__file__)):
        with pytest.raises(DataError):
            read_labels(missing, most=1, seed=1)


def test_an_address_alone_says_next_to_nothing_of_its_owner(shared_data: Path) -> None:
    """362,041 labelled addresses by owners held out: no better than the commonest category, within the intervals."""
    study = study_labels(shared_data / "onchain" / "btc_address_labels.parquet", seed=1, most=20, trees=10)
    found = study.classified
    assert study.categories == ("abuse", "exchange", "gambling", "market", "miner", "mixing_service", "service")
    assert found.owners.tolist() == [301, 86, 37, 10, 111, 8, 82]
    assert found.baseline.balanced_accuracy.value == pytest.approx(1 / 7)
    assert found.baseline.accuracy.value == pytest.approx(301 / 635)
    low, high = found.by_owner.balanced_accuracy[1:]
    assert low < 1 / 7 + 0.02
    assert high < 0.35
    assert found.by_owner.accuracy.value < found.baseline.accuracy.value
    assert study.left_out["addresses with two categories"] == 113
    assert study.left_out["addresses of coinjoin, of 2 owners"] == 27336
    addresses = found.by_address.confusion.sum()
    assert 300_000 < addresses + sum(study.left_out.values()) < 375_000
