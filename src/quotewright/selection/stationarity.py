"""Does a feature keep to one law? Unit-root and stationarity tests, variance ratio, half-life, and a moved mean.

ADF: S. E. Said & D. A. Dickey (1984), Biometrika 71(3), lags by AIC; p by J. G. MacKinnon (1994), JBES 12(2). KPSS:
D. Kwiatkowski, P. C. B. Phillips, P. Schmidt & Y. Shin (1992), Journal of Econometrics 54, lags by B. Hobijn, P. H.
Franses & M. Ooms (2004), Statistica Neerlandica 58(4). Both are statsmodels' (extra `research`); the rest is ours.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.selection.dependence import long_run_variance
from quotewright.selection.inputs import library, matrix, named, varying, vector

FEWEST = 50  # rows
SPAN = 8  # increments in the variance ratio
LEVEL = 0.05


class VarianceRatio(NamedTuple):
    """`ratio`: 1 for a random walk, below 1 where moves are taken back; `z` of 1, and its two-sided p."""

    ratio: float
    z: float
    p_value: float


class MovedMean(NamedTuple):
    """Mean of the second half less that of the first, in standard deviations of all; t and two-sided p."""

    shift: float
    t: float
    p_value: float


@dataclass(frozen=True)
class Stationarity:
    """All tests of one feature. `half_life` is in rows, infinite where deviations do not close."""

    name: str
    adf: float
    adf_p: float  # small: not a random walk
    kpss: float
    kpss_p: float  # small: not stationary; the table ends at 0.01 and 0.1
    variance_ratio: VarianceRatio
    half_life: float
    moved_mean: MovedMean
    verdict: str

    @property
    def wanders(self) -> bool:
        """Whether a random walk could not be refused: such a feature means another thing in each year."""
        return self.verdict.startswith("wanders")


def stationarity(values: npt.ArrayLike, name: str = "values", *, span: int = SPAN) -> Stationarity:
    """Test one feature [n], at least 50 rows. Raises InputError for fewer, for NaN, or for values that do not vary.

    The verdict takes both nulls at 5 %: ADF's, a random walk, and KPSS's, stationarity. A large jump or a slow drift
    refuses both.
    """
    x = varying(name, vector(name, values, fewest=FEWEST))
    x = (x - x.mean()) / x.std()
    tools = library("statsmodels.tsa.stattools")
    with warnings.catch_warnings():
        # KPSS warns where its p lies beyond the table, the lag search of ADF where a feature is a line.
        warnings.simplefilter("ignore")
        adf, adf_p = _pair(tools.adfuller(x, autolag="AIC"))
        kpss, kpss_p = _pair(tools.kpss(x, regression="c", nlags="auto"))
    moved = moved_mean(x)
    return Stationarity(
        name, adf, adf_p, kpss, kpss_p, variance_ratio(x, span), half_life(x), moved, _verdict(adf_p, kpss_p, moved)
    )


def stationarity_table(X: npt.ArrayLike, names: Sequence[str], *, span: int = SPAN) -> tuple[Stationarity, ...]:
    """`stationarity` of each column of X [n, f], in their order."""
    x = matrix("X", X, fewest=FEWEST)
    return tuple(stationarity(x[:, k], name, span=span) for k, name in enumerate(named(names, x.shape[1])))


def variance_ratio(values: npt.ArrayLike, span: int = SPAN) -> VarianceRatio:
    """Variance of `span` increments over `span` × that of one, with a z that allows for changing variance.

    A. W. Lo & A. C. MacKinlay (1988), Rev. Financ. Stud. 1(1): unbiased estimates from overlapping increments (eq. 12),
    z* of eqs. 16 to 19. For values [n] with n > 2 × span ≥ 4, else InputError; NaN where all steps are equal.
    """
    if span < 2:
        raise InputError("span", span, "give at least 2 increments")
    x = vector("values", values, fewest=2 * span + 1)
    count = len(x) - 1
    drift = (x[-1] - x[0]) / count
    steps = np.diff(x) - drift
    power = float(steps @ steps)
    if power <= 1e-24 * float(x @ x):
        return VarianceRatio(math.nan, math.nan, math.nan)
    sums = x[span:] - x[:-span] - span * drift
    m = span * (count - span + 1) * (1 - span / count)
    ratio = float(sums @ sums) / m / (power / (count - 1))
    squares = steps**2
    theta = 0.0
    for j in range(1, span):
        theta += (2 * (span - j) / span) ** 2 * float(squares[j:] @ squares[:-j]) / power**2
    z = (ratio - 1) / math.sqrt(theta) if theta > 0 else math.nan
    return VarianceRatio(ratio, z, _two_sided(z))


def half_life(values: npt.ArrayLike) -> float:
    """Rows in which half of a deviation closes: ln ½ / ln φ; 0 where φ ≤ 0, infinite where φ ≥ 1.

    φ is the least-squares slope, with a constant, of each value on the one before, biased downwards by (1 + 3φ)/n
    (M. G. Kendall 1954, Biometrika 41): half-lives beyond a tenth of the rows mean little.
    """
    x = varying("values", vector("values", values, fewest=3))
    before, after = x[:-1] - x[:-1].mean(), x[1:] - x[1:].mean()
    power = float(before @ before)
    phi = float(before @ after) / power if power > 0 else 0.0
    if phi >= 1:
        return math.inf
    return math.log(0.5) / math.log(phi) if phi > 0 else 0.0


def moved_mean(values: npt.ArrayLike) -> MovedMean:
    """Is the mean of the second half that of the first? Welch's t with long-run variances of the halves.

    Variances about each half's own mean by Newey & West at Andrews' bandwidth. It takes the feature to be stationary
    within halves, and calls a random walk moved as a rule.
    """
    x = varying("values", vector("values", values, fewest=8))
    first, second = x[: len(x) // 2], x[len(x) // 2 :]
    gap = float(second.mean() - first.mean())
    error = math.sqrt(long_run_variance(first) / len(first) + long_run_variance(second) / len(second))
    t = gap / error if error > 0 else math.copysign(math.inf, gap) if gap else 0.0
    return MovedMean(gap / float(x.std()), t, _two_sided(t))


def _verdict(adf_p: float, kpss_p: float, moved: MovedMean) -> str:
    walk, steady = adf_p >= LEVEL, kpss_p >= LEVEL
    if walk and not steady:
        return "wanders: a random walk fits, one level does not; take differences or a distance from a moving mean"
    if walk:
        return "undecided: neither a random walk nor one level is refused; too few rows for so slow a feature"
    if steady:
        also = "" if moved.p_value >= LEVEL else f", though its halves differ by {moved.shift:+.2f} deviations"
        return "stationary" + also
    return f"returns, but its level moves ({moved.shift:+.2f} deviations between halves): rank or scale it by a window"


def _pair(result: Any) -> tuple[float, float]:
    """Statistic and p of a result that is a tuple up to statsmodels 0.15, an object after."""
    if hasattr(result, "pvalue"):
        return float(result.statistic), float(result.pvalue)
    return float(result[0]), float(result[1])


def _two_sided(z: float) -> float:
    return math.erfc(abs(z) / math.sqrt(2)) if not math.isnan(z) else math.nan
