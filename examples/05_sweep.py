"""A sweep from Python: a grid of parameters in one pass over the market; prints the best sets."""

import sys
from pathlib import Path

from quotewright.reports.sweep_view import best, read_table
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.sweep import sweep
from quotewright.sessions.sweep_axes import grid_sets, parse_grid
from quotewright.sessions.sweep_local import Threads
from quotewright.sessions.sweep_plan import SweepSpec, make_plan
from quotewright.sessions.synthetic import make_market
from quotewright.storage.store import Store

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/example-05")
market = make_market(out / "store", "turbulent", seed=7, seconds=60)
datasets = [Store(out / "store").dataset(market)]
sets = grid_sets(parse_grid(["half_spread=0.05:0.4:8", "skew=0,0.5,1"]))
plan = make_plan(datasets, SweepSpec(AgentSpec("maker", "ladder", {"levels": 1}), sets))
swept = sweep(plan, out / "sweep", Threads(datasets))

for row in best(read_table(swept.table), 3):
    print(
        f"set {row['set']:>2}  half_spread {row['param_half_spread']:.2f}  {row['fills']:>4} fills  {row['pnl']:>8.2f}"
    )
