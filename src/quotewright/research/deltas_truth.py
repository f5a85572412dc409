"""How well the labels of level changes agree with an order-by-order recording, where what happened is known.

The recording is reduced to what a feed of levels shows, prints are given the stamps and delays of another clock, the
truth is put aside, and two labellers are compared with it: `signals.delta_labels`, and the naive one that calls a
decrement traded if and only if a print of exactly its size, side and price is within a window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.events import CLEAR, LEVEL, TRADE, EventArray
from quotewright.research.order_levels import OrderLevels, by_receipt, order_levels
from quotewright.signals.delta_labels import WAIT, label
from quotewright.signals.deltas import CANCEL, DEAL, EVIDENCE, POST

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MILLISECOND = 10**6
DRAWS = 2000
Z = 1.959964
FEWEST_BLOCKS = 10


class Estimate(NamedTuple):
    """A share and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision, recall and their harmonic mean (F1) of one label; by lots (block bootstrap) and by decrement (Wilson).

    A decrement counts as traded if at least half of its lots were.
    """

    precision: Estimate
    recall: Estimate
    f1: Estimate
    precision_by_change: Estimate
    recall_by_change: Estimate


@dataclass(frozen=True, slots=True)
class DeltaStudy:
    """The labeller against truth and against the naive matcher; `better` is their paired difference, by lots."""

    decrements: int
    traded: int  # decrements of which something traded
    traded_lots: int
    trades: Agreement
    cancels: Agreement
    naive_trades: Agreement
    naive_cancels: Agreement
    naive_window_ns: int  # the best of those tried, by F1 of its trades
    better_precision: Estimate  # of trades
    better_recall: Estimate
    better_f1: Estimate
    by_evidence: tuple[tuple[int, int, float], ...]  # kind of evidence, lots, share rightly labelled

    def confidence(self) -> tuple[float, ...]:
        """The share rightly labelled by kind of evidence, as `Labeller` takes it; 1 for what did not occur."""
        found = {kind: share for kind, _, share in self.by_evidence}
        return tuple(found.get(kind, 1.0) for kind in range(EVIDENCE))


def wilson(right: int, of: int) -> Estimate:
    """A share of independent trials. E. B. Wilson (1927), J. Am. Stat. Assoc. 22(158)."""
    if of == 0:
        return Estimate(math.nan, math.nan, math.nan)
    share, z2 = right / of, Z * Z
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half))


def with_clock(events: EventArray, spread_ns: int, delay_ns: int, rng: np.random.Generator) -> EventArray:
    """The recording as if its prints came from another gateway, one clock error and one delay a taker's order.

    Stamps are off by a normal error of standard deviation `spread_ns`, and rounded down to milliseconds if they are
    off at all; receipt is later by an exponential delay of mean `delay_ns`. The tape stays in order.
    """
    shown = events.copy()
    prints = shown["kind"] == TRADE
    _, order = np.unique(shown["exch_ts"][prints], return_inverse=True)
    number = int(order.max()) + 1 if len(order) else 0
    stamps = shown["exch_ts"][prints] + np.rint(rng.normal(0, spread_ns, number)).astype(np.int64)[order]
    if spread_ns:
        stamps = stamps // MILLISECOND * MILLISECOND
    shown["exch_ts"][prints] = np.maximum.accumulate(stamps)
    shown["local_ts"][prints] += np.rint(rng.exponential(delay_ns, number)).astype(np.int64)[order]
    return by_receipt(shown)


def with_merged_sweeps(events: EventArray) -> EventArray:
    """The recording as if the tape had one print for each taker's order, at the last price it took."""
    shown = events.copy()
    prints = np.flatnonzero(shown["kind"] == TRADE)
    if not len(prints):
        return shown
    same = [np.diff(shown[name][prints]) == 0 for name in ("exch_ts", "local_ts", "side")]
    starts = np.append(0, 1 + np.flatnonzero(~(same[0] & same[1] & same[2])))
    ends = np.append(starts[1:], len(prints)) - 1
    shown["qty"][prints[ends]] = np.add.reduceat(shown["qty"][prints], starts)
    return np.delete(shown, np.setdiff1d(prints, prints[ends]))


