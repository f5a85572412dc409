"""What features must know of a market beforehand: times, sizes, and what is usual there."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, cast

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.signals.book_skew import NEAR, skew_weights
from quotewright.signals.fair_prices import FAIR_RULES, SOURCES, fair_model
from quotewright.signals.kalman import KALMAN_RULES
from quotewright.signals.regime import CLOCK_RULES, LEVELS, MEASURES, clock_rules
from quotewright.signals.regime_thresholds import THRESHOLD_RULES, threshold_rules
from quotewright.signals.stress import STRESS_RULES, stress_rules
from quotewright.signals.vpin import MOST_BUCKETS

SECOND = 1_000_000_000
MOST_WHOLE = 10**15
SPREADS, BUCKETS = 3, 9  # of the micro-price's table

FEATURE_RULES = np.dtype(
    [
        ("flow_half_life", "i8"),  # ns
        ("trade_half_life", "i8"),
        ("skew_half_life", "i8"),
        ("delta_half_life", "i8"),
        ("delta_depth", "i8"),  # ticks behind the touch that count
        ("delta_reach", "i8"),  # ticks behind the touch that are labelled: the touch moves while labels wait
        ("skew_weights", "f8", (NEAR + 1,)),  # of `book_skew.skew_weights`
        ("vpin_bucket", "i8"),  # lots
        ("vpin_window", "i8"),  # buckets
        ("volatility_interval", "i8"),  # ns
        ("volatility_keep", "f8"),  # share that a return keeps when the next comes
        ("usual_touch", "f8"),  # lots, mean of both sides
        ("usual_spread", "f8"),  # ticks
        ("usual_move", "f8"),  # bp/√s
        ("microprice", "f8", (SPREADS, BUCKETS)),  # G*, half ticks
    ],
    align=True,
)

NEVER = 1e300  # a threshold that nothing reaches


def _no_microprice() -> list[list[float]]:
    return [[0.0] * BUCKETS for _ in range(SPREADS)]


def _never() -> list[list[float]]:
    return [[NEVER] * MEASURES for _ in range(LEVELS - 1)]


@dataclass(frozen=True)
class FeatureSettings:
    """Settings of one instrument's features; times in seconds, prices in ticks, sizes in lots.

    The defaults run anywhere and know nothing: the micro-price is the mid, dust is nothing, and the regime is calm.
    `quotewright features fit` learns the rest from a recording. Raises InputError for what is out of range.
    """

    flow_half_life: float = 5.0
    trade_half_life: float = 10.0
    skew_half_life: float = 5.0
    skew_half_distance: float = 5.0
    delta_half_life: float = 5.0
    delta_depth: int = 3
    delta_skew: float = 0.002
    delta_wait: float = 0.5
    vpin_bucket: int = 1_000
    vpin_window: int = 50
    volatility_interval: float = 0.5
    volatility_half_life: float = 60.0
    usual_touch: float = 1.0
    usual_spread: float = 1.0
    usual_move: float = 1.0
    dust: int = 0
    depth: int = 1
    last_side: float = 0.0
    print_half_life: float = 5.0
    print_memory: int = 1_000
    microprice: list[list[float]] = field(default_factory=_no_microprice)
    variance: float = 1.0
    noise: list[float] = field(default_factory=lambda: [1.0] * len(SOURCES))
    regime_up: list[list[float]] = field(default_factory=_never)
    regime_down: list[list[float]] = field(default_factory=_never)
    regime_votes: int = 1
    regime_dwell: int = 10
    widen_spread: float = 3.0
    halt_spread: float = 10.0
    shrink_depth: float = 3.0
    halt_depth: float = 20.0
    widen_move: float = 4.0
    halt_move: float = 10.0

    def __post_init__(self) -> None:
        for name in _TIMES:
            value = getattr(self, name)
            if not 1e-6 <= value <= 1e6:
                raise InputError(f"features: {name}", value, "is a time in seconds: give 1e-6 to 1e6")
        for name in ("delta_depth", "vpin_bucket", "vpin_window", "dust", "depth", "print_memory", "regime_dwell"):
            value = getattr(self, name)
            if isinstance(value, bool) or value != int(value) or not 0 <= value <= MOST_WHOLE:
                raise InputError(f"features: {name}", value, f"must be a whole number from 0 to {MOST_WHOLE:,}")
        if len(self.noise) != len(SOURCES):
            raise InputError("features: noise", self.noise, f"give {len(SOURCES)} variances: {', '.join(SOURCES)}")
        if not -1 <= self.last_side <= 1:
            raise InputError("features: last_side", self.last_side, "is a share of the half-spread: −1 to 1")
        for name in ("skew_half_distance", "usual_touch", "usual_spread", "usual_move"):
            value = getattr(self, name)
            if not 0 < value < 1e15:
                raise InputError(f"features: {name}", value, "must be positive and finite")
        if not 0 <= self.delta_depth <= 10_000:
            raise InputError("features: delta_depth", self.delta_depth, "is a number of ticks: give 0 to 10000")
        if self.vpin_bucket < 1 or not 2 <= self.vpin_window <= MOST_BUCKETS:
            given = (self.vpin_bucket, self.vpin_window)
            raise InputError("features: vpin_bucket, vpin_window", given, f"give lots, and 2 to {MOST_BUCKETS} buckets")
        if np.shape(self.microprice) != (SPREADS, BUCKETS):
            shape = np.shape(self.microprice)
            raise InputError("features: microprice", shape, f"give a table of {SPREADS} spreads × {BUCKETS} buckets")
        self._fair_model()
        self._thresholds()
        self._stress()

    @classmethod
    def from_dict(cls, given: Any) -> FeatureSettings:
        """The settings of a dictionary; raises InputError naming what is unknown."""
        if not isinstance(given, dict):
            raise InputError("features", type(given).__name__, "must be a table of settings")
        table = cast("dict[str, Any]", given)
        known = {one.name for one in fields(cls)}
        for name in table:
            if name not in known:
                raise InputError("features", name, f"is not a setting; there are {', '.join(sorted(known))}")
        try:
            return cls(**table)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError("features", table, f"has a value of the wrong kind: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """The settings as a dictionary that JSON can hold."""
        return asdict(self)

    def fill(self, tables: Any, which: int) -> None:
        """Write what kernels read into the rule tables of a FeatureState, at an instrument's place."""
        rules = tables.rules[which]
        for name in ("flow_half_life", "trade_half_life", "skew_half_life", "delta_half_life"):
            rules[name] = _ns(getattr(self, name))
        rules["volatility_interval"] = _ns(self.volatility_interval)
        rules["volatility_keep"] = 0.5 ** (self.volatility_interval / self.volatility_half_life)
        rules["skew_weights"] = skew_weights(self.skew_half_distance)
        rules["delta_reach"] = 2 * self.delta_depth + 8
        for name in ("delta_depth", "vpin_bucket", "vpin_window"):
            rules[name] = getattr(self, name)
        for name in ("usual_touch", "usual_spread", "usual_move"):
            rules[name] = getattr(self, name)
        rules["microprice"] = self.microprice
        model = self._fair_model()
        tables.fair_rules[which] = np.asarray(model.rules).view(FAIR_RULES)[0]
        tables.kalman_rules[which] = np.asarray(model.kalman).view(KALMAN_RULES)[0]
        tables.clock_rules[which] = np.asarray(clock_rules()).view(CLOCK_RULES)[0]
        tables.threshold_rules[which] = np.asarray(self._thresholds()).view(THRESHOLD_RULES)[0]
        tables.stress_rules[which] = np.asarray(self._stress()).view(STRESS_RULES)[0]

    def _fair_model(self) -> Any:
        return fair_model(
            dust=self.dust,
            depth=self.depth,
            last_side=self.last_side,
            time_memory=_ns(self.print_half_life),
            volume_memory=self.print_memory,
            microprice=np.asarray(self.microprice, np.float64),
            variance=self.variance,
            noise=np.asarray(self.noise, np.float64),
        )

    def _thresholds(self) -> Any:
        return threshold_rules(self.regime_up, self.regime_down, votes=self.regime_votes, dwell=self.regime_dwell)

    def _stress(self) -> Any:
        return stress_rules(
            widen_spread=self.widen_spread,
            halt_spread=self.halt_spread,
            shrink_depth=self.shrink_depth,
            halt_depth=self.halt_depth,
            widen_move=self.widen_move,
            halt_move=self.halt_move,
        )


def _ns(seconds: float) -> int:
    return max(1, round(seconds * SECOND))


_TIMES = (
    "flow_half_life",
    "trade_half_life",
    "skew_half_life",
    "delta_half_life",
    "delta_skew",
    "delta_wait",
    "volatility_interval",
    "volatility_half_life",
    "print_half_life",
)
