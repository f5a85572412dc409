"""Where a node should stand between venues, given latencies and the flow of signals: an optimiser on the globe.

The problem is that of A. D. Wissner-Gross & C. E. Freer (2010), "Relativistic statistical arbitrage", Phys. Rev. E 82,
056104: no news travels faster than light, so a trade on two venues is best coordinated from between them. The
objective is ours. A signal is known at the node once the news of all its sources has arrived, its order reaches a leg's
venue one way later, and by then a mean-reverting edge has shrunk by e^{−decay × delay}:

    value(node) = Σ_signals rate · edge · Σ_legs share · exp(−decay_leg · (max_source τ + τ_leg))

with τ the one-way latency between node and venue. What follows from it: a signal of one venue for the same venue wants
the node there; one from here to there is worth the same anywhere on the shortest way; one that needs both at
once wants the middle. Flow of several kinds has one best place, not always between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError

Floats = npt.NDArray[np.float64]

RADIUS = 6371.0088  # km, mean of the Earth
LIGHT = 299_792.458  # km/s
FIBRE = 0.68  # share of it that light travels at in glass
COARSE = 2.0  # degrees of the first grid
FINEST = 1e-4  # degrees


class Place(NamedTuple):
    """A point on the globe: degrees north and east."""

    name: str
    north: float
    east: float


class Leg(NamedTuple):
    """Where part of a signal is traded: its share of the edge, and how fast that decays (1/s)."""

    venue: str
    share: float
    decay: float


class Signal(NamedTuple):
    """Signals of one kind: venues whose news it needs, what is traded, how often (1/s), and the edge at once."""

    sources: tuple[str, ...]
    legs: tuple[Leg, ...]
    rate: float
    edge: float


class Placement(NamedTuple):
    """The best place, its value (edge a second), and its one-way latency to each venue (s)."""

    place: Place
    value: float
    latencies: dict[str, float]


class Network(NamedTuple):
    """Venues, and how fast news goes: a share of light's speed, a detour on the great circle, `fixed` seconds a way."""

    venues: tuple[Place, ...]
    speed: float = FIBRE
    detour: float = 1.0
    fixed: float = 0.0


def distance(north: Floats, east: Floats, place: Place) -> Floats:
    """Great-circle distance in km from points (degrees) to a place, by the haversine formula."""
    phi, there = np.radians(north), math.radians(place.north)
    dphi, dlam = (phi - there) / 2, np.radians(east - place.east) / 2
    chord = np.sin(dphi) ** 2 + np.cos(phi) * math.cos(there) * np.sin(dlam) ** 2
    return 2 * RADIUS * np.arcsin(np.sqrt(np.clip(chord, 0, 1)))


def latency(network: Network, north: Floats, east: Floats) -> dict[str, Floats]:
    """One-way latency (s) between points (degrees) and each venue."""
    pace = network.detour / (network.speed * LIGHT)
    return {v.name: distance(north, east, v) * pace + network.fixed for v in network.venues}


def value_at(network: Network, signals: Sequence[Signal], north: Floats, east: Floats) -> Floats:
    """The objective at points (degrees north and east, arrays of one shape)."""
    away = latency(network, north, east)
    total = np.zeros(np.broadcast(north, east).shape)
    for signal in signals:
        known = np.max([away[name] for name in signal.sources], axis=0)
        for leg in signal.legs:
            total += signal.rate * signal.edge * leg.share * np.exp(-leg.decay * (known + away[leg.venue]))
    return total


