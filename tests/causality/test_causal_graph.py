"""Causal graphs: reading, d-separation and adjustment against networkx and brute force, and what cannot be read."""

from __future__ import annotations

from itertools import chain, combinations, pairwise
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.causality.graph import (
    CausalGraph,
    Independence,
    adjustment_set,
    d_separated,
    implied_independences,
    parse_graph,
)
from quotewright.domain.errors import InputError


@st.composite
def graphs(draw: Any, hide: bool = False) -> CausalGraph:
    """Up to six variables; arrows follow a drawn order, which the nodes' order hides."""
    names = draw(st.permutations("abcdef"[: draw(st.integers(2, 6))]))
    pairs = list(combinations(names, 2))
    chosen = draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))
    edges = tuple(pair for pair, is_drawn in zip(pairs, chosen, strict=True) if is_drawn)
    hidden = frozenset(name for name in names if hide and draw(st.integers(0, 3)) == 0)
    return CausalGraph(tuple(sorted(names)), edges, hidden)


def as_networkx(graph: CausalGraph) -> Any:
    other = nx.DiGraph(graph.edges)
    other.add_nodes_from(graph.nodes)
    return other


def subsets(names: set[str]) -> list[set[str]]:
    ordered = sorted(names)
    return [set(each) for each in chain.from_iterable(combinations(ordered, k) for k in range(len(ordered) + 1))]


@settings(max_examples=150, deadline=None)
@given(graphs(), st.data())
def test_d_separation_is_networkx_s(graph: CausalGraph, data: Any) -> None:
    part = {name: data.draw(st.sampled_from("xyzo")) for name in graph.nodes}
    x, y, z = ({name for name in graph.nodes if part[name] == which} for which in "xyz")
    assert d_separated(graph, x, y, z) == (not x or not y or nx.is_d_separator(as_networkx(graph), x, y, z))


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_every_pair_without_an_arrow_is_implied_once_and_truly(graph: CausalGraph) -> None:
    implied = implied_independences(graph)
    for one in implied:
        assert nx.is_d_separator(as_networkx(graph), {one.x}, {one.y}, set(one.given))
        assert set(one.given) == graph.parents(one.x)
        assert one.y not in graph.descendants([one.x])
    apart = {frozenset(pair) for pair in combinations(graph.nodes, 2)} - {frozenset(edge) for edge in graph.edges}
    assert sorted(map(sorted, apart)) == sorted(sorted((one.x, one.y)) for one in implied)


@settings(max_examples=100, deadline=None)
@given(graphs(hide=True))
def test_with_hidden_variables_nothing_separable_is_missed(graph: CausalGraph) -> None:
    implied = {frozenset((one.x, one.y)): set(one.given) for one in implied_independences(graph)}
    other = as_networkx(graph)
    for pair in combinations(sorted(set(graph.nodes) - graph.hidden), 2):
        among = set(graph.nodes) - graph.hidden - set(pair)
        separators = [z for z in subsets(among) if nx.is_d_separator(other, {pair[0]}, {pair[1]}, z)]
        if not separators:
            assert frozenset(pair) not in implied
            continue
        z = implied[frozenset(pair)]
        assert z in separators


@settings(max_examples=150, deadline=None)
@given(graphs(hide=True), st.data())
def test_adjustment_by_brute_force(graph: CausalGraph, data: Any) -> None:
    """Against the adjustment criterion of Shpitser, VanderWeele & Robins (2010), over all sets."""
    cause, effect = data.draw(st.permutations(graph.nodes))[:2]
    other = as_networkx(graph)
    on_paths = {name for path in nx.all_simple_paths(other, cause, effect) for name in path} - {cause}
    forbidden = {d for name in on_paths for d in {name, *nx.descendants(other, name)}}
    back = other.copy()
    back.remove_edges_from([(cause, name) for name in on_paths if other.has_edge(cause, name)])
    valid = [
        z
        for z in subsets(set(graph.nodes) - graph.hidden - {cause, effect} - forbidden)
        if nx.is_d_separator(back, {cause}, {effect}, z)
    ]
    found = adjustment_set(graph, cause, effect)
    assert (found is None) == (not valid)
    if found is not None:
        assert set(found) in valid
        assert not any(z < set(found) and len(z) == len(found) - 1 for z in valid)


def test_the_case_of_the_puddle() -> None:
    graph = parse_graph("rain -> puddle; rain -> taxi")
    assert implied_independences(graph) == (Independence("taxi", "puddle", ("rain",)),)
    assert adjustment_set(graph, "puddle", "taxi") == ("rain",)
    assert adjustment_set(graph, "rain", "taxi") == ()
    assert adjustment_set(parse_graph("hidden rain; rain -> puddle, taxi"), "puddle", "taxi") is None
    assert str(implied_independences(graph)[0]) == "taxi ⟂ puddle | rain"
    collider = parse_graph("a -> c <- b")
    assert implied_independences(collider) == (Independence("b", "a", ()),)
    assert not d_separated(collider, ["a"], ["b"], ["c"])


def test_all_forms_are_read() -> None:
    graph = parse_graph("""
        factor[-1] -> a, b -> c   # a comment; d -> e
        c <- u; hidden u, w
        alone; mfi_14 -> bollinger:7.width
    """)
    arrows = {("factor[-1]", "a"), ("factor[-1]", "b"), ("a", "c"), ("b", "c"), ("u", "c")}
    assert set(graph.edges) == arrows | {("mfi_14", "bollinger:7.width")}
    assert graph.hidden == {"u", "w"}
    assert "alone" in graph.nodes
    assert "d" not in graph.nodes


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a -> b; b -> c; c -> a", "nothing causes itself"),
        ("a -> a", "a -> a"),
        ("a -> b; c, a -> b", "a -> b"),
        ("a => b", "a => b"),
        ("a -> ; b -> c", "a ->"),
        ("rain fall -> b", "rain fall"),
        ("a -- b", "a -- b"),
        ("a[0] -> b", "a[0]"),
        ("1 -> b", "1 -> b"),
        ("# nothing", "at least one"),
        ("", "at least one"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, told: str) -> None:
    with pytest.raises(InputError) as error:
        parse_graph(text)
    assert told in str(error.value)


def test_a_cycle_is_told_as_it_runs() -> None:
    with pytest.raises(InputError) as error:
        parse_graph("x -> a -> b -> c -> a; c -> d")
    walk = str(error.value.value).split(" -> ")
    edges = {("a", "b"), ("b", "c"), ("c", "a")}
    assert walk[0] == walk[-1]
    assert set(pairwise(walk)) == edges


def test_unknown_names_are_refused() -> None:
    graph = parse_graph("a -> b")
    for call in (
        lambda: d_separated(graph, ["a"], ["z"]),
        lambda: adjustment_set(graph, "a", "z"),
        lambda: graph.parents("z"),
        lambda: CausalGraph(("a",), (("a", "z"),)),
        lambda: CausalGraph(("a",), (), frozenset({"z"})),
    ):
        with pytest.raises(InputError, match="is unknown; the graph has a"):
            call()
    with pytest.raises(InputError, match="overlap"):
        d_separated(graph, ["a"], ["b"], ["b"])
    with pytest.raises(InputError, match="differ"):
        adjustment_set(graph, "a", "a")