def traded_lots(deltas: Any, changes: int) -> Integers:
    """Lots labelled traded of each change, by its number."""
    found = np.zeros(changes, np.int64)
    deals = deltas[deltas["kind"] == DEAL]
    np.add.at(found, deals["number"], deals["lots"])
    return found


def naive_lots(events: EventArray, lots: Integers, window_ns: int) -> Integers:
    """Lots that the naive matcher calls traded: a decrement with a print of its size, side and price within the window.

    Each print serves once, the decrements in order of time.
    """
    levels = _level_rows(events)
    prints = events[events["kind"] == TRADE]
    waiting: dict[tuple[int, int, int], list[int]] = {}
    columns = (prints[name].tolist() for name in ("side", "price", "qty", "exch_ts"))
    for side, price, qty, time in zip(*columns, strict=True):
        waiting.setdefault((-side, price, qty), []).append(time)
    found = np.zeros(len(lots), np.int64)
    for i in np.flatnonzero((lots < 0) & np.isin(-lots, prints["qty"])).tolist():
        row = levels[i]
        times = waiting.get((int(row["side"]), int(row["price"]), -int(lots[i])), [])
        near = [time for time in times if abs(time - int(row["exch_ts"])) <= window_ns]
        if near:
            times.remove(near[0])
            found[i] = -lots[i]
    return found


def truth_study(
    recordings: Sequence[EventArray],
    *,
    every_ns: int = 0,
    spread_ns: int = 2 * MILLISECOND,
    delay_ns: int = 20 * MILLISECOND,
    merged_sweeps: bool = False,
    wait_ns: int = WAIT,
    block_ns: int = 30 * 10**9,
    seed: int = 1,
) -> DeltaStudy:
    """Compare both labellers with the truth of order-by-order recordings.

    The feed shows its levels after each update, or every `every_ns`; prints get another clock (`with_clock`), for which
    the labeller allows three of its standard deviations and a millisecond of rounding; with `merged_sweeps` the tape
    has one print an order. The naive matcher may choose the best of five windows on the very data. Intervals by lots
    resample blocks of `block_ns`. Raises InputError for fewer than ten blocks.
    """
    rng = np.random.default_rng(seed)
    skew = 3 * spread_ns + (MILLISECOND if spread_ns else 0)
    parts: list[tuple[Integers, ...]] = []
    windows = sorted({skew, 2 * skew, every_ns + skew, every_ns + 50 * MILLISECOND, WAIT})
    evidence, blocks = np.zeros((2, EVIDENCE)), 0
    for recording in recordings:
        levels = order_levels(recording, every_ns)
        events = with_merged_sweeps(levels.events) if merged_sweeps else levels.events
        events = with_clock(events, spread_ns, delay_ns, rng)
        deltas = label(events, skew, wait_ns, merged_sweeps=merged_sweeps)
        time = _level_rows(events)["exch_ts"]
        block = blocks + (time - time[0]) // block_ns
        blocks = int(block.max()) + 1
        naive = [naive_lots(events, levels.lots, window) for window in windows]
        down = levels.lots < 0
        mine = traded_lots(deltas, len(levels.lots))
        parts.append(tuple(a[down] for a in (block, -levels.lots, levels.traded, mine, *naive)))
        evidence += _by_evidence(levels, deltas)
    block, lots, traded, mine, *naive = (np.concatenate(column) for column in zip(*parts, strict=True))
    if blocks < FEWEST_BLOCKS:
        raise InputError("block_ns", block_ns, f"gives {blocks} blocks; at least {FEWEST_BLOCKS} are needed")
    draws = rng.multinomial(blocks, np.full(blocks, 1 / blocks), DRAWS)
    tallies = [_tally(block, blocks, lots, traded, found) for found in (mine, *naive)]
    best = 1 + int(np.argmax([np.nan_to_num(_rates(t[0].sum(axis=0))[2]) for t in tallies[1:]]))
    ours, theirs = tallies[0][0], tallies[best][0]
    return DeltaStudy(
        decrements=len(lots),
        traded=int(np.count_nonzero(traded)),
        traded_lots=int(traded.sum()),
        trades=_agreement(ours, draws, lots, traded, mine),
        cancels=_agreement(tallies[0][1], draws, lots, lots - traded, lots - mine),
        naive_trades=_agreement(theirs, draws, lots, traded, naive[best - 1]),
        naive_cancels=_agreement(tallies[best][1], draws, lots, lots - traded, lots - naive[best - 1]),
        naive_window_ns=windows[best - 1],
        better_precision=_difference(ours, theirs, draws, 0),
        better_recall=_difference(ours, theirs, draws, 1),
        better_f1=_difference(ours, theirs, draws, 2),
        by_evidence=tuple(
            (k, int(evidence[0, k]), float(evidence[1, k] / evidence[0, k])) for k in range(EVIDENCE) if evidence[0, k]
        ),
    )


