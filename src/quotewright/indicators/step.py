"""The one step of all features: take in a bar, write every value."""

from __future__ import annotations

import math
from typing import Any

from quotewright.domain.kernel import kernel, subkernel
from quotewright.indicators import catalogue as families
from quotewright.indicators.history import ACCUMULATED, CLOSE, add_bar
from quotewright.indicators.recursive import (
    accumulation,
    average_range,
    fading_mean,
    keltner_width,
    parabolic_stop,
    relative_strength,
)
from quotewright.indicators.windowed import (
    bollinger,
    change,
    log_return,
    money_flow,
    money_flow_index,
    rank,
    rate_of_change,
    total,
    volatility,
    zscore,
)


@subkernel
def _of_series(code: int, window: int, row: int, m: Any, history: Any, place: int) -> float:
    if code == families.CHANGE:
        return change(history, row, place, window)
    if code == families.ZSCORE:
        return zscore(history, row, place, window)
    if code == families.RANK:
        return rank(history, row, place, window)
    return fading_mean(m, history[row, place], window)


@subkernel
def _of_bar(code: int, window: int, m: Any, history: Any, place: int) -> float:
    if families.BOLLINGER_UPPER <= code <= families.BOLLINGER_PLACE:
        return bollinger(history, place, window, code)
    if code == families.AD_LINE:
        return accumulation(m, history, place)
    if code == families.AD:
        return total(history, ACCUMULATED, place, window)
    if code == families.CMF:
        return money_flow(history, place, window)
    if code == families.MFI:
        return money_flow_index(history, place, window)
    if code == families.KELTNER_WIDTH:
        return keltner_width(m, history, place, window)
    if code == families.SAR:
        return parabolic_stop(m, history, place)
    if code == families.SAR_DISTANCE:
        stop, close = parabolic_stop(m, history, place), history[CLOSE, place]
        return (close - stop) / close if close > 0.0 else math.nan
    if code == families.LOG_RETURN:
        return log_return(history, place, window)
    if code == families.MOMENTUM:
        return change(history, CLOSE, place, window)
    if code == families.ROC:
        return rate_of_change(history, place, window)
    if code == families.VOLATILITY:
        return volatility(history, place, window)
    if code == families.RSI:
        return relative_strength(m, history, place, window)
    return average_range(m, history, place, window)


@kernel
def advance(plan: Any, count: int, history: Any, memory: Any, bars: Any, out: Any) -> None:
    """Take in `bars` [n, columns] after `count` earlier ones and write [n, features].

    `plan` [features, 3] holds each feature's code, window and row of its series.
    """
    for i in range(len(bars)):
        place = add_bar(history, count + i, bars[i])
        for k in range(len(plan)):
            code, window = plan[k, 0], plan[k, 1]
            if code >= families.CHANGE:
                out[i, k] = _of_series(code, window, plan[k, 2], memory[k], history, place)
            else:
                out[i, k] = _of_bar(code, window, memory[k], history, place)
