"""Sections on takers: how far they reach, and when they come."""

# pyright: basic
# Records have fields that no type checker sees.

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.errors import InputError, QuotewrightError
from quotewright.research.explain_recording import SECOND, Recording
from quotewright.research.explain_section import Section, axes, dots, line
from quotewright.research.study_page import Figure
from quotewright.signals import hawkes
from quotewright.signals.arrivals import better_curve, counts_by_depth, fit_curve, rates_by_depth, shape
from quotewright.signals.market_orders import Sweeps, sweeps

FEWEST = 30  # market orders
SHARES = np.linspace(0.0, 0.95, 12)
MOST_EVENTS = 20_000
DECAYS = (1, 2)
LEVEL = 0.01


def swept(rec: Recording) -> Sweeps:
    """The recording's market orders by the venue's time. InputError for too few."""
    rows = rec.need_prints(FEWEST)
    books = rec.need_books()
    columns = (np.ascontiguousarray(rows[name], np.int64) for name in ("exch_ts", "price", "side", "qty"))
    touch = (np.ascontiguousarray(books[key][:, 0]) for key in ("bids", "asks"))
    found = sweeps(np.ascontiguousarray(books["time"]), *touch, *columns)
    if len(found.time_ns) < FEWEST:
        raise InputError("recording", f"{len(found.time_ns)} market orders", f"is too short: it needs {FEWEST}")
    return found


def arrivals(rec: Recording, out: Section) -> None:
    """Rates by depth from the mid and from each touch, with an exponential and a power law."""
    found = swept(rec)
    seconds = float(found.time_ns[-1] - rec.venue_books["time"][0]) / SECOND
    tick = rec.tick_bp
    out.add("market orders", len(found.time_ns), "")
    rate = len(found.time_ns) / seconds
    out.add("market orders, both sides", rate, "1/s", np.sqrt(len(found.time_ns)) / seconds)
    walked = float((found.from_met > 0).mean())
    out.add("walked beyond the touch they met", walked, "share", np.sqrt(walked * (1 - walked) / len(found.time_ns)))
    inside = float((found.from_met < 0).mean())
    if inside > 0.2:
        out.warnings.append(f"{inside:.0%} of the market orders print inside the touch of their time: depths are rough")
    distances = (
        ("the mid", found.from_mid * tick / 2),
        ("the touch met", found.from_met * tick),
        ("the own side's touch", found.from_own * tick),
    )
    for name, depth in distances:
        _by_depth(name, np.asarray(depth, float), seconds, tick, out)


def _by_depth(name: str, depth: np.ndarray, seconds: float, tick: float, out: Section) -> None:
    beyond = depth[depth > 0]
    if len(beyond) < FEWEST:
        out.warnings.append(f"from {name}: {len(beyond)} market orders reach beyond it, too few for a curve")
        return
    least = beyond.min()
    deeper = beyond[beyond > least * (1 + 1e-9)]
    if len(deeper) < FEWEST // 3:
        out.warnings.append(
            f"from {name}: {len(deeper)} market orders reach beyond {least:.3g} bp, too few for a curve"
        )
        return
    edges = np.unique(np.append(least, np.quantile(deeper, SHARES, method="lower")))
    counts = counts_by_depth(beyond + tick * 1e-6, edges)
    rates, errors = rates_by_depth(counts, seconds)
    traces: list[dict[str, Any]] = [dots("as counted", edges, rates, errors)]
    fits = {}
    for family, said in (("exponential", "A·e^(−kδ)"), ("power", "A·δ^(−k)")):
        try:
            fits[family] = one = fit_curve(counts, seconds, edges, family)
        except (QuotewrightError, ArithmeticError, np.linalg.LinAlgError) as error:
            out.warnings.append(f"from {name}: no {family} fit ({error})")
            continue
        unit = "1/bp" if family == "exponential" else ""
        out.add(f"from {name}, {family}: A", one.A, "1/s" if family == "exponential" else "1/s at 1 bp", one.A_error)
        out.add(f"from {name}, {family}: k", one.k, unit, one.k_error)
        x = np.geomspace(edges[0], edges[-1], 60)
        traces.append(line(said, x, one.rate(x)))
    if len(fits) == 2:
        z, p = better_curve(counts, edges, fits["exponential"], fits["power"])
        nearer = "the exponential is nearer" if z > 0 else "the power law is nearer"
        said = nearer if p < 0.05 else "neither is clearly nearer"
        out.add(f"from {name}: Vuong's z, above 0 for the exponential", z, "", note=f"p = {p:.2g}: {said}")
    looks = shape(counts, edges)
    out.add(f"from {name}: rate left at the deepest edge", looks.left, "share", looks.left_error)
    out.add(f"from {name}: p-value of a convex rate", looks.convexity_p_value, "")
    if not looks.decreasing:
        out.warnings.append(f"from {name}: the rate is flat somewhere; it should fall with every depth")
    if looks.convexity_p_value < LEVEL:
        out.warnings.append(f"from {name}: the rate is not convex (p = {looks.convexity_p_value:.1g}): A and k mislead")
    positive = {"type": "log", "exponentformat": "power"}
    out.figures.append(
        Figure(
            f"Market orders of both sides that reach at least a depth from {name}, with 95 % intervals and fits.",
            traces,
            axes("depth, bp", "market orders, 1/s", x=positive, y=positive),
        )
    )


