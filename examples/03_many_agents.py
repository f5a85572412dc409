"""Many agents in one pass over the market, from a TOML file; prints a line an agent."""

import sys
from decimal import Decimal
from pathlib import Path

from quotewright.accounting.runs import load_run
from quotewright.accounting.summary import summary
from quotewright.sessions.agents import read_agents
from quotewright.sessions.replay import ReplaySpec, replay
from quotewright.sessions.synthetic import make_market
from quotewright.storage.store import Store

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/example-03")
market = make_market(out / "store", "turbulent", seed=7, seconds=60)
agents = read_agents(Path(__file__).with_suffix(".toml"))
replay([Store(out / "store").dataset(market)], ReplaySpec(agents), out / "run")

for agent in summary(load_run(out / "run"))["agents"]:
    for leg in agent["instruments"]:
        total = Decimal(leg["pnl"]["total"])
        print(f"{agent['name']:<12}{leg['fills']:>6} fills {total:>12} {leg['settle']}")
