"""A causal graph that the user writes: which variable acts on which, what follows for the data, what to control for.

    rain -> puddle; rain -> taxi
    factor[-1] -> venue_a; factor[-2] -> venue_b     # a name with [-k] is that column k rows earlier
    hidden sentiment; sentiment -> price, volume     # acts, but is not in the data

J. Pearl, "Causality", 2nd ed. (2009), ch. 1.2 (d-separation, the Markov condition) and 3.3 (adjustment).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from quotewright.domain.errors import InputError

_NAME = re.compile(r"[^\W\d][\w.:/%+]*(\[-[1-9]\d*\])?")
_HIDDEN = re.compile(r"hidden\s+(.+)", re.DOTALL)


class Independence(NamedTuple):
    """x ⟂ y | given."""

    x: str
    y: str
    given: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.x} ⟂ {self.y}" + (f" | {', '.join(self.given)}" if self.given else "")


@dataclass(frozen=True)
class CausalGraph:
    """A directed acyclic graph. Raises InputError for unknown names, an arrow given twice, or a cycle."""

    nodes: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    hidden: frozenset[str] = field(default_factory=lambda: frozenset[str]())

    def __post_init__(self) -> None:
        if not self.nodes or len(set(self.nodes)) != len(self.nodes):
            raise InputError("graph", self.nodes, "name at least one variable, each once")
        for name in (*(end for edge in self.edges for end in edge), *self.hidden):
            self.known(name)
        if len(set(self.edges)) != len(self.edges):
            twice = next(edge for edge in self.edges if self.edges.count(edge) > 1)
            raise InputError("graph", " -> ".join(twice), "write this arrow once")
        _ = self.order

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Causes before effects; among equals as written. Raises InputError naming a cycle."""
        placed: list[str] = []
        left = list(self.nodes)
        while left:
            free = next((name for name in left if self.parents(name) <= set(placed)), None)
            if free is None:
                raise InputError("graph", " -> ".join(self._cycle(left)), "remove an arrow: nothing causes itself")
            placed.append(free)
            left.remove(free)
        return tuple(placed)

    def parents(self, name: str) -> set[str]:
        """The direct causes."""
        return {cause for cause, effect in self.edges if effect == self.known(name)}

    def children(self, name: str) -> set[str]:
        """The direct effects."""
        return {effect for cause, effect in self.edges if cause == self.known(name)}

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """The names and all that acts on them, through others too."""
        return self._reach(names, self.parents)

    def descendants(self, names: Iterable[str]) -> set[str]:
        """The names and all that they act on, through others too."""
        return self._reach(names, self.children)

    def known(self, name: str) -> str:
        """The name itself. Raises InputError if it is not in the graph."""
        if name not in self.nodes:
            raise InputError("graph", name, f"is unknown; the graph has {', '.join(self.nodes)}")
        return name

    def _reach(self, names: Iterable[str], step: Callable[[str], set[str]]) -> set[str]:
        found: set[str] = set()
        ahead = list(names)
        while ahead:
            name = self.known(ahead.pop())
            if name not in found:
                found.add(name)
                ahead.extend(step(name))
        return found

    def _cycle(self, left: list[str]) -> list[str]:
        # Each name that is left has a parent that is left: walking back must meet itself.
        walk = [left[0]]
        while walk[-1] not in walk[:-1]:
            walk.append(min(self.parents(walk[-1]) & set(left)))
        return walk[walk.index(walk[-1]) :][::-1]


def parse_graph(text: str) -> CausalGraph:
    """Read statements parted by `;` or line ends: `a -> b -> c`, `a, b -> c`, `c <- a`, `hidden a`, or a name alone.

    Raises InputError naming the statement that cannot be read, the cycle, or the arrow given twice.
    """
    nodes: dict[str, None] = {}
    edges: list[tuple[str, str]] = []
    hidden: set[str] = set()
    for line in text.splitlines():
        for statement in line.split("#", 1)[0].split(";"):
            if not (said := statement.strip()):
                continue
            if concealed := _HIDDEN.fullmatch(said):
                found = _names(concealed[1], said)
                hidden.update(found)
                nodes.update(dict.fromkeys(found))
                continue
            parts = re.split(r"(->|<-)", said)
            groups = [_names(part, said) for part in parts[::2]]
            nodes.update(dict.fromkeys(name for group in groups for name in group))
            for arrow, left, right in zip(parts[1::2], groups, groups[1:], strict=False):
                causes, effects = (left, right) if arrow == "->" else (right, left)
                edges.extend((cause, effect) for cause in causes for effect in effects)
    return CausalGraph(tuple(nodes), tuple(edges), frozenset(hidden))


