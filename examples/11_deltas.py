"""Traded or cancelled? What a book's levels lose, labelled from the tape, against what truly happened.

    python examples/11_deltas.py out [seconds]

The synthetic market knows every order. Its book is shown every 100 ms, its prints by a clock that is off by 2 ms.
"""

import sys

from quotewright.research.delta_report import delta_report
from quotewright.research.deltas_truth import MILLISECOND, truth_study
from quotewright.research.order_levels import order_levels
from quotewright.signals.delta_flow import delta_flow, delta_flow_state
from quotewright.signals.delta_labels import label
from quotewright.simulation.presets import load_preset
from quotewright.simulation.synthetic import SECOND, generate_all

seconds = int(sys.argv[2] if len(sys.argv) > 2 else 60)

print("preset        decrements  traded   precision            recall               F1, naive matcher's")
for preset in ("calm", "transitional", "turbulent"):
    market = generate_all(load_preset(preset), 5, seconds * SECOND)
    study = truth_study([market], every_ns=100 * MILLISECOND, block_ns=5 * SECOND)
    ours, theirs = study.trades, study.naive_trades
    shares = [f"{e.value:.3f} ({e.low:.3f} … {e.high:.3f})" for e in (ours.precision, ours.recall)]
    found = f"{preset:12} {study.decrements:11,} {study.traded:7,}   {'  '.join(shares)}"
    print(f"{found}  {ours.f1.value:.2f}, {theirs.f1.value:.2f}")

deltas = label(order_levels(market, 100 * MILLISECOND).events)
report = delta_report(deltas)
print(f"\n{report.explained_lots:.0%} of the printed lots show in the last market's book", end="; ")
print(f"{report.traded_lots:.0%} of the lots that it loses traded")
imbalances, _ = delta_flow(delta_flow_state(10 * SECOND, (1, 10)), deltas)
print("imbalance at the end, half-life 10 s (bids − asks)  posts  cancels  trades")
for band, name in enumerate(("at the touch", "1 to 9 ticks behind", "further")):
    print(f"{name:50} {imbalances[-1, 0, band]:6.2f} {imbalances[-1, 1, band]:8.2f} {imbalances[-1, 2, band]:7.2f}")