def _level_rows(events: EventArray) -> EventArray:
    """The LEVEL rows after the snapshot, which is the recording's first update of levels."""
    book = events[(events["kind"] == LEVEL) | (events["kind"] == CLEAR)]
    end = int(np.flatnonzero(book["flags"] & 1)[0]) + 1
    return book[end:]


def _by_evidence(levels: OrderLevels, deltas: Any) -> Floats:
    """Lots by evidence, and how many of them are labelled rightly.

    Where several labels share a decrement, its truly traded lots are taken to be those labelled traded first.
    """
    sums = np.zeros((2, EVIDENCE))
    told = deltas[deltas["number"] >= 0]
    truly = levels.traded[told["number"]]
    labelled = traded_lots(deltas, len(levels.lots))[told["number"]]
    share = np.divide(np.minimum(labelled, truly), labelled, out=np.zeros(len(told)), where=labelled > 0)
    gone = np.maximum(-levels.lots[told["number"]], 0)
    still = gone - labelled
    kept = np.divide(np.minimum(still, gone - truly), still, out=np.zeros(len(told)), where=still > 0)
    right = np.select([told["kind"] == DEAL, told["kind"] == CANCEL, told["kind"] == POST], [share, kept, 1.0])
    for k in range(EVIDENCE):
        of = told["evidence"] == k
        sums[:, k] = told["lots"][of].sum(), (told["lots"][of] * right[of]).sum()
    return sums


def _tally(block: Integers, blocks: int, lots: Integers, truth: Integers, found: Integers) -> tuple[Floats, Floats]:
    """By block: lots rightly found, found, and true; of trades and of cancels."""

    def sums(true: Integers, told: Integers) -> Floats:
        columns = (np.minimum(true, told), told, true)
        return np.stack([np.bincount(block, c, blocks).astype(np.float64) for c in columns], axis=1)

    return sums(truth, found), sums(lots - truth, lots - found)


def _rates(sums: Floats) -> Floats:
    """Precision, recall and F1 from sums of (right, found, true)."""
    right, found, true = sums[..., 0], sums[..., 1], sums[..., 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([right / found, right / true, 2 * right / (found + true)])


def _interval(value: float, drawn: Floats) -> Estimate:
    low, high = np.nanquantile(drawn, [0.025, 0.975]).tolist() if np.isfinite(drawn).any() else (math.nan, math.nan)
    return Estimate(value, low, high)


def _agreement(sums: Floats, draws: Integers, lots: Integers, true: Integers, found: Integers) -> Agreement:
    whole, drawn = _rates(sums.sum(axis=0)), _rates(draws @ sums)
    truly, told = (2 * true >= lots) & (true > 0), (2 * found >= lots) & (found > 0)
    right = int(np.count_nonzero(truly & told))
    return Agreement(
        _interval(float(whole[0]), drawn[0]),
        _interval(float(whole[1]), drawn[1]),
        _interval(float(whole[2]), drawn[2]),
        wilson(right, int(np.count_nonzero(told))),
        wilson(right, int(np.count_nonzero(truly))),
    )


def _difference(ours: Floats, theirs: Floats, draws: Integers, k: int) -> Estimate:
    whole = _rates(ours.sum(axis=0))[k] - _rates(theirs.sum(axis=0))[k]
    return _interval(float(whole), _rates(draws @ ours)[k] - _rates(draws @ theirs)[k])
