"""Sections on what the recording is, and on its book."""

# pyright: basic
# Records have fields that no type checker sees.

from __future__ import annotations

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.events import LAST, TRADE
from quotewright.research.explain_recording import SECOND, Recording
from quotewright.research.explain_section import Section, axes, line, mean_of, thinned
from quotewright.research.study_page import Figure
from quotewright.signals.book_skew import book_skew, book_skew_state
from quotewright.signals.fair_prices import LEVELS

SHORT = 60.0  # s
HALF_DISTANCE = 5.0  # ticks
SIDES = ("bids", "bid_qtys", "asks", "ask_qtys")
FAULTS = {
    "gaps": "gaps in the venue's numbering",
    "crossed": "crossed books",
    "locked": "locked books",
    "invalid": "rows while the book was not valid",
    "duplicate_updates": "duplicate updates",
    "duplicate_trades": "duplicate prints",
    "unknown_orders": "changes of unknown orders",
    "update_ids_back": "updates whose number goes back",
    "local_time_back": "times of receipt that go back",
    "venue_time_back": "venue times that go back",
    "silences_10s": "silences of ten seconds or more",
}


def quality(rec: Recording, out: Section) -> None:
    """Span, counts, faults and clocks."""
    manifest = rec.dataset.manifest
    found = manifest.get("quality", {})
    kinds = rec.local["kind"]
    out.add("span", rec.seconds, "s")
    out.add("rows", len(rec.local), "")
    out.add("updates", int((rec.local["flags"] & LAST > 0).sum()), "")
    out.add("prints", int((kinds == TRADE).sum()), "")
    for key in FAULTS:
        if key in found:
            out.add(FAULTS[key], found[key], "")
    share = found.get("prints_outside_share")
    if share is not None:
        out.add(
            "prints outside the touch last received", share, "share", note="trades and book come by separate streams"
        )
    latency = found.get("latency_ns", {})
    for key, name in (("p1", "1 %"), ("p50", "median"), ("p99", "99 %")):
        if key in latency:
            shift = latency[key] + rec.dataset.clock_offset
            out.add(
                f"latency, {name}",
                shift / 1e6,
                "ms",
                note="after the clock was moved" if rec.dataset.clock_offset else "",
            )
    _warn(rec, out)
    times = rec.since(rec.local["local_ts"])
    step = max(1.0, np.ceil(rec.seconds / 600))
    edges = np.arange(0, rec.seconds + step, step)
    ends = rec.local["flags"] & LAST > 0
    rates = [np.histogram(times[chosen], edges)[0] / step for chosen in (ends & (kinds != TRADE), kinds == TRADE)]
    out.figures.append(
        Figure(
            "Updates of the book and prints received, a second.",
            [line(name, edges[:-1], rate) for name, rate in zip(("updates of the book", "prints"), rates, strict=True)],
            axes("s from the first event", "1/s"),
        )
    )


def _warn(rec: Recording, out: Section) -> None:
    manifest = rec.dataset.manifest
    found = manifest.get("quality", {})
    if not rec.whole:
        out.warnings.append(f"only the first {len(rec.local):,} rows were read")
    if rec.seconds < SHORT:
        out.warnings.append(f"{rec.seconds:.0f} s are an anecdote: hardly a figure here is known with any precision")
    if not len(rec.prints):
        out.warnings.append("no prints: nothing can be said of takers")
    if not len(rec.books):
        out.warnings.append("no book with a proper touch: only the tape can be read")
    for key in ("gaps", "crossed", "duplicate_updates", "unknown_orders", "update_ids_back", "silences_10s"):
        if found.get(key):
            out.warnings.append(f"{found[key]:,} {FAULTS[key]}")
    if rec.dataset.clock_offset:
        out.warnings.append(
            f"the recorder's clock was moved by {rec.dataset.clock_offset / 1e6:,.0f} ms: latencies are relative"
        )
    if rec.estimated:
        out.warnings.append("the venue gives no time with its book: the time of receipt stands in")
    refused = sum(one if isinstance(one, int) else one.get("count", 0) for one in manifest.get("refused", {}).values())
    if refused:
        out.warnings.append(f"{refused:,} messages were refused on import")


