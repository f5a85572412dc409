"""The maker as plain Python, called at each decision, on both sides."""

from __future__ import annotations

from typing import Any

from feed import to_hftbacktest
from ours import Ours
from peer import Peer
from rounds import Family, Row, SameWork, cpu
from settings import Settings, need_peer

ROWS = 500_000
ROW = "maker in plain Python: hftbacktest not jitted"


def families(settings: Settings) -> list[Family]:
    """One maker; the market itself is compiled on both sides."""
    need_peer()
    feed = settings.feed(ROWS)
    events = to_hftbacktest(feed.events)

    def ours(interpreted: bool) -> Ours:
        return Ours(feed, [settings.maker], settings.latency_ns, interpreted=interpreted)

    sides = {
        "quotewright": cpu(lambda: ours(interpreted=True)),
        "not jitted": cpu(lambda: Peer(feed, events, "ROIVector", settings.maker, settings.latency_ns, jitted=False)),
    }

    def check(outcomes: dict[str, Any]) -> None:
        compiled = ours(interpreted=False)
        compiled.run()
        if outcomes["quotewright"] != compiled.outcome():
            raise SameWork(f"in plain Python {outcomes['quotewright']}, compiled {compiled.outcome()}")

    row = Row(ROW, "not jitted", "quotewright", 1)
    return [Family("python", [row], sides, dict.fromkeys(sides, len(feed.events)), check)]
