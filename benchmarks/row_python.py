"""The maker as plain Python, called at each decision, on both sides."""

from __future__ import annotations

from typing import Any

from feed import to_hftbacktest
from peer import Peer
from rounds import Family, Row, Skipped, cpu
from settings import Settings, need_peer

ROWS = 500_000
ROW = "maker in plain Python: hftbacktest not jitted"


def families(settings: Settings) -> list[Family]:
    """One maker; the market itself is compiled on both sides."""
    need_peer()
    ours = plain_python()
    feed = settings.feed(ROWS)
    events = to_hftbacktest(feed.events)
    sides = {
        "quotewright": cpu(lambda: ours(feed, [settings.maker], settings.latency_ns, interpreted=True)),
        "not jitted": cpu(lambda: Peer(feed, events, "ROIVector", settings.maker, settings.latency_ns, jitted=False)),
    }
    return [Family("python", [Row(ROW, "not jitted", "quotewright", 1)], sides, dict.fromkeys(sides, len(feed.events)))]


def plain_python() -> Any:
    """The side that runs an uncompiled `decide`; raises Skipped while the engine has none.

    The seam: as soon as `Ours` takes `interpreted`, it is that side.
    """
    import inspect

    from ours import Ours

    if "interpreted" not in inspect.signature(Ours.__init__).parameters:
        raise Skipped("the engine does not run strategies in plain Python yet")
    return Ours
