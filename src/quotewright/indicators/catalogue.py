"""The catalogue: which indicators there are, what each needs, and the hash that ties a model to them.

A name is `family_window` (`mfi_14`), a family alone where it has no window (`sar`), or `series:family_window` for what
is taken of one column (`funding:zscore_28`). Windows are in bars.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from quotewright.domain.errors import InputError

WINDOWS = (1, 7, 14, 21, 28)
LONGEST = 1024  # bars in a window
BAND_DEVIATIONS = 2.0
KELTNER_RANGES = 2.0
SAR_STEP, SAR_MOST = 0.02, 0.2

_HLC = ("high", "low", "close")
_HLCV = (*_HLC, "volume")


class Family(NamedTuple):
    """One formula; `version` rises whenever its values change, and with it every hash that holds it."""

    name: str
    inputs: tuple[str, ...]  # columns; none: of one series, named before the colon
    windowed: bool
    unit: str
    doc: str
    parameters: tuple[float, ...] = ()
    version: int = 1


class Feature(NamedTuple):
    """A family at a window (0: it has none) over named columns."""

    name: str
    family: str
    window: int
    inputs: tuple[str, ...]


_TABLE = (
    Family("ad_line", _HLCV, False, "volume", "Accumulation/Distribution since the start"),
    Family("ad", _HLCV, True, "volume", "change of that line over the window"),
    Family("cmf", _HLCV, True, "−1 to 1", "the same over the window's volume: Chaikin money flow"),
    Family("mfi", _HLCV, True, "0 to 100", "Money Flow Index"),
    Family("bollinger_upper", ("close",), True, "price", "upper band", (BAND_DEVIATIONS,)),
    Family("bollinger_middle", ("close",), True, "price", "mean of closes"),
    Family("bollinger_lower", ("close",), True, "price", "lower band", (BAND_DEVIATIONS,)),
    Family("bollinger_width", ("close",), True, "share of the middle", "upper − lower band", (BAND_DEVIATIONS,)),
    Family("bollinger_place", ("close",), True, "0 to 1 in the bands", "%b: where the close is", (BAND_DEVIATIONS,)),
    Family("keltner_width", _HLC, True, "share of the middle", "upper − lower Keltner channel", (KELTNER_RANGES,)),
    Family("sar", ("high", "low"), False, "price", "Parabolic SAR", (SAR_STEP, SAR_MOST)),
    Family("sar_distance", _HLC, False, "share of the close", "close − Parabolic SAR", (SAR_STEP, SAR_MOST)),
    Family("log_return", ("close",), True, "1", "Δ ln close over the window"),
    Family("momentum", ("close",), True, "price", "Δ close over the window"),
    Family("roc", ("close",), True, "%", "rate of change: Δ close over the close then"),
    Family("volatility", ("close",), True, "a bar", "standard deviation of log returns"),
    Family("rsi", ("close",), True, "0 to 100", "Relative Strength Index"),
    Family("atr", _HLC, True, "price", "Average True Range"),
    Family("change", (), True, "of the series", "Δ over the window"),
    Family("zscore", (), True, "deviations", "distance from the window's mean"),
    Family("rank", (), True, "0 to 1", "share of the window before that is below"),
    Family("ewm", (), True, "of the series", "exponentially weighted mean; the window is the half-life"),
)
FAMILIES = {family.name: family for family in _TABLE}
CODES = {family.name: code for code, family in enumerate(_TABLE)}
(
    AD_LINE,
    AD,
    CMF,
    MFI,
    BOLLINGER_UPPER,
    BOLLINGER_MIDDLE,
    BOLLINGER_LOWER,
    BOLLINGER_WIDTH,
    BOLLINGER_PLACE,
    KELTNER_WIDTH,
    SAR,
    SAR_DISTANCE,
    LOG_RETURN,
    MOMENTUM,
    ROC,
    VOLATILITY,
    RSI,
    ATR,
    CHANGE,
    ZSCORE,
    RANK,
    EWM,
) = range(len(_TABLE))


def feature(name: str) -> Feature:
    """The feature of a name. Raises InputError for an unknown family, a window outside 1 to 1,024, or no series."""
    series, colon, rest = name.rpartition(":")
    family = FAMILIES.get(rest)
    window = 0
    if family is None:
        stem, _, digits = rest.rpartition("_")
        family = FAMILIES.get(stem)
        if family is not None and digits.isascii() and digits.isdecimal() and not digits.startswith("0"):
            window = int(digits)
    if family is None:
        raise InputError("feature", name, f"choose a family of {', '.join(FAMILIES)}")
    if family.windowed and not 1 <= window <= LONGEST:
        raise InputError("feature", name, f"give a window of 1 to {LONGEST} bars, as in {family.name}_14")
    if not family.windowed and window:
        raise InputError("feature", name, f"has no window: {family.name}")
    if family.inputs and colon:
        raise InputError("feature", name, f"is taken of {', '.join(family.inputs)}, not of a series: {rest}")
    if not family.inputs and not series:
        raise InputError("feature", name, f"name its series, as in funding:{rest}")
    return Feature(name, family.name, window, family.inputs or (series,))


FEATURES = {
    name: feature(name)
    for family in _TABLE
    if family.inputs
    for name in ([f"{family.name}_{w}" for w in WINDOWS] if family.windowed else [family.name])
}
"""Every family of bars at the usual windows. Other windows, and series, are named as they are needed."""


def series_features(series: str, windows: Iterable[int] = WINDOWS) -> tuple[str, ...]:
    """Names of the four families of one series at each window, as `compute` takes them."""
    windows = tuple(windows)
    return tuple(f"{series}:{family.name}_{w}" for family in _TABLE if not family.inputs for w in windows)


def catalogue_hash(names: Iterable[str] = FEATURES) -> str:
    """sha256 of what the named columns mean, in their order; whatever was trained on others must not be fed these."""
    chosen = [feature(name) for name in names]
    meaning = [(*one, FAMILIES[one.family].parameters, FAMILIES[one.family].version) for one in chosen]
    return hashlib.sha256(repr(meaning).encode()).hexdigest()
