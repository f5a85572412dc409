"""From nothing to a market maker's result: a synthetic market, a replay, a summary."""

import sys
from pathlib import Path

from quotewright.accounting.runs import load_run
from quotewright.accounting.summary import summary
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.replay import ReplaySpec, replay
from quotewright.sessions.synthetic import make_market
from quotewright.storage.store import Store

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/example-01")
market = make_market(out / "store", "transitional", seed=7, seconds=60)
maker = AgentSpec("maker", "glft", {"k": 6.0, "gamma": 0.3, "sigma": 0.25})
replay([Store(out / "store").dataset(market)], ReplaySpec([maker]), out / "run")

leg = summary(load_run(out / "run"))["agents"][0]["instruments"][0]
print(f"{leg['fills']} fills, {leg['pnl']['total']} {leg['settle']}, position {leg['position']}")
