"""What the labelled changes of a recording come to: how much of its tape they explain, what traded, how late."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.signals.deltas import CANCEL, DEAL, POST, UNSEEN

MILLISECOND = 1e6


@dataclass(frozen=True, slots=True)
class DeltaReport:
    """Shares in [0, 1] (NaN without any), lots, and delays between the receipt of a change and its label, ms."""

    posts: int
    decrements: int
    traded_decrements: int  # of which some lots traded
    printed_lots: int
    explained_lots: float  # share of printed lots that decrements of the book show
    unseen_lots: int  # printed lots that no decrement shows
    traded_lots: float  # share of the decrements' lots that traded
    confidence: float  # mean over the decrements' lots
    trade_delay: tuple[float, float]  # median, 99 %
    cancel_delay: tuple[float, float]


def delta_report(deltas: npt.NDArray[Any]) -> DeltaReport:
    """Sum up deltas, an array as `signals.delta_labels` gives."""
    kind, lots = deltas["kind"], deltas["lots"]
    sums = {k: int(lots[kind == k].sum()) for k in (CANCEL, DEAL, UNSEEN)}
    printed, gone = sums[DEAL] + sums[UNSEEN], sums[CANCEL] + sums[DEAL]
    down = (kind == CANCEL) | (kind == DEAL)
    return DeltaReport(
        posts=int(np.count_nonzero(kind == POST)),
        decrements=np.unique(deltas["number"][down]).size,
        traded_decrements=np.unique(deltas["number"][kind == DEAL]).size,
        printed_lots=printed,
        explained_lots=sums[DEAL] / printed if printed else math.nan,
        unseen_lots=sums[UNSEEN],
        traded_lots=sums[DEAL] / gone if gone else math.nan,
        confidence=float(lots[down] @ deltas["confidence"][down] / gone) if gone else math.nan,
        trade_delay=_delay(deltas[kind == DEAL]),
        cancel_delay=_delay(deltas[kind == CANCEL]),
    )


def _delay(deltas: npt.NDArray[Any]) -> tuple[float, float]:
    if deltas.size == 0:
        return math.nan, math.nan
    late = (deltas["time"] - deltas["local_ts"]) / MILLISECOND
    return float(np.quantile(late, 0.5)), float(np.quantile(late, 0.99))
