"""Risk of a leg's equity curve: drawdown, and the Sharpe ratio of its changes over the mark interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from quotewright.accounting.attribution import ProfitPath
from quotewright.domain.journal import Record

DAY_NS = 86_400 * 10**9  # sampled over less, an annualised figure is not meaningful
YEAR_NS = 365 * DAY_NS  # crypto trades every day


@dataclass(frozen=True)
class Drawdown:
    """Largest fall of equity from an earlier peak, money units, and when (ns); zero if equity never fell."""

    units: int
    peak_ts: int
    trough_ts: int


@dataclass(frozen=True)
class Sharpe:
    """Mean over standard deviation (n − 1) of equity changes between successive MARK records.

    `annualised` multiplies by √(365 days / interval): continuous trading, changes taken as uncorrelated, no
    risk-free rate. Equity changes, not returns on capital: the ratio is the same for any fixed capital.
    None with fewer than two samples or without variation. `meaningful`: sampled over a day or more.
    """

    interval_ns: int
    samples: int
    span_ns: int
    per_interval: float | None
    annualised: float | None
    meaningful: bool


def drawdown(path: ProfitPath) -> Drawdown:
    """Largest drawdown over the FILL, FUNDING, MARK, RUN_START and RUN_END records."""
    peaks = np.maximum.accumulate(path.total)
    falls = peaks - path.total
    trough = int(np.argmax(falls))
    peak = int(np.argmax(path.total[: trough + 1]))
    return Drawdown(int(falls[trough]), int(path.time[peak]), int(path.time[trough]))


def sharpe(path: ProfitPath, interval_ns: int) -> Sharpe:
    """Sharpe ratio from the MARK records, which are `interval_ns` apart."""
    marks = path.rows["kind"] == Record.MARK
    changes = np.diff(path.total[marks]).astype(np.float64)
    samples = len(changes)
    span = samples * interval_ns
    ratio = None
    if samples > 1 and len(set(changes.tolist())) > 1:
        ratio = float(np.mean(changes) / np.std(changes, ddof=1))
    annual = ratio * math.sqrt(YEAR_NS / interval_ns) if ratio is not None else None
    return Sharpe(interval_ns, samples, span, ratio, annual, span >= DAY_NS)
