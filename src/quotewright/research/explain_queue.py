"""Sections on the queue, and on the other makers in it."""

# pyright: basic
# Records have fields that no type checker sees.

from __future__ import annotations

import numpy as np

from quotewright.domain.errors import InputError, QuotewrightError
from quotewright.domain.events import LEVEL
from quotewright.research.explain_recording import SECOND, Recording
from quotewright.research.explain_section import Section, axes, line
from quotewright.research.study_page import Figure
from quotewright.signals.book_changes import book_changes
from quotewright.signals.deltas import CANCEL
from quotewright.signals.fates import Fates, Probes, fates, probes
from quotewright.signals.laddering_found import ladder_moves, ladder_players, ladders_state
from quotewright.signals.penny_jumps_recorded import chance_test, find_jumps
from quotewright.signals.queue_value import (
    IMPROVE,
    JOIN,
    best_places,
    dearest_tick,
    estimate,
    queue_value,
    value_error,
)
from quotewright.signals.survival import fit_hazard, kaplan_meier

FEWEST = 30
FOLLOWED = 30 * SECOND
LEVELS = (0, 1, 4)
HORIZONS = (1.0, 10.0, 30.0)
CUTS = (0.0, 1.0, 5.0)
TYPICAL = 40  # grid lots in the usual queue
BLOCK = 10 * SECOND
SHARED = "orders share prints: too narrow an interval"


def queue(rec: Recording, out: Section) -> None:
    """Fill probabilities, what moves them, and what a place in the queue is worth."""
    books = rec.need_books(seconds=60)
    rows = rec.need_prints(FEWEST)
    trades = [np.ascontiguousarray(rows[key], np.int64) for key in ("exch_ts", "price", "side", "qty")]
    times = np.ascontiguousarray(books["time"])
    until = int(rec.exch["exch_ts"][-1])
    bids, bid_qtys, asks, ask_qtys = (
        np.ascontiguousarray(books[key]) for key in ("bids", "bid_qtys", "asks", "ask_qtys")
    )
    traces = []
    touch = None
    for level in LEVELS:
        try:
            tried = probes(times, bids, bid_qtys, asks, ask_qtys, SECOND, level)
        except QuotewrightError:
            continue
        if len(tried.joined_ns) < FEWEST:
            continue
        ends = np.minimum(tried.joined_ns + FOLLOWED, until)
        found = _fates(tried, ends, trades)
        touch = touch or (tried, found)
        traces += _curve(level, found, out)
    if touch is None:
        raise InputError("recording", rec.name, "is too short: no orders could be followed")
    out.figures.append(
        Figure(
            "Probability that an order at the back of a level was filled, with 95 % intervals (Kaplan–Meier; orders "
            "share prints, so that the intervals are too narrow).",
            traces,
            axes("s after joining", "filled", y={"range": [0, 1], "tickformat": ".0%"}),
        )
    )
    _hazard(rec, *touch, out)
    _value(rec, books, trades, out)


def _fates(tried: Probes, ends: np.ndarray, trades: list[np.ndarray]) -> Fates:
    return fates(tried.joined_ns, tried.side, tried.price, tried.ahead, ends, *trades)


def _curve(level: int, found: Fates, out: Section) -> list[dict]:
    curve = kaplan_meier(found.seconds, found.filled)
    name = "touch" if level == 0 else f"level {level + 1}"
    for horizon in HORIZONS:
        if horizon <= curve.followed:
            value, low, high = curve.filled_by(horizon)
            out.between(f"filled within {horizon:g} s, back of {name}", value, low, high, "probability", SHARED)
    if not len(curve.seconds):
        return []
    colour = ("#0b68cb", "#c2410c", "#2f855a")[LEVELS.index(level)]
    x = np.concatenate([curve.seconds, curve.seconds[::-1]])
    band = np.concatenate([1 - curve.low, (1 - curve.high)[::-1]])
    shade = {"type": "scatter", "mode": "lines", "x": x, "y": band, "fill": "toself", "line": {"width": 0}}
    return [
        {**shade, "fillcolor": colour + "22", "showlegend": False, "hoverinfo": "skip"},
        line(name, curve.seconds, 1 - curve.survival, line={"shape": "hv", "color": colour}),
    ]


