"""What would break this: how a strategy's profit stands up to costs, delay, lost features, regimes, time and luck."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from quotewright.causality.drift import mean_break, population_stability
from quotewright.causality.inputs import Floats, Predict, column, labels, predicted, table
from quotewright.causality.long_run import mean_of
from quotewright.causality.permutation import block_order
from quotewright.causality.trading import net_profit, trade_profits, turnover
from quotewright.domain.errors import InputError

Severity = Literal["low", "medium", "high"]
FEWEST = 60  # bars
BEST_TRADES = 5
SHUFFLES = 5
SHIFTED, SHIFTED_FAR = 0.1, 0.25  # PSI: Siddiqi's marks
TERCILES = ("calm", "middling", "volatile")


@dataclass(frozen=True)
class Finding:
    """One way in which it may break: a figure with its unit, a sentence to print, and how much to worry."""

    name: str
    figure: float
    unit: str
    sentence: str
    severity: Severity


@dataclass(frozen=True)
class ModelUse:
    """How the positions came about: rule(predict(x)) [n], of features x [n, f] that were known before each bar.

    `train` [m, f] are the rows the model was fitted on, for the drift of inputs; None leaves that out.
    """

    predict: Predict
    x: Floats
    names: tuple[str, ...]
    rule: Callable[[Floats], Floats]
    train: Floats | None = None


def what_would_break(
    returns: npt.ArrayLike,
    positions: npt.ArrayLike,
    *,
    cost: float,
    model: ModelUse | None = None,
    window: int = 20,
    top: int = 5,
    block: int = 10,
    seed: int = 1,
) -> tuple[Finding, ...]:
    """All findings, the gravest first: of the profit alone, and with `model` of its features and their drift.

    Profits are `trading.net_profit`'s: give bars that the model was not trained on. `window` bars tell volatility and
    the rolling score, `top` features are taken away, `block` bars are shuffled together. Nothing is refitted: a
    feature's absence is what the running model would suffer, not what a model without it could do. Raises InputError
    for fewer than 60 bars, arrays of different lengths, or positions that are not rule(predict(x)).
    """
    r = column("returns", returns, fewest=FEWEST)
    held = column("positions", positions, length=len(r))
    if not 2 <= window <= len(r) // 3:
        raise InputError("window", window, f"must be 2 to {len(r) // 3} bars")
    if not held.any():
        raise InputError("positions", 0.0, "never leave 0: there is nothing to break")
    net = net_profit(r, held, cost)
    found = [_luck(net), _costs(r, held, cost), _delay(r, held, cost), _regimes(r, net, window)]
    found += [_rolling(net, window), _moved(net), _best_trades(r, held, cost)]
    if model is not None:
        found += _features(r, held, cost, model, top, block, seed)
        found += _drift(model)
    gravity = {"high": 0, "medium": 1, "low": 2}
    return tuple(sorted(found, key=lambda finding: gravity[finding.severity]))


def _luck(net: Floats) -> Finding:
    mean = mean_of(net)
    t = mean.value / mean.stderr if mean.stderr > 0 else float(np.sign(mean.value)) * np.inf
    told = "not told from zero" if abs(t) < 1.96 else "told from zero" if t > 0 else "below zero"
    sentence = (
        f"The mean profit of a bar is {1e4 * mean.value:.2f} bp [{1e4 * mean.low:.2f}, {1e4 * mean.high:.2f}]: {told} "
        f"on {len(net)} bars."
    )
    return Finding("luck", float(t), "t", sentence, "high" if t < 1 else "medium" if t < 1.96 else "low")


def _costs(r: Floats, held: Floats, cost: float) -> Finding:
    gross, traded = float((held * r).sum()), float(turnover(held).sum())
    even = gross / traded
    sentence = f"It breaks even at a cost of {1e4 * even:.2f} bp a unit traded; {1e4 * cost:.2f} bp are charged now."
    return Finding(
        "costs", 1e4 * even, "bp", sentence, "high" if even <= cost else "medium" if even < 2 * cost else "low"
    )


def _delay(r: Floats, held: Floats, cost: float) -> Finding:
    late = np.concatenate([[0.0], held[:-1]])
    before, after = _total(r, held, cost), _total(r, late, cost)
    sentence = f"Acting one bar later, {_kept(before, after)}."
    return Finding("delay of one bar", after, "of capital", sentence, _severity(before, after))


def _regimes(r: Floats, net: Floats, window: int) -> Finding:
    # Volatility over the bars before each, as it could have been known.
    squares = np.concatenate([[0.0], np.cumsum(r**2)])
    known = squares[window:-1] - squares[: -window - 1]
    later = net[window:]
    of_bar = np.searchsorted(np.quantile(known, [1 / 3, 2 / 3]), known, "left")
    sums = np.bincount(of_bar, later, 3)
    told = ", ".join(f"{100 * total:+.2f} % {name}" for name, total in zip(TERCILES, sums.tolist(), strict=True))
    worst = int(np.argmin(sums))
    total = float(sums.sum())
    alone = total > 0 and float(np.sort(sums)[:2].sum()) <= 0
    sentence = f"By thirds of the volatility of the {window} bars before: {told}."
    if alone:
        sentence += f" All of it comes from {TERCILES[int(np.argmax(sums))]} markets."
    severity: Severity = "high" if alone or total <= 0 else "medium" if sums[worst] < 0 else "low"
    return Finding("regime", float(sums[worst]), "of capital, worst third", sentence, severity)


def _rolling(net: Floats, window: int) -> Finding:
    total = np.concatenate([[0.0], np.cumsum(net)])
    rolling = total[window:] - total[:-window]
    losing = float((rolling < 0).mean())
    middle = len(net) // 2
    halves = float(net[:middle].sum()), float(net[middle:].sum())
    sentence = (
        f"{losing:.0%} of all stretches of {window} bars lose; "
        f"the first half made {100 * halves[0]:+.2f} %, the second {100 * halves[1]:+.2f} %."
    )
    severity: Severity = "high" if halves[1] <= 0 else "medium" if losing > 0.5 else "low"
    return Finding("time", losing, "share", sentence, severity)


def _moved(net: Floats) -> Finding:
    if float(np.ptp(net)) <= 1e-15:
        return Finding("break in time", 1.0, "p", "Every bar earns the same: no break.", "low")
    found = mean_break(net)
    row = found.row + 1  # never past the end: there the sum is 0
    before, after = 1e4 * float(net[:row].mean()), 1e4 * float(net[row:].mean())
    if found.p_value >= 0.05:
        sentence = f"No break in the mean profit (CUSUM, p = {found.p_value:.2g})."
        return Finding("break in time", found.p_value, "p", sentence, "low")
    told = f"{before:.2f} bp before, {after:.2f} bp after"
    sentence = f"The mean profit moved near bar {row} (CUSUM, p = {found.p_value:.2g}): {told}."
    return Finding("break in time", found.p_value, "p", sentence, "high" if after < before else "medium")


def _best_trades(r: Floats, held: Floats, cost: float) -> Finding:
    each = np.sort(trade_profits(r, held, cost))[::-1]
    before, after = float(each.sum()), float(each[BEST_TRADES:].sum())
    sentence = f"Without the best {BEST_TRADES} of {len(each)} trades, {_kept(before, after)}."
    if before > 0:
        # The fewest of the best without which nothing is left.
        needed = int(np.argmax(np.cumsum(each) >= before * (1 - 1e-12))) + 1
        sentence += f" {needed} of the best make as much as all."
    return Finding("best trades", after, "of capital", sentence, _severity(before, after))


def _features(r: Floats, held: Floats, cost: float, model: ModelUse, top: int, block: int, seed: int) -> list[Finding]:
    x = table("x", model.x, length=len(r))
    names = labels(model.names, x.shape[1])
    told = predicted(model.predict, x)
    if not np.allclose(_ruled(model, told), held, rtol=1e-9, atol=1e-12):
        raise InputError("positions", "given", "must be what rule makes of predict(x)")
    usual = np.median(x if model.train is None else table("train", model.train, width=x.shape[1]), axis=0)
    rng = np.random.default_rng(seed)
    orders = [block_order(len(r), block, 0, rng) for _ in range(SHUFFLES)]

    def without(k: int, values: Floats | float) -> Floats:
        changed = x.copy()
        changed[:, k] = values
        return predicted(model.predict, changed)

    first = [without(k, x[orders[0], k]) for k in range(len(names))]
    matters = np.array([np.abs(each - told).mean() for each in first])
    before = _total(r, held, cost)
    found: list[Finding] = []
    for k in np.argsort(-matters, kind="stable")[:top].tolist():
        if matters[k] == 0:
            break
        shuffled: list[Floats] = [first[k], *(without(k, x[order, k]) for order in orders[1:])]
        torn = float(np.mean([_total(r, _ruled(model, each), cost) for each in shuffled]))
        gone = _total(r, _ruled(model, without(k, float(usual[k]))), cost)
        for manner, after in (("shuffled", torn), ("dropped", gone)):
            held_at = f" (held at {usual[k]:.3g})" if manner == "dropped" else ""
            sentence = f"With {names[k]} {manner}{held_at}, {_kept(before, after)}."
            found.append(Finding(f"{names[k]} {manner}", after, "of capital", sentence, _severity(before, after)))
    return found


def _drift(model: ModelUse) -> list[Finding]:
    if model.train is None:
        return []
    now = table("x", model.x)
    train = table("train", model.train, width=now.shape[1], fewest=20)
    found = [population_stability(train[:, k], now[:, k]) for k in range(now.shape[1])]
    psi = np.array([each.psi for each in found])
    shifted = [k for k, each in enumerate(found) if each.psi > max(SHIFTED, each.chance)]
    worst = int(np.argmax(psi))
    sentence = f"Of {len(found)} inputs {len(shifted)} have shifted since training (PSI above {SHIFTED} and chance)"
    named = sorted(shifted, key=lambda k: -psi[k])[:5]
    sentence += f": {', '.join(f'{model.names[k]} {psi[k]:.2f}' for k in named)}." if named else "."
    far = any(psi[k] > SHIFTED_FAR for k in shifted)
    return [Finding("drift", float(psi[worst]), "PSI", sentence, "high" if far else "medium" if shifted else "low")]


def _ruled(model: ModelUse, told: Floats) -> Floats:
    return column("rule", model.rule(told), length=len(told))


def _total(r: Floats, held: Floats, cost: float) -> float:
    return float(net_profit(r, held, cost).sum())


def _kept(before: float, after: float) -> str:
    if before <= 0:
        return f"the loss of {100 * before:.2f} % becomes {100 * after:+.2f} %"
    return f"the profit of {100 * before:.2f} % becomes {100 * after:+.2f} %"


def _severity(before: float, after: float) -> Severity:
    return "high" if after <= 0 else "medium" if after < before / 2 else "low"


def report_lines(findings: Sequence[Finding]) -> list[str]:
    """The findings as lines of text, the severity first."""
    return [f"{finding.severity:6}  {finding.name:24}  {finding.sentence}" for finding in findings]
