"""Section on deltas: what the levels of the book lost and won."""

# pyright: basic
# Records have fields that no type checker sees.

from __future__ import annotations

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.research.delta_report import delta_report
from quotewright.research.deltas_truth import Estimate, truth_study
from quotewright.research.explain_recording import Recording
from quotewright.research.explain_section import Section, axes, mean_of
from quotewright.research.study_page import Figure
from quotewright.signals.deltas import CANCEL, DEAL, POST, UNSEEN

BANDS = (0, 1, 3, 10, 30, 100)
NAMES = ("at the touch", "1–2", "3–9", "10–29", "30–99", "100 and more")
FEWEST = 20


def deltas(rec: Recording, out: Section) -> None:
    """Labels, shares by depth, prints that the book does not show; against the truth where orders are known."""
    found = rec.deltas
    if len(found) < FEWEST:
        raise InputError("recording", f"{len(found)} changes of levels", f"is too short: it needs {FEWEST}")
    report = delta_report(found)
    kind, lots = found["kind"], found["lots"].astype(float)
    down, printed = (kind == CANCEL) | (kind == DEAL), (kind == DEAL) | (kind == UNSEEN)
    out.add("posts", report.posts, "")
    out.add("decrements", report.decrements, "")
    out.add("decrements that traded", report.traded_decrements, "")
    gone, said = found[down], found[printed]
    shares = (
        ("share of the decrements' lots that traded", gone, DEAL),
        ("share of the printed lots that the book shows", said, DEAL),
        ("share of the printed lots unseen in the book", said, UNSEEN),
    )
    for name, rows, which in shares:
        share, error = mean_of(rows["kind"] == which, rows["lots"])
        out.add(name, share, "share", error)
    out.add("printed lots unseen in the book", report.unseen_lots * rec.lot, rec.quantity)
    out.add("confidence of the labels", *_mean(gone))
    out.add("cancels known after, median", report.cancel_delay[0], "ms")
    out.add("cancels known after, 99 %", report.cancel_delay[1], "ms")
    if printed.any() and report.explained_lots < 0.5:
        out.warnings.append(
            f"the book shows {report.explained_lots:.0%} of the printed lots: labels of trades miss most of them"
        )
    if not printed.any():
        out.warnings.append("no prints: every decrement counts as cancelled")
    _by_depth(rec, found, kind, lots, out)
    if rec.l3:
        _truth(rec, out)


def _mean(gone: np.ndarray) -> tuple[float, str, float]:
    value, error = mean_of(gone["confidence"], gone["lots"])
    return value, "share", error


def _by_depth(rec: Recording, found: np.ndarray, kind: np.ndarray, lots: np.ndarray, out: Section) -> None:
    band = np.clip(np.searchsorted(BANDS, np.maximum(found["depth"], 0), "right") - 1, 0, len(BANDS) - 1)
    names = {POST: "posted", CANCEL: "cancelled", DEAL: "traded"}
    sums = {which: np.bincount(band[kind == which], lots[kind == which], minlength=len(BANDS)) for which in names}
    out.figures.append(
        Figure(
            "Quantity posted, cancelled and traded, by ticks behind the touch.",
            [{"type": "bar", "name": name, "x": NAMES, "y": sums[which] * rec.lot} for which, name in names.items()],
            axes("ticks behind the touch", rec.quantity, y={"type": "log"}, barmode="group"),
        )
    )
    imbalance: dict[str, list[float]] = {}
    for which, name in names.items():
        sides = [np.bincount(band[m], lots[m], minlength=len(BANDS)) for m in _sides(kind == which, found["side"])]
        total = sides[0] + sides[1]
        imbalance[name] = np.where(total > 0, (sides[0] - sides[1]) / np.maximum(total, 1), np.nan).tolist()
    out.figures.append(
        Figure(
            "Imbalance (bids − asks)/(bids + asks) of what was posted, cancelled and traded, by depth.",
            [{"type": "bar", "name": name, "x": NAMES, "y": values} for name, values in imbalance.items()],
            axes("ticks behind the touch", "imbalance", y={"range": [-1.05, 1.05]}, barmode="group"),
        )
    )


def _sides(chosen: np.ndarray, side: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return chosen & (side > 0), chosen & (side < 0)


def _truth(rec: Recording, out: Section) -> None:
    try:
        study = truth_study([rec.local])
    except InputError as error:
        out.warnings.append(f"not held to the truth of the orders: {error}")
        return
    ours, theirs = study.trades, study.naive_trades
    rows: tuple[tuple[str, Estimate], ...] = (
        ("precision of 'traded' against the orders", ours.precision),
        ("recall of 'traded' against the orders", ours.recall),
        ("precision of 'cancelled' against the orders", study.cancels.precision),
        ("recall of 'cancelled' against the orders", study.cancels.recall),
        ("F1 above the naive matcher's", study.better_f1),
        ("precision of the naive matcher", theirs.precision),
        ("recall of the naive matcher", theirs.recall),
    )
    for name, one in rows:
        out.between(name, one.value, one.low, one.high, "share", "prints on a clock that is off by 2 ms")