def clustering(rec: Recording, out: Section) -> None:
    """Poisson against Hawkes processes of buys and sells, with a residual test."""
    found = swept(rec)
    sides = np.where(found.side > 0, 0, 1)
    times = (found.time_ns - rec.venue_books["time"][0]) / SECOND
    times, sides = times[:MOST_EVENTS], sides[:MOST_EVENTS]
    if len(found.time_ns) > MOST_EVENTS:
        out.warnings.append(f"only the first {MOST_EVENTS:,} market orders were read")
    # The process has no two events at once; venues stamp whole milliseconds.
    times = np.maximum.accumulate(times + 1e-7 * np.arange(len(times)))
    horizon = float(times[-1]) + 1e-6
    best, least = None, np.inf
    for decays in DECAYS:
        try:
            fit = hawkes.fit(times, sides, horizon, "symmetric", 2, decays)
        except (QuotewrightError, ArithmeticError, np.linalg.LinAlgError) as error:
            if best is None:
                raise InputError("market orders", len(times), f"allow no Hawkes process ({error})") from None
            continue
        information = 2 * (1 + 3 * decays) - 2 * fit.log_likelihood
        if information < least and fit.converged:
            best, least = fit, information
    if best is None:
        raise InputError("market orders", len(times), "the likelihood has no maximum that Newton's steps reach")
    alpha, beta = best.model.alpha, best.model.beta
    out.add("decays chosen by Akaike's criterion", len(beta), "")
    out.add("base rate of a side", float(best.model.mu[0]), "1/s", float(best.mu_error[0]))
    out.add("branching ratio", best.branching, "", best.branching_error, "share of orders that others set off")
    for k, decay in enumerate(beta):
        out.add(f"decay {k + 1}", float(decay), "1/s", float(best.beta_error[k]))
        out.add(f"own side's jump {k + 1}", float(alpha[0, 0, k]), "1/s", float(best.alpha_error[0, 0, k]))
        out.add(f"other side's jump {k + 1}", float(alpha[0, 1, k]), "1/s", float(best.alpha_error[0, 1, k]))
    out.add("likelihood ratio to Poisson", best.likelihood_ratio, "", note=f"p = {best.p_value:.2g}")
    test = hawkes.residual_test(best.model, times, sides, horizon)
    out.add("residuals' distance from Exp(1)", test.distance, "", note=f"p = {test.p_value:.2g}")
    if test.p_value < LEVEL:
        out.warnings.append(
            f"the residual test rejects the Hawkes process (p = {test.p_value:.1g}): a shape, not a law"
        )
    if best.p_value > LEVEL:
        out.warnings.append(f"no clustering beyond a Poisson process (p = {best.p_value:.2g})")
    _fano(times, horizon, out)


def _fano(times: np.ndarray, horizon: float, out: Section) -> None:
    windows = np.geomspace(0.1, horizon / 20, 8) if horizon > 10 else np.array([])
    if not len(windows):
        return
    values = [hawkes.sample_fano(times, horizon, float(window)) for window in windows]
    out.figures.append(
        Figure(
            "Variance over mean of the number of market orders in windows: 1 for a Poisson process at any length.",
            [dots("recorded", windows, values, mode="markers+lines"), line("Poisson", windows[[0, -1]], [1, 1])],
            axes("window, s", "Fano factor", x={"type": "log"}),
        )
    )
