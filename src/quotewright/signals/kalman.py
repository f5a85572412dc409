"""One efficient price out of several noisy ones: a Kalman filter over measurements that come whenever they come.

    x(t) = x(s) + w, w ~ N(0, variance·(t − s));  z = x(t) + e, e ~ N(0, noise of the source)

R. E. Kalman (1960), "A new approach to linear filtering and prediction problems", J. Basic Eng. 82(1); as a model of
prices, J. Hasbrouck (2007), Empirical Market Microstructure, ch. 8. The first measurement starts the filter from
nothing known (A. C. Harvey (1989), Forecasting, Structural Time Series Models and the Kalman Filter, section 3.4.3).
A source may be a venue, or a way to read one venue's price. Prices are in any unit; variances in its square.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import as_records, kernel, records, subkernel
from quotewright.signals.newton import covariance_of, maximise
from quotewright.signals.state import fresh

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MOST_SOURCES = 16
NANO = 1e-9
LN_2PI = math.log(2 * math.pi)

KALMAN_RULES = np.dtype(
    [
        ("variance", "f8"),  # of the efficient price, unit² a second
        ("noise", "f8", (MOST_SOURCES,)),  # variance of each source's measurements, unit²
    ],
    align=True,
)

KALMAN = np.dtype(
    [
        ("started", "i8"),
        ("time", "i8"),  # ns, of the last measurement
        ("price", "f8"),
        ("variance", "f8"),  # of the price, as of `time`
    ],
    align=True,
)


@dataclass(frozen=True, eq=False)
class KalmanFit:
    """Maximum-likelihood variances; errors from the Fisher information, NaN where it does not tell."""

    variance: float  # of the efficient price, unit² a second
    variance_error: float
    noise: Floats  # of each source, unit²
    noise_error: Floats
    log_likelihood: float
    measurements: int
    converged: bool

    def rules(self) -> Any:
        """The KALMAN_RULES record of the fitted variances."""
        return kalman_rules(self.variance, self.noise)


def kalman_rules(variance: float, noise: Floats | list[float]) -> Any:
    """One KALMAN_RULES record; a noise of inf is a source not listened to.

    Raises InputError unless all variances are positive and sources at most 16.
    """
    of_sources = np.asarray(noise, np.float64)
    if not 0 < len(of_sources) <= MOST_SOURCES:
        raise InputError("noise", len(of_sources), f"give one variance for each of 1 to {MOST_SOURCES} sources")
    if not (variance > 0 and math.isfinite(variance) and (of_sources > 0).all() and np.isfinite(of_sources).any()):
        raise InputError(
            "variance, noise", (variance, of_sources.tolist()), "give positive numbers, at least one noise finite"
        )
    rules = records(1, KALMAN_RULES)
    rules["variance"] = variance
    rules["noise"][0, : len(of_sources)] = of_sources
    rules["noise"][0, len(of_sources) :] = math.inf
    return rules


def kalman_state() -> Any:
    """The state before the first measurement."""
    return fresh(KALMAN)


@subkernel
def measure(s: Any, rules: Any, time: int, source: int, value: float) -> float:
    """Take in one measurement; the estimate after it, NaN before the first. A value of NaN changes nothing.

    A time before the last one counts as the last one.
    """
    if math.isnan(value) or math.isinf(rules.noise[source]):
        return s.price if s.started == 1 else math.nan
    if s.started == 0:
        s.started = 1
        s.time = time
        s.price = value
        s.variance = rules.noise[source]
        return value
    passed = max(0, time - s.time)
    s.time += passed
    before = s.variance + rules.variance * (passed * NANO)
    total = before + rules.noise[source]
    s.price += before / total * (value - s.price)
    s.variance = before * rules.noise[source] / total
    return s.price


@kernel
def _fold(states: Any, rules: Any, times: Any, sources: Any, values: Any, out: Any) -> None:
    s = states[0]
    for i in range(len(times)):
        out[i, 0] = measure(s, rules[0], times[i], sources[i], values[i])
        out[i, 1] = s.variance if s.started == 1 else math.nan


@kernel
def _likelihood(
    variance: float, noise: Any, times: Any, sources: Any, values: Any, work: Any, gradient: Any, information: Any
) -> float:
    """Log-likelihood of the innovations, its gradient and Fisher information in the logarithms of the variances.

    Harvey (1989), equations 3.4.5, 3.4.69 and 3.4.70; parameters: the efficient price's variance, then each source's.
    `work` is 3 × parameters: derivatives of the price, of its variance, and of the innovation's variance.
    """
    size = len(noise) + 1
    first = sources[0]
    price, spread = values[0], noise[first]
    work[1, 1 + first] = noise[first]
    total = 0.0
    for i in range(1, len(times)):
        k = sources[i]
        seconds = (times[i] - times[i - 1]) * NANO
        spread += variance * seconds
        work[1, 0] += variance * seconds
        off = values[i] - price
        scale = spread + noise[k]
        for j in range(size):
            work[2, j] = work[1, j]
        work[2, 1 + k] += noise[k]
        total -= 0.5 * (LN_2PI + math.log(scale) + off * off / scale)
        for j in range(size):
            gradient[j] += 0.5 * work[2, j] / scale * (off * off / scale - 1.0) + off * work[0, j] / scale
            for m in range(size):
                information[j, m] += 0.5 * work[2, j] * work[2, m] / (scale * scale) + work[0, j] * work[0, m] / scale
        gain = spread / scale
        for j in range(size):
            work[0, j] += (work[1, j] - gain * work[2, j]) / scale * off - gain * work[0, j]
            own = noise[k] if j == 1 + k else 0.0
            work[1, j] = (work[1, j] * noise[k] + spread * own - gain * noise[k] * work[2, j]) / scale
        price += gain * off
        spread = spread * noise[k] / scale
    return total


def filtered(states: Any, rules: Any, times_ns: Integers, sources: Integers, values: Floats) -> Floats:
    """Measurements × (estimate, its variance) after each; NaN before the first. The state is carried on.

    A source that the rules do not have is not listened to. Raises InputError for times that go back.
    """
    given = _measurements(times_ns, sources, values, MOST_SOURCES)
    out = np.empty((len(given[0]), 2))
    _fold(states, as_records(rules), given[0], given[1], given[2], out)
    return out


def log_likelihood(
    variance: float, noise: Floats, times_ns: Integers, sources: Integers, values: Floats
) -> tuple[float, Floats, Floats]:
    """ln L of the measurements after the first, its gradient, and Fisher information, in ln(variance, noise…)."""
    of_sources = np.ascontiguousarray(noise, np.float64)
    given = _measurements(times_ns, sources, values, len(of_sources))
    known = np.isfinite(given[2])
    if known.sum() < 2:
        raise InputError("values", int(known.sum()), "give at least 2 measurements")
    size = len(of_sources) + 1
    gradient, information = np.zeros(size), np.zeros((size, size))
    times, which, prices = given[0][known], given[1][known], given[2][known]
    value = _likelihood(variance, of_sources, times, which, prices, np.zeros((3, size)), gradient, information)
    return value, gradient, information


def fit(times_ns: Integers, sources: Integers, values: Floats, number: int) -> KalmanFit:
    """Fit the variances of the efficient price and of `number` sources by maximum likelihood (Fisher scoring).

    Times (ns) ascend, sources are 0 … number − 1, values NaN where missing. Raises InputError if a source has
    fewer than 10 measurements or nothing ever moves.
    """
    given = _measurements(times_ns, sources, values, number)
    known = np.isfinite(given[2])
    times, which, prices = given[0][known], given[1][known], given[2][known]
    start = _start(times, which, prices, number)

    def evaluate(point: Floats) -> tuple[float, Floats, Floats]:
        value, gradient, information = log_likelihood(
            math.exp(point[0]), np.exp(np.asarray(point[1:], np.float64)), times, which, prices
        )
        return value, gradient, -information

    top = maximise(evaluate, start)
    errors = np.sqrt(np.diag(covariance_of(-top.hessian)))
    found = np.exp(top.point)
    return KalmanFit(
        float(found[0]),
        float(found[0] * errors[0]),
        found[1:],
        found[1:] * errors[1:],
        top.value,
        len(times),
        top.converged,
    )


def _start(times: Integers, sources: Integers, values: Floats, number: int) -> Floats:
    """Logarithms to begin with: half of what neighbouring measurements differ by, and the rest a second."""
    if len(times) == 0 or times[-1] == times[0] or np.ptp(values) == 0:
        raise InputError("values", len(times), "never move, or all come at once: take a longer recording")
    noise = np.empty(number)
    for k in range(number):
        own = values[sources == k]
        if len(own) < 10:
            raise InputError("sources", k, f"has {len(own)} measurements: give at least 10")
        noise[k] = np.mean(np.diff(own) ** 2) / 2
    rate = float(np.sum(np.diff(values) ** 2)) / 4 / (float(times[-1] - times[0]) * NANO)
    return np.log(np.concatenate([[rate], np.maximum(noise, 1e-3 * max(float(noise.max()), 1e-12))]))


def _measurements(
    times_ns: Integers, sources: Integers, values: Floats, number: int
) -> tuple[Integers, Integers, Floats]:
    times, which = np.ascontiguousarray(times_ns, np.int64), np.ascontiguousarray(sources, np.int64)
    prices = np.ascontiguousarray(values, np.float64)
    if not len(times) == len(which) == len(prices):
        raise InputError("measurements", (len(times), len(which), len(prices)), "give one time and source for each")
    if (np.diff(times) < 0).any():
        raise InputError("times_ns", len(times), "must ascend")
    if len(which) and not (which.min() >= 0 and which.max() < number):
        raise InputError("sources", (int(which.min()), int(which.max())), f"must be 0 to {number - 1}")
    return times, which, prices
