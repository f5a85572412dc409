"""Every library's split as `x ≤ threshold` in double precision, moved to the last double that goes left.

Rounding to single precision is monotone, so the doubles whose rounded value is ≤ t form a half-line: its end is
half-way between t and the next single (IEEE 754, round half to even), included where t's last bit is 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

_BEYOND = float(np.finfo(np.float32).max) + 2.0**103  # half-way from the largest single to the one that would follow


def last_rounded_up_to(thresholds: Floats) -> Floats:
    """For splits `float32(x) ≤ t`, t double (scikit-learn's trees): the largest double x that goes left."""
    singles = thresholds.astype(np.float32)
    above = singles.astype(np.float64) > thresholds
    singles[above] = np.nextafter(singles[above], np.float32(-np.inf))
    return _end_of(singles)


def last_rounded_below(thresholds: Singles) -> Floats:
    """For splits `float32(x) < t`, t single (XGBoost): the largest double x that goes left."""
    with np.errstate(over="ignore"):  # below the least single lies −∞, which is meant
        return _end_of(np.nextafter(thresholds, np.float32(-np.inf)))


def _end_of(singles: Singles) -> Floats:
    own = singles.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # of infinite ends, which stay
        following = np.nextafter(singles, np.float32(np.inf)).astype(np.float64)
        half = np.where(np.isinf(following), _BEYOND, own + (following - own) / 2)
    even = (singles.view(np.uint32) & 1) == 0
    return np.where(np.isinf(own), own, np.where(even, half, np.nextafter(half, -np.inf)))