def _hazard(rec: Recording, tried: Probes, found: Fates, out: Section) -> None:
    scale = max(1.0, float(np.median(tried.ahead)))
    x = np.column_stack([np.log1p(tried.ahead / scale), tried.imbalance])
    cuts = [c for c in CUTS if ((found.seconds > c) & found.filled).sum() >= 10]
    try:
        fit = fit_hazard(found.seconds, found.filled, x, np.array(cuts or [0.0]), tried.joined_ns // BLOCK)
    except (QuotewrightError, ArithmeticError, np.linalg.LinAlgError) as error:
        out.warnings.append(f"no hazard model of fills ({error})")
        return
    if not fit.converged:
        out.warnings.append("the hazard model's likelihood has no maximum that Newton's steps reach")
        return
    out.add("hazard, log of one plus lots ahead over usual", float(fit.theta[0]), "log rate", float(fit.errors[0]))
    out.add("hazard, imbalance towards the own side", float(fit.theta[1]), "log rate", float(fit.errors[1]))


def _value(rec: Recording, books: np.ndarray, trades: list[np.ndarray], out: Section) -> None:
    """The queue model on a grid of lots, of which the usual queue has forty."""
    bid, ask, spread = books["bids"][:, 0], books["asks"][:, 0], books["asks"][:, 0] - books["bids"][:, 0]
    held = np.append(np.diff(books["time"]), 0) / SECOND
    queue_lots = (books["bid_qtys"][:, 0] + books["ask_qtys"][:, 0]) / 2
    usual = float(queue_lots @ held / held.sum())
    unit = max(usual / TYPICAL, 1.0)
    seconds = float(held.sum())
    times, _, side, qty = trades
    sizes = np.clip(np.ceil(qty / unit), 1, 2000).astype(np.int64)
    mid = (bid + ask) / 2
    before = np.searchsorted(books["time"], times, "left") - 1
    after = np.searchsorted(books["time"], times + SECOND, "right") - 1
    known = (before >= 0) & (side != 0)
    moves = (side * (mid[np.maximum(after, 0)] - mid[np.maximum(before, 0)]))[known].astype(float)
    try:
        labelled = rec.deltas
        cancelled = labelled[(labelled["kind"] == CANCEL) & (labelled["depth"] <= 0)]["lots"].sum() / unit
        steps = np.diff(mid)
        jumps = np.abs(steps[np.abs(steps) >= 1])
        rates = estimate(
            sizes[known],
            moves,
            int(cancelled),
            2 * float(queue_lots @ held) / unit,
            2 * len(jumps),
            float(jumps.mean()) if len(jumps) else 1.0,
            2 * seconds,
        )
        deepest = 4 * TYPICAL
        values = queue_value(rates.model, deepest)
    except (QuotewrightError, ArithmeticError) as error:
        out.warnings.append(f"no value of a place in the queue ({error})")
        return
    edge = float(spread @ held / seconds) / 2
    places = np.arange(deepest + 1)
    worth = np.asarray(values.value(places, edge))
    for name, ahead in (("front", 0), ("back of the usual queue", TYPICAL)):
        out.add(f"value of the {name}", float(worth[ahead]), "ticks", value_error(rates, ahead, edge))
    out.add(
        "front above back", float(worth[0] - worth[TYPICAL]), "ticks", note="the model's; its shape is an assumption"
    )
    dearest = float(np.asarray(dearest_tick(values, TYPICAL, edge)))
    out.add(
        "a tick is worth paying for priority if below",
        dearest * rec.tick_bp,
        "bp",
        note=f"the tick is {rec.tick_bp:.3g} bp",
    )
    ahead = np.minimum(np.ceil(queue_lots / unit), deepest).astype(np.int64)
    choice = best_places(values, np.full(len(ahead), -1, np.int64), ahead, spread / 2.0, 1.0, spread.astype(np.int64))
    for name, which in (("join", JOIN), ("improve", IMPROVE)):
        out.add(f"time when it is best to {name}", float(held[choice == which].sum() / seconds), "share")
    _stay(values, edge, out)
    out.figures.append(
        Figure(
            f"What a place behind so much is worth at half the mean spread ({edge:.3g} ticks), by the queue model.",
            [line("value", places * unit * rec.lot, worth)],
            axes(f"{rec.quantity} ahead", "ticks"),
        )
    )


def _stay(values, edge: float, out: Section) -> None:
    half = np.array([TYPICAL // 2], np.int64)
    wide = np.array([max(1, round(2 * edge))], np.int64)
    chosen = int(best_places(values, half, half * 2, np.array([edge]), 1.0, wide)[0])
    said = {0: "leave", JOIN: "join anew", IMPROVE: "improve"}.get(chosen, "stay")
    out.add("half way through the usual queue it is best to", float(chosen), "code", note=said)


def makers(rec: Recording, out: Section) -> None:
    """Penny jumps against chance, and ladders that move together."""
    rec.need_books(seconds=20)
    levels = bool((rec.exch["kind"] == LEVEL).any())
    view = "orders" if rec.l3 else "touch" if rec.has_best or not levels else "levels"
    for most, said in ((1, "one tick"), (10, "up to ten ticks")):
        found = find_jumps([rec.exch], view, most_ticks=most)
        out.add(f"jumps, {said}", len(found.jumps), "", note=f"seen by {view}")
        if not len(found.jumps):
            continue
        chance = chance_test(found)
        out.add(
            f"quick jumps, {said}",
            chance.quick,
            "",
            note=f"{chance.quick_expected:.1f} by chance, z {chance.quick_z:.1f}",
        )
        out.add(
            f"returns of who was jumped, {said}",
            chance.returns,
            "",
            note=f"{chance.returns_expected:.1f} by chance, z {chance.returns_z:.1f}",
        )
        longest = int(found.episodes["jumps"].max()) if len(found.episodes) else 0
        out.add(f"longest episode, {said}", longest, "jumps")
        if chance.returns_z > 3 and chance.returns >= 10:
            out.warnings.append(
                f"makers undercut each other, {said}: {chance.returns} returns, {chance.returns_expected:.0f} by chance"
            )
    if view == "touch":
        out.warnings.append("players are known by the size of their quote alone: returns are a guess")
    if not levels and not rec.l3:
        out.warnings.append("no levels behind the touch: ladders cannot be seen")
        return
    changes = book_changes([rec.exch], orders=rec.l3)
    moved = ladder_moves(ladders_state(), changes, together_ns=10 * 10**6)
    players = ladder_players(moved)
    out.add("ladders that moved", len(moved), "")
    for player in players[:3]:
        form = f"{player.levels} levels {player.spacing} ticks apart, first {player.qty * rec.lot:g} {rec.quantity}"
        out.add(f"ladder: {form}", player.moves, "moves", note=f"surprise {player.surprise:.0f}")
    if not players:
        out.warnings.append("no ladder that chance would not have made")
