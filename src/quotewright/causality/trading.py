"""What positions earn after costs, bar by bar and trade by trade."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quotewright.causality.inputs import Floats, Integers, column
from quotewright.domain.errors import InputError


def net_profit(returns: npt.ArrayLike, positions: npt.ArrayLike, cost: float) -> Floats:
    """Profit of each bar [n], in shares of capital, not compounded.

    positions[t] (of capital, signed) was decided before bar t and held over it, where it earns returns[t] (a
    fraction). Each unit traded costs `cost` (a fraction) in the bar that it is traded for; the last bar also pays for
    closing what is left. Raises InputError for arrays that are not finite or of one length, or a negative cost.
    """
    r = column("returns", returns, fewest=2)
    held = column("positions", positions, length=len(r))
    if not cost >= 0:
        raise InputError("cost", cost, "must be 0 or more, a fraction of what is traded")
    return held * r - cost * turnover(held)


def turnover(positions: Floats) -> Floats:
    """What is traded for each bar [n], from and to a flat position."""
    traded = np.abs(np.diff(positions, prepend=0.0))
    traded[-1] += abs(positions[-1])
    return traded


def trade_profits(returns: npt.ArrayLike, positions: npt.ArrayLike, cost: float) -> Floats:
    """Net profit of each trade, a run of positions of one sign; they sum to that of `net_profit`.

    A trade pays for opening, for every change within, and for closing, which the bar after its last one trades.
    """
    r = column("returns", returns, fewest=2)
    held = column("positions", positions, length=len(r))
    of_bar = _trade_numbers(held)
    in_trade = of_bar >= 0
    number = int(of_bar.max()) + 1
    before, trade_before = np.concatenate([[0.0], held[:-1]]), np.concatenate([[-1], of_bar[:-1]])
    same = in_trade & (of_bar == trade_before)
    opening = np.where(in_trade, np.where(same, np.abs(held - before), np.abs(held)), 0.0)
    profit = np.zeros(number)
    np.add.at(profit, of_bar[in_trade], (held * r - cost * opening)[in_trade])
    closed = (trade_before >= 0) & ~same
    np.add.at(profit, trade_before[closed], -cost * np.abs(before)[closed])
    if in_trade[-1]:
        profit[-1] -= cost * abs(held[-1])
    return profit


def _trade_numbers(held: Floats) -> Integers:
    """The trade that each bar belongs to, −1 where flat."""
    sign = np.sign(held)
    begins = (sign != 0) & (sign != np.concatenate([[0.0], sign[:-1]]))
    return np.where(sign != 0, np.cumsum(begins) - 1, -1)
