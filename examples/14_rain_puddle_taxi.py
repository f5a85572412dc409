"""A feature that predicts and does not cause: puddles and taxis, and the same mistake between two venues.

    python examples/14_rain_puddle_taxi.py out [repetitions]
    python examples/14_rain_puddle_taxi.py out 200 1000   # and of 1,000 planted samples, how often each test is wrong

Puddles foretell taxi demand, because rain makes both. Venue B seems to lead venue C, because a factor reaches B first.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from quotewright.causality.breaks import ModelUse, report_lines, what_would_break
from quotewright.causality.double_residual import double_residual
from quotewright.causality.figures import draw_double_residuals, draw_graph
from quotewright.causality.granger import granger
from quotewright.causality.graph import adjustment_set, parse_graph
from quotewright.causality.independence import check_graph, covariance_measure, partial_correlation
from quotewright.causality.lags import lagged
from quotewright.causality.pcmci import pcmci
from quotewright.research.study_page import Figure, write_study

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
repetitions = int(sys.argv[2] if len(sys.argv) > 2 else 200)
planted = int(sys.argv[3] if len(sys.argv) > 3 else 0)
rng = np.random.default_rng(7)


def town(hours: int, washed: float = 0.0) -> np.ndarray:
    """Rain, puddle and taxi demand; `washed` is how much water street cleaning pours, rain or not."""
    rain = rng.gamma(1.0, 1.0, hours)
    puddle = rain + 0.5 * rng.normal(size=hours) + washed * rng.gamma(1.0, 1.0, hours)
    return np.column_stack([rain, puddle, 10 + 2 * rain + rng.normal(size=hours)])


def venues(minutes: int, lead: float = 0.0, b_late: int = 1) -> np.ndarray:
    """Returns (bp) of a factor, of B `b_late` minutes behind it, and of C two behind it and `lead` times B before."""
    factor = 5 * rng.normal(size=minutes + 5)
    b = np.roll(factor, b_late) + 2 * rng.normal(size=minutes + 5)
    c = 0.6 * np.roll(factor, 2) + 4 * rng.normal(size=minutes + 5) + lead * np.roll(b, 1)
    return np.column_stack([factor, b, c])[5:]


def b_on_c(data: np.ndarray):
    """What a return of B does to C a minute later: alone, and with the factor's and C's own past removed from both."""
    past = lagged(data[:, [0, 2]], [1, 2, 3])
    return double_residual(data[2:-1, 1], data[3:, 2], past)


def shown(name: str, effect) -> None:
    raw, controlled = effect.raw, effect.controlled
    before = f"{raw.value:+6.2f} ± {1.96 * raw.stderr:.2f}"
    print(f"{name:28} {before}  {controlled.value:+6.2f} ± {1.96 * controlled.stderr:.2f}  {effect.verdict()}")


print("1. The street")
streets = town(1000)
rain, puddle, taxi = streets.T
together, apart = partial_correlation(puddle, taxi), partial_correlation(puddle, taxi, rain)
print(f"correlation of puddles and taxis {together.estimate:.2f}; at equal rain {apart.estimate:+.2f}")
graph = parse_graph("rain -> puddle; rain -> taxi")
blamed = parse_graph("rain -> puddle -> taxi")
for said in (graph, blamed):
    checked = check_graph(said, streets, ["rain", "puddle", "taxi"])
    arrows = ", ".join(f"{cause} -> {effect}" for cause, effect in said.edges)
    refused = ", ".join(f"refused: {t.statement} (p = {t.adjusted:.1g})" for t in checked.implied if t.refused)
    print(f"{arrows:30} {refused or 'agrees with the data'}")
print(f"to judge puddle -> taxi, control for: {', '.join(adjustment_set(graph, 'puddle', 'taxi') or ())}")
print(f"\n{'effect of one unit':28} {'raw':>13}  {'controlled':>14}")
effects = {
    "puddle on taxi": double_residual(puddle, taxi, rain),
    "rain on taxi": double_residual(rain, taxi, puddle),
}
for name, effect in effects.items():
    shown(name, effect)


def error(hours: np.ndarray) -> float:
    """Root mean squared error of the taxis forecast from puddles, by the line fitted before."""
    return float(np.sqrt(np.mean((np.polyval(line, hours[:, 1]) - hours[:, 2]) ** 2)))


line = np.polyfit(puddle, taxi, 1)
print(f"taxis from puddles: error {error(town(1000)):.2f}; once the streets are washed {error(town(1000, 1.5)):.2f}")

print("\n2. Two venues")
follower, leader = venues(2000), venues(2000, lead=0.3)
for name, data in (("B and C follow a factor", follower), ("B also moves C", leader)):
    factor, b, c = data.T
    plain, knowing = granger(b, c, most=4).forward, granger(b, c, given=factor, most=4).forward
    found = pcmci(data, ["factor", "B", "C"], most=3, alpha=0.001)
    print(f"{name}\n  Granger B before C: p = {plain.p_value:.1g}; given the factor p = {knowing.p_value:.2g}")
    print("  PCMCI:", ", ".join(f"{link.cause} -> {link.effect} after {link.lag}" for link in found))
    effects[f"B on C, {name}"] = b_on_c(data)
    shown("  double residual", effects[f"B on C, {name}"])

print(f"\n3. How often each verdict falls, of {repetitions} fresh samples of 500 rows")
streets_said = [double_residual(*town(500)[:, [1, 2, 0]].T).verdict() for _ in range(repetitions)]
false_leads = [b_on_c(venues(500)).verdict() for _ in range(repetitions)]
true_leads = [b_on_c(venues(500, lead=0.3)).verdict() for _ in range(repetitions)]
for name, said in (("puddle on taxi", streets_said), ("B on C, follower", false_leads), ("B on C, leader", true_leads)):
    spurious, true = (said.count(verdict) / len(said) for verdict in ("spurious", "effect"))
    print(f"  {name:18} spurious {spurious:4.0%}  effect {true:4.0%}")

print("\n4. What would break it: trading C on the return of B a minute before, until B grows slower")
train, later = venues(2000), np.concatenate([venues(900), venues(900, b_late=3)])
model = ModelUse(lambda x: 0.5 * x[:, 0], lagged(later[:, 1], [1]), ("B a minute before",), np.sign, train[:, 1:2])
returns = later[1:, 2] / 1e4
findings = what_would_break(returns, model.rule(model.predict(model.x)), cost=1e-4, model=model)
print("\n".join(report_lines(findings)))


def remembering(n: int, memory: float) -> np.ndarray:
    noise = rng.normal(size=n + 50)
    for i in range(1, len(noise)):
        noise[i] += memory * noise[i - 1]
    return noise[50:] * np.sqrt(1 - memory**2)


def pair(effect: float, memory: float = 0.0, bend: Callable = lambda z: z) -> tuple:
    """A cause and an outcome (300 rows, unit noises) that both follow a third, and that third."""
    third = rng.normal(size=300)
    cause = bend(third) + remembering(300, memory)
    return cause, effect * cause + bend(third) + remembering(300, memory), third


def trio(effect: float) -> np.ndarray:
    """A factor, B a row behind it, and C two behind it and `effect` times B a row before, unit noises."""
    factor, noise = rng.normal(size=305), rng.normal(size=(305, 2))
    b = np.roll(factor, 1) + noise[:, 0]
    return np.column_stack([factor, b, np.roll(factor, 2) + noise[:, 1] + effect * np.roll(b, 1)])[5:]


def of_granger(rows: np.ndarray, known: bool) -> float:
    return granger(rows[:, 1], rows[:, 2], given=rows[:, 0] if known else None, most=3).forward.p_value


def of_pcmci(rows: np.ndarray) -> float:
    links = pcmci(rows, ["factor", "B", "C"], most=2, corrected=False)
    return min((link.p_value for link in links if (link.cause, link.effect, link.lag) == ("B", "C", 1)), default=1.0)


def waves(z: np.ndarray) -> np.ndarray:
    return np.sin(2 * z)


trials = {
    "partial correlation": (lambda d: partial_correlation(*d).p_value, pair, planted),
    "the same, memory 0.6": (lambda d: partial_correlation(*d).p_value, lambda e: pair(e, 0.6), planted),
    "covariance measure": (lambda d: covariance_measure(*d).p_value, lambda e: pair(e, bend=waves), planted),
    "double residual": (lambda d: double_residual(*d).controlled.p_value, pair, planted),
    "granger, factor given": (lambda d: of_granger(d, True), trio, planted),
    "granger, not given": (lambda d: of_granger(d, False), trio, planted),
    "pcmci": (of_pcmci, trio, max(planted * 3 // 10, 1)),
}
if planted:
    print(f"\n5. Of {planted} samples of 300 rows (PCMCI: three tenths), p below 0.05 without an effect, and with 0.2")
for name, (test, make, times) in trials.items() if planted else ():
    shares = [np.mean([test(make(effect)) < 0.05 for _ in range(times)]) for effect in (0.0, 0.2)]
    print(f"  {name:22} {shares[0]:6.1%} {shares[1]:5.0%}")


def on_page(caption: str, figure) -> Figure:
    plain = figure.to_plotly_json()
    return Figure(caption, plain["data"], plain["layout"])


page = out / "rain_puddle_taxi.html"
pictures = [
    on_page("The graph that blames the puddle: the data refuse the dotted independence.", draw_graph(blamed, checked)),
    on_page("Effects before and after control, with 95 % intervals.", draw_double_residuals(effects)),
]
write_study("Rain, puddles and taxis", pictures, page)
print(f"\n{page}")