def book(rec: Recording, out: Section) -> None:
    """Spread, depth, tick and skew."""
    if not len(rec.books):
        raise InputError("recording", rec.name, "has no book with a proper touch")
    books = rec.need_received(2)
    times = books["time"]
    held = np.append(np.diff(times), max(int(rec.local["local_ts"][-1]) - int(times[-1]), 0)) + 0.0
    held = np.where(held.sum() > 0, held, 1.0)
    spread = books["asks"][:, 0] - books["bids"][:, 0]
    mid = (books["asks"][:, 0] + books["bids"][:, 0]) / 2
    bp = spread / mid * 1e4
    one = (spread == 1).astype(float)
    out.add("mid", *_pair(mid * rec.tick, held, rec.dataset.instrument.quote))
    out.add("tick", rec.tick_bp, "bp")
    for name, values, unit in (("spread", spread, "ticks"), ("spread", bp, "bp"), ("time at one tick", one, "share")):
        out.add(name, *_pair(values, held, unit))
    for side in ("bid", "ask"):
        lots = books[f"{side}_qtys"] * rec.lot
        out.add(f"{side} at the touch", *_pair(lots[:, 0], held, rec.quantity))
        out.add(f"{side} on {LEVELS} levels", *_pair(lots.sum(axis=1), held, rec.quantity))
    bids, bid_qtys, asks, ask_qtys = (np.ascontiguousarray(books[key]) for key in SIDES)
    skews = book_skew(book_skew_state(), times, bids, bid_qtys, asks, ask_qtys, HALF_DISTANCE, 5 * SECOND)
    out.add("skew", *_pair(skews[:, 0], held, "−1 to 1"), note=f"lots weigh half as much every {HALF_DISTANCE:g} ticks")
    if spread.min() > 50:
        out.warnings.append("the tick is tiny beside the spread: queue places are worth nothing here")
    at = thinned(len(books))
    x = rec.since(times)[at]
    step = {"shape": "hv"}
    out.figures += [
        Figure(
            "Best prices over time.",
            [
                line(side, x, books[key][at, 0] * rec.tick, line=step)
                for side, key in (("best ask", "asks"), ("best bid", "bids"))
            ],
            axes("s from the first event", rec.dataset.instrument.quote, y={"tickformat": "," + _places(rec.tick)}),
        ),
        _spreads(spread, held),
        _depths(rec, books, held),
        Figure(
            "Skew of the book, above 0 where more rests on the bid side, and its fading average.",
            [line("skew", x, skews[at, 0], opacity=0.4), line("average, half-life 5 s", x, skews[at, 1])],
            axes("s from the first event", "skew", y={"range": [-1.05, 1.05]}),
        ),
    ]


def _places(tick: float) -> str:
    return f".{max(0, -int(np.floor(np.log10(tick))))}f"


def _pair(values: np.ndarray, held: np.ndarray, unit: str) -> tuple[float, str, float]:
    mean, error = mean_of(values, held)
    return mean, unit, error


def _spreads(spread: np.ndarray, held: np.ndarray) -> Figure:
    order = np.argsort(spread)
    most = np.searchsorted(np.cumsum(held[order]), 0.99 * held.sum())
    top = max(5, int(spread[order][min(most, len(spread) - 1)]) + 1)
    width = max(1, -(-top // 60))
    counts = np.bincount(np.minimum(spread, top) // width, held)
    x = np.arange(len(counts)) * width
    return Figure(
        "Share of the time at each spread; the last bar holds all that is wider.",
        [{"type": "bar", "x": x, "y": counts / held.sum(), "name": "time"}],
        axes("spread, ticks", "share of time", y={"tickformat": ".0%"}),
    )


def _depths(rec: Recording, books: np.ndarray, held: np.ndarray) -> Figure:
    x = np.arange(1, LEVELS + 1)
    traces = [
        {"type": "bar", "name": side, "x": x, "y": held @ books[key] / held.sum() * rec.lot}
        for side, key in (("bids", "bid_qtys"), ("asks", "ask_qtys"))
    ]
    return Figure(
        "Mean quantity by level, the best first.", traces, axes("level", rec.quantity, x={"dtick": 1}, barmode="group")
    )
