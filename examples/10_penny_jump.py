"""The penny-jumper's game against a maker who plays it too, and what quotes that only rest do to a market.

    python examples/10_penny_jump.py out [seconds]

Runs in the synthetic exchange, where others see our quotes and jump them.
"""

import sys
from pathlib import Path

import numpy as np

from quotewright.domain.events import BID
from quotewright.research.own_quotes import Participant, by_strategy, resting
from quotewright.research.passive_impact import passive_impact
from quotewright.research.study_page import Figure, write_study
from quotewright.signals.penny_jumps_recorded import find_jumps
from quotewright.simulation.presets import MarketParams, load_preset
from quotewright.simulation.synthetic import SECOND, SyntheticMarket
from quotewright.strategies.catalogue import find

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
seconds = int(sys.argv[2] if len(sys.argv) > 2 else 30)
calm = load_preset("calm")
tick_bp = 1e4 / calm.start_price

# One maker who penny-jumps down to about four ticks from the value, and hardly anyone else near the touch.
rivals = {"makers": 1, "jumpers": 1, "maker_layers": 1, "maker_half_spread": 4.0}
quiet = {"limit_improve": 0.0, "limit_join": 0.0, "limit_scale": 60.0, "limit_rate": 12.0}
duel = calm.model_copy(update={"params": MarketParams(**{**calm.params.model_dump(), **rivals, **quiet})})


SETTLING = 400  # looks, 20 s, in which the two find the value from far away


def play(floor: float) -> tuple[str, np.ndarray]:
    """Quote down to `floor` ticks from the mid: a row of the table, and (seconds, our bid, theirs, value) a look."""
    market = SyntheticMarket(duel, seed=4)
    given = {"order_notional": 1_200, "floor": floor * tick_bp, "skew": 0.5, "patience": 0.3}
    us, quoting = Participant(market), by_strategy(find("penny_jump"), given, market)
    events, path, began = [], [], (0.0, 0)
    for step in range(SETTLING + seconds * 20):
        if step == SETTLING:
            market.take_events()
            market.snapshot()
            events, began = [], (worth(us), us.lots)
        market.run_until(market.now + SECOND // 20)
        us.hear(market.take_executions())
        us.want(quoting(us.look()))
        events.append(market.take_events())
        look, bids = us.look(), [price for side, price in us.open() if side == BID]
        path.append((step / 20, max(bids, default=np.nan), look.other_bid or np.nan, market.value))
    seen = np.array(path)
    game = find_jumps(events, "orders")
    first = np.mean(seen[SETTLING:, 1] > seen[SETTLING:, 2])
    won = int((game.episodes["winner_qty"] < 100).sum())  # the rival's orders are of 100 lots, ours of 20
    back = int((game.episodes["fell_back"] > 0).sum())
    return (
        f"{floor:5.1f} {first:10.0%} {len(game.jumps):6d} {int(game.jumps['returned'].sum()):8d} "
        f"{len(game.episodes):9d} {won:6d} {back:10d} {us.lots - began[1]:6d} {worth(us) - began[0]:+8.3f}"
    ), seen


def worth(us: Participant) -> float:
    """Cash and inventory at the others' mid, USDT."""
    look = us.look()
    lots = us.cash + us.inventory * 0.5 * (look.other_bid + look.other_ask)
    return lots * float(duel.instrument.tick) * float(duel.instrument.lot)


print("floor ours first  jumps  returns  episodes  ours  fell back   lots     USDT")
paths = {}
for floor in (1.0, 3.0, 4.0, 6.0):
    row, paths[floor] = play(floor)
    print(row)

print("\nresting in the calm market, difference to the same market without us (95 % over 6 seeds)")
rules = {
    "join, 20 lots": resting(0, 20),
    "improve, 20 lots": resting(1, 20),
    "a bid alone, improved, 100 lots": resting(1, 100, (BID,)),
}
shown = ("spread", "others' spread", "mid less value", "makers' fills", "our fills")
for name, rule in rules.items():
    print(name)
    for e in passive_impact(calm, lambda _, rule=rule: rule, range(1, 7), seconds=max(seconds // 2, 5)):
        if e.name in shown:
            print(f"  {e.name:16} {e.without:8.2f} -> {e.with_quotes:8.2f} {e.unit:7} [{e.low:+8.2f}, {e.high:+8.2f}]")


def figure(floor: float, part: slice, told: str) -> Figure:
    seen = paths[floor][part]
    lines = [("our bid", 1, "hv"), ("best bid of the others", 2, "hv"), ("latent value", 3, "linear")]
    return Figure(
        f"Floor {floor:g} ticks: {told}",
        [
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "x": seen[:, 0],
                "y": seen[:, k],
                "line": {"shape": shape},
            }
            for name, k, shape in lines
        ],
        {"xaxis": {"title": {"text": "seconds"}}, "yaxis": {"title": {"text": "ticks"}, "tickformat": ",d"}},
    )


page = out / "penny_jump.html"
write_study(
    "The penny-jumper's game",
    [
        figure(
            4.0, slice(270, 350), "the contest began far from the value, and ends where one of the two capitulates."
        ),
        figure(1.0, slice(-200, None), "we go further than the rival, who follows behind."),
        figure(6.0, slice(-200, None), "the rival goes further than we do, and we take second place."),
    ],
    page,
)
print(page)