def d_separated(graph: CausalGraph, x: Iterable[str], y: Iterable[str], given: Iterable[str] = ()) -> bool:
    """Whether `given` blocks every path between the sets x and y, so that they are independent given it.

    By the moral graph of the ancestors: S. L. Lauritzen, A. P. Dawid, B. N. Larsen & H.-G. Leimer (1990),
    "Independence properties of directed Markov fields", Networks 20, proposition 3. Raises InputError for unknown
    names, or sets that overlap.
    """
    left, right, blocked = set(x), set(y), set(given)
    if left & right or (left | right) & blocked:
        raise InputError("given", sorted(blocked), f"{sorted(left)} and {sorted(right)} must not overlap")
    kept = graph.ancestors(left | right | blocked)
    beside: dict[str, set[str]] = {name: set() for name in kept}
    for name in kept:
        family = [name, *graph.parents(name)]  # parents of one child are married
        for one in family:
            beside[one].update(other for other in family if other != one)
    seen, ahead = set[str](), list(left)
    while ahead:
        name = ahead.pop()
        if name in right:
            return False
        if name not in seen:
            seen.add(name)
            ahead.extend(beside[name] - blocked)
    return True


def implied_independences(graph: CausalGraph) -> tuple[Independence, ...]:
    """One independence for each pair that the graph keeps apart, from which its others follow (a basis set).

    Without hidden variables, the later of a pair (in causal order) is independent of the earlier given the later's
    parents: each variable ⟂ its nondescendants | its parents (Pearl, theorem 1.2.7, pair by pair). With hidden ones, a
    pair is given a smallest set of observed ancestors that separates it, and left out where there is none.
    """
    seen = [name for name in graph.order if name not in graph.hidden]
    found: list[Independence] = []
    for j, later in enumerate(seen):
        for earlier in seen[:j]:
            given = graph.parents(later)
            if earlier in given:
                continue
            if given & graph.hidden:
                smaller = _separator(graph, earlier, later, graph.ancestors([earlier, later]) - graph.hidden)
                if smaller is None:
                    continue
                given = smaller
            found.append(Independence(later, earlier, _sorted(graph, given)))
    return tuple(found)


def adjustment_set(graph: CausalGraph, cause: str, effect: str) -> tuple[str, ...] | None:
    """What to control for, so that the dependence left of `effect` on `cause` is the causal effect; None: impossible.

    A smallest subset of the observed ancestors of both, without what the cause acts on along its paths to the effect,
    that blocks all other paths: B. van der Zander, M. Liśkiewicz & J. Textor (2014), "Constructing separators and
    adjustment sets in ancestral graphs", UAI workshop on causal inference, theorem 4. Raises InputError for unknown or
    equal names.
    """
    if cause == effect:
        raise InputError("effect", effect, "must differ from the cause")
    on_paths = (graph.descendants([cause]) & graph.ancestors([effect])) - {cause}
    forbidden = graph.descendants(on_paths) | {cause} | graph.hidden
    # Without the first arrows of the causal paths, only the other paths are left to block.
    without = tuple(edge for edge in graph.edges if not (edge[0] == cause and edge[1] in on_paths))
    back_door = CausalGraph(graph.nodes, without, graph.hidden)
    allowed = graph.ancestors([cause, effect]) - forbidden
    found = _separator(back_door, cause, effect, allowed)
    return None if found is None else _sorted(graph, found)


def _separator(graph: CausalGraph, x: str, y: str, among: set[str]) -> set[str] | None:
    """A separator in which no variable can be spared; if there is any among these ancestors, all of them are one."""
    given = among - {x, y}
    if not d_separated(graph, [x], [y], given):
        return None
    # The furthest go first, so that direct causes are what stays. One that could not be spared may be, once another is.
    while spared := next((s for s in graph.order if s in given and d_separated(graph, [x], [y], given - {s})), None):
        given = given - {spared}
    return given


def _sorted(graph: CausalGraph, names: set[str]) -> tuple[str, ...]:
    return tuple(name for name in graph.order if name in names)


def _names(part: str, statement: str) -> list[str]:
    found = [name.strip() for name in part.split(",")]
    for name in found:
        if not _NAME.fullmatch(name):
            raise InputError("graph", statement, "cannot be read: write `cause -> effect`, names without spaces")
    return found
