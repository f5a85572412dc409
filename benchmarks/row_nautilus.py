"""The maker against NautilusTrader, which runs in its own environment."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from fixed_maker import INTERVAL
from ours import INSTRUMENT, Ours
from outcome import Outcome
from process import answer
from rounds import Family, Row, SameWork, Sample, Skipped, cpu
from settings import HERE, PEERS_PYTHON, Settings

ROWS = 200_000  # its rate falls with the number of orders: a longer feed would make the ratio larger
PASSES = 4  # of ours for one sample: a single one is over in milliseconds
ROW = "maker: NautilusTrader, its Python strategy"


class Repeated:
    """Several passes of ours, made ready beforehand."""

    def __init__(self, ready: list[Ours]) -> None:
        self._ready = ready

    def run(self) -> None:
        for one in self._ready:
            one.run()

    def outcome(self) -> Any:
        return self._ready[-1].outcome()


def families(settings: Settings) -> list[Family]:
    """One maker, the deltas one by one and, for information, an update's together."""
    if not PEERS_PYTHON.exists():
        raise Skipped("NautilusTrader is not installed (`make peers`)")
    feed = settings.feed(ROWS)
    events = settings.folder / "nautilus.npy"
    np.save(events, feed.events)

    def theirs(together: bool) -> Any:
        given = {
            "tick": INSTRUMENT.tick,
            "lot": INSTRUMENT.lot,
            "latency_ns": settings.latency_ns,
            "interval_ns": INTERVAL,
            **{name: int(value) for name, value in settings.maker.items()},
            "together": together,
            "passes": 1,
        }

        def side() -> Sample:
            command = [str(PEERS_PYTHON), str(HERE / "nautilus_side.py"), str(events), json.dumps(given)]
            found, _ = answer(command)
            return Sample(found["cpu"], Outcome(**found["outcome"]))

        return side

    sides = {
        "quotewright": cpu(
            lambda: Repeated([Ours(feed, [settings.maker], settings.latency_ns) for _ in range(PASSES)]),
            times=1 / PASSES,
        ),
        "delta by delta": theirs(together=False),
        "updates together": theirs(together=True),
    }

    def check(outcomes: dict[str, Any]) -> None:
        """It fills by other rules, without a queue, so only books and the rough number of orders can agree."""
        mine = outcomes["quotewright"]
        for name, outcome in outcomes.items():
            if (outcome.bid, outcome.ask) != (feed.bid, feed.ask):
                raise SameWork(f"{name} ends at {outcome.bid}/{outcome.ask}, the feed at {feed.bid}/{feed.ask}")
            if not 0.8 < outcome.orders / mine.orders < 1.25:
                raise SameWork(f"{name} sent {outcome.orders} orders, quotewright {mine.orders}")

    rows = [
        Row(ROW, "delta by delta", "quotewright", 300),
        Row("maker: NautilusTrader, an update's deltas in one object", "updates together", "quotewright", 0),
    ]
    return [Family("nautilus", rows, sides, dict.fromkeys(sides, len(feed.events)), check, warm=False)]
