"""Which fair price forecasts the mid best: the scoreboard of a recording.

    python examples/09_fair_prices.py out [STORE VENUE:SYMBOL]

Without a store the market is the embedded synthetic one.
"""

import sys
from pathlib import Path

import polars as pl

from quotewright.research.scoreboard import scoreboard
from quotewright.research.study_page import write_study
from quotewright.sessions.synthetic import make_market
from quotewright.storage.store import Store

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
if len(sys.argv) > 3:
    store, name = Path(sys.argv[2]), sys.argv[3]
else:
    store = out / "store"
    name = make_market(store, "transitional", seed=5, seconds=320)
board = scoreboard(Store(store).dataset(name))

print("fitted on the first part, with 95 % intervals")
for p in board.parameters.iter_rows(named=True):
    print(f"{p['name']:>17} {p['value']:>12.4g}   {p['low']:.4g} to {p['high']:.4g} {p['unit']}")

print("\nshare of the mid's squared error saved on the rest, %; scaled: the distance to the mid times a fitted slope")
horizons = board.winners["horizon"].unique().sort().to_list()
print(" " * 17 + "".join(f"{h:>9g} s" for h in horizons))
for price in board.table["price"].unique(maintain_order=True):
    rows = board.table.filter((pl.col("regime") == "all") & (pl.col("price") == price)).sort("horizon")
    print(f"{price:>17}" + "".join(f"{100 * skill:11.1f}" for skill in rows["skill"]))
    print(" " * 10 + "scaled " + "".join(f"{100 * skill:11.1f}" for skill in rows["scaled"]))

print("\nthe best by regime (95 % interval against the mid; lead over the second)")
for w in board.winners.iter_rows(named=True):
    against = f"{100 * w['skill']:6.1f} %"
    if w["skill_low"] is not None:
        against += f" ({100 * w['skill_low']:.1f} to {100 * w['skill_high']:.1f})"
    lead = f"{100 * w['lead']:5.1f} % {w['second']}"
    print(f"{w['regime']:>13} {w['horizon']:>5g} s  {w['best']:>16} {against:28} {lead}")

for warning in board.warnings:
    print("warning:", warning)
page = out / "fair_prices.html"
write_study(f"Fair prices of {board.name}", board.figures, page)
print(page)
