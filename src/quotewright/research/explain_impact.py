"""Section on imbalance and impact: order flow, VPIN, Kyle's lambda, signs of trades."""

# pyright: basic
# Records have fields that no type checker sees.

from __future__ import annotations

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.research.explain_arrivals import swept
from quotewright.research.explain_recording import SECOND, Recording
from quotewright.research.explain_section import Section, axes, dots, line, mean_of, thinned
from quotewright.research.study_page import Figure
from quotewright.signals.fair_price_fits import as_of
from quotewright.signals.imbalance import (
    flow_impact,
    order_flow,
    order_flow_state,
    sums_by_interval,
    trade_flow,
    trade_flow_state,
)
from quotewright.signals.kyle import price_impact
from quotewright.signals.vpin import vpin, vpin_state

FEWEST = 30  # intervals
LEVELS = 5
BUCKETS = 200
WINDOW = 50
IN_A_BUCKET = 10  # prints, on average


def impact(rec: Recording, out: Section) -> None:
    """What flow explains of the price, and how one-sided it is."""
    books = rec.need_books(seconds=20)
    times = np.ascontiguousarray(books["time"])
    width = 1 if (times[-1] - times[0]) / SECOND < 600 else 10
    edges = np.arange(times[0], times[-1] + 1, width * SECOND, dtype=np.int64)
    if len(edges) <= FEWEST:
        raise InputError("recording", f"{len(edges) - 1} intervals of {width} s", f"is too short: it needs {FEWEST}")
    place = as_of(times, edges)
    mid = (books["bids"][:, 0] + books["asks"][:, 0])[place] / 2
    changes = np.diff(mid).astype(float)
    top = [np.ascontiguousarray(books[key][:, :LEVELS]) for key in ("bids", "bid_qtys", "asks", "ask_qtys")]
    flow = sums_by_interval(times, order_flow(order_flow_state(), *top), edges)
    _order_flow(rec, changes, flow, width, out)
    if len(rec.prints) < FEWEST:
        out.warnings.append(f"{len(rec.prints)} prints: no VPIN, no Kyle's λ, no signs of trades")
        return
    _tape(rec, changes, edges, width, out)


def _order_flow(rec: Recording, changes: np.ndarray, flow: np.ndarray, width: int, out: Section) -> None:
    if not np.any(changes) or not np.any(flow[:, 0]):
        out.warnings.append("neither price nor flow moves enough for a regression")
        return
    unit = f"ticks for 1 {rec.quantity}"
    touch = flow_impact(changes, flow[:, 0])
    out.add(f"order-flow imbalance, {width} s: slope", *_per_unit(touch, rec.lot, unit))
    out.add("share of the price's variance that it explains", touch.r_squared, "R²", note="of the same interval")
    live = flow[:, [k for k in range(flow.shape[1]) if np.any(flow[:, k])]]
    if live.shape[1] > 1 and len(changes) > 10 * live.shape[1]:
        deep = flow_impact(changes, live)
        out.add(f"the same with {live.shape[1]} levels", deep.r_squared, "R²", note="of the same interval")
    x = flow[:, 0] * rec.lot
    span = np.array([x.min(), x.max()])
    a, b = (float(c) for c in touch.coefficients)
    out.figures.append(
        Figure(
            f"Change of the mid against order-flow imbalance at the touch, both over {width} s: it explains, it does "
            "not forecast.",
            [dots("interval", x, changes, marker={"size": 4}), line("fit", span, a + b / rec.lot * span)],
            axes(f"order-flow imbalance, {rec.quantity}", "change of the mid, ticks"),
        )
    )


def _per_unit(found, lot: float, unit: str) -> tuple[float, str, float]:
    return float(found.coefficients[1]) / lot, unit, float(found.errors[1]) / lot


def _tape(rec: Recording, changes: np.ndarray, edges: np.ndarray, width: int, out: Section) -> None:
    rows = rec.prints
    times = np.ascontiguousarray(rows["exch_ts"])
    side, lots = rows["side"].astype(np.int64), rows["qty"].astype(np.int64)
    signed = sums_by_interval(times, side * lots, edges)
    if np.any(signed) and np.any(changes):
        kyle = price_impact(changes, signed.astype(float))
        out.add(f"Kyle's λ, {width} s", *_per_unit(kyle, rec.lot, f"ticks for 1 {rec.quantity}"))
        out.add("share of the price's variance that it explains (Kyle)", kyle.r_squared, "R²")
    known = side != 0
    if known.mean() < 0.5:
        out.warnings.append("most prints do not tell the taker's side")
    weights = lots[known].astype(float)
    bought, error = mean_of(side[known], weights)
    out.add("imbalance of traded lots", bought, "−1 to 1", error)
    try:
        orders = swept(rec).side
    except InputError as few:
        out.warnings.append(str(few))
    else:
        after = orders[1:] * orders[:-1]
        value, wrong = mean_of(after)
        out.add("sign of a market order times that of the last", value, "−1 to 1", wrong, "above 0: they come in runs")
    x = rec.venue_since(times)
    at = thinned(len(times))
    fading = trade_flow(trade_flow_state(), times, side, lots, 10 * SECOND)
    traces = [line("imbalance of trades, half-life 10 s", x[at], fading[at])]
    buckets = min(BUCKETS, len(rows) // IN_A_BUCKET)
    window = min(WINDOW, buckets // 2)
    if window < 5:
        out.warnings.append(f"{len(rows)} prints are too few for buckets of volume: no VPIN")
    else:
        bucket = max(1, int(lots.sum() // buckets))
        found = vpin(vpin_state(), np.where(side > 0, lots, 0), np.where(side < 0, lots, 0), bucket, window)
        bucketed = f"{window} buckets of {bucket * rec.lot:g} {rec.quantity}; overlapping, so no error is given"
        out.add("VPIN, mean", float(np.nanmean(found)), "0 to 1", note=bucketed)
        out.add("VPIN, last", float(found[-1]), "0 to 1")
        traces.append(line("VPIN", x[at], found[at]))
    out.figures.append(
        Figure(
            "Imbalance of trades (above 0: buyers take), and VPIN, how one-sided volume is.",
            traces,
            axes("s from the first event, by the venue's time", "", y={"range": [-1.05, 1.05]}),
        )
    )
