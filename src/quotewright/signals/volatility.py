"""Variance of returns over a stretch: realised, by range, without jumps, and without the noise of quotes and prints.

Returns are log returns in any unit (basis points); variances are in that unit squared, over the whole stretch for sums
of returns and by bar for ranges. Errors are standard errors.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError

Floats = npt.NDArray[np.float64]

MU_1 = math.sqrt(2 / math.pi)  # E|N(0, 1)|
MU_43 = 2 ** (2 / 3) * math.gamma(7 / 6) / math.gamma(1 / 2)  # E|N(0, 1)|^{4/3}
BIPOWER = MU_1**-4 + 2 * MU_1**-2 - 3  # asymptotic variance of the bipower sum, in units of ∫σ⁴


class Variance(NamedTuple):
    """An estimate and its standard error."""

    value: float
    error: float


class JumpTest(NamedTuple):
    """How much of the realised variance jumps have made."""

    realised: Variance
    continuous: Variance  # bipower
    share: float  # of jumps, in (−∞, 1]: below 0 by chance
    z: float  # N(0, 1) if there was no jump, above if there was
    p_value: float


class TwoScale(NamedTuple):
    """Variance of the price, and of what is added to it by bouncing and rounding."""

    variance: Variance
    noise: float  # variance of the noise of one price


def realised(returns: Floats) -> Variance:
    """Σr², with error √(⅔Σr⁴). Andersen & Bollerslev (1998); Barndorff-Nielsen & Shephard (2002)."""
    r = _enough(returns, 1)
    return Variance(float((r**2).sum()), math.sqrt(2 / 3 * float((r**4).sum())))


def bipower(returns: Floats) -> Variance:
    """(π/2)·n/(n−1)·Σ|r_i||r_{i−1}|: the variance without jumps. Barndorff-Nielsen & Shephard (2004), section 2."""
    r = np.abs(_enough(returns, 4))
    n = len(r)
    value = MU_1**-2 * n / (n - 1) * float((r[1:] * r[:-1]).sum())
    return Variance(value, math.sqrt(BIPOWER * _tripower(r) / n))


def jump_test(returns: Floats) -> JumpTest:
    """Test of the realised against the bipower variance.

    The ratio statistic (1 − BV/RV)/√(.609·max(1, TQ/BV²)/n) of Barndorff-Nielsen & Shephard (2006), in the form that
    Huang & Tauchen (2005, equation 8) found best in small samples; one-sided.
    """
    r = _enough(returns, 4)
    n = len(r)
    total, smooth = realised(r), bipower(r)
    if not total.value > 0:
        raise InputError("returns", total.value, "give returns that are not all 0")
    rough = max(1.0, _tripower(np.abs(r)) / smooth.value**2) if smooth.value > 0 else 1.0
    share = 1 - smooth.value / total.value
    z = share / math.sqrt((BIPOWER - 2) * rough / n)
    return JumpTest(total, smooth, share, z, 0.5 * math.erfc(z / math.sqrt(2)))


def _tripower(sizes: Floats) -> float:
    """TQ, the estimate of ∫σ⁴ that jumps do not spoil. Barndorff-Nielsen & Shephard (2004)."""
    n = len(sizes)
    p = sizes ** (4 / 3)
    return MU_43**-3 * n * n / (n - 2) * float((p[2:] * p[1:-1] * p[:-2]).sum())


def parkinson(high: Floats, low: Floats) -> Variance:
    """Mean of (ln H/L)²/(4 ln 2) over bars. Parkinson (1980), Journal of Business 53."""
    return _mean(np.log(high / low) ** 2 / (4 * math.log(2)))


def garman_klass(opened: Floats, high: Floats, low: Floats, closed: Floats) -> Variance:
    """Mean of ½(ln H/L)² − (2 ln 2 − 1)(ln C/O)² over bars. Garman & Klass (1980), Journal of Business 53."""
    return _mean(0.5 * np.log(high / low) ** 2 - (2 * math.log(2) - 1) * np.log(closed / opened) ** 2)


def rogers_satchell(opened: Floats, high: Floats, low: Floats, closed: Floats) -> Variance:
    """Mean of ln(H/C)ln(H/O) + ln(L/C)ln(L/O) over bars: exact under any drift. Rogers & Satchell (1991)."""
    return _mean(np.log(high / closed) * np.log(high / opened) + np.log(low / closed) * np.log(low / opened))


def two_scale(log_prices: Floats, every: int | None = None) -> TwoScale:
    """Mean over K grids of the sparse Σr², less n̄/n times the Σr² of all returns, n̄ = (n − K + 1)/K.

    Zhang, Mykland & Aït-Sahalia (2005), "A tale of two time scales", section 4; divided by (1 − 1/K)(n − K + 1)/n,
    which is unbiased in small samples where volatility is constant (their 1 − n̄/n leaves out the ends of the grids).
    `log_prices` are equally spaced; `every` is K, n^{2/3} if not given. The noise, independent by price, has the
    variance Σr²/2n. Error by their theorem for K = cn^{2/3}, √(n^{−1/3}(8ω⁴/c² + c·4/3·V²)), volatility constant.
    """
    x = np.asarray(log_prices, np.float64)
    n = len(x) - 1
    if n < 10:
        raise InputError("log_prices", len(x), "give at least 11")
    K = round(n ** (2 / 3)) if every is None else every
    if not 2 <= K <= n // 2:
        raise InputError("every", K, f"choose 2 to {n // 2}")
    dense = float((np.diff(x) ** 2).sum())
    sparse = float(((x[K:] - x[:-K]) ** 2).sum()) / K
    ratio = (n - K + 1) / K / n
    value = (sparse - ratio * dense) / ((1 - 1 / K) * (n - K + 1) / n)
    noise = max(0.0, dense - value) / (2 * n)
    c = K / n ** (2 / 3)
    error = math.sqrt(n ** (-1 / 3) * (8 * noise**2 / c**2 + c * 4 / 3 * value**2))
    return TwoScale(Variance(value, error), noise)


def _mean(values: Floats) -> Variance:
    if len(values) < 2 or not np.isfinite(values).all():
        raise InputError("bars", len(values), "give at least two, of prices above 0")
    return Variance(float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values)))


def _enough(returns: Floats, fewest: int) -> Floats:
    r = np.asarray(returns, np.float64)
    if len(r) < fewest or not np.isfinite(r).all():
        raise InputError("returns", len(r), f"give at least {fewest}, all of them numbers")
    return r