def best_place(network: Network, signals: Sequence[Signal]) -> Placement:
    """The best point on the globe, refined from the venues, the middles of their pairs and the best ten of a 2° grid.

    The refinement looks in eight directions and halves its step to 10⁻⁴ degrees (11 m). Raises InputError for what
    `check_flow` refuses.
    """
    check_flow(network, signals)
    norths, easts = np.meshgrid(np.arange(-88, 90, COARSE), np.arange(-180, 180, COARSE), indexing="ij")
    middles = [middle(a, b) for i, a in enumerate(network.venues) for b in network.venues[i + 1 :]]
    known = [*network.venues, *middles]
    values = value_at(network, signals, norths, easts).ravel()
    starts = [(p.north, p.east) for p in known]
    starts += [(float(norths.flat[i]), float(easts.flat[i])) for i in np.argsort(-values)[:10].tolist()]
    ends = [_refine(network, signals, north, east) for north, east in starts]  # of equals the first: it has a name
    value, at_north, at_east = max(ends, key=lambda end: end[0])
    nearest = min(known, key=lambda p: float(distance(np.array(at_north), np.array(at_east), p)))
    near = float(distance(np.array(at_north), np.array(at_east), nearest)) < 1
    return _placement(network, Place(nearest.name if near else "between", at_north, at_east), value)


def best_site(network: Network, signals: Sequence[Signal], sites: Sequence[Place]) -> list[Placement]:
    """The sites that can be had, best first. Raises InputError without any, and for what `check_flow` refuses."""
    check_flow(network, signals)
    if not sites:
        raise InputError("sites", sites, "must be at least one place")
    values = value_at(network, signals, np.array([s.north for s in sites]), np.array([s.east for s in sites]))
    order = sorted(range(len(sites)), key=lambda i: -float(values[i]))
    return [_placement(network, sites[i], float(values[i])) for i in order]


def middle(one: Place, other: Place) -> Place:
    """The middle of the great circle between two places that are not opposite each other."""
    both = _vector(one) + _vector(other)
    x, y, z = (both / np.linalg.norm(both)).tolist()
    return Place(f"{one.name}–{other.name}", math.degrees(math.asin(z)), math.degrees(math.atan2(y, x)))


def check_flow(network: Network, signals: Sequence[Signal]) -> None:
    """Raises InputError for unknown or repeated venues, places off the globe, and numbers out of range."""
    names = [v.name for v in network.venues]
    if not names or len(set(names)) != len(names):
        raise InputError("venues", names, "must be at least one place, each named once")
    for v in network.venues:
        if not (-90 <= v.north <= 90 and -180 <= v.east <= 180):
            raise InputError("venues", v, "must lie within ±90° north and ±180° east")
    if not (0 < network.speed <= 1 and network.detour >= 1 and network.fixed >= 0):
        raise InputError("speed", network[1:], "is a share of light, detour at least 1, fixed not negative")
    if not signals:
        raise InputError("signals", signals, "must be at least one")
    for signal in signals:
        used = [*signal.sources, *(leg.venue for leg in signal.legs)]
        if not signal.sources or not signal.legs or not set(used) <= set(names):
            raise InputError("signals", used, f"must have sources and legs among {', '.join(names)}")
        numbers = [signal.rate, signal.edge, *(x for leg in signal.legs for x in (leg.share, leg.decay))]
        if not all(math.isfinite(x) and x >= 0 for x in numbers) or signal.rate * signal.edge == 0:
            raise InputError("signals", numbers, "must be finite, none negative, with a rate and an edge above zero")


def _refine(network: Network, signals: Sequence[Signal], north: float, east: float) -> tuple[float, float, float]:
    turns = np.arange(8) * math.pi / 4
    best = float(value_at(network, signals, np.array(north), np.array(east)))
    step = COARSE
    while step > FINEST:
        norths = np.clip(north + step * np.sin(turns), -90, 90)
        stretch = max(math.cos(math.radians(north)), 1e-3)  # degrees east are shorter away from the equator
        easts = (east + np.minimum(step / stretch, 90) * np.cos(turns) + 180) % 360 - 180
        values = value_at(network, signals, norths, easts)
        top = int(np.argmax(values))
        if values[top] > best:
            best, north, east = float(values[top]), float(norths[top]), float(easts[top])
        else:
            step /= 2
    return best, north, east


def _placement(network: Network, place: Place, value: float) -> Placement:
    away = latency(network, np.array(place.north), np.array(place.east))
    return Placement(place, value, {name: float(seconds) for name, seconds in away.items()})


def _vector(place: Place) -> Floats:
    phi, lam = math.radians(place.north), math.radians(place.east)
    return np.array([math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)])
