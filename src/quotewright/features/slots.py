"""The catalogue of features: what stands in which slot, in which unit, and how it is read."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from quotewright.domain.quotes import MOST_FEATURES


class Slot(NamedTuple):
    """One feature: its name, its unit, and what it says."""

    name: str
    unit: str
    doc: str


SLOTS = (
    Slot("weighted_mid", "ticks from the mid", "each side's price weighed by the other side's lots"),
    Slot("microprice", "ticks from the mid", "where the mid is expected after its next moves, by the fitted chain"),
    Slot("dust_robust", "ticks from the mid", "mid of the best levels that hold more than dust"),
    Slot("last_side", "ticks from the mid", "mid after the last taker's bounce is taken back"),
    Slot("prints_by_time", "ticks from the mid", "mean print, older ones fading in seconds"),
    Slot("prints_by_volume", "ticks from the mid", "mean print, older ones fading in lots traded"),
    Slot("depth", "ticks from the mid", "mid of what a usual taker pays and gets"),
    Slot("kalman", "ticks from the mid", "filter over micro-price, depth and prints"),
    Slot("spread", "ticks", "best ask − best bid"),
    Slot("queue_imbalance", "−1 to 1", "of the lots at the touch; above 0: more at the bid"),
    Slot("order_flow", "usual touches", "order-flow imbalance of the touch, fading"),
    Slot("deep_order_flow", "usual touches", "the same of the best five levels, summed"),
    Slot("trade_flow", "−1 to 1", "imbalance of takers' lots, fading; above 0: buyers"),
    Slot("vpin", "0 to 1", "how one-sided volume is, by buckets"),
    Slot("skew", "−1 to 1", "which side more rests on, nearer levels counting more"),
    Slot("average_skew", "−1 to 1", "the same, averaged over time, fading"),
    Slot("volatility", "bp/√s", "of the mid, recent"),
    Slot("volatility_all", "bp/√s", "of the mid since the start"),
    Slot("volatility_continuous", "bp/√s", "since the start, without jumps"),
    Slot("post_imbalance", "−1 to 1", "of lots posted near the touch, fading; above 0: at the bid"),
    Slot("cancel_imbalance", "−1 to 1", "of lots cancelled near the touch, fading; above 0: at the bid"),
    Slot("deal_imbalance", "−1 to 1", "of resting lots that traded, fading; above 0: at the bid"),
    Slot("regime", "0 to 2", "calm, transitional, turbulent by thresholds; −1 before it is known"),
    Slot("stress", "code", "what the stress rules ask for: 1 widen, 2 shrink, 3 both, 4 halt"),
    Slot("view", "its own", "a slow view from outside, as last published: a daily model's, a desk's"),
    Slot("model", "its own", "what a compiled model says of all slots before this one"),
)
"""A slot that is not known yet, or not now, holds NaN."""

NAMES = tuple(slot.name for slot in SLOTS)
(
    WEIGHTED_MID,
    MICROPRICE,
    DUST_ROBUST,
    LAST_SIDE,
    PRINTS_BY_TIME,
    PRINTS_BY_VOLUME,
    DEPTH,
    KALMAN,
    SPREAD,
    QUEUE_IMBALANCE,
    ORDER_FLOW,
    DEEP_ORDER_FLOW,
    TRADE_FLOW,
    VPIN,
    SKEW,
    AVERAGE_SKEW,
    VOLATILITY,
    VOLATILITY_ALL,
    VOLATILITY_CONTINUOUS,
    POST_IMBALANCE,
    CANCEL_IMBALANCE,
    DEAL_IMBALANCE,
    REGIME,
    STRESS,
    VIEW,
    MODEL,
) = range(len(SLOTS))

MODEL_INPUTS = NAMES[:MODEL]
"""What a model may read, in the order that it reads it."""

assert len(SLOTS) <= MOST_FEATURES


def catalogue_hash() -> str:
    """What the slots mean, as a hash: whatever was trained on other slots must not be fed these."""
    return hashlib.sha256(repr(SLOTS).encode()).hexdigest()


def model_hash() -> str:
    """What a model's inputs mean, as a hash: a model trained on other slots must not be fed these."""
    return hashlib.sha256(repr(SLOTS[:MODEL]).encode()).hexdigest()
