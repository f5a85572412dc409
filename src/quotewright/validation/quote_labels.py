"""Labels for quotes: was a fill toxic, and would a quote have been filled.

A fill's markout is the realised spread of R. D. Huang & H. R. Stoll (1996), "Dealer versus auction markets",
J. Financial Economics 41, seen from the maker: what the fill is worth against the mid a while later.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel
from quotewright.validation.labels import NEVER, Floats, Integers, Labels, checked_times

Rule = Literal["through", "queue"]


def markouts(
    fill_times: Integers,
    sides: Integers,
    prices: Floats,
    mid_times: Integers,
    mids: Floats,
    horizon: int,
    *,
    fee_bp: float = 0.0,
) -> Labels:
    """What each fill is worth after `horizon` ns, in basis points of its price, net of the fee.

    side·(mid(t + horizon) − price)/price·10⁴ − fee_bp, which is the half-spread earned plus the signed move of the mid,
    less the fee (a rebate is negative). `sides` are 1 (we bought) or −1 (we sold); prices and mids have one unit, ticks
    or money. The mid is the last one known at t + horizon, and the label is known then; unknown where the mids end
    before or that mid is missing (NaN). Raises InputError for other input.
    """
    _check_quotes(fill_times, sides, prices, "fill_times")
    checked_times("mid_times", mid_times)
    if mids.shape != mid_times.shape:
        raise InputError("mids", mids.shape, f"give one for each of {len(mid_times)} times")
    if horizon < 0:
        raise InputError("horizon", horizon, "give 0 ns or more")
    due = fill_times + horizon
    place = np.searchsorted(mid_times, due, side="right") - 1
    later = np.where((due <= mid_times[-1]) & (place >= 0), mids[np.maximum(place, 0)], np.nan)
    values = sides * (later - prices) / prices * 1e4 - fee_bp
    return Labels(values, fill_times, np.where(np.isnan(values), NEVER, due))


def toxic(markout: Labels, *, tolerance_bp: float = 0.0) -> Labels:
    """1 where a fill lost more than `tolerance_bp` by its markout, else 0."""
    if not tolerance_bp >= 0:
        raise InputError("tolerance_bp", tolerance_bp, "must be 0 or more")
    lost = (markout.values < -tolerance_bp).astype(np.float64)
    return markout._replace(values=np.where(np.isnan(markout.values), np.nan, lost))


def fill_labels(
    quote_times: Integers,
    sides: Integers,
    prices: Floats,
    print_times: Integers,
    print_prices: Floats,
    horizon: int,
    *,
    rule: Rule = "through",
    print_takers: Integers | None = None,
    print_sizes: Floats | None = None,
    ahead: Floats | None = None,
    size: float = 0.0,
    latency: int = 0,
) -> Labels:
    """1 for a quote that the tape would have filled within `horizon` ns of resting, 0 for one that it would not.

    A bid (side 1) at p, an ask (−1) mirrored; it rests from its time + `latency` ns, and only later prints count.
    `through`: filled by a print below p, which no queue can have kept from us, and by nothing else. `queue`: also once
    prints at p have taken the lots that were `ahead` and our `size`, as if nobody ahead ever cancelled. Neither counts
    a fill that could have been somebody else's. With `print_takers` (1: the taker bought, −1: sold) only takers of the
    other side count.

    A fill is known at its print, its absence at the end of the horizon; unknown where the tape ends before. Raises
    InputError for other input.
    """
    _check_quotes(quote_times, sides, prices, "quote_times")
    checked_times("print_times", print_times)
    n = len(print_times)
    if rule not in ("through", "queue"):
        raise InputError("rule", rule, "choose through or queue")
    if rule == "queue" and (print_sizes is None or ahead is None or not size > 0):
        raise InputError("rule", rule, "give print_sizes, ahead and our size with it")
    if horizon < 1 or latency < 0:
        raise InputError("horizon, latency", (horizon, latency), "give at least 1 ns, and a latency of 0 or more")
    for name, each in {"print_prices": print_prices, "print_takers": print_takers, "print_sizes": print_sizes}.items():
        if each is not None and each.shape != (n,):
            raise InputError(name, each.shape, f"give one for each of {n} prints")
    if ahead is not None and ahead.shape != prices.shape:
        raise InputError("ahead", ahead.shape, f"give one for each of {len(prices)} quotes")
    queued = rule == "queue"
    values, ends = np.empty(len(prices)), np.empty(len(prices), np.int64)
    rests = quote_times + latency
    _fill(
        rests,
        np.searchsorted(print_times, rests, side="right"),
        np.ascontiguousarray(sides, np.int64),
        np.ascontiguousarray(prices, np.float64),
        np.ascontiguousarray(ahead, np.float64) + size
        if queued and ahead is not None
        else np.full(len(prices), np.inf),
        print_times,
        np.ascontiguousarray(print_prices, np.float64),
        np.zeros(n) if print_sizes is None else np.ascontiguousarray(print_sizes, np.float64),
        np.zeros(n, np.int64) if print_takers is None else np.ascontiguousarray(print_takers, np.int64),
        horizon,
        values,
        ends,
    )
    return Labels(values, quote_times, ends)


@kernel
def _fill(
    rests: Any,
    firsts: Any,
    sides: Any,
    prices: Any,
    needed: Any,
    print_times: Any,
    print_prices: Any,
    print_sizes: Any,
    print_takers: Any,
    horizon: int,
    values: Any,
    ends: Any,
) -> None:
    for i in range(len(rests)):
        until = rests[i] + horizon
        values[i] = 0.0 if print_times[-1] >= until else np.nan
        ends[i] = until if print_times[-1] >= until else NEVER
        traded = 0.0
        for k in range(firsts[i], len(print_times)):
            if print_times[k] > until:
                break
            better = sides[i] * (prices[i] - print_prices[k])
            if better < 0 or print_takers[k] == sides[i] or np.isnan(better):
                continue
            traded += print_sizes[k]
            if better > 0 or traded >= needed[i]:
                values[i] = 1.0
                ends[i] = print_times[k]
                break


def _check_quotes(times: Integers, sides: Integers, prices: Floats, field: str) -> None:
    checked_times(field, times)
    if sides.shape != times.shape or prices.shape != times.shape:
        raise InputError("sides, prices", (sides.shape, prices.shape), f"give one for each of {len(times)} times")
    if not np.isin(sides, (-1, 1)).all():
        raise InputError("sides", np.unique(sides).tolist()[:5], "give 1 (bought, a bid) or −1 (sold, an ask)")
    if not (np.isfinite(prices) & (prices > 0)).all():
        raise InputError("prices", "values", "must be finite and above 0")
