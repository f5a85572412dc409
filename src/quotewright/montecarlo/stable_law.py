"""Stable laws: sums of which have their own shape, with tails ~ x^−α and, below α = 2, no variance.

Parametrisation 0 of J. P. Nolan (1998), Statistics & Probability Letters 38, continuous in α at 1:
ln φ(t) = −|σt|^α (1 + iβ sign(t) tan(πα/2)(|σt|^{1−α} − 1)) + iδt; at α = 1 the inner part is (2/π) ln|σt|.
Draws: J. M. Chambers, C. L. Mallows & B. W. Stuck (1976), JASA 71, in the form of R. Weron (1996), ibid. 28.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.montecarlo.numerics import Floats, scipy

LEAST_ALPHA = 0.5
NEAR_ONE = 1e-6  # |α − 1| below which the limit is used
AWKWARD = 0.02  # |α − 1| below which only the first term of the tail is trusted
POINTS = 1 << 18  # of the grid on which the density is the Fourier transform of φ
REACH = 1000.0  # half of the grid's width, in σ
TAIL_FROM = 30.0  # in σ; beyond, the series takes over
TERMS = 4


def log_characteristic(u: Floats, alpha: float, beta: float) -> npt.NDArray[np.complex128]:
    """ln φ(u) of the law with σ = 1 and δ = 0, for u > 0."""
    logs = np.log(u)
    if abs(alpha - 1) < NEAR_ONE:
        skew = 2 / math.pi * logs
    else:
        skew = math.tan(math.pi * alpha / 2) * np.expm1((1 - alpha) * logs)
    return np.asarray(-np.exp(alpha * logs) * (1 + 1j * beta * skew), np.complex128)


class _Table(NamedTuple):
    """Of the standard law: places, density, distribution function."""

    x: Floats
    density: Floats
    below: Floats


@dataclass(frozen=True, eq=False)
class Stable:
    """0.5 ≤ α ≤ 2, −1 ≤ β ≤ 1, σ > 0, δ."""

    alpha: float
    beta: float
    sigma: float
    delta: float

    @property
    def tail_index(self) -> float:
        """α, and infinite for the normal law that α = 2 is."""
        return self.alpha if self.alpha < 2 else math.inf

    def draw(self, rng: np.random.Generator, paths: int, steps: int) -> Floats:
        """Independent returns."""
        v = rng.uniform(-math.pi / 2, math.pi / 2, (paths, steps))
        w = rng.standard_exponential((paths, steps))
        alpha, beta = self.alpha, self.beta
        if abs(alpha - 1) < NEAR_ONE:
            half = math.pi / 2 + beta * v
            z = 2 / math.pi * (half * np.tan(v) - beta * np.log(math.pi / 2 * w * np.cos(v) / half))
            return self.delta + self.sigma * z
        lean = beta * math.tan(math.pi * alpha / 2)
        angle = alpha * v + math.atan(lean)
        size = (1 + lean * lean) ** (1 / (2 * alpha))
        z = size * np.sin(angle) / np.cos(v) ** (1 / alpha) * (np.cos(v - angle) / w) ** ((1 - alpha) / alpha)
        return self.delta + self.sigma * (z - lean)

    def log_density(self, x: Floats) -> Floats:
        """ln of the density; as small as a float gets where a one-sided law's thin tail has underflowed."""
        z = (np.asarray(x, np.float64) - self.delta) / self.sigma
        if self.alpha == 2:  # N(δ, 2σ²), whose tail no transform resolves
            return -z * z / 4 - math.log(math.sqrt(4 * math.pi) * self.sigma)
        table = self._table
        density = np.interp(z, table.x, table.density)
        for side in (1, -1):
            far = side * z > TAIL_FROM
            density[far] = self._tail(side * z[far], side)[0]
        return np.log(np.maximum(density, 1e-300)) - math.log(self.sigma)

    def cdf(self, x: Floats) -> Floats:
        """P(r ≤ x)."""
        z = (np.asarray(x, np.float64) - self.delta) / self.sigma
        below = np.interp(z, self._table.x, self._table.below)
        above, under = z > TAIL_FROM, z < -TAIL_FROM
        below[above] = 1 - self._tail(z[above], 1)[1]
        below[under] = self._tail(-z[under], -1)[1]
        return below

    def quantile(self, u: Floats) -> Floats:
        """The inverse of `cdf`: the table's within it, bisection on the tail's series beyond."""
        u = np.asarray(u, np.float64)
        table = self._table
        z = np.interp(u, table.below, table.x)
        for side in (1, -1):
            mass = 1 - u if side > 0 else u
            far = mass < float(self._tail(np.array([TAIL_FROM]), side)[1][0])
            z[far] = side * self._tail_quantile(mass[far], side)
        return self.delta + self.sigma * z

    @cached_property
    def _table(self) -> _Table:
        step = 2 * REACH / POINTS
        t = np.asarray(np.arange(1, POINTS // 2 + 1) * math.pi / REACH, np.float64)
        phi = np.concatenate([[1.0 + 0j], np.exp(log_characteristic(t, self.alpha, self.beta))])
        wave = np.fft.irfft(np.conj(phi), POINTS) / step
        x = np.asarray((np.arange(POINTS) - POINTS // 2) * step, np.float64)
        density = np.maximum(np.fft.fftshift(wave), 0.0)
        inside = np.abs(x) <= TAIL_FROM + 2 * step
        x, density = x[inside], density[inside]
        below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) * step / 2)])
        left, right = (float(self._tail(np.array([abs(end)]), side)[1][0]) for end, side in ((x[0], -1), (x[-1], 1)))
        below = left + below * (1 - left - right) / below[-1]
        rising = np.concatenate([[True], np.diff(below) > 0])
        return _Table(x[rising], density[rising], below[rising])

    def _tail(self, z: Floats, side: int) -> tuple[Floats, Floats]:
        """Density and mass beyond z ≫ 0 on a side of the standard law.

        Term by term from ∫e^{−izt}e^{−ct^α}dt with c = 1 − iβ tan(πα/2) (H. Bergström, 1952, Arkiv för Matematik 2),
        z measured in parametrisation 1. Convergent for α < 1, asymptotic above.
        """
        alpha, beta = self.alpha, side * self.beta
        if alpha == 2:
            return np.exp(-z * z / 4) / math.sqrt(4 * math.pi), scipy("special").ndtr(-z / math.sqrt(2))
        if abs(alpha - 1) < AWKWARD:
            mass = math.sin(math.pi * alpha / 2) * math.gamma(alpha) / math.pi * (1 + beta) * z**-alpha
            return alpha * mass / z, mass
        lean = beta * math.tan(math.pi * alpha / 2)
        c = 1 - 1j * lean
        far = np.maximum(z + lean, 1e-3 * z)
        density, mass = np.zeros_like(z), np.zeros_like(z)
        for k in range(1, TERMS + 1):
            turned = ((-c) ** k * np.exp(-0.5j * math.pi * (alpha * k + 1))).real
            size = turned * math.exp(math.lgamma(alpha * k + 1) - math.lgamma(k + 1)) / math.pi
            density += size * far ** (-alpha * k - 1)
            mass += size * far ** (-alpha * k) / (alpha * k)
        return np.maximum(density, 0.0), np.maximum(mass, 0.0)

    def _tail_quantile(self, mass: Floats, side: int) -> Floats:
        low, high = np.full_like(mass, math.log(TAIL_FROM)), np.full_like(mass, 300.0)
        for _ in range(70):
            middle = (low + high) / 2
            beyond = self._tail(np.exp(middle), side)[1] > mass
            low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
        return np.exp((low + high) / 2)
