"""A strategy of your own. Run this file, or give it to `quotewright replay --strategy examples/02_own_strategy.py`."""

import sys
from pathlib import Path
from typing import Any

from quotewright.domain.quotes import ON_FILL, ON_TOUCH
from quotewright.domain.strategy import Param, Strategy
from quotewright.strategies.quoting import ask_at, bid_at, lots_of, room_to_buy, room_to_sell

NOTIONAL, AWAY, PATIENCE = range(3)


def decide(view: Any, params: Any, memory: Any, target: Any) -> None:
    """Join the touch, and stay one tick further away on the side that would add to the inventory."""
    lots = lots_of(view, params[NOTIONAL])
    most = 10.0 * lots
    held = view.inventory / lots
    bid = view.bid - params[AWAY] - (params[PATIENCE] if held > 0 else 0)
    ask = view.ask + params[AWAY] + (params[PATIENCE] if held < 0 else 0)
    bid_at(view, target, bid * view.tick, room_to_buy(view, lots, most))
    ask_at(view, target, ask * view.tick, room_to_sell(view, lots, most))


STRATEGY = Strategy(
    name="patient",
    decide=decide,
    params=(
        Param("notional", 1_000.0, 1.0, 1e6, "quote", "Size of one quote."),
        Param("away", 0.0, 0.0, 100.0, "ticks", "Distance behind the touch.", whole=True),
        Param("patience", 1.0, 0.0, 100.0, "ticks", "Further away on the side that adds to the inventory.", whole=True),
    ),
    doc="Joins the touch, with patience on the side that adds to the inventory.",
    source="an example; no model behind it",
    triggers=ON_TOUCH | ON_FILL,
)

if __name__ == "__main__":
    from quotewright.accounting.runs import load_run
    from quotewright.reports.html import write_report
    from quotewright.sessions.agents import AgentSpec
    from quotewright.sessions.replay import ReplaySpec, replay
    from quotewright.sessions.synthetic import make_market
    from quotewright.storage.store import Store

    out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/example-02")
    market = make_market(out / "store", "calm", seed=7, seconds=60)
    agent = AgentSpec("patient", __file__, {"patience": 2.0})
    replay([Store(out / "store").dataset(market)], ReplaySpec([agent]), out / "run")
    print(write_report(out / "run", out / "run/report.html"), load_run(out / "run").facts["events"], "events")
