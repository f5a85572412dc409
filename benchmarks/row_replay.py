"""Replay and one market maker, against both depths of hftbacktest and against the floor."""

from __future__ import annotations

from typing import Any

from feed import to_hftbacktest
from flat_floor import Floor
from ours import Ours
from peer import Peer
from rounds import Family, Row, SameWork, cpu
from settings import Settings, need_peer

from quotewright.domain.journal import KEEP_ORDERS

OURS, FLOOR = "quotewright", "flat book"
FULL = "maker, full journal: quotewright"
WITH_ALL = ("maker: ROIVector", FULL)
DEPTHS = ("ROIVector", "HashMap")
TARGETS = {("replay", "ROIVector"): 5, ("replay", "HashMap"): 8, ("maker", "ROIVector"): 4, ("maker", "HashMap"): 5.5}
ROWS = {4: 2_000_000, 1: 1_000_000}  # rows of the feed, by mean rows of a depth update


def families(settings: Settings) -> list[Family]:
    """With updates of 4 rows on average, as depth streams have, and with updates of one."""
    need_peer()
    return [family(settings, rows_per_update) for rows_per_update in ROWS]


def family(settings: Settings, rows_per_update: int) -> Family:
    feed = settings.feed(ROWS[rows_per_update], rows_per_update)
    events = to_hftbacktest(feed.events)
    sides = {FLOOR: cpu(lambda: Floor(feed))}
    for work, maker in (("replay", None), ("maker", settings.maker)):
        made = [maker] if maker else []
        sides[f"{work}: {OURS}"] = cpu(lambda made=made: Ours(feed, made, settings.latency_ns, kinds=KEEP_ORDERS))
        for depth in DEPTHS:
            sides[f"{work}: {depth}"] = cpu(
                lambda depth=depth, maker=maker: Peer(feed, events, depth, maker, settings.latency_ns)
            )
    sides[FULL] = cpu(lambda: Ours(feed, [settings.maker], settings.latency_ns))
    kind = "4 rows an update" if rows_per_update == 4 else "1 row an update"
    rows = [
        Row(f"{work}, {kind}: hftbacktest {depth}", f"{work}: {depth}", f"{work}: {OURS}", limit)
        for (work, depth), limit in TARGETS.items()
    ]
    rows.append(Row(f"maker, {kind}, decisions and markouts journaled too: hftbacktest ROIVector", *WITH_ALL, 0))
    rows.append(Row(f"replay, {kind}: flat book floor", f"replay: {OURS}", FLOOR, 2.5, least=False))

    def check(outcomes: dict[str, Any]) -> None:
        for name, outcome in outcomes.items():
            if (outcome.bid, outcome.ask) != (feed.bid, feed.ask):
                raise SameWork(f"{name} ends at {outcome.bid}/{outcome.ask}, the feed at {feed.bid}/{feed.ask}")
        for depth in DEPTHS:
            if rows_per_update == 1 and outcomes[f"maker: {depth}"] != outcomes[f"maker: {OURS}"]:
                raise SameWork(f"the makers differ: {outcomes[f'maker: {depth}']}, {outcomes[f'maker: {OURS}']}")

    return Family(f"replay-{rows_per_update}", rows, sides, dict.fromkeys(sides, len(feed.events)), check)
