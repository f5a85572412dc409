"""Drift: PSI, Kolmogorov–Smirnov and ADWIN against their definitions, their false alarms, and planted changes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quotewright.domain.errors import InputError
from quotewright.selection.adwin import Adwin, adwin_alarms
from quotewright.selection.drift import kolmogorov_smirnov, psi

SEEDS = st.integers(0, 2**32 - 1)
SAMPLES = arrays(np.float64, st.integers(20, 60), elements=st.integers(-8, 8).map(float))


def paths(phi: float, n: int, count: int, seed: int = 1) -> Any:
    """Autoregressions of unit innovations, one a row."""
    from scipy.signal import lfilter

    return lfilter([1], [1, -phi], np.random.default_rng(seed).normal(size=(count, n + 200)), axis=1)[:, 200:]


@given(SAMPLES, SAMPLES)
@settings(max_examples=80, deadline=None)
def test_psi_is_never_negative_and_nothing_for_the_sample_itself(old: Any, new: Any) -> None:
    if np.ptp(old) == 0:
        with pytest.raises(InputError, match="vary"):
            psi(old, new)
        return
    found = psi(old, new)
    assert found.value >= 0
    assert psi(old, old[::-1]).value == 0
    bent = psi(np.exp(old), np.exp(new))
    assert bent.value == pytest.approx(found.value, abs=1e-12)


def test_psi_is_its_sum() -> None:
    rng = np.random.default_rng(2)
    old, new = rng.normal(size=1000), rng.normal(0.4, 1, 700)
    edges = np.sort(old)[np.arange(1, 10) * 100]
    p = np.histogram(old, [-np.inf, *edges, np.inf])[0] / 1000
    q = np.histogram(new, [-np.inf, *edges, np.inf])[0] / 700
    assert psi(old, new).value == pytest.approx(float(((p - q) * np.log(p / q)).sum()))
    codes, later = rng.integers(0, 3, 500), np.append(rng.integers(0, 2, 200), 7)
    p = np.maximum([np.mean(codes == k) for k in (0, 1, 2, 7)], [0, 0, 0, 0.5 / 500])
    q = np.maximum([np.mean(later == k) for k in (0, 1, 2, 7)], [0, 0, 0.5 / 201, 0])
    assert psi(codes, later).value == pytest.approx(float(((p - q) * np.log(p / q)).sum()))


@given(SAMPLES, SAMPLES)
@settings(max_examples=60, deadline=None)
def test_the_distance_is_scipys(old: Any, new: Any) -> None:
    from scipy.stats import ks_2samp

    found = kolmogorov_smirnov(old, new, draws=1)
    assert found.distance == pytest.approx(ks_2samp(old, new, method="asymp").statistic, abs=1e-12)


def test_independent_rows_have_scipys_p() -> None:
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(3)
    old, new = rng.normal(size=800), rng.normal(0.15, 1, 500)
    found = kolmogorov_smirnov(old, new, draws=199)
    oracle = ks_2samp(old, new).pvalue
    assert found.effective_p == pytest.approx(oracle, rel=0.35)
    assert found.block_p == pytest.approx(oracle, abs=0.03)


def alarms(phi: float, repeats: int, *, shift: float = 0.0) -> dict[str, float]:
    """Shares of repetitions that alarm at 5 %, 600 rows of training and 400 later, moved by `shift` deviations."""
    found = {"psi": 0.0, "plain": 0.0, "effective": 0.0, "blocks": 0.0, "adwin": 0.0}
    from scipy.stats import ks_2samp

    for path in paths(phi, 1000, repeats):
        old, new = path[:600], path[600:] + shift / math.sqrt(1 - phi**2)
        shares = psi(old, new)
        distance = kolmogorov_smirnov(old, new, draws=39)
        found["psi"] += (shares.value > shares.chance) / repeats
        found["plain"] += (ks_2samp(old, new, method="asymp").pvalue < 0.05) / repeats
        found["effective"] += (distance.effective_p < 0.05) / repeats
        found["blocks"] += (distance.block_p <= 0.05) / repeats
        found["adwin"] += (len(adwin_alarms(old, new)) > 0) / repeats
    return found


def test_dependent_rows_raise_few_false_alarms_where_the_plain_test_raises_many() -> None:
    found = alarms(0.8, 30)
    assert found["plain"] > 0.3
    assert max(found["psi"], found["effective"]) <= 0.1
    assert found["blocks"] <= 0.16
    assert found["adwin"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_false_alarms_are_as_stated(phi: float) -> None:
    found = alarms(phi, 500)
    assert max(found["psi"], found["effective"], found["blocks"]) <= 0.11
    assert found["adwin"] <= 0.01


def test_a_shift_is_found() -> None:
    found = alarms(0.5, 20, shift=1.5)
    assert min(found["psi"], found["effective"], found["blocks"], found["adwin"]) >= 0.9


class WholeWindow:
    """ADWIN by its definition: the window as a list, every cut tried, the oldest value dropped while any parts it."""

    def __init__(self, delta: float) -> None:
        self.delta, self.window = delta, []

    def apart(self) -> bool:
        w, n = np.array(self.window), len(self.window)
        bound = math.log(2 / self.delta * max(math.log(n), 1.0))
        for cut in range(1, n):
            inverse = 1 / cut + 1 / (n - cut)
            eps = math.sqrt(2 * inverse * w.var() * bound) + 2 / 3 * inverse * bound
            if abs(w[:cut].mean() - w[cut:].mean()) >= eps:
                return True
        return False

    def take(self, value: float) -> int:
        self.window.append(value)
        while self.apart():
            self.window.pop(0)
        return len(self.window)


class Bucketed(WholeWindow):
    """The same, cut only between buckets of 2^r values, at most `per_row` of a size, held with all their values."""

    def __init__(self, delta: float, per_row: int) -> None:
        super().__init__(delta)
        self.per_row, self.buckets = per_row, []

    def take(self, value: float) -> int:
        self.buckets.append([value])
        size = 1
        while sum(len(b) == size for b in self.buckets) > self.per_row:
            first = next(i for i, b in enumerate(self.buckets) if len(b) == size)
            self.buckets[first : first + 2] = [self.buckets[first] + self.buckets[first + 1]]
            size *= 2
        while self.apart():
            self.buckets.pop(0)
        return sum(map(len, self.buckets))

    def apart(self) -> bool:
        w = np.concatenate(self.buckets)
        n, cut = len(w), 0
        bound = math.log(2 / self.delta * max(math.log(n), 1.0))
        for bucket in self.buckets[:-1]:
            cut += len(bucket)
            inverse = 1 / cut + 1 / (n - cut)
            eps = math.sqrt(2 * inverse * w.var() * bound) + 2 / 3 * inverse * bound
            if abs(w[:cut].mean() - w[cut:].mean()) >= eps:
                return True
        return False


def jumping(seed: int, n: int = 90) -> Any:
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.uniform(0.1, 0.9, 3), n // 3)
    return np.clip(level + 0.08 * rng.normal(size=n), 0, 1)


@pytest.mark.parametrize("seed", range(4))
def test_with_room_for_all_values_it_is_the_whole_window(seed: int) -> None:
    values, oracle = jumping(seed), WholeWindow(0.05)
    np.testing.assert_array_equal(Adwin(0.05, per_row=100).extend(values), [oracle.take(v) for v in values])


@given(SEEDS, st.integers(2, 6), st.integers(1, 200))
@settings(max_examples=12, deadline=None)
def test_the_histogram_is_that_of_the_definition_however_it_is_fed(seed: int, per_row: int, cut: int) -> None:
    values = jumping(seed, 210)
    oracle = Bucketed(0.1, per_row)
    expected = [oracle.take(v) for v in values]
    window = Adwin(0.1, per_row=per_row)
    np.testing.assert_array_equal(np.concatenate([window.extend(values[:cut]), window.extend(values[cut:])]), expected)
    assert window.width == expected[-1]
    assert window.mean == pytest.approx(np.mean(values[-window.width :]))


def test_a_jump_cuts_the_window_soon_after_it() -> None:
    rng = np.random.default_rng(4)
    values = np.concatenate([rng.binomial(1, 0.2, 1000), rng.binomial(1, 0.7, 400)]).astype(float)
    widths = Adwin().extend(values)
    assert (np.diff(widths[:1000]) == 1).all()
    cut = 1 + int(np.flatnonzero(np.diff(widths) <= 0)[0])
    assert 1000 < cut < 1100
    assert widths[-1] <= 450
    assert Adwin().update(0.5) is False


@given(SEEDS, st.integers(0, 300))
@settings(max_examples=20, deadline=None)
def test_later_rows_change_no_earlier_alarm(seed: int, cut: int) -> None:
    old = paths(0.5, 200, 1, seed)[0]
    new = paths(0.5, 300, 1, seed + 1)[0] + np.repeat([0.0, 3.0, -3.0], 100)
    found = adwin_alarms(old, new)
    np.testing.assert_array_equal(found[found < cut], adwin_alarms(old, new[:cut]))
    bent = adwin_alarms(np.exp(old), np.exp(new), every=3)
    np.testing.assert_array_equal(bent, adwin_alarms(old, new, every=3))


def test_wrong_input_is_refused() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=50)
    for call, what in (
        (lambda: psi(x[:9], x), "at least 20"),
        (lambda: psi(x, x[:9]), "at least 20"),
        (lambda: psi(x, x, bins=1), "bins"),
        (lambda: kolmogorov_smirnov(x, x * np.inf), "finite"),
        (lambda: kolmogorov_smirnov(x, x, draws=0), "draws"),
        (lambda: kolmogorov_smirnov(x, x, block=80), "two blocks"),
        (lambda: Adwin(0.0), "delta"),
        (lambda: Adwin(per_row=1), "per_row"),
        (lambda: Adwin().extend([0.5, 1.5]), "0 to 1"),
        (lambda: adwin_alarms(x, x, every=51), "every"),
    ):
        with pytest.raises(InputError, match=what):
            call()
    assert kolmogorov_smirnov(np.ones(30), np.ones(30)).block_p == 1.0
    assert math.isnan(Adwin().mean)
